package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"landings/bench/rig"
)

// resp is a connection that speaks Redis's protocol, RESP2.
type resp struct {
	conn net.Conn
	r    *bufio.Reader
}

func dialResp(ctx context.Context, port int) (*resp, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", rig.Address(port))
	if err != nil {
		return nil, err
	}
	return &resp{conn: c, r: bufio.NewReaderSize(c, 1<<18)}, nil
}

func (c *resp) close() { _ = c.conn.Close() }

// command writes a command as it goes over the wire.
func command(args ...string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(a), a)
	}
	return b.Bytes()
}

// do sends one command and gives its reply: string, nil, or []any of these. A number is given as its text.
func (c *resp) do(args ...string) (any, error) {
	if _, err := c.conn.Write(command(args...)); err != nil {
		return nil, err
	}
	return c.reply()
}

func (c *resp) line() (kind byte, rest []byte, err error) {
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return 0, nil, err
	}
	if len(line) < 3 {
		return 0, nil, errors.New("a malformed reply")
	}
	return line[0], line[1 : len(line)-2], nil
}

func (c *resp) reply() (any, error) {
	kind, rest, err := c.line()
	if err != nil {
		return nil, err
	}
	switch kind {
	case '-':
		return nil, fmt.Errorf("%s", rest)
	case '$':
		n, err := strconv.Atoi(string(rest))
		if err != nil || n < 0 {
			return nil, err
		}
		text := make([]byte, n+2)
		if _, err := io.ReadFull(c.r, text); err != nil {
			return nil, err
		}
		return string(text[:n]), nil
	case '*':
		n, err := strconv.Atoi(string(rest))
		if err != nil {
			return nil, err
		}
		var list []any
		for range n {
			one, err := c.reply()
			if err != nil {
				return nil, err
			}
			list = append(list, one)
		}
		return list, nil
	}
	return string(rest), nil
}

// skip reads a reply and forgets it.
func (c *resp) skip() error {
	for left := 1; left > 0; left-- {
		kind, rest, err := c.line()
		if err != nil {
			return err
		}
		switch kind {
		case '-':
			return fmt.Errorf("%s", rest)
		case '$', '*':
			n := 0
			for _, digit := range rest {
				if digit == '-' {
					n = -2 // nothing follows
					break
				}
				n = n*10 + int(digit-'0')
			}
			if kind == '*' {
				left += max(n, 0)
			} else if _, err := c.r.Discard(n + 2); err != nil {
				return err
			}
		}
	}
	return nil
}

// pipeline sends commands from next, which gives nil at the end, and reads all replies, window of them at most under way.
func (c *resp) pipeline(window int, next func() []byte) error {
	out := bufio.NewWriterSize(c.conn, 1<<18)
	waiting := 0
	drain := func(to int) error {
		if err := out.Flush(); err != nil {
			return err
		}
		for ; waiting > to; waiting-- {
			if err := c.skip(); err != nil {
				return err
			}
		}
		return nil
	}
	for b := next(); b != nil; b = next() {
		if _, err := out.Write(b); err != nil {
			return err
		}
		if waiting++; waiting == window {
			if err := drain(window / 2); err != nil {
				return err
			}
		}
	}
	return drain(0)
}

// respLoad asks over 4 connections for a while and gives requests per second. Every connection has its part of the commands.
func respLoad(ctx context.Context, port int, commands [][]byte, length time.Duration) (float64, error) {
	const connections = 4
	end := time.Now().Add(length)
	type outcome struct {
		n   int
		err error
	}
	done := make(chan outcome, connections)
	start := time.Now()
	for k := range connections {
		go func() {
			var o outcome
			defer func() { done <- o }()
			c, err := dialResp(ctx, port)
			if err != nil {
				o.err = err
				return
			}
			defer c.close()
			for i := k; time.Now().Before(end); i += connections {
				if _, o.err = c.conn.Write(commands[i%len(commands)]); o.err != nil {
					return
				}
				if o.err = c.skip(); o.err != nil {
					return
				}
				o.n++
			}
		}()
	}
	total := 0
	var failed error
	for range connections {
		o := <-done
		total += o.n
		failed = errors.Join(failed, o.err)
	}
	return float64(total) / time.Since(start).Seconds(), failed
}
