package store

import (
	"slices"
	"sync"
	"time"
)

// peers is which other nodes are alive: a recovery waits for them. They say so at
// each look at Redis, so nothing is heard of them while Redis or the way to it is
// away. Their silence counts only while this node could have heard them.
type peers struct {
	self string

	mu     sync.Mutex
	seen   map[string]time.Time // guarded by mu: when a node was last heard of
	looked time.Time            // guarded by mu: when this node last got through to Redis
}

// forget is after how much silence a node no longer counts as alive.
const forget = 10 * time.Second

// heard notes that a node said something, or that it said goodbye.
func (p *peers) heard(node string, alive bool) {
	if node == p.self || node == "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen == nil {
		p.seen = map[string]time.Time{}
	}
	if alive {
		p.seen[node] = time.Now()
	} else {
		delete(p.seen, node)
	}
}

// gotThrough notes a look at Redis, which is made in intervals, and gives the nodes that are
// forgotten by now.
func (p *peers) gotThrough(interval time.Duration) (gone []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	away := now.Sub(p.looked) > 3*interval+time.Second
	p.looked = now
	for node, at := range p.seen {
		switch {
		case away:
			p.seen[node] = now
		case now.Sub(at) > forget:
			delete(p.seen, node)
			gone = append(gone, node)
		}
	}
	return gone
}

// alive gives the nodes that were alive when this one last got through to Redis.
func (p *peers) alive() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	names := make([]string, 0, len(p.seen))
	for node := range p.seen {
		names = append(names, node)
	}
	slices.Sort(names)
	return names
}
