package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"landings/internal/dataset"
	"landings/internal/ingest"
	"landings/internal/sample"
)

// source is a dataset's configured source: a file or an address.
type source struct {
	config datasetConfig
	dir    string // that relative paths start from
}

// options gives what the configuration says about reading the source.
func (s *source) options() ingest.Options {
	o := ingest.Options{
		Format:    s.config.Format,
		IDField:   s.config.IDField,
		TimeField: s.config.TimeField,
		SkipBad:   s.config.OnError == "skip",
		Source:    s.config.Source,
	}
	if g := s.config.Geometry; g != nil {
		o.Geometry = &dataset.Geometry{GeoJSON: g.GeoJSON, Lat: g.Lat, Lon: g.Lon, Text: g.Text}
	}
	return o
}

// alternatives is what to do where a source cannot be had.
const alternatives = "send the data itself (curl --data-binary @FILE, or landings load FILE), " +
	"name a file or another address as source in config.yaml, or start without a config.yaml to load a generated sample"

// Open gives the source's bytes.
func (s *source) Open(ctx context.Context) (io.ReadCloser, ingest.Options, error) {
	o := s.options()
	fail := func(message string, err error) (io.ReadCloser, ingest.Options, error) {
		return nil, o, &dataset.Error{Code: dataset.SourceUnavailable, Message: "the configured source " + display(s.config.Source) + " cannot be had: " + message, Remedy: alternatives, Err: err}
	}
	if s.config.Source == "" {
		return nil, o, &dataset.Error{Code: dataset.SourceUnavailable, Message: "no source is configured for the dataset " + s.config.Name, Remedy: alternatives}
	}
	if isAddress(s.config.Source) {
		u, err := url.Parse(s.config.Source)
		if err != nil {
			return fail("the address is malformed", nil) // the error has it whole
		}
		o.Source, o.FileName = display(s.config.Source), filepath.Base(u.Path)
		body, contentType, coding, err := fetch(ctx, u, stallTime)
		if err != nil {
			return fail(err.Error(), err)
		}
		o.ContentType, o.ContentEncoding = contentType, coding
		return body, o, nil
	}
	path := strings.TrimPrefix(s.config.Source, "file://")
	if !filepath.IsAbs(path) {
		path = filepath.Join(s.dir, path)
	}
	f, err := os.Open(path)
	if err != nil {
		return fail(err.Error(), err)
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		_ = f.Close()
		return fail("it is a directory", nil)
	}
	o.FileName = filepath.Base(path)
	return f, o, nil
}

// isAddress says whether a source is asked for over HTTP; any other is a file.
func isAddress(source string) bool {
	scheme, _, ok := strings.Cut(source, "://")
	return ok && (strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https"))
}

// hidden stands in place of what is not shown, as [url.URL.Redacted] has it.
const hidden = "xxxxx"

// display shows a source without what may be secret in an address: the password, and
// the values of the query. Whoever may read the data sees it.
func display(source string) string {
	if !isAddress(source) {
		return dataset.Excerpt(source)
	}
	u, err := url.Parse(source)
	if err != nil {
		return hidden
	}
	pairs := strings.Split(u.RawQuery, "&")
	for i, pair := range pairs {
		if name, _, ok := strings.Cut(pair, "="); ok {
			pairs[i] = name + "=" + hidden
		} else if pair != "" {
			pairs[i] = hidden
		}
	}
	u.RawQuery = strings.Join(pairs, "&")
	return u.Redacted()
}

// stallTime is how long a source may bring nothing: neither an answer nor more of
// it.
const stallTime = 30 * time.Second

// fetch asks for an address. It and the body's reading end when nothing comes for
// as long as stall.
func fetch(ctx context.Context, u *url.URL, stall time.Duration) (body io.ReadCloser, contentType, coding string, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	silence := time.AfterFunc(stall, func() { cancel(fmt.Errorf("nothing came for %v", stall)) })
	defer func() {
		if err != nil {
			silence.Stop()
			cancel(nil)
		}
	}()
	client := &http.Client{Transport: &http.Transport{
		Proxy:              http.ProxyFromEnvironment,
		DisableCompression: true, // the reader decompresses, and bounds what comes out
		DisableKeepAlives:  true,
	}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, "", "", err
	}
	r.Header.Set("Accept-Encoding", "zstd, gzip")
	r.Header.Set("User-Agent", "landings")
	answer, err := client.Do(r)
	if err != nil {
		if why, ok := errors.AsType[*url.Error](err); ok {
			err = why.Err // without the address, which the caller tells
		}
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, "", "", err
	}
	if answer.StatusCode != http.StatusOK {
		_ = answer.Body.Close()
		return nil, "", "", fmt.Errorf("it answered %s", answer.Status)
	}
	contentType = answer.Header.Get("Content-Type")
	if strings.HasPrefix(contentType, "text/plain") || strings.HasPrefix(contentType, "application/octet-stream") {
		contentType = "" // servers say this of anything: look at the name and the bytes
	}
	silence.Stop()
	return &fetched{ctx, cancel, answer.Body, silence, stall}, contentType, answer.Header.Get("Content-Encoding"), nil
}

// fetched is the body of an answer. Only the time in Read counts as silence, not what
// the reader does between reads.
type fetched struct {
	ctx     context.Context
	cancel  context.CancelCauseFunc
	body    io.ReadCloser
	silence *time.Timer // cancels; runs during Read
	stall   time.Duration
}

func (f *fetched) Read(p []byte) (int, error) {
	f.silence.Reset(f.stall)
	n, err := f.body.Read(p)
	f.silence.Stop()
	if err != nil && err != io.EOF && f.ctx.Err() != nil {
		err = context.Cause(f.ctx)
	}
	return n, err
}

func (f *fetched) Close() error {
	f.cancel(nil)
	return f.body.Close()
}

// generated is the built-in source: landings that nobody found.
type generated struct{ records int }

// sampleSize is how many generated records POST loads where nothing is configured.
const sampleSize = 1000

// sampleSeed makes every node's sample the same.
const sampleSeed = 1

// Open gives the sample.
func (g generated) Open(context.Context) (io.ReadCloser, ingest.Options, error) {
	r, w := io.Pipe()
	go func() { _ = w.CloseWithError(sample.Write(w, "json", g.records, sampleSeed)) }() // a reader that is gone ends it
	return r, ingest.Options{Format: "json", Source: fmt.Sprintf("generated sample of %d records", g.records)}, nil
}
