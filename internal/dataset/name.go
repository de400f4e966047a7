package dataset

// DefaultName is the dataset behind /data where no configuration names one.
const DefaultName = "meteorite_landings"

// MaxIDLength is the longest record id, in bytes.
const MaxIDLength = 512

// maxName is the longest name of a dataset, in bytes.
const maxName = 63

// CheckName says whether name can name a dataset: 1 to 63 lower-case letters,
// digits, _ and -, the first of them a letter or a digit. The name goes into
// Redis keys as a hash tag and into addresses, so it needs no escaping in either.
func CheckName(name string) error {
	if isName(name) {
		return nil
	}
	return &Error{
		Code:    Invalid,
		Message: "\"" + Excerpt(name) + "\" cannot name a dataset",
		Remedy:  "use 1 to 63 lower-case letters, digits, _ and -, beginning with a letter or a digit",
	}
}

func isName(name string) bool {
	if name == "" || len(name) > maxName || name[0] == '_' || name[0] == '-' {
		return false
	}
	for i := range len(name) {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// CheckID says whether id can name a record: 1 to [MaxIDLength] bytes of UTF-8
// without control characters.
func CheckID(id string) error {
	switch {
	case id == "":
		return &Error{Code: Invalid, Message: "a record's id is empty", Remedy: "give every record an id of at least one character"}
	case len(id) > MaxIDLength:
		return &Error{Code: Invalid, Message: "the id \"" + Excerpt(id) + "\" is too long", Remedy: "use at most 512 bytes"}
	}
	for _, r := range id {
		if r < ' ' || r == 0x7f || r == '�' {
			return &Error{Code: Invalid, Message: "the id \"" + Excerpt(id) + "\" holds a control character or invalid UTF-8", Remedy: "use printable text"}
		}
	}
	return nil
}

// Excerpt shortens text that came from outside to what an error message can
// carry: 60 characters, without control characters.
func Excerpt(s string) string {
	out := make([]rune, 0, 64)
	for _, r := range s {
		if len(out) == 60 {
			return string(out) + "..."
		}
		if r < ' ' || r == 0x7f {
			r = ' '
		}
		out = append(out, r)
	}
	return string(out)
}
