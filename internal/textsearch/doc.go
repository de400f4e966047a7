// Package textsearch folds texts, matches patterns and finds substrings in many
// texts at once. It knows neither records nor filters.
package textsearch
