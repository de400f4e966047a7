package dataset

import "time"

// Load is a complete new content for a dataset: what reading a file gave.
type Load struct {
	Records  Sequence
	Schema   Schema
	Source   string // a file name, an address, "request body"
	Rejected []Rejection
	// RejectedTotal counts all rejected records; Rejected may hold fewer, for it
	// is bounded.
	RejectedTotal int
}

// Read reads a load to its end. It may hand buckets over on the way, so that
// something can be done with them while it reads on: all of them, some or none.
// What it gives in the end is what counts; whoever gets a bucket early compares,
// for the records may have got other ids since. It hands nothing over once it has
// returned.
type Read func(Ahead) (Load, error)

// Ahead takes a bucket of a load that is still being read. To make it is left to
// whoever has time first: the function gives the same one to every goroutine that calls
// it.
type Ahead func(made func() *Bucket)

// Rejection is one record of the input that was left out because it is bad.
type Rejection struct {
	Place
	Text string `json:"text"` // the record as it came, shortened to 1,024 bytes
}

// Edit is what becomes of one record. The zero Edit leaves it as it is.
type Edit struct {
	Delete bool
	JSON   []byte  // the whole new record
	Fields []Field // of it that the schema lacks
	// MaxFields is how many fields the schema may have with them: writes that are
	// committed together are decided at the schema before.
	MaxFields int
}

// Decide looks at a record as it stands when a write's turn has come, and says
// what becomes of it; current is the zero Record where there is none. An error
// is a refusal: it is what the writer gets. Decide may be called several times.
type Decide func(current Record, exists bool) (Edit, error)

// Check looks at a dataset's state when a write's turn has come; an error
// refuses the write. A nil Check allows it. Check may be called several times.
type Check func(current State) error

// Generation is one bulk load of a dataset that is there: the live one, or an earlier one
// that can be gone back to.
type Generation struct {
	Number   uint64    `json:"number"`
	State    string    `json:"state"` // loading, live, or kept
	Records  int       `json:"records"`
	Source   string    `json:"source"`
	LoadedAt time.Time `json:"loaded_at,omitzero"`
}
