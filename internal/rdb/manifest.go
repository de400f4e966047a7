package rdb

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A FileType says what a file of an append-only folder is.
type FileType byte

// The types of files, as the manifest spells them.
const (
	BaseFile    FileType = 'b' // the data when it was last rewritten
	IncrFile    FileType = 'i' // commands since
	HistoryFile FileType = 'h' // no longer needed, to be deleted
)

// An AOFFile is a line of the manifest.
type AOFFile struct {
	Name string // within the folder
	Seq  int64  // sequence number, from 1
	Type FileType
}

// A Manifest lists the files of an append-only folder of Redis 7. A line of its
// text is `file NAME seq N type T`; a name with spaces or quotes stands in double
// quotes with the escapes of redis-cli; a line that begins with # is a comment.
type Manifest struct {
	Base    *AOFFile // nil if there is none
	History []AOFFile
	Incrs   []AOFFile // in ascending order of Seq

	baseSeq, incrSeq int64 // largest given out
}

const maxManifestLine = 1024 // Redis's limit

// ParseManifest reads the text of a manifest; name stands in errors.
func ParseManifest(text []byte, name string) (*Manifest, error) {
	m := new(Manifest)
	offset := 0
	bad := func(problem string) (*Manifest, error) {
		return nil, &Error{File: name, Offset: int64(offset), Reading: "manifest", Problem: problem,
			Remedy: "correct it by the files that are there, or restore the folder from a copy"}
	}
	if len(text) == 0 {
		return bad("it is empty")
	}
	for len(text) > 0 {
		end := bytes.IndexByte(text, '\n')
		if end < 0 {
			return bad("the last line does not end")
		}
		line := text[:end]
		if len(line) > maxManifestLine {
			return bad("a line is too long")
		}
		if len(line) == 0 || line[0] != '#' {
			f, err := parseManifestLine(line)
			if err != nil {
				return bad(err.Error())
			}
			switch f.Type {
			case BaseFile:
				if m.Base != nil {
					return bad("it has two base files")
				}
				m.Base, m.baseSeq = &f, f.Seq
			case HistoryFile:
				m.History = append(m.History, f)
			case IncrFile:
				if f.Seq <= m.incrSeq {
					return bad(fmt.Sprintf("sequence number %d of an increment does not follow %d", f.Seq, m.incrSeq))
				}
				m.Incrs, m.incrSeq = append(m.Incrs, f), f.Seq
			}
		}
		text = text[end+1:]
		offset += end + 1
	}
	return m, nil
}

func parseManifestLine(line []byte) (AOFFile, error) {
	var f AOFFile
	words, ok := splitWords(strings.TrimSpace(string(line)))
	if !ok {
		return f, errors.New("a quote is not closed, or not followed by a space")
	}
	if len(words) < 6 || len(words)%2 != 0 {
		return f, errors.New("a line is not of the form: file NAME seq NUMBER type b|i|h")
	}
	for i := 0; i < len(words); i += 2 {
		value := words[i+1]
		switch strings.ToLower(words[i]) {
		case "file":
			if value == "" || value == "." || value == ".." || strings.ContainsAny(value, "/\\\x00") {
				return f, fmt.Errorf("%q is not the name of a file in the folder", value)
			}
			f.Name = value
		case "seq":
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil || n < 1 || n > 1<<62 {
				return f, fmt.Errorf("%q is not a sequence number", value)
			}
			f.Seq = n
		case "type":
			switch value {
			case "b", "i", "h":
				f.Type = FileType(value[0])
			default:
				return f, fmt.Errorf("%q is not a type of file (b, i or h)", value)
			}
		}
	}
	if f.Name == "" || f.Seq == 0 || f.Type == 0 {
		return f, errors.New("a line lacks file, seq or type")
	}
	return f, nil
}

// Text returns the manifest as Redis writes it.
func (m *Manifest) Text() []byte {
	var b []byte
	add := func(f AOFFile) {
		b = append(b, "file "...)
		b = appendWord(b, f.Name)
		b = fmt.Appendf(b, " seq %d type %c\n", f.Seq, f.Type)
	}
	if m.Base != nil {
		add(*m.Base)
	}
	for _, f := range m.History {
		add(f)
	}
	for _, f := range m.Incrs {
		add(f)
	}
	return b
}

// clone returns a copy that can be changed until it is on disk.
func (m *Manifest) clone() *Manifest {
	c := *m
	if m.Base != nil {
		base := *m.Base
		c.Base = &base
	}
	c.History = append([]AOFFile(nil), m.History...)
	c.Incrs = append([]AOFFile(nil), m.Incrs...)
	return &c
}

// appendWord appends s, in quotes if it needs them.
func appendWord(b []byte, s string) []byte {
	plain := s != ""
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '\'' || c == '\\' {
			plain = false
		}
	}
	if plain {
		return append(b, s...)
	}
	b = append(b, '"')
	for i := range len(s) {
		c := s[i]
		if at := strings.IndexByte(escaped, c); at >= 0 {
			b = append(b, '\\', escapes[at])
		} else if c >= ' ' && c < 0x7f {
			b = append(b, c)
		} else {
			b = fmt.Appendf(b, "\\x%02x", c)
		}
	}
	return append(b, '"')
}

// escapes[i] after a backslash stands for escaped[i].
const (
	escaped = "\\\"\n\r\t\a\b"
	escapes = "\\\"nrtab"
)

// splitWords splits a line at spaces; words may stand in double quotes, with
// escapes, or in single quotes. false if quotes do not match.
func splitWords(s string) ([]string, bool) {
	var words []string
	for i := 0; ; {
		for i < len(s) && isSpace(s[i]) {
			i++
		}
		if i == len(s) {
			return words, true
		}
		var w []byte
		quote := byte(0)
		for ; i < len(s) && (quote != 0 || !isSpace(s[i])); i++ {
			c := s[i]
			switch {
			case quote == 0 && (c == '"' || c == '\''):
				quote = c
			case quote == 0:
				w = append(w, c)
			case c == quote:
				if i+1 < len(s) && !isSpace(s[i+1]) {
					return nil, false
				}
				quote = 0
			case quote == '\'' && c == '\\' && i+1 < len(s) && s[i+1] == '\'':
				i++
				w = append(w, '\'')
			case quote == '"' && c == '\\' && i+1 < len(s):
				if s[i+1] == 'x' && i+3 < len(s) {
					if v, err := strconv.ParseUint(s[i+2:i+4], 16, 8); err == nil {
						w = append(w, byte(v))
						i += 3
						continue
					}
				}
				i++
				c = s[i]
				if at := strings.IndexByte(escapes, c); at >= 0 {
					c = escaped[at]
				}
				w = append(w, c)
			default:
				w = append(w, c)
			}
		}
		if quote != 0 {
			return nil, false
		}
		words = append(words, string(w))
	}
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }
