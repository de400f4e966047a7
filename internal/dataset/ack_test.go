package dataset_test

import (
	"testing"

	"landings/internal/dataset"
)

func TestAck(t *testing.T) {
	for text, want := range map[string]dataset.Ack{
		"memory":       {},
		"disk":         {Level: dataset.AckDisk},
		"nodes:1":      {Level: dataset.AckNodes, N: 1},
		"replicas:100": {Level: dataset.AckReplicas, N: 100},
	} {
		got, err := dataset.ParseAck(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%s: %+v %q %v", text, got, got, err)
		}
	}
	for _, text := range []string{"", "Memory", "memory:1", "disk:1", "nodes", "nodes:", "nodes:0", "nodes:+1", "nodes:-1", "nodes:101", "nodes:1 ", "replicas:x", "sync"} {
		if got, err := dataset.ParseAck(text); dataset.CodeOf(err) != dataset.Invalid {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}
