package rdb

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// value is a plain picture of a key's value, to compare with.
type value struct {
	Meta
	Kind    Kind
	Str     string
	List    []string
	Set     map[string]bool
	Hash    map[string]string
	ZSet    map[string]float64
	Entries []streamEntry
	Stream  *Stream
}

func (v *value) String() string {
	type plain value // without this method
	s := fmt.Sprintf("%+v", plain(*v))
	if v.Kind == KindStream {
		s = fmt.Sprintf("%+v %+v %+v", v.Meta, v.Stream, v.Entries)
	}
	return s
}

type streamEntry struct {
	ID    StreamID
	Pairs []string
}

type dataset map[int]map[string]*value

func (d dataset) size() int {
	n := 0
	for _, keys := range d {
		n += len(keys)
	}
	return n
}

// seeded returns a random source whose seed is printed.
func seeded(t testing.TB) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// readAll reads a whole file into its picture.
func readAll(r *Reader) (dataset, error) {
	all := dataset{}
	for {
		e, err := r.Next()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		key := string(e.Key)
		v, err := readValue(r, e)
		if err != nil {
			return nil, err
		}
		if v == nil {
			continue
		}
		if all[e.DB] == nil {
			all[e.DB] = map[string]*value{}
		}
		if all[e.DB][key] != nil {
			return nil, fmt.Errorf("key %q is there twice", key)
		}
		all[e.DB][key] = v
	}
}

// readValue returns nil for an empty value.
func readValue(r *Reader, e *Entry) (*value, error) {
	v := &value{Meta: e.Meta, Kind: e.Kind, Set: map[string]bool{}, Hash: map[string]string{}, ZSet: map[string]float64{}}
	pieces := 0
	for {
		c, err := r.Chunk()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		pieces++
		if err := v.add(c); err != nil {
			return nil, err
		}
	}
	if e.Kind == KindStream {
		v.Stream = r.Stream()
		if v.Stream == nil {
			return nil, errors.New("a stream without what follows its entries")
		}
		return v, nil
	}
	if pieces == 0 {
		return nil, nil
	}
	return v, nil
}

func (v *value) add(c Chunk) error {
	if v.Kind == KindStream {
		it, ok := NewStreamIter(c.Data, c.ID)
		if !ok {
			return errors.New("not a listpack of stream entries")
		}
		for it.Next() {
			if it.Deleted() {
				continue
			}
			e := streamEntry{ID: it.ID()}
			it.Pairs(func(f, val int) bool {
				e.Pairs = append(e.Pairs, string(Listpack(c.Data).AppendTo(nil, f)), string(Listpack(c.Data).AppendTo(nil, val)))
				return true
			})
			v.Entries = append(v.Entries, e)
		}
		return nil
	}
	var elems []string
	switch c.Encoding {
	case Raw:
		elems = []string{string(c.Data)}
		if v.Kind == KindHash {
			elems = append(elems, string(c.Value))
		}
		if v.Kind == KindZSet {
			v.ZSet[string(c.Data)] = c.Score
			return nil
		}
	case EncodedIntset:
		for i := range Intset(c.Data).Len() {
			elems = append(elems, strconv.FormatInt(Intset(c.Data).At(i), 10))
		}
	case EncodedListpack:
		lp := Listpack(c.Data)
		for pos := lp.First(); pos != lp.End(); pos = lp.Next(pos) {
			elems = append(elems, string(lp.AppendTo(nil, pos)))
		}
	}
	switch v.Kind {
	case KindString:
		v.Str = elems[0]
	case KindList:
		v.List = append(v.List, elems...)
	case KindSet:
		for _, m := range elems {
			v.Set[m] = true
		}
	case KindHash:
		for i := 0; i < len(elems); i += 2 {
			v.Hash[elems[i]] = elems[i+1]
		}
	case KindZSet:
		for i := 0; i < len(elems); i += 2 {
			f, err := strconv.ParseFloat(elems[i+1], 64)
			if err != nil {
				return err
			}
			v.ZSet[elems[i]] = f
		}
	}
	return nil
}

func scoreText(f float64) []byte {
	if f == math.Trunc(f) && math.Abs(f) < 1e15 {
		return strconv.AppendInt(nil, int64(f), 10)
	}
	return strconv.AppendFloat(nil, f, 'g', 17, 64)
}

