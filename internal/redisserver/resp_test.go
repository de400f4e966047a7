package redisserver

import (
	"bytes"
	"runtime"
	"testing"
)

// allocated returns what f allocated, in bytes.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Bounds on what the reader of requests allocates for each byte of input, most of it
// for words of one letter, and for any input.
const (
	requestPerByte = 100
	requestFixed   = 64 << 10
)

// FuzzRequest feeds bytes whole and one by one: the commands are the same,
// encoding them and reading them again gives them back, and no input makes the
// reader allocate beyond its size.
func FuzzRequest(f *testing.F) {
	f.Add([]byte("*2\r\n$3\r\nGET\r\n$1\r\na\r\n"))
	f.Add([]byte("set a \"b\\x00c\" 'd'\r\nping\n*0\r\n*1\r\n$4\r\nPING\r\n"))
	f.Add([]byte("*-1\r\n*3\r\n$-1\r\n"))
	f.Add([]byte("*1000000000\r\n$536870912\r\n"))
	parse := func(step int, in []byte) (cmds [][][]byte, err error) {
		r := request{}
		for {
			args, err := r.next(limits{bulk: 512 << 20, authed: true})
			if err != nil {
				return cmds, err
			}
			if args != nil {
				cmds = append(cmds, copyArgs(args))
				continue
			}
			if len(in) == 0 {
				return cmds, nil
			}
			k := min(step, len(in))
			r.compact()
			r.in = append(r.in, in[:k]...)
			in = in[k:]
		}
	}
	f.Add([]byte("a b c d e f g h i j k l m n o p q r s t u v w x y z\n*3\r\n$0\r\n\r\n$0\r\n\r\n$0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		if n := allocated(func() {
			r := request{in: in}
			for args, err := r.next(limits{bulk: 512 << 20, authed: true}); args != nil && err == nil; {
				args, err = r.next(limits{bulk: 512 << 20, authed: true})
			}
		}); n > uint64(len(in))*requestPerByte+requestFixed {
			t.Errorf("%d bytes made it allocate %d", len(in), n)
		}
		whole, err1 := parse(len(in)+1, in)
		bit, err2 := parse(1, in)
		if len(in) <= maxInline && (err1 == nil) != (err2 == nil) {
			t.Fatalf("whole: %v, in pieces: %v", err1, err2)
		}
		if len(whole) != len(bit) {
			t.Fatalf("whole: %d commands, in pieces: %d", len(whole), len(bit))
		}
		var again []byte
		for i, cmd := range whole {
			if len(cmd) != len(bit[i]) {
				t.Fatal("arguments differ")
			}
			for j := range cmd {
				if !bytes.Equal(cmd[j], bit[i][j]) {
					t.Fatal("arguments differ")
				}
			}
			again = appendCommand(again, cmd...)
		}
		back, err := parse(len(again)+1, again)
		if err != nil || len(back) != len(whole) {
			t.Fatalf("encoded again: %d commands of %d, %v", len(back), len(whole), err)
		}
		for i := range back {
			for j := range back[i] {
				if !bytes.Equal(back[i][j], whole[i][j]) {
					t.Fatal("encoding changed an argument")
				}
			}
		}
	})
}

func TestParseRefusesNonsense(t *testing.T) {
	for in, want := range map[string]string{
		"*x\r\n":               "Protocol error: invalid multibulk length",
		"*3000000000\r\n":      "Protocol error: invalid multibulk length",
		"*1\r\nx\r\n":          "Protocol error: expected '$', got 'x'",
		"*1\r\n$-5\r\n":        "Protocol error: invalid bulk length",
		"*1\r\n$600000000\r\n": "Protocol error: invalid bulk length",
		"set a \"b\r\n":        "Protocol error: unbalanced quotes in request",
	} {
		r := request{in: []byte(in)}
		if _, err := r.next(limits{bulk: 512 << 20, authed: true}); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", in, err, want)
		}
	}
}
