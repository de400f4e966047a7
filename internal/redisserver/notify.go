package redisserver

import "strconv"

// notifyClass is a set of classes of keyspace events, the letters of
// notify-keyspace-events.
type notifyClass uint16

const (
	notifyKeyspace notifyClass = 1 << iota // K
	notifyKeyevent                         // E
	notifyGeneric                          // g
	notifyString                           // $
	notifyList                             // l
	notifySet                              // s
	notifyHash                             // h
	notifyZSet                             // z
	notifyExpired                          // x
	notifyEvicted                          // e
	notifyStream                           // t
	notifyMiss                             // m
	notifyModule                           // d
	notifyNew                              // n
	notifyAll      = notifyGeneric | notifyString | notifyList | notifySet | notifyHash | notifyZSet | notifyExpired | notifyEvicted | notifyStream | notifyModule
)

const notifyLetters = "KEg$lshzxetmdn"

// parseNotify reads the value of notify-keyspace-events.
func parseNotify(s string) (notifyClass, bool) {
	var f notifyClass
	for i := range len(s) {
		if s[i] == 'A' {
			f |= notifyAll
			continue
		}
		at := -1
		for j := range len(notifyLetters) {
			if notifyLetters[j] == s[i] {
				at = j
			}
		}
		if at < 0 {
			return 0, false
		}
		f |= 1 << at
	}
	return f, true
}

// String is what CONFIG GET answers.
func (f notifyClass) String() string {
	s := ""
	if f&notifyAll == notifyAll {
		s = "A"
	} else {
		for _, i := range []int{2, 3, 4, 5, 6, 7, 8, 9, 10, 12} {
			if f&(1<<i) != 0 {
				s += string(notifyLetters[i])
			}
		}
	}
	for _, i := range []int{13, 0, 1, 11} {
		if f&(1<<i) != 0 {
			s += string(notifyLetters[i])
		}
	}
	return s
}

// notify publishes a keyspace event if somebody configured it.
func (e *Engine) notify(class notifyClass, event string, key []byte, db int) {
	f := e.cfg.notify
	if f&class == 0 || e.loading {
		return
	}
	n := strconv.Itoa(db)
	if f&notifyKeyspace != 0 {
		e.publish(byChannel, append([]byte("__keyspace@"+n+"__:"), key...), []byte(event))
	}
	if f&notifyKeyevent != 0 {
		e.publish(byChannel, []byte("__keyevent@"+n+"__:"+event), key)
	}
}
