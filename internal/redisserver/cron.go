package redisserver

import "time"

// cron does what time asks for: expiry, tables that move, clients that idle.
func (e *Engine) cron() {
	defer e.work.Done()
	t := time.NewTimer(e.cfg.cronInterval())
	defer t.Stop()
	last, lastSecond := time.Now(), time.Now()
	for {
		select {
		case <-e.done:
			return
		case <-t.C:
		}
		e.mu.Lock()
		if rest := e.cfg.cronInterval() - time.Since(last); !e.releaseStep() && rest > 0 {
			e.mu.Unlock()
			t.Reset(min(rest, lazyPause))
			continue
		}
		last = time.Now()
		e.tick()
		e.expireCycle()
		for _, db := range e.dbs {
			db.keys.step(100)
		}
		e.idleClients()
		e.limitTracked()
		e.flushInvalidations()
		e.heap = heapUsed()
		e.lazily(true, e.releaseOrphans)
		e.saveCycle()
		e.stats.peakMemory = max(e.stats.peakMemory, e.memoryUsed())
		if second := time.Since(lastSecond); second >= time.Second {
			e.opsPerSecond = int64(float64(e.stats.commands-e.opsBefore) / second.Seconds())
			e.opsBefore, lastSecond = e.stats.commands, time.Now()
		}
		next := e.cfg.cronInterval()
		if len(e.unlinked) > 0 {
			next = min(next, lazyPause)
		}
		e.unlockAndFlush()
		t.Reset(next)
	}
}

// expireBudget bounds one expiry cycle's time under the lock.
const expireBudget = 2 * time.Millisecond

// expireCycle deletes keys whose time has come: it samples each database's
// expiring keys, and goes on while many of the sample are due.
func (e *Engine) expireCycle() {
	if !e.cfg.activeExpire || e.loading || e.pause.active {
		return
	}
	deadline := time.Now().Add(expireBudget)
	for _, db := range e.dbs {
		for len(db.expiring) > 0 {
			due, n := 0, min(20, len(db.expiring))
			for range n {
				en, ok := db.randomExpiring()
				if !ok {
					break
				}
				if en.expire() <= e.now {
					db.expireNow(&en)
					due++
				}
			}
			e.afterCommand()
			if due*10 <= n || time.Now().After(deadline) {
				break
			}
		}
	}
}

// idleClients closes clients that exceed the parameter timeout, or have been above
// their soft output limit for too long.
func (e *Engine) idleClients() {
	e.clientOrder.each(func(c *client) {
		if !c.softSince.IsZero() {
			e.checkOutput(c)
		}
	})
	if e.cfg.timeout > 0 {
		e.clientOrder.each(func(c *client) {
			if c.block == nil && c.subscriptions() == 0 && !c.monitor && !c.internal && e.now-c.active > e.cfg.timeout*1000 {
				e.kill(nil, c)
			}
		})
	}
}

// checkOutput ends a client that does not read what it is sent, by the limits of
// its class.
func (e *Engine) checkOutput(c *client) {
	l := e.cfg.outputNormal
	if c.subscriptions() > 0 {
		l = e.cfg.outputPubsub
	}
	if l.hard == 0 && l.soft == 0 || c.internal {
		return
	}
	n := int64(len(c.out) + c.front.unsent())
	over := l.hard > 0 && n >= l.hard
	if l.soft > 0 && n >= l.soft {
		if c.softSince.IsZero() {
			c.softSince = time.Now()
		}
		over = over || time.Since(c.softSince) > time.Duration(l.seconds)*time.Second
	} else {
		c.softSince = time.Time{}
	}
	if over && !c.closing {
		e.log.Warn("closing a client that does not read what it is sent", "client", c.addr, "bytes", n)
		c.closing = true
		c.out = nil
		c.front.abort()
	}
}
