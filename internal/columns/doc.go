// Package columns is the values of many records by field, and the indexes over
// them: what queries are answered from.
//
// A [Table] is the records of a dataset at one moment, numbered by rows in order of
// position. It never changes. Nothing of it is made before it is asked for: a
// column reads its field of all records when the first query names it, an index is
// made when the first query can use it. Whoever asks waits as long as its context
// allows; what was begun is made to the end, one thing at a time, and stays as long
// as the table. Nobody waits for a [Composite]: it is used once it is there.
//
// Memory beside the records decides how many of them a node holds, so nothing stands
// twice: codes are as narrow as they fit, texts are indexed by their codes and looked
// at in the dictionary, and where a row is stands in the index of points alone.
//
// A [Column] is a dictionary in order and a code for each row, whatever the type:
// comparing, sorting and counting values is comparing, sorting and counting
// codes. Nothing in it has pointers for the garbage collector to follow.
package columns
