// Package query says what can be asked of a dataset and what comes back: words
// that the read model, which answers, and the HTTP layer, which asks, share. It
// knows neither indexes nor HTTP.
package query
