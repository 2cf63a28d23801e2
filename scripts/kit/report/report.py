"""The matrix: one row for each kernel, one column for each defect;
beneath, failures first, reasons and commands."""

import json
from collections.abc import Iterator, Sequence

from . import cure, excerpt
from ..base.ktap import NOT_ZERO_COPY
from ..base.markup import clean
from .grid import aligned as aligned, fitted
from .result import (
    BUFFERS, CONTROL, DEFECTS, FINISHED, ONLY_REFERENCES, OTHER, RECEIVES, SENDS, CaseResult,
    KernelResult)

ABOUT = (*DEFECTS, NOT_ZERO_COPY, OTHER)    # what cases are about, in the order of the details
# Columns of several defects, which the details tell apart
REPEATED = "repeated-control"
GROUPS = {"sends": (REPEATED, *SENDS), "receives": RECEIVES, "buffers": BUFFERS}
LOOPBACK = "lo"                        # what the column nic says of it
# Of several cases in a cell, the first of these is what the cell says.
_ORDER = ("error", "REGRESSION", "NEWLY FIXED", "known", "fail", "pass", "skip")
_SURPRISES = ("REGRESSION", "NEWLY FIXED", "error")


def text(results: Sequence[KernelResult], folder: str = "") -> str:
    """The matrix as a table of plain text, and what is behind each cell that is no pass.

    `folder` is the results folder as the user types it: logs are named by it.
    The first empty line ends the matrix.
    """
    nics = any(result.nic for result in results)
    warned = any(result.warnings for result in results)
    shown = columns(results)
    rows = [["kernel", "version", *(["nic"] if nics else []), *shown,
             *(["warned"] if warned else []), "time"]]
    for result in results:
        rows.append([result.kernel, result.version, *([result.nic or LOOPBACK] if nics else []),
                     *(cell(result, column) for column in shown),
                     *([complaint(result)] if warned else []), f"{result.seconds:.0f} s"])
    worst = sorted(results, key=lambda result: not result.surprising)
    details = [line for result in worst for line in _details(result, folder)]
    table = fitted(rows, range(2 + nics, len(rows[0]) - 1))
    return clean("\n".join([*table, "", *details, summary(results)]) + "\n")


def columns(results: Sequence[KernelResult]) -> tuple[str, ...]:
    """The columns that these results need: a table that can be read has one for several defects."""
    there = topics(results)
    others = set(there) - {REPEATED}
    grouped = [name for name, members in GROUPS.items() if not others.isdisjoint(members)]
    alone = [name for name in CONTROL if name != REPEATED or "sends" not in grouped]
    return (*alone, *grouped, *(about for about in there if about not in DEFECTS))


def topics(results: Sequence[KernelResult]) -> tuple[str, ...]:
    """What the cases of these results are about, in order; those of control always."""
    there = {case.defect for result in results for case in result.cases} | {*CONTROL, OTHER}
    nics = any(result.nic for result in results)
    return tuple(about for about in ABOUT if (nics if about == NOT_ZERO_COPY else about in there))


def summary(results: Sequence[KernelResult]) -> str:
    """A line of figures: outcomes, and how much of it the table does not predict."""
    counts: dict[str, int] = {}
    for result in results:
        counts[result.outcome] = counts.get(result.outcome, 0) + 1
    outcomes = ", ".join(f"{number} {name}" for name, number in counts.items())
    surprises = sum(case.verdict in _SURPRISES
                    for result in results if result.outcome in (*FINISHED, "warned")
                    for case in result.cases)
    what = counted(len(results), "run" if any(result.nic for result in results) else "kernel")
    warned = sum(bool(result.warnings) for result in results)
    return (f"{what}: {outcomes}; {counted(surprises, 'case')} that the table does not predict"
            + (f"; the kernel warned in {warned}" if warned else ""))


