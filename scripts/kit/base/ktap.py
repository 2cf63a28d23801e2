"""Reads what run_kselftest.sh prints: KTAP as Documentation/dev-tools/ktap.rst defines it,
nested by "# ".

The frames of 6.1 to 7.3 differ in details: a header and plan that may be absent, skips without a
name (6.1), kernel messages between the lines. An exit status says nothing; the lines do.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from . import host, serial

Status = Literal["pass", "fail", "skip", "error"]


@dataclass(frozen=True)
class Case:
    """One test case. `program` is without its _32, which is in `abi` ("64" or "32")."""

    program: str
    abi: str
    name: str                 # fixture.variant.test
    status: Status            # error: it should have run and gave no result
    reason: str = ""          # one line: why it failed, was skipped or is missing
    seconds: float | None = None
    note: str = ""            # from nic: who segmented the sends, how many were not copied


NOTHING = ("no line of it is in the log; run_kselftest.sh writes them elsewhere with -s or -p: "
           "run it without")
NO_32 = f"{host.NO_32_BIT}: boot one with CONFIG_IA32_EMULATION (or its like), and ia32_emulation=1"
NIC = "nic"                            # the program that sends through a NIC
SHORT_SEND = "short_send"              # the program that is about two defects
NOT_ZERO_COPY = "not-zero-copy"        # what its fixture zero_copy is about

_HEADER = re.compile(r"# selftests: (\S+): (\S+)$")
_PROGRAM = re.compile(r"^(not ok|ok) \d+ selftests: (\S+): (\S+)(?:\s+#?\s*(.*))?$")
_RUN = re.compile(r"^#\s+RUN\s+(\S+) \.\.\.")
_PLAN = re.compile(r"^1\.\.(\d+)")
_RESULT = re.compile(r"^(not ok|ok) (\d+)\b[ -]*(.*)$")
_COMMENT = re.compile(r"(?:^|\s)#\s*(?:(SKIP|XFAIL|XPASS|TIMEOUT)\b\s*)?(.*)$", re.I)
_CHATTER = re.compile(
    r"^#?\s*(OK|FAIL|SKIP|RUN|PASSED:|FAILED:|Starting|Totals:)(\s|$)|^TAP version|^\S*: Test "
    r"(failed|terminated)")
_EXPECTED = re.compile(r":\d+:\w+:Expected ")
# What shells say of a program that the kernel does not take for one
_NO_PROGRAM = re.compile(r"[Ss]yntax error: |Exec format error|cannot execute binary")


def split_abi(program: str) -> tuple[str, str]:
    """("late_read", "32") for late_read_32, ("late_read", "64") for late_read;
    a script is named without its .sh."""
    program = program.removesuffix(".sh")
    return (program[:-3], "32") if program.endswith("_32") else (program, "64")


def subject(program: str, name: str) -> str:
    """What a case is about, "late-read": its program's name;
    its fixture's where that has several."""
    word = name.partition(".")[0] if program in (NIC, SHORT_SEND) else program
    return NOT_ZERO_COPY if program == NIC and word == "zero_copy" else word.replace("_", "-")


def started(line: str) -> str:
    """The program that a line says is started, with its _32; "" for any other line."""
    header = _HEADER.match(line)
    return header[2] if header else ""


def parse(lines: Iterable[str | tuple[float, str]], expected: Sequence[str] = ()) -> list[Case]:
    """The cases in a log, in order; lines may come with the second at which they were seen.

    `expected` names programs that should be there: a missing one is an error. Without names it is
    the log's own plan that counts them. A program that ends before its plan is an error for the
    rest of the plan.
    """
    cases: list[Case] = []
    current: _Program | None = None
    seen: list[str] = []
    planned = 0
    for second, line in serial.tidy(lines):
        header = _HEADER.search(line)
        ended = _PROGRAM.search(line)
        if header and not ended:
            if current:
                cases += current.finish("another program began before it ended")
            current = _Program(header[2], second)
            seen.append(header[2])
        elif ended:
            if not current or current.name != ended[3]:
                cases += current.finish("another program's result came first") if current else []
                current = _Program(ended[3], second)
                seen.append(ended[3])
            cases += current.finish(ended[4] or "", ended[1] == "ok")
            current = None
        elif plan := re.fullmatch(r"1\.\.(\d+)", line):
            planned = int(plan[1])
        elif current:
            current.line(line[2:] if line.startswith("# ") else line, second)
    if current:
        cases += current.finish("the log ends here")
    for program in expected:
        if program not in seen:
            name, abi = split_abi(program)
            cases.append(Case(name, abi, name, "error", "never started"))
    for number in range(len(seen) + 1, 0 if expected else planned + 1):
        cases.append(Case("run_kselftest", "64", f"program {number}", "error", "never started"))
    return cases


