module landings

go 1.26

require (
	github.com/go-json-experiment/json v1.27.2
	github.com/google/go-cmp v0.7.0
	github.com/klauspost/compress v1.20.3
	github.com/redis/rueidis v1.0.79
	pgregory.net/rapid v1.3.0
)

require golang.org/x/sys v0.47.0 // indirect
