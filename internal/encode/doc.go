// Package encode turns records into bytes: a JSON list, plain or in a content
// coding, made of parts that are coded one by one and joined without coding
// anything again. One file holds one coding.
//
// It knows neither HTTP nor where the records come from.
package encode