class _Program:
    def __init__(self, name: str, second: float | None) -> None:
        self.name = name
        self._short, self._abi = split_abi(name)
        self._plan = 0
        self._running = ""
        self._notes: list[str] = []
        self._cases: list[Case] = []
        self._since = second

    def line(self, text: str, second: float | None) -> None:
        plan, run, result = _PLAN.match(text), _RUN.match(text), _RESULT.match(text)
        if plan:
            self._plan = int(plan[1])
        elif run:
            self._running, self._notes = run[1], []
            self._since = second
        elif result:
            self._result(result[1] == "ok", result[2], result[3], second)
        else:
            self._notes.append(text)

    def _result(self, good: bool, number: str, rest: str, second: float | None) -> None:
        comment = _COMMENT.search(rest)
        word, said = ((comment[1] or "").upper() if comment else "",
                      comment[2].strip() if comment else "")
        name = (rest[:comment.start()] if comment else rest).strip()
        # something else got into the line
        if self._running and not re.fullmatch(r"[\w.-]+", name, re.A):
            name = self._running
        name = name or f"case {number}"
        status: Status = "pass" if good else "fail"
        reason = "" if good else _telling(self._notes, subject(self._short, name)) or said
        failed = [note for note in self._notes if _EXPECTED.search(note)]
        if word == "SKIP":
            status, reason = "skip", said or _skip_note(self._notes) or "no reason given"
        elif word == "XFAIL":
            status, reason = "pass", f"expected to fail: {said}"
        if failed and (word == "SKIP" or not good and said):
            # The harness forgets a failure when a SKIP follows it; one behind a SKIP is a not ok
            # with the SKIP's reason
            order = "failed, then skipped" if word else "skipped, then failed"
            status, reason = "fail", f"{order}: {_clean(failed[0])}"
        took = second - self._since if second is not None and self._since is not None else None
        self._cases.append(Case(self._short, self._abi, name, status, reason,
                                round(took, 3) if took is not None else None, _note(self._notes)))
        self._running, self._notes, self._since = "", [], second

    def finish(self, word: str, good: bool = False) -> list[Case]:
        """The program's cases; `word` is the text after the # of its line, or why it has none."""
        last = _telling(self._notes, subject(self._short, self._running))
        if not self._plan and not self._cases:
            status: Status = "skip" if good and word.upper().startswith("SKIP") else "error"
            why = last or word or "ran no test case"
            if not self._notes and re.match(r"$|exit=", word):
                why = f"{NOTHING} ({word})" if word else NOTHING
            if self._abi == "32" and any(map(_NO_PROGRAM.search, self._notes)):
                status, why = "skip", NO_32
            return [Case(self._short, self._abi, self._short, status, why)]
        for number in range(len(self._cases) + 1, self._plan + 1):
            name = self._running or f"case {number} of {self._plan}"
            why = f"no result: {word or 'the program ended early'}" + (
                f"; last words: {last}" if last else "")
            self._cases.append(Case(self._short, self._abi, name, "error", why))
            self._running = ""
        if not good and all(case.status in ("pass", "skip") for case in self._cases):
            self._cases.append(Case(self._short, self._abi, self._short, "error",
                                    f"all cases passed, the program did not: {word or 'not ok'}"))
        return self._cases


def _clean(note: str) -> str:
    return re.sub(r"^[#\s]+", "", note).strip()


def _note(notes: Sequence[str]) -> str:
    said = [_clean(note).removeprefix("nic: ") for note in notes
            if _clean(note).startswith("nic: ")]
    return said[-1] if said else ""


def _skip_note(notes: Sequence[str]) -> str:
    found = [re.sub(r"^#\s+SKIP\s+", "", note) for note in notes if re.match(r"^#\s+SKIP\s+", note)]
    return found[-1] if found else ""


def _telling(notes: Sequence[str], about: str) -> str:
    """The most telling note: one that starts with the defect's name, else the first but chatter."""
    clean = [_clean(note) for note in notes if _clean(note) and not _CHATTER.match(note)
             and not _CHATTER.match(_clean(note))]
    named = [note for note in clean if note.startswith(f"{about}:")]
    plain = [note for note in clean if not re.match(r"\S+\.c:\d+:", note)]
    return (named or plain or clean or [""])[0]
