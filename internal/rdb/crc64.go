package rdb

import "encoding/binary"

// jones is the polynomial of Redis's checksum, bits reversed
// (0xad93d23594c935a9; D. T. Jones, "An improved 64-bit cyclic redundancy
// check for protein sequences"). The checksum starts at 0 and is not inverted.
const jones = 0x95ac9329ac4bc9b5

var crcTables = makeCRCTables()

// makeCRCTables returns the tables for slicing by 16: tables[k][b] is the
// checksum of byte b followed by k zero bytes.
func makeCRCTables() *[16][256]uint64 {
	t := new([16][256]uint64)
	for i := range t[0] {
		c := uint64(i)
		for range 8 {
			if c&1 != 0 {
				c = c>>1 ^ jones
			} else {
				c >>= 1
			}
		}
		t[0][i] = c
	}
	for k := 1; k < 16; k++ {
		for i := range t[k] {
			c := t[k-1][i]
			t[k][i] = t[0][c&0xff] ^ c>>8
		}
	}
	return t
}

// CRC64 continues Redis's checksum over p; the first call takes 0.
func CRC64(crc uint64, p []byte) uint64 {
	t := crcTables
	for len(p) >= 16 {
		crc ^= binary.LittleEndian.Uint64(p)
		high := binary.LittleEndian.Uint64(p[8:])
		crc = t[15][crc&0xff] ^ t[14][crc>>8&0xff] ^ t[13][crc>>16&0xff] ^ t[12][crc>>24&0xff] ^
			t[11][crc>>32&0xff] ^ t[10][crc>>40&0xff] ^ t[9][crc>>48&0xff] ^ t[8][crc>>56] ^
			t[7][high&0xff] ^ t[6][high>>8&0xff] ^ t[5][high>>16&0xff] ^ t[4][high>>24&0xff] ^
			t[3][high>>32&0xff] ^ t[2][high>>40&0xff] ^ t[1][high>>48&0xff] ^ t[0][high>>56]
		p = p[16:]
	}
	for len(p) >= 8 {
		crc ^= binary.LittleEndian.Uint64(p)
		crc = t[7][crc&0xff] ^ t[6][crc>>8&0xff] ^ t[5][crc>>16&0xff] ^ t[4][crc>>24&0xff] ^
			t[3][crc>>32&0xff] ^ t[2][crc>>40&0xff] ^ t[1][crc>>48&0xff] ^ t[0][crc>>56]
		p = p[8:]
	}
	for _, b := range p {
		crc = t[0][byte(crc)^b] ^ crc>>8
	}
	return crc
}