// encode writes v after a function that writes what stands before it, in an
// encoding chosen by rng among those that fit.
func (v *value) encode(e *Encoder, rng *rand.Rand, head func(Type)) {
	compact := rng.IntN(2) == 0
	switch v.Kind {
	case KindString:
		head(TypeString)
		e.String([]byte(v.Str))
	case KindList:
		head(TypeListQuicklist2)
		type node struct {
			plain []byte
			lp    Listpack
		}
		var nodes []node
		for i := 0; i < len(v.List); {
			if rng.IntN(10) == 0 {
				nodes = append(nodes, node{plain: []byte(v.List[i])})
				i++
				continue
			}
			lp := AppendListpack(nil)
			for n := 1 + rng.IntN(100); n > 0 && i < len(v.List); n-- {
				lp = lp.Append([]byte(v.List[i]))
				i++
			}
			nodes = append(nodes, node{lp: lp})
		}
		e.Len(uint64(len(nodes)))
		for _, n := range nodes {
			if n.lp == nil {
				e.Plain(n.plain)
			} else {
				e.Packed(n.lp)
			}
		}
	case KindSet:
		is, ints := AppendIntset(nil), true
		for m := range v.Set {
			n, ok := ParseInt([]byte(m))
			if ints = ints && ok; !ints {
				break
			}
			is, _ = is.Add(n)
		}
		if ints && compact {
			head(TypeSetIntset)
			e.Blob(is)
			return
		}
		head(TypeSet)
		e.Len(uint64(len(v.Set)))
		for m := range v.Set {
			e.String([]byte(m))
		}
	case KindHash:
		if compact && len(v.Hash) < 1000 {
			lp := AppendListpack(nil)
			for f, val := range v.Hash {
				lp = lp.Append([]byte(f)).Append([]byte(val))
			}
			head(TypeHashListpack)
			e.Blob(lp)
			return
		}
		head(TypeHash)
		e.Len(uint64(len(v.Hash)))
		for f, val := range v.Hash {
			e.String([]byte(f))
			e.String([]byte(val))
		}
	case KindZSet:
		members := make([]string, 0, len(v.ZSet))
		for m := range v.ZSet {
			members = append(members, m)
		}
		slices.SortFunc(members, func(a, b string) int {
			switch sa, sb := v.ZSet[a], v.ZSet[b]; {
			case sa < sb:
				return -1
			case sa > sb:
				return 1
			}
			return bytes.Compare([]byte(a), []byte(b))
		})
		if compact && len(members) < 1000 {
			lp := AppendListpack(nil)
			for _, m := range members {
				lp = lp.Append([]byte(m)).Append(scoreText(v.ZSet[m]))
			}
			head(TypeZSetListpack)
			e.Blob(lp)
			return
		}
		head(TypeZSet2)
		e.Len(uint64(len(members)))
		for _, m := range slices.Backward(members) {
			e.String([]byte(m))
			e.Float(v.ZSet[m])
		}
	case KindStream:
		head(TypeStreamListpacks2)
		var packs []Listpack
		var firsts []StreamID
		for i := 0; i < len(v.Entries); {
			n := min(1+rng.IntN(100), len(v.Entries)-i)
			firsts = append(firsts, v.Entries[i].ID)
			packs = append(packs, streamPack(v.Entries[i:i+n]))
			i += n
		}
		e.Len(uint64(len(packs)))
		for i := range packs {
			e.StreamPack(firsts[i], packs[i])
		}
		e.Stream(v.Stream)
	}
}

// streamPack builds the listpack of entries, the first of which is the master.
func streamPack(entries []streamEntry) Listpack {
	lp := AppendListpack(nil)
	master := entries[0]
	lp = lp.AppendInt(int64(len(entries))).AppendInt(0).AppendInt(int64(len(master.Pairs) / 2))
	for i := 0; i < len(master.Pairs); i += 2 {
		lp = lp.Append([]byte(master.Pairs[i]))
	}
	lp = lp.AppendInt(0)
	for _, en := range entries {
		same := len(en.Pairs) == len(master.Pairs)
		for i := 0; same && i < len(en.Pairs); i += 2 {
			same = en.Pairs[i] == master.Pairs[i]
		}
		n := int64(len(en.Pairs) / 2)
		flags := int64(0)
		if same {
			flags = streamSameFields
		}
		lp = lp.AppendInt(flags).AppendInt(int64(en.ID.Ms - master.ID.Ms)).AppendInt(int64(en.ID.Seq - master.ID.Seq))
		if same {
			for i := 1; i < len(en.Pairs); i += 2 {
				lp = lp.Append([]byte(en.Pairs[i]))
			}
			lp = lp.AppendInt(n + 3)
		} else {
			lp = lp.AppendInt(n)
			for _, p := range en.Pairs {
				lp = lp.Append([]byte(p))
			}
			lp = lp.AppendInt(2*n + 4)
		}
	}
	return lp
}

// write writes a whole file.
func (d dataset) write(w io.Writer, rng *rand.Rand, opts WriterOptions) error {
	rw := NewWriter(w, Header{}, opts)
	for db, keys := range d {
		expires := uint64(0)
		for _, v := range keys {
			if v.ExpireAt != NoExpiry {
				expires++
			}
		}
		if err := rw.BeginDB(db, uint64(len(keys)), expires); err != nil {
			return err
		}
		for key, v := range keys {
			v.encode(rw.Enc, rng, func(t Type) { rw.Enc.Key(v.Meta, t, []byte(key)) })
			if err := rw.Commit(); err != nil {
				return err
			}
		}
	}
	return rw.Close()
}

