// Package predicate gives filters their meaning: it binds a syntax tree of CQL2 to
// the fields of a dataset, and tells for the values of a record whether it holds.
//
// A [Reader] reads the values of a record by the dataset's schema: a field of
// strings such as "21" that the schema calls a number has numbers as values. A
// value that does not fit its field's type is a [Misfit]: comparisons are neither
// true nor false of it, and it is not null. A member that is absent, null or an
// empty text is [Missing].
//
// [Bind] checks a filter against the schema and makes a [Pred] of it. Logic has
// three values, as in SQL: what compares with something missing is unknown, and a
// filter takes the records for which it is true.
//
// # Numbers
//
// Values of integer fields are 64-bit integers and compare exactly, with each
// other and with any literal (one with a fraction, beyond 2^53, is rounded first).
// Values of number fields are the nearest float64; a
// literal that is compared with them is rounded alike, and beyond the greatest
// float64 all are one infinity. Calculation is with float64, except for +, - and *
// of integers that do not overflow. What has no result (division by zero, the
// square root of a negative number) is missing.
//
// # Time
//
// Instants count to the microsecond; finer digits are cut off. A date is its
// midnight in UTC, except as the end of an interval, where it is the end of that
// day. The integer field that the schema names as its time, such as a year,
// stands for that whole year in temporal predicates.
//
// The package knows records one at a time. Indexes and plans belong to the read
// model, which looks into the tree that [Bind] makes.
package predicate
