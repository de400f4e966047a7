package httpapi

import (
	"encoding/base64"
	"encoding/binary"

	"landings/internal/dataset"
)

// pageToken says where a page begins: which version it is of, after which record, and
// of which question. Whoever has one reads on in the version that the first page
// was of, so that no record is left out or comes twice because of a write.
type pageToken struct {
	version uint64
	history [8]byte // digest of what tells versions of equal number apart
	after   uint64  // position of the last record of the page before
	given   int     // records on the pages before
	asked   [8]byte
}

// tokenForm is the first byte of a token, so that its form can change.
const tokenForm = 1

func (t *pageToken) String() string {
	b := make([]byte, 0, 48)
	b = append(b, tokenForm)
	b = append(b, t.history[:]...)
	b = append(b, t.asked[:]...)
	b = binary.AppendUvarint(b, t.version)
	b = binary.AppendUvarint(b, t.after)
	b = binary.AppendUvarint(b, uint64(t.given))
	return base64.RawURLEncoding.EncodeToString(b)
}

func parseToken(s string) (*pageToken, error) {
	malformed := bad(wordToken, 0, "it is no token that a node gave", "take the whole address of the link \"next\" as it is, or begin again without token")
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) < 20 || b[0] != tokenForm {
		return nil, malformed
	}
	t := new(pageToken)
	copy(t.history[:], b[1:9])
	copy(t.asked[:], b[9:17])
	b = b[17:]
	var numbers [3]uint64
	for i := range numbers {
		n, size := binary.Uvarint(b)
		if size <= 0 {
			return nil, malformed
		}
		numbers[i], b = n, b[size:]
	}
	if len(b) > 0 || numbers[2] > 1<<48 {
		return nil, malformed
	}
	t.version, t.after, t.given = numbers[0], numbers[1], int(numbers[2])
	return t, nil
}

// historyOf gives the mark of a version in a token.
func historyOf(s dataset.State) [8]byte {
	b := binary.BigEndian.AppendUint64([]byte(s.Epoch), uint64(s.Chain))
	return digest(binary.BigEndian.AppendUint64(b, s.Version))
}
