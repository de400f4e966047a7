package httpapi

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"landings/internal/dataset"
	"landings/internal/encode"
	"landings/internal/query"
	"landings/internal/readmodel"
)

const (
	itemsLimit = 100     // records of a page of items where no limit is given
	codedFrom  = 1400    // bytes from which an answer is compressed: less fits one packet as it is
	wholeBytes = 4 << 20 // of records, up to which an answer is complete before anything is sent
	linkBytes  = 4000    // up to which the address of a question that came by QUERY is given
)

var varyFormat = []string{"Accept, Accept-Encoding"}

// getData answers GET and QUERY of /data. Without parameters it is the list of all
// records.
func (a *API) getData(w http.ResponseWriter, r *http.Request) error {
	if r.URL.RawQuery == "" && r.Method != methodQuery {
		accept := r.Header["Accept"]
		format, err := dataOffer.choose("", accept)
		if err == nil && format == encode.JSON {
			return a.getList(w, r)
		}
	}
	c, err := a.collection(r)
	if err != nil {
		return err
	}
	return a.items(w, r, c, dataOffer, unlimited)
}

// getItems answers GET and QUERY of /collections/{c}/items.
func (a *API) getItems(w http.ResponseWriter, r *http.Request) error {
	c, err := a.collection(r)
	if err != nil {
		return err
	}
	return a.items(w, r, c, itemsOffer, itemsLimit)
}

// found is the answer to a question. It is shared by all who ask the same.
type found struct {
	body     []byte     // complete; nil: to be streamed
	page     query.Page // of what is to be streamed
	coding   encode.Coding
	matched  []string // header values
	returned []string
	length   []string
	link     []string
}

// inquiry is one request for items.
type inquiry struct {
	*question
	desk     *desk
	c        *collection
	snapshot *readmodel.Snapshot
	pairs    []parameter
	format   encode.Format
	coding   encode.Coding // as negotiated; a small answer is not coded
	base     string        // scheme and host, for links in a body
	method   string
	brief    bool // nothing that takes long to write; the answer is the asker's alone, unless it is kept
}

func (a *API) items(w http.ResponseWriter, r *http.Request, c *collection, formats offer, limit int) error {
	h := w.Header()
	h["Vary"] = varyFormat
	d := newDesk()
	defer d.release()
	pairs, err := a.questionPairs(w, r, d.room[:0])
	if err != nil {
		return err
	}
	i, err := a.inquire(d, c, pairs, r.Method, r.Header["Accept"], r.Header["Accept-Encoding"], formats, limit)
	if err != nil {
		return err
	}
	if i.query.Explain {
		return a.explain(w, i)
	}
	if i.plain() && r.Method != methodQuery && i.version == nil {
		if s, m := c.now(); s == i.snapshot {
			return a.sendList(w, r, s, m, i)
		}
	}
	if i.format == encode.GeoJSON {
		i.base = baseOf(r)
	}
	key := i.key()
	value, done, err := a.known(w, r, d, key, i.coding, formatTypes[i.format], i.find)
	if done || err != nil {
		return err
	}
	f := value.(*found)
	h["Number-Matched"] = f.matched
	h["Number-Returned"] = f.returned
	if f.link != nil {
		h["Link"] = f.link
	}
	if r.Method == methodQuery {
		if at := address(c.base, pairs, "", ""); len(at) <= linkBytes {
			h["Location"] = []string{at}
		}
	}
	if f.body == nil {
		a.export(w, r, i, f)
		return nil
	}
	a.sendFound(w, r, f)
	return nil
}

// inquire understands a request for items, on a desk.
func (a *API) inquire(d *desk, c *collection, pairs []parameter, method string, accept, acceptEncoding []string, formats offer, limit int) (*inquiry, error) {
	s, err := c.at(pairs)
	if err != nil {
		return nil, err
	}
	d.state = s.State()
	q, err := d.asker.ask(pairs, &d.state.Schema, itemsWords, &a.limits)
	if err != nil {
		return nil, err
	}
	if q.query.Limit < 0 {
		q.query.Limit = limit
	}
	i := &d.inquiry
	*i = inquiry{question: q, desk: d, c: c, snapshot: s, pairs: pairs, method: method}
	if i.format, err = formats.choose(q.choice, accept); err != nil {
		return nil, err
	}
	if i.coding, err = negotiate(acceptEncoding); err != nil {
		return nil, err
	}
	return i, i.begin()
}

