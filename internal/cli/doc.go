// Package cli is the program's commands and its configuration, and the one place
// that wires the parts together. Run is what main calls and what tests call.
//
// Settings come from flags, then from LANDINGS_* variables, then from config.yaml,
// then from defaults; each is declared once, in the struct of its command. Variables are
// for the settings of serve, and for the address and the token of a node.
package cli
