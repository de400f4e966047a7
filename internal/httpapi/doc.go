// Package httpapi is Landings over HTTP: routes, parameters, negotiation,
// conditional requests, limits, and errors as problems (RFC 9457).
//
// Reads are answered from a snapshot of the read model and wait for nothing;
// writes go to a [Store], which the package declares and does not know: it never
// imports the store or the engine.
package httpapi
