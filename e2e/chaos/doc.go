// Package chaos holds a test that lets three nodes share one Redis while nodes and Redis are killed and
// stopped and their connections are cut and delayed, and that then checks everything clients were told.
//
// What is promised, and so checked: writes and Min-Version: latest reads are linearizable per record (porcupine)
// and in one order over the whole dataset; every other read equals the replay of the stream at its version, lists byte
// for byte, and versions never go back on a connection; the stream has no gaps and is one chain, and each version has
// the digest that the replay has; a refused write is not in it, and an acknowledged one is, unless a node said that it
// dropped its very commit (and was kept from coming back in time), or every node that had it was killed while Redis lost
// its memory. Nothing that was told as dropped is there.
package chaos