// randomString returns strings of all the sorts that encodings tell apart.
func randomString(rng *rand.Rand) string {
	switch rng.IntN(12) {
	case 0:
		return strconv.FormatInt(int64(rng.IntN(200))-50, 10)
	case 1:
		return strconv.FormatInt(int64(rng.Uint64())>>rng.IntN(64), 10)
	case 2:
		return ""
	case 3: // nearly an integer
		return [...]string{"-0", "007", "+1", " 1", "1 ", "1e3", "-", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "18446744073709551616", "99999999999999999999"}[rng.IntN(12)]
	case 4: // compresses
		return string(bytes.Repeat([]byte(strconv.Itoa(rng.IntN(1000))), 1+rng.IntN(200)))
	case 5: // binary
		b := make([]byte, rng.IntN(80))
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return string(b)
	case 6:
		if rng.IntN(8) == 0 { // long
			b := make([]byte, 1+rng.IntN(20000))
			for i := range b {
				b[i] = "abcdefgh \n"[rng.IntN(10)]
			}
			return string(b)
		}
		fallthrough
	default:
		return fmt.Sprintf("%s:%d", [...]string{"name", "mass", "year", "fall"}[rng.IntN(4)], rng.IntN(10000))
	}
}

func randomScore(rng *rand.Rand) float64 {
	switch rng.IntN(6) {
	case 0:
		return math.Inf(1 - 2*rng.IntN(2))
	case 1:
		return rng.NormFloat64()
	case 2:
		return math.Ldexp(rng.Float64()-0.5, rng.IntN(2000)-1000)
	}
	return float64(rng.IntN(2000) - 1000)
}

func randomSize(rng *rand.Rand) int {
	switch rng.IntN(10) {
	case 0:
		return 1 + rng.IntN(700)
	case 1:
		return 1
	}
	return 1 + rng.IntN(30)
}

// randomValue returns a value of any kind, never empty but for streams.
func randomValue(rng *rand.Rand) *value {
	v := &value{Meta: NoMeta(), Kind: Kind(rng.IntN(6)), Set: map[string]bool{}, Hash: map[string]string{}, ZSet: map[string]float64{}}
	switch rng.IntN(4) {
	case 0:
		v.ExpireAt = rng.Int64N(1 << 45)
	case 1:
		v.Idle = rng.Int64N(1 << 20)
	case 2:
		v.Freq = int16(rng.IntN(256))
	}
	n := randomSize(rng)
	switch v.Kind {
	case KindString:
		v.Str = randomString(rng)
	case KindList:
		for range n {
			v.List = append(v.List, randomString(rng))
		}
	case KindSet:
		ints := rng.IntN(2) == 0
		for range n {
			if ints {
				v.Set[strconv.FormatInt(int64(rng.Uint64())>>rng.IntN(64), 10)] = true
			} else {
				v.Set[randomString(rng)] = true
			}
		}
	case KindHash:
		for range n {
			v.Hash[randomString(rng)] = randomString(rng)
		}
	case KindZSet:
		for range n {
			v.ZSet[randomString(rng)] = randomScore(rng)
		}
	case KindStream:
		v.Stream = &Stream{}
		id := StreamID{uint64(rng.IntN(1 << 40)), 1}
		for range n {
			e := streamEntry{ID: id}
			for range 1 + rng.IntN(3) {
				e.Pairs = append(e.Pairs, randomString(rng), randomString(rng))
			}
			v.Entries = append(v.Entries, e)
			if rng.IntN(2) == 0 {
				id.Seq++
			} else {
				id.Ms++
				id.Seq = uint64(rng.IntN(5))
			}
		}
		s := v.Stream
		s.Length, s.EntriesAdded = uint64(n), uint64(n)
		s.FirstID, s.LastID = v.Entries[0].ID, v.Entries[n-1].ID
		for g := range rng.IntN(3) {
			group := Group{Name: fmt.Appendf(nil, "group-%d", g), LastID: v.Entries[n/2].ID, EntriesRead: int64(n/2 + 1)}
			for c := range 1 + rng.IntN(3) {
				seen := rng.Int64N(1 << 41)
				group.Consumers = append(group.Consumers, Consumer{fmt.Appendf(nil, "consumer-%d", c), seen, seen})
			}
			for _, e := range v.Entries[:n/2+1] {
				if rng.IntN(2) == 0 {
					group.Pending = append(group.Pending, Pending{e.ID, rng.Int64N(1 << 41), uint64(1 + rng.IntN(100)), rng.IntN(len(group.Consumers))})
				}
			}
			s.Groups = append(s.Groups, group)
		}
	}
	return v
}

func randomDataset(rng *rand.Rand, keys int) dataset {
	d := dataset{}
	for i := range keys {
		db := rng.IntN(3)
		if d[db] == nil {
			d[db] = map[string]*value{}
		}
		d[db][fmt.Sprintf("key:%d:%s", i, randomString(rng))] = randomValue(rng)
	}
	return d
}
