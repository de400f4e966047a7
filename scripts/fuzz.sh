#!/bin/sh
# Runs every fuzz target of the packages given, or of the module, for FUZZTIME,
# one after the other.
set -eu
for pkg in $(go list "${@:-./...}"); do
	for target in $(go test -list '^Fuzz' "$pkg" | grep '^Fuzz' || :); do
		minimize=60s # as go test has it
		case $target in
		FuzzRDB) minimize=20x ;; # its inputs are large: minimizing them would take all of the time
		FuzzPlanner) minimize=1x ;; # what it runs differs from time to time, for indexes are made beside it: so would this
		esac
		echo "== $pkg $target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-20s}" -fuzzminimizetime "$minimize" "$pkg"
	done
done