func (a *API) sendFound(w http.ResponseWriter, r *http.Request, f *found) {
	w.Header()["Content-Length"] = f.length
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write(f.body) // a client that is gone needs no answer
}

// baseOf gives scheme and host as the client sees them. Proxies tell what they were asked
// for, each before those behind it; who makes it up is shown links of its own making.
func baseOf(r *http.Request) string {
	first := func(name string) string {
		value, _, _ := strings.Cut(r.Header.Get(name), ",")
		return strings.TrimSpace(value)
	}
	scheme := "http://"
	if r.TLS != nil || strings.EqualFold(first("X-Forwarded-Proto"), "https") {
		scheme = "https://"
	}
	return scheme + cmp.Or(first("X-Forwarded-Host"), r.Host)
}

// at gives the version that a question is about: the one of its page token or of
// version, else the present one.
func (c *collection) at(pairs []parameter) (*readmodel.Snapshot, error) {
	var t *pageToken
	var version *uint64
	for _, p := range pairs {
		switch p.name {
		case "token":
			var err error
			if t, err = parseToken(p.value); err != nil {
				return nil, err
			}
		case "version":
			n, err := strconv.ParseUint(p.value, 10, 64)
			if err != nil {
				continue // said when all is read
			}
			version = &n
		}
	}
	now, _, err := c.whole()
	if err != nil {
		return nil, err
	}
	switch {
	case t != nil && version != nil && t.version != *version:
		return nil, bad(wordToken, 0, fmt.Sprintf("the token is of version %d, not %d", t.version, *version), "leave version out: the token says it")
	case t != nil:
		version = &t.version
	case version == nil:
		return now, nil
	}
	present := now.State().Version
	s := c.data.Version(*version)
	switch {
	case s == nil && *version > present:
		return nil, &dataset.Error{
			Code:    dataset.NotFound,
			Message: fmt.Sprintf("there is no version %d of %s: the present one is %d", *version, c.name, present),
			Remedy:  "ask for one that an answer named in its header Dataset-Version",
			Places:  []dataset.Place{{Parameter: "version", Detail: "is not there yet"}},
		}
	case s == nil:
		parameter := "version"
		if t != nil {
			parameter = "token"
		}
		return nil, &dataset.Error{
			Code:    dataset.Gone,
			Message: fmt.Sprintf("version %d of %s is not kept any more: the present one is %d", *version, c.name, present),
			Remedy:  "begin again without " + parameter + "; how long versions are kept is set by --history-age and --history-bytes",
			Places:  []dataset.Place{{Parameter: parameter, Detail: "of a version that is gone"}},
		}
	case t != nil && historyOf(s.State()) != t.history:
		return nil, &dataset.Error{
			Code:    dataset.Gone,
			Message: "the token is of another history of " + c.name + ", which was deleted or restored since",
			Remedy:  "begin again without token",
			Places:  []dataset.Place{{Parameter: "token", Detail: "of another history"}},
		}
	}
	return s, nil
}

// begin takes the page token's place into the query.
func (i *inquiry) begin() error {
	t := i.token
	if t == nil {
		return nil
	}
	if digest(i.identity(nil)) != t.asked {
		return &dataset.Error{
			Code:    dataset.Invalid,
			Message: "the token belongs to another question",
			Remedy:  "repeat filter, q, near, sortby and the like as they were; with QUERY, send the same body",
			Places:  []dataset.Place{{Parameter: "token", Detail: "the question has changed"}},
		}
	}
	if _, ok := i.snapshot.At(t.after); !ok {
		return bad(wordToken, 0, "it is no token that a node gave", "begin again without token")
	}
	i.query.After = &t.after
	return nil
}

