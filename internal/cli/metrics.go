package cli

import (
	"landings/internal/encode"
	"landings/internal/readmodel"
	"landings/internal/store"
	"landings/internal/telemetry"
)

// countStore has the metrics tell how the node stands with Redis.
func countStore(m *telemetry.Metrics, s *store.Store) {
	m.Add(telemetry.Source{
		Figures: []telemetry.Figure{
			{Name: "landings_redis_up", Help: "Whether the last look found Redis well, and the next one is not late.", Kind: telemetry.Gauge},
			{Name: "landings_redis_age_seconds", Help: "How long ago the last look began that found Redis well; 0 while it is, and looks are in time.", Kind: telemetry.Gauge},
			{Name: "landings_peers", Help: "Other nodes that are alive.", Kind: telemetry.Gauge},
			{Name: "landings_recoveries_total", Help: "Recoveries of datasets by this node, after Redis restarted, failed over or forgot.", Kind: telemetry.Counter},
			{Name: "landings_recovery_seconds_total", Help: "Time that they took, together.", Kind: telemetry.Counter},
			{Name: "landings_recovery_commits_written_again_total", Help: "Commits that Redis had lost and that this node wrote again.", Kind: telemetry.Counter},
			{Name: "landings_recovery_commits_dropped_total", Help: "Commits of this node, or that it found in Redis, that are not in the history that the nodes went on with.", Kind: telemetry.Counter},
			{Name: "landings_unconfirmed_writes_total", Help: "Writes that were committed and did not get as safe as was asked in time.", Kind: telemetry.Counter},
		},
		Read: func(set func(int, float64, ...string)) {
			age, c := s.Age().Seconds(), s.Counts()
			up := 1.0
			if age > 0 {
				up = 0
			}
			for i, v := range []float64{
				up, age, float64(s.Peers()),
				float64(c.Recoveries), c.Recovering.Seconds(), float64(c.CommittedAgain), float64(c.Dropped), float64(c.Unconfirmed),
			} {
				set(i, v)
			}
		},
	})
	byDataset := []string{"dataset"}
	m.Add(telemetry.Source{
		Figures: []telemetry.Figure{
			{Name: "landings_records", Help: "Records.", Kind: telemetry.Gauge, Labels: byDataset},
			{Name: "landings_version", Help: "The version that this node shows.", Kind: telemetry.Gauge, Labels: byDataset},
			{Name: "landings_term", Help: "How often the dataset was recovered, and one.", Kind: telemetry.Gauge, Labels: byDataset},
			{Name: "landings_commits_total", Help: "Commits by this node.", Kind: telemetry.Counter, Labels: byDataset},
			{Name: "landings_writes_total", Help: "Writes in them.", Kind: telemetry.Counter, Labels: byDataset},
			{Name: "landings_lag_versions", Help: "Versions that Redis had more than this node at the last look.", Kind: telemetry.Gauge, Labels: byDataset},
			{Name: "landings_lag_seconds", Help: "For how long looks, one a second, have found this node behind.", Kind: telemetry.Gauge, Labels: byDataset},
		},
		Read: func(set func(int, float64, ...string)) {
			for _, d := range s.Datasets() {
				for i, v := range []float64{float64(d.Records), float64(d.Version), float64(d.Term), float64(d.Commits), float64(d.Writes), float64(d.Behind), d.Since.Seconds()} {
					set(i, v, d.Name)
				}
			}
		},
	})
}

// countCatalog has the metrics tell what the datasets take in memory.
func countCatalog(m *telemetry.Metrics, c *readmodel.Catalog) {
	m.Add(telemetry.Source{
		Figures: []telemetry.Figure{
			{Name: "landings_memory_bytes", Help: "Memory of a dataset: its text, its coded forms, its index of ids, the columns and indexes that queries are answered from, its old versions.", Kind: telemetry.Gauge, Labels: []string{"dataset", "part"}},
			{Name: "landings_old_versions", Help: "Old versions that can still be read.", Kind: telemetry.Gauge, Labels: []string{"dataset"}},
		},
		Read: func(set func(int, float64, ...string)) {
			for _, name := range c.Names() {
				d := c.Dataset(name)
				held := d.Snapshot().Memory()
				set(0, float64(held.Text), name, "text")
				set(0, float64(held.Index), name, "ids")
				set(0, float64(held.Query), name, "columns")
				for coding := encode.Gzip; coding < encode.Codings; coding++ {
					set(0, float64(held.Coded[coding]), name, coding.String())
				}
				versions, bytes := d.Past()
				set(0, float64(bytes), name, "old versions")
				set(1, float64(versions), name)
			}
		},
	})
}