def counted(number: int, noun: str) -> str:
    """A number of things: 1 kernel, 2 kernels."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def complaint(result: KernelResult) -> str:
    """What the column `warned` says of a kernel: WARNED, ?
    where nobody could read what it said, else -."""
    return "WARNED" if result.warnings else "?" if result.unheard else "-"


def as_json(results: Sequence[KernelResult]) -> Iterator[str]:
    """All results as one JSON list of what the results.json files hold,
    a kernel a line; in pieces."""
    between = "[\n"
    for result in results:
        yield between + json.dumps({**vars(result), "cases": [vars(case) for case in result.cases]})
        between = ",\n"
    yield "\n]\n"


def cell(result: KernelResult, column: str) -> str:
    """What the matrix says of a kernel and a defect, such as "FAIL 32 (open)"."""
    states = {}
    for abi in ("64", "32"):
        cases = [case for case in result.cases
                 if case.defect in GROUPS.get(column, (column,)) and case.abi == abi]
        if cases:
            states[abi] = state(cases, result)
    if not states:
        return "-" if result.outcome in (*FINISHED, "warned", "ran-nothing") else result.outcome
    words = set(states.values())
    if len(words) == 1:
        return words.pop()
    return ", ".join(_with_abi(word, abi) for abi, word in states.items() if word != "pass")


def _with_abi(word: str, abi: str) -> str:
    head, space, tail = word.partition(" (")
    return f"{head} {abi}{space}{tail}"


def deciding(cases: Sequence[CaseResult]) -> CaseResult:
    """The case that speaks for a cell; a control case that passes speaks only
    when there is no other."""
    def rank(case: CaseResult) -> tuple[int, int]:
        order = _ORDER.index(case.verdict)
        return (order + 2, 0) if case.reference and case.verdict == "pass" else (order, 0)
    return min(cases, key=rank)


def state(cases: Sequence[CaseResult], result: KernelResult) -> str:
    """What a cell says of these cases, which are of one kernel, defect and ABI."""
    case = deciding(cases)
    if case.verdict == "known":
        return f"FAIL ({case.because})"
    if case.verdict == "fail":
        return "FAIL"
    if case.verdict == "pass" and case.reference and case.defect != OTHER:
        return "skip"                  # it says nothing of the defect
    if case.verdict == "error" and result.outcome in ("panicked", "hung", "did-not-boot",
                                                      "did-not-build"):
        return result.outcome
    return case.verdict


def _details(result: KernelResult, folder: str) -> list[str]:
    lines = []
    if result.outcome not in FINISHED:
        more = result.warnings[1:] if result.outcome == "warned" else []
        lines += [f"  {result.outcome}: {result.reason}", *(f"    {line}" for line in more),
                  *_log(folder, excerpt.log(result)), f"    {result.command}"]
    if result.outcome != "warned" and (told := [line for line in result.warnings
                                                if line != result.reason]):
        lines += ["  the kernel warned:", *(f"    {line}" for line in told),
                  *_log(folder, excerpt.console(result))]
    if result.unheard:
        lines.append(f"  whether the kernel warned is not known: {result.unheard}")
    if result.version == "unknown":
        lines.append("  its upstream version cannot be told: nothing is predicted")
    entries: list[tuple[int, list[str]]] = []
    for column in ABOUT:
        words: set[str] = set()
        for abi in ("64", "32"):
            cases = [case for case in result.cases if case.defect == column and case.abi == abi]
            word = state(cases, result) if cases else "pass"
            if word not in ("pass", result.outcome) and word not in words:
                words.add(word)
                case = deciding(cases)
                if result.outcome == "ran-nothing" and case.outcome != "error":
                    continue           # its reason stands above
                same = sum(other.verdict == case.verdict for other in cases)
                why = cure.told(case)
                rank = 0 if case.verdict in _SURPRISES else 2 if case.verdict == "skip" else 1
                entries.append((rank, [f"  {_with_abi(word, abi)}: {case.test}, one of {same}",
                                       f"    {why.reason or ONLY_REFERENCES}",
                                       *([f"    commit: {why.commit}"] if why.commit else []),
                                       *_log(folder, excerpt.log(result, case)),
                                       f"    {case.command}"]))
    lines += [line for _, entry in sorted(entries, key=lambda entry: entry[0]) for line in entry]
    if lines and result.origin != "running" and result.outcome not in ("did-not-build", "not-run"):
        lines.append(f"  by hand: {by_hand(result)}")
    if lines and result.nic_info:
        lines.insert(0, f"  {result.nic_info}")
    title = f"{result.kernel} {result.nic}".rstrip()
    return [title, *lines, ""] if lines else []


def by_hand(result: KernelResult) -> str:
    """The command that looks into the same guest."""
    command = result.command.replace(" run --live ", " run ", 1)
    return command.replace(" run ", " shell ", 1).replace(" --kernels ", " ", 1)


def _log(folder: str, name: str) -> list[str]:
    return [f"    log: {folder}/{name}"] if folder and name else []
