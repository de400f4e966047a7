package encode

import "hash/crc32"

// checksum is the CRC-32 of some bytes together with what their length does to
// the checksum of whatever precedes them, so that checksums of neighbours can be
// joined without the bytes.
//
// A CRC is a remainder of polynomials over GF(2): appending n bytes multiplies
// what stands before them by x^(8n). So CRC(AB) = CRC(A)*x^(8|B|) + CRC(B), and
// the factor of AB is the product of both factors. Polynomials are written as
// IEEE 802.3 does, the lowest power in the highest bit.
type checksum struct {
	crc    uint32
	factor uint32 // x^(8n) modulo the polynomial
}

const one = 1 << 31 // the polynomial 1

var emptySum = checksum{crc: 0, factor: one}

func sumOf(b []byte) checksum {
	return checksum{crc: crc32.ChecksumIEEE(b), factor: power(uint64(len(b)))}
}

// then gives the checksum of the bytes of a followed by those of b.
func (a checksum) then(b checksum) checksum {
	return checksum{crc: multiply(a.crc, b.factor) ^ b.crc, factor: multiply(a.factor, b.factor)}
}

// multiply gives a*b modulo the polynomial.
func multiply(a, b uint32) uint32 {
	var product uint32
	for ; a != 0; a <<= 1 {
		product ^= b & -(a >> 31)
		b = b>>1 ^ crc32.IEEE&-(b&1)
	}
	return product
}

// power gives x^(8n) modulo the polynomial, by repeated squaring.
func power(n uint64) uint32 {
	result, square := uint32(one), uint32(one>>8) // 1 and x^8
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			result = multiply(result, square)
		}
		square = multiply(square, square)
	}
	return result
}
