package httpapi

import (
	"strings"

	"landings/internal/dataset"
	"landings/internal/encode"
)

// formatTypes are the media types of the formats, as header values.
var formatTypes = func() (types [encode.Formats][]string) {
	for f := range encode.Format(encode.Formats) {
		types[f] = []string{f.MediaType()}
	}
	return types
}()

const formatRemedy = "use json, geojson, ndjson, geojson-seq or csv"

// formatOf gives the format that a request asks for: by f, else by Accept, else the
// one that is usual at this address.
func formatOf(choice string, accept []string, usual encode.Format) (encode.Format, error) {
	if choice != "" {
		for f := range encode.Format(encode.Formats) {
			if f.String() == choice {
				return f, nil
			}
		}
		return 0, badValue("f", choice, formatRemedy)
	}
	if len(accept) == 0 || len(accept) == 1 && accept[0] == "*/*" {
		return usual, nil
	}
	return negotiateFormat(accept, usual)
}

// negotiateFormat chooses a format for Accept (RFC 9110, 12.5.1). Of those that the
// client likes equally it takes the usual one, else the first in order.
func negotiateFormat(accept []string, usual encode.Format) (encode.Format, error) {
	var quality, precision [encode.Formats]float64
	for _, line := range accept {
		for item := range strings.SplitSeq(line, ",") {
			name, parameters, _ := strings.Cut(item, ";")
			name = strings.ToLower(strings.TrimSpace(name))
			q := qualityOf(parameters)
			for f := range encode.Format(encode.Formats) {
				how := 0.0 // how precisely the item names the format
				t, _, _ := strings.Cut(f.MediaType(), ";")
				switch {
				case name == t, f == encode.NDJSON && (name == "application/ndjson" || name == "application/jsonl" || name == "application/x-jsonlines"):
					how = 3
				case strings.HasSuffix(name, "/*") && strings.HasPrefix(t, name[:len(name)-1]):
					how = 2
				case name == "*/*":
					how = 1
				}
				if how > precision[f] {
					precision[f], quality[f] = how, q
				}
			}
		}
	}
	best, found := usual, quality[usual] > 0
	for f := range encode.Format(encode.Formats) {
		if quality[f] > 0 && (!found || quality[f] > quality[best]) {
			best, found = f, true
		}
	}
	if !found {
		return 0, &dataset.Error{
			Code:    dataset.NotAcceptable,
			Message: "there is no format here that the client accepts",
			Remedy:  "accept one of application/json, application/geo+json, application/x-ndjson, application/geo+json-seq, text/csv, or " + formatRemedy + " as f",
			Places:  []dataset.Place{{Parameter: "Accept", Detail: dataset.Excerpt(strings.Join(accept, ","))}},
		}
	}
	return best, nil
}
