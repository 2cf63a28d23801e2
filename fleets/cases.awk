# SPDX-License-Identifier: GPL-2.0
# Reads what run_kselftest.sh prints and gives a line for each case: "case", program.fixture.variant.test, its
# outcome (pass, fail, skip, or error for one that should have run and gave no result), the reason.
# It needs nothing but an awk, so that a target can do it. With -v echo=1 it prints what it reads as well.
# The rules are those of scripts/kit/base/ktap.py, and of serial.py for what else gets into a log on its way.

BEGIN {
	escape = "\033\\[[0-9;?]*[A-Za-z]|\033[()][A-Z0-9]|\033[=>78cM]"
	stamp = "^(\\[?[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9][T ][0-9][0-9]:[0-9][0-9]:[0-9][0-9][^ ]* " \
		"|\\[ *[0-9]+\\.[0-9][0-9]?[0-9]?\\] )"
	month = "(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
	clock = "[0-9][0-9]:[0-9][0-9]:[0-9][0-9]"
	printk = "(<[0-9]+>)?\\[ *[0-9]+\\.[0-9][0-9][0-9][0-9][0-9][0-9]\\]( ?\\[ *[TC][0-9]+\\])? ?" \
		"|\\[[A-Z][a-z][a-z] " month " [ 1-3][0-9] " clock " [0-9][0-9][0-9][0-9]\\] ?" \
		"|^<[0-9]+>" \
		"|^" month " [ 0-3][0-9] " clock " [^ \t]+ [^ \t:]+: "
	ours = "^(# |#$|1\\.\\.[0-9]+$|TAP version |(not )?ok [0-9]+ )" \
		"|# selftests: |# (not )?ok [0-9]+ |# #  RUN |(not )?ok [0-9]+ selftests: "
	no_line = "no line of it is in the log; run_kselftest.sh writes them elsewhere with -s or -p: run it without"
	no_32 = "this kernel runs no 32-bit programs: boot one with CONFIG_IA32_EMULATION (or its like), and ia32_emulation=1"
}

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
	if (!plan && !cases) {
		if (no_program && short ~ /_32$/)
			say("", "skip", no_32)
		else if (!notes && why ~ /^($|exit=)/)
			say("", "error", no_line (why == "" ? "" : " (" why ")"))
		else
			say("", good && why ~ /^SKIP/ ? "skip" : "error", why == "" ? "ran no test case" : why)
	}
	while (cases < plan) {
		say(running != "" ? running : "case " cases + 1 " of " plan, "error",
		    "no result: " (why == "" ? "the program ended early" : why))
		running = ""
	}
	if (!good && !bad && !(no_program && !plan))
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
	plan = cases = bad = expected = notes = no_program = 0
	running = note = ""
}

