package columns

// The filters append rows whose codes fit. They are written so that there is no
// branch on the outcome, which no processor can foresee, and by width of the codes.

// Filter appends the rows with a code from low to below high. dst may begin where
// rows does.
func (c *Column) Filter(dst, rows []uint32, low, high uint32) []uint32 {
	dst, at := room(dst, len(rows))
	out := dst[at:]
	var n int
	switch {
	case c.codes.narrow != nil:
		n = filter(out, rows, c.codes.narrow, low, high-low)
	case c.codes.short != nil:
		n = filter(out, rows, c.codes.short, low, high-low)
	default:
		n = filter(out, rows, c.codes.wide, low, high-low)
	}
	return dst[:at+n]
}

func filter[T uint8 | uint16 | uint32](out, rows []uint32, codes []T, low, width uint32) int {
	n := 0
	for _, row := range rows {
		out[n] = row
		n += one(uint32(codes[row])-low < width)
	}
	return n
}

// FilterTwo is Filter for two ranges.
func (c *Column) FilterTwo(dst, rows []uint32, low1, high1, low2, high2 uint32) []uint32 {
	dst, at := room(dst, len(rows))
	out := dst[at:]
	n := 0
	for _, row := range rows {
		code := c.codes.at(row)
		out[n] = row
		n += one(code-low1 < high1-low1 || code-low2 < high2-low2)
	}
	return dst[:at+n]
}

// FilterIn is Filter for a set of codes.
func (c *Column) FilterIn(dst, rows []uint32, in []bool) []uint32 {
	dst, at := room(dst, len(rows))
	out := dst[at:]
	n := 0
	for _, row := range rows {
		out[n] = row
		n += one(in[c.codes.at(row)])
	}
	return dst[:at+n]
}

// room makes place for n more.
func room(dst []uint32, n int) ([]uint32, int) {
	at := len(dst)
	if cap(dst)-at < n {
		grown := make([]uint32, at, at+n)
		copy(grown, dst)
		dst = grown
	}
	return dst[:at+n], at
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Count adds how often each code occurs among the rows to counts, which has a place
// for each code.
func (c *Column) Count(counts []uint32, rows []uint32) {
	switch {
	case c.codes.narrow != nil:
		count(counts, rows, c.codes.narrow)
	case c.codes.short != nil:
		count(counts, rows, c.codes.short)
	default:
		count(counts, rows, c.codes.wide)
	}
}

func count[T uint8 | uint16 | uint32](counts, rows []uint32, codes []T) {
	for _, row := range rows {
		counts[codes[row]]++
	}
}
