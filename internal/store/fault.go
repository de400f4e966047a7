package store

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"

	"landings/internal/dataset"
	"landings/internal/resp"
)

// fault is a state of Redis in which nothing can be committed.
type fault struct {
	message, remedy string
	heals           healing
	cause           error
	dataset         bool // it is one dataset's: Redis and the others are well
}

// healing says what waiting does about a fault.
type healing int

const (
	soon    healing = iota // often over within the time that a write may wait: try again
	someday                // somebody has to make room first: refuse writes at once, look again later
	never                  // a setting is wrong: refuse to start
)

func (f *fault) Error() string { return f.message }
func (f *fault) Unwrap() error { return f.cause }

// oldest is the first Redis with sharded pub/sub and multi-part INFO.
const oldest = 7

// usable says what in a server's own description forbids to commit there.
func (s server) usable() error {
	major, _, _ := strings.Cut(s.version, ".")
	if n, err := strconv.Atoi(major); err == nil && n < oldest {
		return &fault{message: fmt.Sprintf("it is version %s", s.version), remedy: "use Redis 7.0 or later, or Valkey", heals: never}
	}
	if s.sentinel {
		return errSentinel
	}
	if s.loading {
		return &fault{message: "it is loading its data from disk", remedy: "wait until it has finished"}
	}
	if s.policy != "noeviction" && s.policy != "" {
		return &fault{
			message: fmt.Sprintf("its maxmemory-policy is %s: it would throw records away when memory runs short", s.policy),
			remedy:  "set maxmemory-policy noeviction",
			heals:   never,
		}
	}
	if s.replica {
		return errReplica
	}
	return nil
}

var (
	errLate      = &fault{message: "it does not answer in time", remedy: "see whether it runs, is overloaded or stopped"}
	errReplica   = &fault{message: "it is a read-only replica", remedy: "give the address of the primary"}
	errSentinel  = &fault{message: wordsSentinel, remedy: remedySentinel, heals: never}
	errIsCluster = &fault{message: "it belongs to a cluster", remedy: "try again"}
)

const (
	wordsSentinel  = "it is a sentinel, which keeps no data"
	remedySentinel = "write redis-sentinel://host1:26379,host2:26379/NAME with the name of the master that it watches"
)

// writable says what in a server's own description will make it refuse writes.
func (s server) writable() error {
	if s.saveError {
		return &fault{
			message: "it could not save its data to disk (rdb_last_bgsave_status:err)",
			remedy:  "free space on its disk or make its data folder writable for its user; its log tells which. It tries again by itself",
		}
	}
	if s.refusal != nil {
		return s.refusal
	}
	if s.aofError {
		return &fault{
			message: "it could not write its append-only file (aof_last_write_status:err)",
			remedy:  "free space on its disk; it tries again by itself",
		}
	}
	return nil
}

// faults maps the first word of Redis's error replies to what they mean for us.
var faults = []struct {
	prefix          string
	message, remedy string
	heals           healing
}{
	{"MISCONF", "it refuses writes because it could not save its data to disk", "free space on its disk or make its data folder writable for its user; its log tells which. It tries again by itself", someday},
	{"OOM", "its memory is full (maxmemory)", "raise maxmemory (CONFIG SET maxmemory), or delete with redis-cli what others keep in that Redis; until there is room, deletions through Landings are refused too", someday},
	{"READONLY", "it is a read-only replica", "give the address of the primary", soon},
	{"LOADING", "it is loading its data from disk", "wait until it has finished", soon},
	{"MASTERDOWN", "it is a replica without its primary", "wait, or give the address of the primary", soon},
	{"NOREPLICAS", "it has too few replicas to take writes (min-replicas-to-write)", "bring the replicas back", soon},
	{"MOVED", "the dataset has moved to another node of the cluster", "try again", soon},
	{"ASK", "the dataset is moving to another node of the cluster", "wait until redis-cli --cluster reshard is done", soon},
	{"TRYAGAIN", "the dataset is moving to another node of the cluster", "wait until redis-cli --cluster reshard is done", soon},
	{"unknown command 'SELECT'", wordsSentinel, remedySentinel, never},
	{"SELECT is not allowed", "a cluster has the database 0 only", "take the database number out of the address", never},
	{"CLUSTERDOWN", "the cluster is down", "look at CLUSTER INFO", soon},
	{"BUSY", "it is busy with a script", "wait, or end it with SCRIPT KILL", soon},
	{"NOAUTH", "it asks for a password", "put it into the address: redis://user:password@host:port", never},
	{"WRONGPASS", "it does not accept the user name or password", "correct them in the address: redis://user:password@host:port", never},
	{"invalid password", "it does not accept the password", "correct it in the address: redis://:password@host:port", never},
	{"AUTH", "it has no password, but the address names one", "take the password out of the address", never},
	{"Client sent AUTH", "it has no password, but the address names one", "take the password out of the address", never},
	{"NOPERM", "its user may not run a command that Landings needs", "allow the user ~landings:* &landings:* +@all", never},
	{"unknown command", "it does not know a command that Landings needs", "take rename-command out of its configuration, or use Redis 7.0 or later, or Valkey", never},
	{"DB index is out of range", "it has no database of that number", "give a smaller number in the address, or raise its setting databases", never},
	{"max number of clients", "it has no connection left (maxclients)", "raise maxclients, or close other clients", soon},
}