# A result of the program: good when it begins with ok
function result(good, name,    outcome, reason, word, said) {
	outcome = good ? "pass" : "fail"
	reason = good ? "" : note
	word = said = ""
	if (match(name, /(^|[ \t])#[ \t]*/)) {
		said = substr(name, RSTART + RLENGTH)
		name = substr(name, 1, RSTART - 1)
		if (match(toupper(said), /^(SKIP|XFAIL|XPASS|TIMEOUT)([^A-Za-z0-9_]|$)/)) {
			word = toupper(said)
			sub(/[^A-Z].*/, "", word)
			said = substr(said, length(word) + 1)
			sub(/^[ \t]+/, "", said)
		}
	}
	if (word == "SKIP") {
		outcome = "skip"
		reason = said
	} else if (word == "XFAIL") {
		outcome = "pass"
	} else if (reason == "" && !good) {
		reason = said
	}
	# The harness forgets a failure when a SKIP follows it; one behind a SKIP is a not ok with the SKIP's reason
	if (expected && (word == "SKIP" || !good && said != "")) {
		outcome = "fail"
		reason = (word != "" ? "failed, then skipped: " : "skipped, then failed: ") said
	}
	sub(/^[ \t]+/, "", name)
	sub(/[ \t]+$/, "", name)
	if (running != "" && name !~ /^[A-Za-z0-9_.-]+$/)	# something else got into the line
		name = running
	say(name != "" ? name : "case " cases + 1, outcome, reason)
	running = note = ""
	expected = 0
}

# One line as it was written
function take(line,    good, why, name) {
	if (line ~ /^1\.\.[0-9]+$/) {
		programs = substr(line, 4) + 0
	} else if (line ~ /^(not )?ok [0-9]+ selftests: [^ ]+: [^ ]+/) {
		good = line ~ /^ok/
		why = line
		sub(/^(not )?ok [0-9]+ selftests: [^ ]+: /, "", why)
		name = why
		sub(/[ \t].*/, "", name)
		sub(/^[^ \t]+[ \t]*#?[ \t]*/, "", why)
		if (program != name)
			begin(name)
		finish(good, why)
	} else if (line ~ /# selftests: [^ ]+: [^ ]+$/) {
		name = line
		sub(/.* /, "", name)
		begin(name)
	} else if (program != "") {
		sub(/^# /, "", line)
		inner(line)
	}
}

# One line of the program
function inner(line,    name) {
	if (line ~ /^1\.\.[0-9]+/) {
		plan = substr(line, 4) + 0
	} else if (line ~ /^#[ \t]+RUN[ \t]+[^ \t]+ \.\.\./) {
		running = line
		sub(/^#[ \t]+RUN[ \t]+/, "", running)
		sub(/ .*/, "", running)
		note = ""
		expected = 0
	} else if (line ~ /^(not )?ok [0-9]+([^A-Za-z0-9_]|$)/) {
		name = line
		sub(/^(not )?ok [0-9]+[ -]*/, "", name)
		result(line ~ /^ok/, name)
	} else {
		notes++
		no_program = no_program || line ~ /[Ss]yntax error: |Exec format error|cannot execute binary/
		expected = expected || line ~ /:[0-9]+:[A-Za-z0-9_]+:Expected /
		if (line ~ /^# [a-z-]+: / && note == "")
			note = substr(line, 3)
	}
}

# Whether a text is the rest of a line that a message of the kernel cut, or a line of its own
function goes_on(cut, text) {
	if (text ~ /^# (SKIP|XFAIL|XPASS|TIMEOUT|exit=| )/ && cut ~ /^(# )?(not )?ok [0-9]+ [^#]* $/)
		return 1
	if (text ~ /^(1\.\.[0-9]+$|TAP version |#[ \t]+RUN )/)
		return cut ~ /^(# ?)+$/
	if (text ~ /^#/)
		return 0
	if (text ~ /^ok [0-9]+ selftests: /)
		return cut ~ /^not ?$/
	if (text ~ /^(not )?ok [0-9]+ /)
		return cut ~ /^(# ?)*(not ?)?$/ && text !~ /^not ok [0-9]+ selftests: /
	return !(latest != "" && cut ~ /^# (not )?ok [0-9]+ / && text !~ /^ / && \
		 substr(cut, length(cut) - length(latest)) == " " latest)
}

# A part of a line, and whether its end has been seen
function piece(text, ended) {
	if (cutting) {
		if (goes_on(cut, text))
			text = cut text
		else
			take(cut)
		cutting = 0
	}
	if (!ended) {
		cut = text
		cutting = 1
		return
	}
	if (text ~ /^# #[ \t]+RUN[ \t]+[^ \t]+ \.\.\.$/) {
		latest = text
		sub(/^# #[ \t]+RUN[ \t]+/, "", latest)
		sub(/ .*/, "", latest)
	}
	take(text)
}

# Where a second line of ours begins in a line whose end was not written, 0 for nowhere
function glued(line,    first, second) {
	first = match(line, /[^# \t][ \t]*(# (not )?ok [0-9]+ [A-Za-z0-9_]+\.|# #  RUN )/)
	second = match(line, /[^ \t](not )?ok [0-9]+ selftests: [^ ]+: [^ ]/)
	return first && (!second || first < second) ? first : second
}

{
	if (echo) {
		print
		fflush()
	}
	line = $0
	sub(/\r+$/, "", line)
	gsub(escape, "", line)
	sub(/\r+$/, "", line)
	while (match(line, stamp))
		line = substr(line, RLENGTH + 1)
	while (match(line, printk)) {
		rest = substr(line, RSTART + RLENGTH)
		if (RSTART > 1)
			piece(substr(line, 1, RSTART - 1), 0)
		if (!match(rest, ours))
			next
		line = substr(rest, RSTART)
	}
	while ((place = glued(line))) {
		piece(substr(line, 1, place), 1)
		line = substr(line, place + 1)
		sub(/^[ \t]+/, "", line)
	}
	piece(line, 1)
}

END {
	if (cutting)
		take(cut)
	if (program != "")
		finish(0, "the log ends here")
	for (; started < programs; started++) {
		short = "run_kselftest"
		say("program " started + 1, "error", "never started")
	}
}
