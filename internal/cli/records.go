package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"landings/internal/dataset"
	"landings/internal/sample"
)

type getCommand struct {
	nodeFlags
	ID *string `arg:"" optional:"" help:"Id of the record; all records when left out."`
}

// Run prints one record, or the list of all.
func (c *getCommand) Run(e *env) error {
	path := c.list()
	switch {
	case c.ID != nil && *c.ID == "":
		// A variable of the shell that is not set is no wish for everything.
		return &dataset.Error{Code: dataset.Invalid, Message: "the id is empty", Remedy: "name a record: landings get ID, or leave the id out for all records"}
	case c.ID != nil:
		path = c.record(*c.ID)
	case c.Dataset != "":
		path += "/items?f=json&limit=1000000"
	}
	answer, err := c.do(e.ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(e.stdout, answer.Body); err != nil {
		return &dataset.Error{Code: dataset.Unavailable, Message: "the answer broke off: " + err.Error(), Remedy: "try again", Err: err}
	}
	_, err = fmt.Fprintln(e.stdout)
	return err
}

type keysCommand struct {
	nodeFlags
	Records bool `help:"List the ids of the dataset's records."`
}

// Run prints keys or ids, one a line.
func (c *keysCommand) Run(e *env) error {
	path := "/get-keys"
	if c.Dataset != "" && !c.Records {
		return &dataset.Error{Code: dataset.Invalid, Message: "--dataset was given without --records", Remedy: "say --records for the ids of the dataset's records, or leave --dataset out for the keys in Redis"}
	}
	if c.Records {
		path += "?records=" + url.QueryEscape(c.Dataset)
	}
	answer, err := c.do(e.ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	return printKeys(e.stdout, answer.Body)
}

// printKeys prints a list of keys, one a line: those that are text as they are, any
// other as the object that the node makes of it, {"base64":"..."}.
func printKeys(w io.Writer, body io.Reader) error {
	broken := func(err error) error {
		return &dataset.Error{Code: dataset.Unavailable, Message: "the node's list of keys broke off: " + err.Error(), Remedy: "try again", Err: err}
	}
	list := json.NewDecoder(body)
	if _, err := list.Token(); err != nil {
		return broken(err)
	}
	out := bufio.NewWriter(w)
	for list.More() {
		var raw json.RawMessage
		if err := list.Decode(&raw); err != nil {
			return errors.Join(broken(err), out.Flush())
		}
		line := string(raw)
		if raw[0] == '"' {
			if err := json.Unmarshal(raw, &line); err != nil {
				return broken(err)
			}
		}
		fmt.Fprintln(out, line)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if _, err := list.Token(); err != nil { // the end of the list: More is false where the connection broke, too
		return broken(err)
	}
	return nil
}

type deleteCommand struct {
	nodeFlags
	ID  string `arg:"" optional:"" help:"Id of the record."`
	All bool   `help:"Delete the whole dataset."`
}

// Run deletes a record or a dataset.
func (c *deleteCommand) Run(e *env) error {
	path := c.record(c.ID)
	switch {
	case c.ID == "" && !c.All:
		return &dataset.Error{Code: dataset.Invalid, Message: "what to delete was not said", Remedy: "name a record: landings delete ID, or say --all for the whole dataset"}
	case c.ID != "" && c.All:
		return &dataset.Error{Code: dataset.Invalid, Message: "both a record and --all were given", Remedy: "leave one of them out"}
	case c.All:
		path = c.list()
	}
	answer, err := c.do(e.ctx, http.MethodDelete, path, nil, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, err = io.Copy(e.stdout, answer.Body)
	return err
}

type sampleCommand struct {
	Records int    `help:"How many." default:"1000" placeholder:"N"`
	Format  string `help:"json, ndjson, csv or geojson." enum:"json,ndjson,csv,geojson" default:"json"`
	Seed    uint64 `help:"The same seed gives the same records." default:"1"`
}

// Run writes generated records to the standard output.
func (c *sampleCommand) Run(e *env) error {
	if c.Records < 0 {
		return &dataset.Error{Code: dataset.Invalid, Message: "--records is negative", Remedy: "give the number of records"}
	}
	return sample.Write(interruptible{e.ctx, e.stdout}, c.Format, c.Records, c.Seed)
}

// interruptible writes until the context ends.
type interruptible struct {
	ctx context.Context
	out io.Writer
}

func (w interruptible) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.out.Write(p)
}