// refusesWrites says whether an answer of Redis, explained or not, refuses a write that it may take
// later, whatever the write is.
func refusesWrites(err error) bool {
	if f, ok := errors.AsType[*fault](err); ok {
		err = f.cause
	}
	text, _ := replyOf(err)
	text = strings.TrimPrefix(text, "EXECABORT Transaction discarded because of: ")
	for _, prefix := range []string{"OOM ", "MISCONF ", "NOREPLICAS "} {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	return false
}

// explain gives err as an error that can be shown: which Redis, what is wrong
// with it, what to do. Errors that are explained already stay as they are.
func (s *Store) explain(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*dataset.Error](err); ok {
		return err
	}
	f := diagnose(err)
	return &dataset.Error{
		Code:    dataset.Unavailable,
		Message: "Redis at " + s.address + " cannot be used: " + f.message,
		Remedy:  f.remedy,
		Err:     f,
	}
}

// healingOf says what waiting does about an explained error.
func healingOf(err error) healing {
	if f, ok := errors.AsType[*fault](err); ok {
		return f.heals
	}
	return soon
}

// damaged is the error of data in Redis that cannot be what was written.
func damaged(cause error, message, remedy string) error {
	return &dataset.Error{
		Code: dataset.Unavailable, Message: message, Remedy: remedy,
		Err: &fault{message: message, remedy: remedy, heals: never, cause: cause, dataset: true},
	}
}

// lostRecords says what to do where a dataset's records in Redis are not those that were written.
func lostRecords(name string) string {
	return "if a node still serves it, take it from there: landings backup --to NODE --dataset " + name + " FILE, then landings restore --to NODE --dataset " + name + " FILE; " +
		"else restore an earlier dump, or delete the key " + metaKey(name) + " and load the dataset again"
}

// isDamage says whether an error is one dataset's, see [damaged].
func isDamage(err error) bool {
	f, ok := errors.AsType[*fault](err)
	return ok && f.dataset
}

// wrongType gives the error of a key of a dataset that is of another type, as which it names the key;
// Redis does not. Any other reply stays as it is.
func wrongType(c command, r resp.Reply) resp.Reply {
	text, refused := replyOf(r.Err())
	if !refused || !strings.HasPrefix(text, "WRONGTYPE") {
		return r
	}
	name := nameIn(c.key)
	if name == "" {
		return r
	}
	return resp.Failed(damaged(r.Err(), "the dataset "+name+" cannot be used: its key "+c.key+" in Redis is of another type than Landings gave it",
		"delete the key (DEL "+c.key+") and load the dataset again, or restore an earlier dump"))
}

func diagnose(err error) *fault {
	if f, ok := errors.AsType[*fault](err); ok {
		return f
	}
	if text, ok := replyOf(err); ok {
		text = strings.TrimPrefix(text, "ERR ")
		text = strings.TrimPrefix(text, "EXECABORT Transaction discarded because of: ")
		if strings.HasPrefix(text, "MISCONF") && strings.Contains(strings.ToLower(text), "no space left") {
			return &fault{
				message: "its disk is full",
				remedy:  "free space on the disk of its data folder, or delete what is not needed; writes go on within seconds, by themselves",
				heals:   someday, cause: err,
			}
		}
		for _, known := range faults {
			if strings.HasPrefix(text, known.prefix) {
				return &fault{message: known.message + " (" + dataset.Excerpt(text) + ")", remedy: known.remedy, heals: known.heals, cause: err}
			}
		}
		return &fault{message: "it answers " + strconv.Quote(dataset.Excerpt(text)), remedy: "look at its log", heals: someday, cause: err}
	}
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &certificate):
		return &fault{
			message: "its certificate is not trusted (" + dataset.Excerpt(certificate.Err.Error()) + ")",
			remedy:  "name the file of its certificate authority in the variable SSL_CERT_FILE, or give the host name that the certificate is for",
			heals:   never, cause: err,
		}
	case errors.As(err, &dns):
		return &fault{message: "its name cannot be resolved", remedy: "check the host in the address, and that its container runs", cause: err}
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOENT):
		return &fault{message: "nothing listens there", remedy: "start it, or correct the address", cause: err}
	case errors.Is(err, syscall.EACCES):
		return &fault{message: "its socket may not be opened by this user", remedy: "change the socket's permissions (unixsocketperm)", cause: err}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return &fault{message: "it does not answer in time", remedy: "see whether it runs, is overloaded or stopped", cause: err}
	}
	text := err.Error()
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Source != nil {
		// The port of this side is another one each time: the same trouble is to read the same.
		text = strings.ReplaceAll(text, op.Source.String()+"->", "")
	}
	return &fault{message: "the connection broke (" + dataset.Excerpt(text) + ")", remedy: "see whether it runs; it is tried again all the time", cause: err}
}
