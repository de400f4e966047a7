package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"landings/internal/dataset"
)

// env is what a command gets from outside.
type env struct {
	ctx            context.Context
	stdin          io.Reader
	stdout, stderr io.Writer
	version        string
}

// grammar is the command line.
type grammar struct {
	Serve       serveCommand       `cmd:"" help:"Serve datasets over HTTP."`
	Load        loadCommand        `cmd:"" help:"Load a file into a node, in place of what a dataset holds."`
	Get         getCommand         `cmd:"" help:"Print one record, or all of them as a JSON list."`
	Query       queryCommand       `cmd:"" help:"Print the records that a question is about: a filter, an order, a place, a format."`
	Keys        keysCommand        `cmd:"" help:"List the keys in Redis, or with --records the ids of a dataset's records."`
	Delete      deleteCommand      `cmd:"" help:"Delete one record, or with --all a whole dataset."`
	Backup      backupCommand      `cmd:"" help:"Write one version of a dataset to a file."`
	Restore     restoreCommand     `cmd:"" help:"Put a backup in the place of a dataset."`
	RedisServer redisServerCommand `cmd:"" name:"redis-server" help:"Run the embedded engine alone: a Redis for one machine, with redis-server's own words."`
	Sample      sampleCommand      `cmd:"" help:"Write generated landings in the shape of NASA's, for demonstrations and benchmarks."`
	Completion  completionCommand  `cmd:"" help:"Print a completion script for a shell."`
	Version     versionCommand     `cmd:"" help:"Print the version."`
}

const description = `Landings publishes a dataset as a live, durable HTTP API, kept in Redis.

Exit codes: 0 done, 1 internal error, 2 wrong usage or bad data, 3 not found, 4 conflict or failed
precondition, 5 not available (nothing was changed), 6 not allowed, 7 the outcome of a write is unknown,
8 committed but not as safe as asked, 130 interrupted.`

// Run runs the command that args (without the program's name) say and gives the
// exit code. It ends early when ctx does.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, version string) int {
	var g grammar
	e := &env{ctx: ctx, stdin: stdin, stdout: stdout, stderr: stderr, version: version}
	exit := -1
	parser, err := kong.New(&g,
		kong.Name("landings"),
		kong.Description(description),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exit = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.ValueFormatter(withDefault),
		kong.PostBuild(bindVariables),
		kong.Bind(e),
		kong.Vars{"config": defaultConfig},
	)
	if err != nil {
		fmt.Fprintln(stderr, "landings:", err)
		return dataset.Codes[dataset.Internal].Exit
	}
	switch {
	case len(args) == 0:
		args = []string{"--help"}
	case args[0] == "help": // as other programs have it: help COMMAND
		args = append(args[1:len(args):len(args)], "--help")
	}
	c, err := parser.Parse(joinNegative(args))
	if exit >= 0 { // --help has been printed
		return exit
	}
	if err != nil {
		fmt.Fprintf(stderr, "landings: %v\n", err)
		if unknown, ok := strings.CutPrefix(err.Error(), "unknown flag "); ok && negative(unknown) {
			fmt.Fprintln(stderr, "An id that begins with - goes last, after --, as in: landings get -- -1")
		}
		fmt.Fprintln(stderr, "Try: landings --help")
		return dataset.Codes[dataset.Invalid].Exit
	}
	if err := c.Run(e); err != nil {
		return e.fail(err)
	}
	return max(exit, 0)
}

// withDefault gives the help of a flag or an argument with its default value, which kong shows
// only in the place of a word that says what the value is.
func withDefault(v *kong.Value) string {
	if v.Flag == nil || v.Flag.PlaceHolder == "" || v.Default == "" {
		return kong.DefaultHelpValueFormatter(v)
	}
	notes := "default: " + v.Default
	for _, name := range v.Tag.Envs {
		notes += ", $" + name
	}
	return strings.TrimSuffix(v.Help, ".") + " (" + notes + ")."
}

// joinNegative joins a flag and a negative number after it, as in --limit -1, with a =,
// without which kong takes the number for a flag. No flag of ours is called by a digit;
// redis-server's words are not ours.
func joinNegative(args []string) []string {
	if args[0] == "redis-server" {
		return args
	}
	var joined []string
	for i, arg := range args {
		if arg == "--" {
			return append(joined, args[i:]...)
		}
		if last := len(joined) - 1; last >= 0 && negative(arg) && strings.HasPrefix(joined[last], "--") && !strings.Contains(joined[last], "=") {
			joined[last] += "=" + arg
			continue
		}
		joined = append(joined, arg)
	}
	return joined
}

// negative says whether an argument begins like a negative number.
func negative(arg string) bool {
	return len(arg) > 1 && arg[0] == '-' && (arg[1] >= '0' && arg[1] <= '9' || arg[1] == '.')
}

// bindVariables gives LANDINGS_* variables to what belongs to a machine and not to one
// command line: the settings of serve, and for every other command the address of the
// node and the token. One that is empty counts as not set, for that is what Compose
// makes of ${NAME:-}.
func bindVariables(k *kong.Kong) error {
	for _, command := range k.Model.Children {
		for _, flag := range command.Flags {
			name := "LANDINGS_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
			value, set := os.LookupEnv(name)
			if set && value == "" || command.Name != "serve" && flag.Name != "to" && flag.Name != "token" {
				continue
			}
			flag.Envs = []string{name}
			flag.Tag.Envs = flag.Envs
		}
	}
	return nil
}

// fail prints an error and gives its exit code.
func (e *env) fail(err error) int {
	if e.ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return 130 // as shells do after Ctrl-C
	}
	code := dataset.CodeOf(err)
	text := err.Error()
	if known, ok := errors.AsType[*dataset.Error](err); ok {
		text = known.Error()
	}
	fmt.Fprintln(e.stderr, "landings:", strings.TrimPrefix(text, "landings: "))
	return dataset.Codes[code].Exit
}

func hostname() string {
	if name, err := os.Hostname(); err == nil {
		return name
	}
	return ""
}

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run(e *env) error {
	_, err := fmt.Fprintln(e.stdout, "landings", e.version)
	return err
}
