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
	target, err := backupTarget(c.File)
	if err != nil {
		return err
	}
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
	bad := func(err error) error {
		return &dataset.Error{Code: dataset.Invalid, Message: "the file cannot be written: " + err.Error(), Remedy: "choose another, or make room", Err: err}
	}
	if c.File == "-" {
		out := &sink{Writer: e.stdout}
		if _, err := io.Copy(out, answer.Body); out.err != nil {
			return bad(out.err)
		} else if err != nil {
			return broken(err)
		}
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(target), ".landings-backup-*")
	if err != nil {
		return bad(err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already when all went well
	defer f.Close()
	// What is written is read back on the way: a backup that cannot be restored is none.
	out := &sink{Writer: f}
	header, _, err := backup.Read(io.TeeReader(answer.Body, out), fileLimits)
	if out.err != nil {
		return bad(out.err)
	}
	if err != nil {
		return broken(err)
	}
	if err := f.Sync(); err != nil {
		return bad(err)
	}
	if err := f.Close(); err != nil {
		return bad(err)
	}
	if err := os.Rename(f.Name(), target); err != nil {
		return bad(err)
	}
	if err := syncFolder(filepath.Dir(target)); err != nil {
		return bad(err)
	}
	if at := answer.Header.Get("Dataset-Vanished"); at != "" {
		fmt.Fprintf(e.stderr, "landings: the dataset vanished at %s: this is how the node last saw it\n", at)
	}
	_, err = fmt.Fprintf(e.stdout, "%s: %d records, version %d, digest %s\n", header.Dataset, header.Records, header.Version, header.Digest)
	return err
}

// backupTarget gives the file that a backup is to become. It takes the place of a file that is
// there, of the one that a link leads to, but of nothing else: for the user root, /dev/null
// can be replaced by a file like any other name.
func backupTarget(path string) (string, error) {
	bad := func(why, remedy string) (string, error) {
		return "", &dataset.Error{Code: dataset.Invalid, Message: "the file cannot be written: " + why, Remedy: remedy}
	}
	if path == "-" {
		return path, nil
	}
	if path == "" {
		return bad("it has no name", "name one, or - for the standard output")
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	// One that is not there is made; whoever creates it finds out what else is wrong.
	if info, err := os.Stat(path); err == nil {
		switch {
		case info.IsDir():
			return bad(path+" is a directory", "name a file in it")
		case !info.Mode().IsRegular():
			return bad(path+" is no regular file", "name another, or write to the standard output: - > "+path)
		}
	}
	return path, nil
}

// sink remembers that it could not be written to: every other error is that of what is copied.
type sink struct {
	io.Writer
	err error
}

func (s *sink) Write(p []byte) (int, error) {
	n, err := s.Writer.Write(p)
	s.err = err
	return n, err
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