// plain says whether all records are asked for, as they are, as a JSON list.
func (i *inquiry) plain() bool {
	q := &i.query
	return q.Filter == nil && q.Search == "" && q.Near == nil && q.SortBy == nil && q.After == nil &&
		i.fields == nil && i.format == encode.JSON && q.Limit >= i.snapshot.Len()
}

// key gives what tells the answers of all questions apart.
func (i *inquiry) key() []byte {
	b := i.desk.key
	if i.method == methodQuery { // its links are others
		b = append(b, 'Q')
	}
	b = append(b, i.c.base...)
	b = append(b, 0)
	b = append(b, i.choice...)
	b = append(b, 0)
	if i.version != nil {
		b = append(b, 'v')
	}
	if i.format == encode.GeoJSON { // it names these
		b = append(b, i.base...)
		b = append(b, 0)
		b = strconv.AppendInt(b, i.snapshot.Since().Unix(), 36)
	}
	b = append(b, 0)
	i.desk.key = i.question.key(b, i.format)
	return i.desk.key
}

// tagged is how an answer is named: to clients and in the cache.
type tagged struct {
	tags    [2]string // entity tags of the answer as it is, and coded
	version string
	key     readmodel.Key
}

// tags names the answer to a question of a key at the version that the desk is about.
func (d *desk) tags(key []byte, coding encode.Coding) *tagged {
	state := &d.state
	key = append(key, 0)
	key = append(key, state.Name...)
	key = append(key, 0)
	key = append(key, state.Epoch...)
	key = append(key, ' ')
	key = strconv.AppendUint(key, state.Version, 10)
	key = append(key, ' ')
	key = strconv.AppendUint(key, uint64(state.Chain), 16)
	sum := sha256.Sum256(key)
	t := &d.tagged
	var room [64]byte
	tag := room[:0]
	tag = append(tag, '"')
	tag = strconv.AppendUint(tag, state.Version, 10)
	t.version = string(tag[1:])
	tag = append(tag, '-')
	tag = base64.RawURLEncoding.AppendEncode(tag, sum[:15])
	tag = append(tag, '"')
	t.tags[0] = string(tag)
	t.tags[1] = t.tags[0]
	if coding != encode.Identity {
		t.tags[1] = t.tags[0][:len(t.tags[0])-1] + "-" + coding.String() + `"`
	}
	key = append(key, byte(coding))
	d.key = key
	t.key = readmodel.Key{Dataset: state.Name, Epoch: state.Epoch, Version: state.Version, Text: string(key)}
	return t
}

// known answers with what the client has, or gives the answer of the cache. It sets
// the header that all answers to questions have; done: nothing is left to send.
func (a *API) known(w http.ResponseWriter, r *http.Request, d *desk, key []byte, coding encode.Coding, contentType []string, find finder) (value any, done bool, err error) {
	h := w.Header()
	t := d.tags(key, coding)
	h["Cache-Control"] = noCache
	if d.state.Version > 0 {
		h["Dataset-Version"] = []string{t.version}
	}
	c, err := parseConditions(r)
	if err != nil {
		return nil, false, err
	}
	if c != (conditions{}) {
		for _, tag := range t.tags {
			same, err := c.notModified(tag, t.tags[:]...)
			if err != nil {
				return nil, false, err
			}
			if same {
				h["Etag"] = []string{tag}
				w.WriteHeader(http.StatusNotModified)
				return nil, true, nil
			}
		}
	}
	value, _, err = a.find(time.Time{}, t.key, find)
	if err != nil {
		return nil, false, tooCostly(err, a.limits.QueryTime)
	}
	f := value.(*found)
	if f.coding == encode.Identity {
		h["Etag"] = []string{t.tags[0]}
	} else {
		h["Etag"] = []string{t.tags[1]}
		h["Content-Encoding"] = codingNames[f.coding]
	}
	h["Content-Type"] = contentType
	h["X-Content-Type-Options"] = noSniff
	return value, false, nil
}

