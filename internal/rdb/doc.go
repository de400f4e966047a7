// Package rdb reads and writes the files of Redis: RDB dumps, the payloads of
// DUMP and RESTORE, and the multi-part append-only files of Redis 7.
//
// It reads every encoding that Redis up to 7.2 writes (RDB version 11 and
// below) and writes what Redis 7.0 writes (version 10). It also holds the
// codecs of the compact encodings themselves, [Listpack], [Intset] and the
// older ziplist and zipmap, because an engine may keep its values in them.
//
// # Reading
//
// A [Reader] streams: [Reader.Next] gives the next key, [Reader.Chunk] the
// pieces of its value, [Reader.Stream] what follows the pieces of a stream.
// A piece is either one element or a compact encoding holding many, checked so
// that it can be adopted as it is. Ziplists and zipmaps arrive as listpacks,
// which is what Redis makes of them too; so an engine meets three encodings.
//
//	r, err := rdb.NewReader(file)
//	for {
//		e, err := r.Next() // io.EOF after the last key, its checksum checked
//		for {
//			c, err := r.Chunk() // io.EOF after the last piece
//		}
//	}
//
// # Writing
//
// An [Encoder] appends encoded keys and values to memory and does no input or
// output, so that it can run under a lock; a [Writer] takes those bytes to a
// file, with header and checksum. [Save] makes a file durable.
//
// # Append-only files
//
// An [AOF] is the folder with manifest, base and increments: [OpenAOF],
// [AOF.Load], then [AOF.Resume] or a [Rewrite].
//
// # Hostile input
//
// No input makes this package panic, and what it allocates is bounded by the
// size of the input times a constant: a length is believed only as far as bytes
// for it arrive. Errors are of type [*Error].
//
// The package imports the standard library alone. It knows nothing of servers,
// commands' meanings, clocks or datasets: whether a key has expired, a member
// is there twice or a command makes sense is for the engine to say.
package rdb
