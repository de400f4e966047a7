package resp

import (
	"errors"
	"fmt"
	"strconv"
)

// The kinds of replies, by the byte that they begin with.
const (
	status  = '+'
	refusal = '-'
	number  = ':'
	text    = '$'
	list    = '*'
	null    = '_' // a text or list of length -1
)

// Reply is what a server answered to one command, or an element of that, or why there is
// no answer.
type Reply struct {
	kind byte   // 0: there is none
	text string // of a status, refusal, number or text
	list []Reply
	err  error // why there is none
}

// Failed gives the reply that did not come because of err.
func Failed(err error) Reply { return Reply{err: err} }

// Error is a refusal, such as "OOM command not allowed".
type Error string

func (e Error) Error() string { return string(e) }

// ErrNil is the error of asking for a value where there is none.
var ErrNil = errors.New("there is no such value")

// Err gives the refusal, as an [Error], [ErrNil] where there is no value, why no reply
// came, or nil.
func (r Reply) Err() error {
	switch r.kind {
	case 0:
		return r.err
	case refusal:
		return Error(r.text)
	case null:
		return ErrNil
	}
	return nil
}

// IsNil says whether there is no value.
func (r Reply) IsNil() bool { return r.kind == null }

// Text gives a text or a status.
func (r Reply) Text() (string, error) {
	if r.kind == text || r.kind == status {
		return r.text, nil
	}
	return "", r.not("a text")
}

// Int gives a number.
func (r Reply) Int() (int64, error) {
	if r.kind != number {
		return 0, r.not("a number")
	}
	return strconv.ParseInt(r.text, 10, 64)
}

// List gives the elements of a list.
func (r Reply) List() ([]Reply, error) {
	if r.kind == list {
		return r.list, nil
	}
	return nil, r.not("a list")
}

// Texts gives the elements of a list of texts.
func (r Reply) Texts() ([]string, error) {
	if r.kind != list {
		return nil, r.not("a list")
	}
	texts := make([]string, len(r.list))
	for i, one := range r.list {
		var err error
		if texts[i], err = one.Text(); err != nil {
			return nil, err
		}
	}
	return texts, nil
}

// Map gives a list of names and values.
func (r Reply) Map() (map[string]string, error) {
	texts, err := r.Texts()
	if err != nil {
		return nil, err
	}
	if len(texts)%2 != 0 {
		return nil, fmt.Errorf("the answer has %d names and values", len(texts))
	}
	m := make(map[string]string, len(texts)/2)
	for i := 0; i < len(texts); i += 2 {
		m[texts[i]] = texts[i+1]
	}
	return m, nil
}

// not is the error of a reply that is not what was asked for.
func (r Reply) not(what string) error {
	if err := r.Err(); err != nil {
		return err
	}
	return fmt.Errorf("the answer is not %s but begins with %q", what, r.kind)
}