// find answers an inquiry.
func (i *inquiry) find(ctx context.Context) (any, int64, error) {
	q := i.query
	q.Limit = min(q.Limit, max(exportPage, maxLimit))
	endless := i.query.Limit == unlimited
	if endless {
		q.Limit = exportPage
	}
	if i.brief { // else the page may be of an answer that others share
		q.Room = i.desk.records
	}
	page, err := i.snapshot.Query(ctx, q)
	if err != nil {
		return nil, 0, err
	}
	if i.brief && page.Records != nil {
		i.desk.records = page.Records
	}
	given := 0
	if i.token != nil {
		given = i.token.given
	}
	head := encode.Head{Matched: page.Matched, Returned: len(page.Records), Time: i.snapshot.Since()}
	if endless {
		head.Returned = page.Matched - given
	}
	f := &found{matched: []string{strconv.Itoa(head.Matched)}, returned: []string{strconv.Itoa(head.Returned)}}
	head.Links, f.link = i.links(&page, given)
	bytes := 0
	for k := range page.Records {
		bytes += len(page.Records[k].JSON)
	}
	if i.brief && (bytes > shortBytes || i.coding != encode.Identity && bytes >= codedFrom/2) {
		return nil, 0, context.DeadlineExceeded // writing it or packing it takes too long
	}
	if bytes > wholeBytes || endless && page.More {
		f.page, f.coding = page, i.coding
		return f, 1 << 60, nil // too much to be kept
	}
	form := encode.NewForm(i.format, &i.desk.state.Schema, i.fields)
	b := bodyOf(bytes+len(page.Records)*overhead(i.format)+512, i.brief)
	b = form.Open(b, head)
	b = appendRecords(b, form, &page, true)
	b = form.Close(b)
	if i.coding != encode.Identity && len(b) >= codedFrom {
		f.coding = i.coding
		b = encode.Whole(i.coding, b)
	}
	f.body, f.length = b, []string{strconv.Itoa(len(b))}
	return f, int64(cap(b)) + 512, nil
}

// overhead is about how many bytes a format puts around a record.
func overhead(f encode.Format) int {
	if f == encode.GeoJSON || f == encode.GeoJSONSeq {
		return 128
	}
	return len(dataset.Separator)
}

func appendRecords(b []byte, form encode.Form, page *query.Page, first bool) []byte {
	for k, r := range page.Records {
		distance := -1.0
		if page.Distances != nil {
			distance = page.Distances[k]
		}
		b = form.Record(b, r, first && k == 0, distance)
	}
	return b
}

// links gives the links of an answer: for a body, and as a header value.
func (i *inquiry) links(page *query.Page, given int) (body []encode.Link, header []string) {
	t := mediaType(i.format)
	short := func(name, value string) string {
		at := address(i.c.base, i.pairs, name, value)
		if i.method == methodQuery && len(at) > linkBytes {
			return address(i.c.base, nil, name, value) // the body is sent again
		}
		return at
	}
	all := i.desk.links[:0]
	self := ""
	if i.token != nil {
		self = i.token.String()
	}
	all = append(all, encode.Link{Rel: "self", Type: t, Href: short("token", self)})
	if n := len(page.Records); page.More && i.query.Limit != unlimited && n > 0 {
		i.snapshot.Hold()
		next := pageToken{version: i.desk.state.Version, history: historyOf(i.desk.state), after: page.Records[n-1].Position, given: given + n, asked: digest(i.identity(nil))}
		all = append(all, encode.Link{Rel: "next", Type: t, Href: short("token", next.String())})
	}
	if i.token != nil {
		all = append(all, encode.Link{Rel: "first", Type: t, Href: short("version", strconv.FormatUint(i.token.version, 10))})
	}
	i.desk.links = all
	line := i.desk.line[:0]
	for k, l := range all {
		if k > 0 {
			line = append(line, ", "...)
		}
		line = append(line, '<')
		line = append(line, l.Href...)
		line = append(line, `>; rel="`...)
		line = append(line, l.Rel...)
		line = append(line, '"')
	}
	i.desk.line = line
	if i.format == encode.GeoJSON {
		for k := range all {
			all[k].Href = i.base + all[k].Href
		}
	}
	return all, []string{string(line)}
}
