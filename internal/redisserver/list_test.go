package redisserver

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"landings/internal/rdb"
)

// TestListAgainstSlice edits lists with every chunk limit and compares them with a
// slice, in themselves and after a trip through DUMP's form and a copy.
func TestListAgainstSlice(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for _, limit := range []int64{-1, -2, 0, 1, 3, 128} {
		t.Run(fmt.Sprint("limit ", limit), func(t *testing.T) {
			e, err := Open(Options{Parameters: []Parameter{{Name: "save", Args: []string{""}}, {Name: "dir", Args: []string{t.TempDir()}},
				{Name: "list-max-listpack-size", Args: []string{strconv.FormatInt(limit, 10)}}}})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = e.Close(t.Context()) }()
			e.mu.Lock()
			defer e.mu.Unlock()
			g := rand.New(rand.NewPCG(seed, uint64(limit)))
			value := func() string {
				switch g.IntN(20) {
				case 0:
					return strings.Repeat("long", g.IntN(3000))
				case 1, 2, 3:
					return strings.Repeat("x", g.IntN(100))
				}
				return strconv.Itoa(g.IntN(50))
			}
			db, used := e.dbs[0], e.arena.used
			key := []byte("list")
			var model []string
			for range 4000 {
				en := db.lookupWrite(key)
				if !en.exists() {
					en = db.add(key, kindList, encListpack, rdb.AppendListpack(nil))
				}
				l := db.listOf(en)
				n := len(model)
				switch op := g.IntN(12); {
				case op < 5 || n == 0:
					v, front := value(), g.IntN(2) == 0
					l.push([]byte(v), front)
					if front {
						model = slices.Insert(model, 0, v)
					} else {
						model = append(model, v)
					}
				case op < 7:
					v, i := value(), g.IntN(n)
					c, pos := l.seek(i)
					l.insert(c, pos, []byte(v))
					model = slices.Insert(model, i, v)
				case op < 9:
					v, i := value(), g.IntN(n)
					c, pos := l.seek(i)
					l.replace(c, pos, []byte(v))
					model[i] = v
				case op == 9:
					i := g.IntN(n)
					k := g.IntN(min(n-i, 30) + 1)
					l.remove(i, k)
					model = slices.Delete(model, i, i+k)
				case op == 10:
					v, k, backward := model[g.IntN(n)], g.IntN(3), g.IntN(2) == 0
					removed := l.removeMatching([]byte(v), int64(k), backward)
					if want := removeModel(&model, v, k, backward); removed != want {
						t.Fatalf("removed %d, not %d", removed, want)
					}
				default:
					if g.IntN(20) == 0 {
						k := g.IntN(n)
						l.remove(0, k)
						model = slices.Delete(model, 0, k)
					}
				}
				checkList(t, l, model)
				if l.len() == 0 {
					db.removeEntry(&l.en)
				}
			}
			if en := db.find(key); en.exists() {
				r, head, err := rdb.OpenDump(db.dump(&en, true))
				if err != nil {
					t.Fatal(err)
				}
				v, err := e.loadValue(r, head)
				if err != nil {
					t.Fatal(err)
				}
				copied, err := db.duplicate(&en, db, []byte("copy"))
				if err != nil {
					t.Fatal(err)
				}
				checkList(t, db.listOf(db.addValue([]byte("loaded"), v)), model)
				checkList(t, db.listOf(copied), model)
			}
			db.clear()
			if e.arena.used != used {
				t.Errorf("%d bytes of blocks are left over", e.arena.used-used)
			}
		})
	}
}

func removeModel(model *[]string, v string, limit int, backward bool) (removed int64) {
	if backward {
		slices.Reverse(*model)
	}
	*model = slices.DeleteFunc(*model, func(s string) bool {
		if s != v || limit > 0 && removed == int64(limit) {
			return false
		}
		removed++
		return true
	})
	if backward {
		slices.Reverse(*model)
	}
	return removed
}

func checkList(t *testing.T, l list, model []string) {
	t.Helper()
	var got []string
	l.walk(0, false, func(lp rdb.Listpack, pos int) bool {
		got = append(got, string(lp.AppendTo(nil, pos)))
		return true
	})
	if !slices.Equal(got, model) || l.len() != len(model) {
		t.Fatalf("%d elements, length %d; the model has %d", len(got), l.len(), len(model))
	}
	if l.big != nil {
		for i, c := range l.big.chunks() {
			if c.count == 0 || int(c.count) != l.big.lp(i).Len() || !l.db.e.chunkFits(int(c.size), int(c.count)) {
				t.Fatalf("chunk %d has %d elements, %d bytes", i, c.count, c.size)
			}
		}
	}
	if len(model) > 0 {
		i := len(model) * 2 / 3
		c, pos := l.seek(i)
		if s := string(l.chunk(c).AppendTo(nil, pos)); s != model[i] {
			t.Fatalf("element %d is %q, not %q", i, s, model[i])
		}
	}
}
