module landings

go 1.26

require (
	github.com/go-json-experiment/json v1.27.2
	github.com/klauspost/compress v1.20.3
)

require github.com/google/go-cmp v0.7.0
