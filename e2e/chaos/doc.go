// Package chaos holds a test that lets three nodes share one Redis while nodes and Redis are killed and
// stopped and their connections are cut and delayed, and that then checks everything clients were told.
//
// What is promised, and so checked: writes and Min-Version: latest reads are linearizable per record (porcupine)
// and in one order over the whole dataset; every other read equals the replay of the stream at its version, and
// versions never go back on a connection; the stream has no gaps and is one chain; an acknowledged write is in it,
// except where every node that held it died or came back too late and said that it dropped it; a refused write is not.
package chaos
