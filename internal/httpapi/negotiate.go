package httpapi

import (
	"strconv"
	"strings"

	"landings/internal/dataset"
	"landings/internal/encode"
)

// preference is which coding is taken among those that a client likes equally.
var preference = [encode.Codings]encode.Coding{encode.Gzip, encode.Zstd, encode.Identity}

// negotiate chooses a content coding for Accept-Encoding (RFC 9110, 12.5.3).
// Without the header it is identity: whoever takes a coding says so.
func negotiate(accept []string) (encode.Coding, error) {
	if len(accept) == 0 {
		return encode.Identity, nil
	}
	var quality [encode.Codings]float64
	for coding := range quality {
		quality[coding] = -1
	}
	others := -1.0 // the codings that are not named
	for _, line := range accept {
		for item := range strings.SplitSeq(line, ",") {
			name, parameters, _ := strings.Cut(item, ";")
			name = strings.ToLower(strings.TrimSpace(name))
			q := qualityOf(parameters)
			switch name {
			case "*":
				others = q
			case "gzip", "x-gzip":
				quality[encode.Gzip] = q
			case "zstd":
				quality[encode.Zstd] = q
			case "identity":
				quality[encode.Identity] = q
			}
		}
	}
	for coding := range quality {
		if quality[coding] < 0 {
			quality[coding] = others
		}
	}
	if quality[encode.Identity] < 0 {
		quality[encode.Identity] = 1e-6 // acceptable though not named, and liked least
	}
	best, top := encode.Identity, 0.0
	for _, coding := range preference {
		if quality[coding] > top {
			best, top = coding, quality[coding]
		}
	}
	if top == 0 {
		return 0, &dataset.Error{
			Code:    dataset.NotAcceptable,
			Message: "no content coding that there is here is acceptable to the client",
			Remedy:  "accept one of gzip, zstd, identity",
			Places:  []dataset.Place{{Parameter: "Accept-Encoding", Detail: dataset.Excerpt(strings.Join(accept, ","))}},
		}
	}
	return best, nil
}

// qualityOf gives the weight in the parameters of a list item: 1 where there is
// none, 0 where it is malformed.
func qualityOf(parameters string) float64 {
	for p := range strings.SplitSeq(parameters, ";") {
		name, value, ok := strings.Cut(p, "=")
		if !ok || !strings.EqualFold(strings.TrimSpace(name), "q") {
			continue
		}
		q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil || !(q >= 0 && q <= 1) {
			return 0
		}
		return q
	}
	return 1
}
