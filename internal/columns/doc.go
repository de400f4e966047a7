// Package columns is the values of many records by field, and the indexes over
// them: what queries are answered from.
//
// A [Table] is the records of a dataset at one moment, numbered by rows in order of
// position. It never changes. Nothing of it is made before it is asked for: a
// column reads its field of all records when the first query names it, an index is
// made when the first query can use it. Then it stays as long as the table.
//
// A [Column] is a dictionary in order and a code for each row, whatever the type:
// comparing, sorting and counting values is comparing, sorting and counting
// codes. Nothing in it has pointers for the garbage collector to follow.
package columns
