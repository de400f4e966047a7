package encode

import "landings/internal/dataset"

// framing is what stands around and between the parts of a list.
type framing struct {
	open, separator []byte
	close           func(body Part) []byte
}

var framings = [Codings]framing{
	Identity: {[]byte("["), []byte(dataset.Separator), func(Part) []byte { return []byte("]") }},
	Gzip:     {gzipOpen, stored(false, dataset.Separator), gzipClose},
	Zstd:     {rawFrame("["), rawFrame(dataset.Separator), func(Part) []byte { return rawFrame("]") }},
}

var separatorSum = sumOf([]byte(dataset.Separator))

// Join puts parts of one coding in a row, a comma and a line feed between them.
// Parts without records are left out.
func Join(coding Coding, parts []Part) Part {
	n, separator := 0, framings[coding].separator
	for i := range parts {
		n += len(parts[i].Slices) + 1
	}
	joined := Part{Slices: make([][]byte, 0, n), sum: emptySum}
	for i := range parts {
		p := &parts[i]
		if p.Text == 0 {
			continue
		}
		if joined.Text > 0 {
			joined.Slices = append(joined.Slices, separator)
			joined.Len += int64(len(separator))
			joined.Text += int64(len(dataset.Separator))
			if coding == Gzip {
				joined.sum = joined.sum.then(separatorSum)
			}
		}
		joined.Slices = append(joined.Slices, p.Slices...)
		joined.Len += p.Len
		joined.Text += p.Text
		if coding == Gzip {
			joined.sum = joined.sum.then(p.sum)
		}
	}
	return joined
}

// List puts the brackets around a body: the result is a whole JSON list and, in
// gzip, one whole member.
func List(coding Coding, body Part) Part {
	f := framings[coding]
	end := f.close(body)
	list := Part{
		Slices: make([][]byte, 0, len(body.Slices)+2),
		Len:    int64(len(f.open)) + body.Len + int64(len(end)),
		Text:   body.Text + 2,
	}
	list.Slices = append(append(append(list.Slices, f.open), body.Slices...), end)
	return list
}
