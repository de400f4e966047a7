package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"landings/internal/backup"
	"landings/internal/dataset"
)

// backupPath gives the address of a dataset's backup.
func (n nodeFlags) backupPath() string {
	if n.Dataset == "" {
		return "/backup"
	}
	return "/collections/" + url.PathEscape(n.Dataset) + "/backup"
}

// fileLimits bound a backup that is read here: the node has its own, lower ones.
var fileLimits = backup.Limits{Bytes: 1 << 40, RecordBytes: 1 << 30, Records: 1 << 31}

type backupCommand struct {
	nodeFlags
	Vanished bool   `help:"Write the dataset as it was before it was deleted, or lost its keys, within the last hour, though it was made anew since."`
	File     string `arg:"" help:"File to write; - for the standard output."`
}

// Run writes one version of a dataset to a file, which is there only when all of it is.
func (c *backupCommand) Run(e *env) error {
	path := c.backupPath()
	if c.Vanished {
		path += "?vanished=true"
	}
	answer, err := c.do(e.ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	broken := func(err error) error {
		return &dataset.Error{Code: dataset.Unavailable, Message: "the backup broke off: " + err.Error(), Remedy: "try again", Err: err}
	}
	if c.File == "-" {
		if _, err := io.Copy(e.stdout, answer.Body); err != nil {
			return broken(err)
		}
		return nil
	}
	bad := func(err error) error {
		return &dataset.Error{Code: dataset.Invalid, Message: "the file cannot be written: " + err.Error(), Remedy: "choose another, or make room", Err: err}
	}
	f, err := os.CreateTemp(filepath.Dir(c.File), ".landings-backup-*")
	if err != nil {
		return bad(err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already when all went well
	defer f.Close()
	// What is written is read back on the way: a backup that cannot be restored is none.
	var header backup.Header
	if header, _, err = backup.Read(io.TeeReader(answer.Body, f), fileLimits); err != nil {
		return broken(err)
	}
	if err := f.Sync(); err != nil {
		return bad(err)
	}
	if err := f.Close(); err != nil {
		return bad(err)
	}
	if err := os.Rename(f.Name(), c.File); err != nil {
		return bad(err)
	}
	if err := syncFolder(filepath.Dir(c.File)); err != nil {
		return bad(err)
	}
	if at := answer.Header.Get("Dataset-Vanished"); at != "" {
		fmt.Fprintf(e.stderr, "landings: the dataset vanished at %s: this is how the node last saw it\n", at)
	}
	_, err = fmt.Fprintf(e.stdout, "%s: %d records, version %d, digest %s\n", header.Dataset, header.Records, header.Version, header.Digest)
	return err
}

// syncFolder makes a rename last.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

type restoreCommand struct {
	nodeFlags
	File string `arg:"" help:"Backup to restore; - for the standard input."`
}

// Run puts a backup in the place of a dataset: the one that it was taken of, or the one
// that --dataset names. The file is checked before anything is sent.
func (c *restoreCommand) Run(e *env) error {
	bad := func(err error) error {
		return &dataset.Error{Code: dataset.Invalid, Message: "the backup cannot be read: " + err.Error(), Remedy: "correct its name or its permissions", Err: err}
	}
	var in io.ReadSeeker
	if c.File == "-" {
		all, err := io.ReadAll(e.stdin)
		if err != nil {
			return bad(err)
		}
		in = bytes.NewReader(all)
	} else {
		f, err := os.Open(c.File)
		if err != nil {
			return bad(err)
		}
		defer f.Close()
		in = f
	}
	header, _, err := backup.Read(in, fileLimits)
	if err != nil {
		if dataset.CodeOf(err) == dataset.Internal {
			return bad(err)
		}
		return err
	}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return bad(err)
	}
	if c.Dataset == "" {
		c.Dataset = header.Dataset
	}
	answer, err := c.do(e.ctx, http.MethodPut, c.backupPath(), in, http.Header{"Content-Type": {backup.MediaType}})
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var got struct {
		Dataset string
		Records int
		Version uint64
	}
	if err := json.NewDecoder(answer.Body).Decode(&got); err != nil {
		return &dataset.Error{Code: dataset.OutcomeUnknown, Message: "the node's answer broke off: " + err.Error(), Remedy: "look whether the data are there", Err: err}
	}
	_, err = fmt.Fprintf(e.stdout, "%s: %d records restored as version %d\n", got.Dataset, got.Records, got.Version)
	return err
}
