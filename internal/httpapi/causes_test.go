package httpapi

import (
	"errors"
	"testing"

	"landings/internal/dataset"
)

// The log has a cause once, whether the message says it already or not.
func TestCauses(t *testing.T) {
	for want, err := range map[string]error{
		"nothing was loaded: Redis is full; delete":  &dataset.Error{Message: "nothing was loaded: Redis is full", Remedy: "delete", Err: errors.New("Redis is full")},
		"the key is damaged: unexpected end of JSON": &dataset.Error{Message: "the key is damaged", Err: errors.New("unexpected end of JSON")},
		"plain": errors.New("plain"),
	} {
		if got := causes(err); got != want {
			t.Errorf("got %q, not %q", got, want)
		}
	}
}
