#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# tmt: runs the selftest and writes a result for each case to $TMT_TEST_DATA/results.yaml; selftest.fmf has
# what BUNDLE and KNOWN are.
set -u
data=${TMT_TEST_DATA:?is a folder that tmt makes}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cases=$(dirname "$0")/../cases.awk
bundle=${BUNDLE-}

case $bundle in
http://* | https://*)
	curl -fsSL -o "$work/bundle" "$bundle" || exit 1
	bundle=$work/bundle
	;;
esac
if [ -n "$bundle" ]; then
	mkdir "$work/bundle.d" && tar -xf "$bundle" -C "$work/bundle.d" || exit 1
	found=$(find "$work/bundle.d" -name run_kselftest.sh | head -n 1)
	[ -n "$found" ] || { echo "$BUNDLE: has no run_kselftest.sh" >&2; exit 1; }
	set -- sh "$found" -c io_uring
else
	set -- io-uring-reissue-selftest
fi

# shellcheck disable=SC3045  # those of Fedora and Debian have it
ulimit -l unlimited 2>/dev/null
# Through a pipe: the runner opens /dev/stdout anew, which would empty a file
"$@" 2>&1 | cat >"$data/ktap.log"
awk -f "$cases" "$data/ktap.log" >"$data/cases.txt"
cat "$data/cases.txt"

awk -v known="${KNOWN-}" '
function result(name, outcome, note) {
	gsub(/\047/, "\047\047", note)
	gsub(/[^ -~]/, "?", note)
	printf "- name: /%s\n  result: %s\n", name, outcome
	if (note != "")
		printf "  note: [\047%s\047]\n", note
}
BEGIN {
	for (number = split(known, words); number; number--)
		awaited[words[number]] = 1
}
{
	outcome = $3
	program = $2
	sub(/\..*/, "", program)
	note = $0
	sub(/^[^ ]+ [^ ]+ [^ ]+ ?/, "", note)
	if (outcome == "fail" && program in awaited && $2 !~ /\.reference/) {
		outcome = "info"
		note = "known: " note
		shown[program] = 1
	}
	result($2, outcome, note)
	count[outcome]++
	tried += outcome == "pass" && $2 !~ /\.reference/
}
END {
	for (program in awaited)
		if (!(program in shown))
			absent = absent " " program
	outcome = count["error"] || !NR ? "error" : count["fail"] ? "fail" : absent != "" ? "warn" : \
		tried || count["info"] ? "pass" : "skip"	# control cases alone show nothing
	note = sprintf("%d pass, %d fail, %d known, %d skip, %d error", count["pass"], count["fail"], count["info"],
		       count["skip"], count["error"])
	if (!NR)
		note = "the selftest printed no case"
	if (absent != "")
		note = note "; known, and nothing of it failed:" absent
	result("", outcome, note)
	print "  log: [ktap.log, cases.txt]"
}' "$data/cases.txt" >"$data/results.yaml"
