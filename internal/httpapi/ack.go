package httpapi

import (
	"context"
	"net/http"
	"strings"

	"landings/internal/dataset"
)

// How safe a write is when it is answered: as its Prefer header (RFC 7240) asks with
// ack=memory, ack=disk, ack="nodes:N" or ack="replicas:N", else as its dataset is
// configured. Dataset-Ack of every answer to a write that was done says how safe it is, and
// Preference-Applied that the header was heeded. What cannot be promised is refused before
// anything is done; what was not reached in time is a problem that says that the write stands.

// ackOf gives how safe a write shall be, and whether the request says so.
func (a *API) ackOf(r *http.Request) (ack dataset.Ack, asked bool, err error) {
	if values, ok := r.Header["Prefer"]; ok {
		text, found := preferenceOf(values, "ack")
		if found {
			// A colon has to be quoted there; that it is not does not leave a doubt.
			ack, err := dataset.ParseAck(text)
			if known, ok := err.(*dataset.Error); ok { //nolint:errorlint // it was just made
				known.Places = []dataset.Place{{Parameter: "Prefer", Detail: "ack"}}
			}
			return ack, true, err
		}
	}
	if c, ok := a.others.Load(a.named(r)); ok {
		return c.(*collection).ack, false, nil
	}
	return a.config.Ack, false, nil
}

// named gives the name of the dataset that a request is about.
func (a *API) named(r *http.Request) string {
	if name := r.PathValue("c"); name != "" {
		return name
	}
	return a.data.name
}

// acked says how safe a write is of which it is known that it was done.
func acked(h http.Header, got answer, err error) {
	if err == nil || dataset.CodeOf(err) == dataset.NotConfirmed {
		h["Dataset-Ack"] = []string{got.ack.String()}
	}
}

// safely does a write and returns when it is as safe as is asked.
func (a *API) safely(ctx context.Context, name string, ack dataset.Ack, write func() (answer, error)) (answer, error) {
	if ack.Level == dataset.AckMemory {
		return write()
	}
	if err := a.config.Store.Promise(ctx, name, ack); err != nil {
		return answer{}, err
	}
	got, err := write()
	if err == nil && got.made.Version > 0 {
		got.ack, err = a.config.Store.Confirm(ctx, got.made, ack)
		if err != nil && dataset.CodeOf(err) != dataset.NotConfirmed {
			got.version = 0 // there may be another one of that number
		}
	}
	return got, err
}

// preferenceOf gives the value of a preference in the lines of a Prefer header (RFC
// 7240, 2). The first one counts.
func preferenceOf(lines []string, name string) (value string, found bool) {
	for _, line := range lines {
		for line != "" {
			var item string
			item, line = cutUnquoted(line, ',')
			item, _ = cutUnquoted(item, ';')
			key, value, _ := strings.Cut(item, "=")
			if strings.EqualFold(strings.TrimSpace(key), name) {
				return strings.ReplaceAll(strings.Trim(strings.TrimSpace(value), `"`), `\`, ""), true
			}
		}
	}
	return "", false
}

// cutUnquoted cuts at the first separator that is not in quotes.
func cutUnquoted(s string, separator byte) (before, after string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == '\\' && quoted:
			i++
		case s[i] == separator && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}
