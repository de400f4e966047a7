package dataset

import (
	"fmt"
	"strconv"
	"strings"
)

// Ack says how safe a write is when it is answered. The zero Ack is that of memory.
type Ack struct {
	Level AckLevel
	N     int // how many nodes or replicas; 0 for the other levels
}

// AckLevel is what an [Ack] counts on.
type AckLevel string

// The levels. Whatever is asked, a write is in Redis and in the memory of the node
// that answers it.
const (
	AckMemory   AckLevel = ""         // nothing more
	AckNodes    AckLevel = "nodes"    // N other nodes hold it in memory too
	AckDisk     AckLevel = "disk"     // it is in Redis's append-only file, and that is synced
	AckReplicas AckLevel = "replicas" // N replicas of Redis have it
)

// maxAck bounds the number of nodes or replicas that can be asked for.
const maxAck = 100

// ParseAck reads memory, disk, nodes:N or replicas:N, N from 1 to 100.
func ParseAck(text string) (Ack, error) {
	level, number, counted := strings.Cut(text, ":")
	switch {
	case text == "memory":
		return Ack{}, nil
	case text == "disk":
		return Ack{Level: AckDisk}, nil
	case counted && (level == string(AckNodes) || level == string(AckReplicas)):
		if n, err := strconv.ParseUint(number, 10, 8); err == nil && 1 <= n && n <= maxAck && number[0] != '+' {
			return Ack{AckLevel(level), int(n)}, nil
		}
	}
	return Ack{}, &Error{
		Code:    Invalid,
		Message: fmt.Sprintf("%q does not say how safe a write shall be", Excerpt(text)),
		Remedy:  fmt.Sprintf("use memory, disk, nodes:N or replicas:N, with N from 1 to %d", maxAck),
	}
}

// String gives what [ParseAck] reads.
func (a Ack) String() string {
	switch a.Level {
	case AckMemory:
		return "memory"
	case AckNodes, AckReplicas:
		return string(a.Level) + ":" + strconv.Itoa(a.N)
	case AckDisk:
	}
	return string(a.Level)
}
