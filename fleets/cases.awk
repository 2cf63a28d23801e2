# SPDX-License-Identifier: GPL-2.0
# Reads what run_kselftest.sh prints and gives a line for each case: "case", program.fixture.variant.test, its
# outcome (pass, fail, skip, or error for one that should have run and gave no result), the reason.
# It needs nothing but an awk, so that a target can do it. With -v echo=1 it prints what it reads as well.
# The rules are those of scripts/kit/ktap.py.

BEGIN { kernel = "^(# )*(<[0-9]+>)?\\[ *[0-9]+\\.[0-9][0-9][0-9][0-9][0-9][0-9]\\]" }

function say(name, outcome, reason) {
	gsub(/[ \t]+/, " ", reason)
	gsub(/[^A-Za-z0-9_.-]/, "_", name)
	print "case " short "." (name == "" ? bare : name) " " outcome (reason == "" ? "" : " " reason)
	fflush()
	cases++
	bad += outcome == "fail" || outcome == "error"
}

# The program's end: good when its own line says ok, `why` is what that line says more. What its plan has
# and the log has not is an error.
function finish(good, why) {
	if (!plan && !cases)
		say("", good && why ~ /^SKIP/ ? "skip" : "error", why == "" ? "ran no test case" : why)
	while (cases < plan) {
		say(running != "" ? running : "case " cases + 1 " of " plan, "error",
		    "no result: " (why == "" ? "the program ended early" : why))
		running = ""
	}
	if (!good && !bad)
		say("", "error", "all cases passed, the program did not: " (why == "" ? "not ok" : why))
	program = ""
}

function begin(name) {
	if (program != "")
		finish(0, "another program began before it ended")
	program = short = name
	sub(/\.sh$/, "", short)
	bare = short
	sub(/_32$/, "", bare)
	started++
	plan = cases = bad = expected = 0
	running = note = ""
}

{
	if (echo) {
		print
		fflush()
	}
	sub(/\r$/, "")
}

# A message of the kernel can stand before a line of ours
$0 ~ kernel {
	if (!match($0, /# selftests: |# (not )?ok [0-9]+ |(not )?ok [0-9]+ selftests: /))
		next
	$0 = substr($0, RSTART)
}

/^1\.\.[0-9]+$/ { programs = substr($0, 4) + 0; next }

/# selftests: [^ ]+: [^ ]+$/ { begin($NF); next }

/^(not )?ok [0-9]+ selftests: [^ ]+: [^ ]+/ {
	good = /^ok/
	why = $0
	sub(/^(not )?ok [0-9]+ selftests: [^ ]+: /, "", why)
	name = why
	sub(/ .*/, "", name)
	sub(/^[^ ]+ *#? */, "", why)
	if (program != name)
		begin(name)
	finish(good, why)
	next
}

program == "" { next }

{ sub(/^# /, "") }

/^1\.\.[0-9]+/ { plan = substr($0, 4) + 0; next }

/^# +RUN +[^ ]+ \.\.\./ { running = $3; note = ""; expected = 0; next }

/^(not )?ok [0-9]+/ {
	outcome = /^ok/ ? "pass" : "fail"
	reason = outcome == "pass" ? "" : note
	name = $0
	sub(/^(not )?ok [0-9]+[ -]*/, "", name)
	if (match(name, /(^| )# *(SKIP|XFAIL|TIMEOUT)/)) {
		word = substr(name, RSTART)
		name = substr(name, 1, RSTART - 1)
		if (word ~ /^ *# *SKIP/) {
			outcome = expected ? "fail" : "skip"
			reason = word
			sub(/^ *# *SKIP */, expected ? "failed, then skipped: " : "", reason)
		} else if (word ~ /^ *# *XFAIL/) {
			outcome = "pass"
		}
	}
	sub(/ +$/, "", name)
	say(name != "" ? name : running != "" ? running : "case " cases + 1, outcome, reason)
	running = note = ""
	expected = 0
	next
}

/:[0-9]+:[A-Za-z0-9_]+:Expected / { expected = 1 }

/^# [a-z-]+: / && note == "" { note = substr($0, 3) }

END {
	if (program != "")
		finish(0, "the log ends here")
	for (; started < programs; started++) {
		short = "run_kselftest"
		say("program " started + 1, "error", "never started")
	}
}
