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

// offer is the formats that there are at an address, the usual one first.
type offer []encode.Format

var (
	dataOffer   = offer{encode.JSON, encode.GeoJSON, encode.NDJSON, encode.GeoJSONSeq, encode.CSV}
	itemsOffer  = offer{encode.GeoJSON, encode.JSON, encode.NDJSON, encode.GeoJSONSeq, encode.CSV}
	recordOffer = offer{encode.JSON, encode.GeoJSON}
)

// choose gives the format that a request asks for: by f, else by Accept, else the
// usual one.
func (o offer) choose(f string, accept []string) (encode.Format, error) {
	if f != "" {
		for _, format := range o {
			if format.String() == f {
				return format, nil
			}
		}
		return 0, badValue("f", f, "use "+o.list(encode.Format.String))
	}
	if len(accept) == 0 || len(accept) == 1 && accept[0] == "*/*" {
		return o[0], nil
	}
	return o.negotiate(accept)
}

// negotiate chooses a format for Accept (RFC 9110, 12.5.1). Of those that the
// client likes equally it takes the first.
func (o offer) negotiate(accept []string) (encode.Format, error) {
	var quality, precision [encode.Formats]float64
	for _, line := range accept {
		for item := range strings.SplitSeq(line, ",") {
			name, parameters, _ := strings.Cut(item, ";")
			name = strings.ToLower(strings.TrimSpace(name))
			q := qualityOf(parameters)
			for _, f := range o {
				how := 0.0 // how precisely the item names the format
				t := mediaType(f)
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
	best, found := o[0], false
	for _, f := range o {
		if quality[f] > 0 && (!found || quality[f] > quality[best]) {
			best, found = f, true
		}
	}
	if !found {
		return 0, &dataset.Error{
			Code:    dataset.NotAcceptable,
			Message: "there is no format here that the client accepts",
			Remedy:  "accept " + o.list(mediaType) + ", or use " + o.list(encode.Format.String) + " as f",
			Places:  []dataset.Place{{Parameter: "Accept", Detail: dataset.Excerpt(strings.Join(accept, ","))}},
		}
	}
	return best, nil
}

// mediaType gives the media type of a format without its parameters.
func mediaType(f encode.Format) string {
	t, _, _ := strings.Cut(f.MediaType(), ";")
	return t
}

// list names the formats.
func (o offer) list(name func(encode.Format) string) string {
	names := make([]string, len(o))
	for i, f := range o {
		names[i] = name(f)
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}
