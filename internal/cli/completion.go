package cli

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help tells how the script is used.
func (completionCommand) Help() string {
	return `To use it:

    bash: source <(landings completion bash)
    zsh:  source <(landings completion zsh)
    fish: landings completion fish | source`
}

// Run prints a script that completes commands and flags, made from the grammar.
func (c completionCommand) Run(e *env, k *kong.Kong) error {
	var names []string
	flags := map[string][]string{}
	for _, command := range k.Model.Children {
		names = append(names, command.Name)
		for _, f := range command.Flags {
			flags[command.Name] = append(flags[command.Name], "--"+f.Name)
		}
	}
	var b strings.Builder
	if c.Shell == "fish" {
		fmt.Fprintf(&b, "complete -c landings -f -n __fish_use_subcommand -a %q\n", strings.Join(names, " "))
		for _, name := range names {
			for _, flag := range flags[name] {
				fmt.Fprintf(&b, "complete -c landings -n '__fish_seen_subcommand_from %s' -l %s\n", name, strings.TrimPrefix(flag, "--"))
			}
		}
		fmt.Fprintln(&b, "complete -c landings -n '__fish_seen_subcommand_from load' -F")
	} else {
		if c.Shell == "zsh" {
			fmt.Fprintln(&b, "autoload -U +X bashcompinit && bashcompinit")
		}
		fmt.Fprintln(&b, "_landings() {")
		fmt.Fprintln(&b, `  local word="${COMP_WORDS[COMP_CWORD]}" words=""`)
		fmt.Fprintf(&b, "  if [ \"$COMP_CWORD\" = 1 ]; then words=%q; else\n", strings.Join(names, " "))
		fmt.Fprintln(&b, `  case "${COMP_WORDS[1]}" in`)
		for _, name := range names {
			fmt.Fprintf(&b, "    %s) words=%q ;;\n", name, strings.Join(flags[name], " "))
		}
		fmt.Fprintln(&b, "  esac; fi")
		fmt.Fprintln(&b, `  case "$word" in -*|"") ;; *) [ "$COMP_CWORD" = 1 ] || words="" ;; esac`)
		fmt.Fprintln(&b, `  COMPREPLY=($(compgen -W "$words" -- "$word"))`)
		fmt.Fprintln(&b, "}")
		fmt.Fprintln(&b, "complete -o default -F _landings landings")
	}
	_, err := fmt.Fprint(e.stdout, b.String())
	return err
}
