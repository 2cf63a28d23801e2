"""The matrix: one row for each kernel, one column for each defect; reasons and commands beneath."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from .ktap import NOT_ZERO_COPY
from .result import DEFECTS, OTHER, CaseResult, KernelResult

COLUMNS = (*DEFECTS, NOT_ZERO_COPY, OTHER)
LOOPBACK = "lo"                        # what the column nic says of it
# Of several cases in a cell, the first of these is what the cell says.
_ORDER = ("error", "REGRESSION", "NEWLY FIXED", "known", "fail", "pass", "skip")


def text(results: Sequence[KernelResult]) -> str:
    """The matrix as a table of plain text, and what is behind each cell that is no pass."""
    nics = any(result.nic for result in results)
    columns = COLUMNS if nics else (*DEFECTS, OTHER)
    rows = [["kernel", "version", *(["nic"] if nics else []), *columns, "time"]]
    for result in results:
        rows.append([result.kernel, result.version, *([result.nic or LOOPBACK] if nics else []),
                     *(cell(result, column) for column in columns), f"{result.seconds:.0f} s"])
    details = [line for result in results for line in _details(result)]
    counts: dict[str, int] = {}
    for result in results:
        counts[result.outcome] = counts.get(result.outcome, 0) + 1
    summary = ", ".join(f"{number} {name}" for name, number in counts.items())
    surprises = sum(case.verdict in ("REGRESSION", "NEWLY FIXED", "error")
                    for result in results if result.outcome in ("passed", "failed") for case in result.cases)
    what = "runs" if nics else "kernels"
    end = f"{len(results)} {what}: {summary}; {surprises} cases that the table does not predict"
    return "\n".join([*aligned(rows), "", *details, end]) + "\n"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines in which the words of each column stand beneath one another."""
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    return ["  ".join(word.ljust(width) for word, width in zip(row, widths)).rstrip() for row in rows]


def as_json(results: Sequence[KernelResult]) -> str:
    """All results as one JSON list of what the results.json files hold."""
    return json.dumps([asdict(result) for result in results], indent=1) + "\n"


def cell(result: KernelResult, column: str) -> str:
    """What the matrix says of a kernel and a defect, such as "FAIL 32 (open)"."""
    states = {}
    for abi in ("64", "32"):
        cases = [case for case in result.cases if case.defect == column and case.abi == abi]
        if cases:
            states[abi] = _state(cases, result)
    if not states:
        return "-" if result.outcome in ("passed", "failed", "ran-nothing") else result.outcome
    words = set(states.values())
    if len(words) == 1:
        return words.pop()
    return ", ".join(_with_abi(word, abi) for abi, word in states.items() if word != "pass")


def _with_abi(word: str, abi: str) -> str:
    head, space, tail = word.partition(" (")
    return f"{head} {abi}{space}{tail}"


def deciding(cases: Sequence[CaseResult]) -> CaseResult:
    """The case that speaks for a cell; a control case that passes speaks only when no other ran."""
    def rank(case: CaseResult) -> tuple[int, int]:
        order = _ORDER.index(case.verdict)
        return (order + 2, 0) if case.reference and case.verdict == "pass" else (order, 0)
    return min(cases, key=rank)


def _state(cases: Sequence[CaseResult], result: KernelResult) -> str:
    case = deciding(cases)
    if case.verdict == "known":
        return f"FAIL ({case.because})"
    if case.verdict == "fail":
        return "FAIL"
    if case.verdict == "error" and result.outcome in ("panicked", "hung", "did-not-boot", "did-not-build"):
        return result.outcome
    return case.verdict


def _details(result: KernelResult) -> list[str]:
    lines = []
    if result.outcome not in ("passed", "failed"):
        lines += [f"  {result.outcome}: {result.reason}", f"    {result.command}"]
    if result.version == "unknown":
        lines.append("  its upstream version cannot be told: nothing is predicted")
    for column in COLUMNS:
        told: dict[str, CaseResult] = {}
        for abi in ("64", "32"):
            cases = [case for case in result.cases if case.defect == column and case.abi == abi]
            word = _state(cases, result) if cases else "pass"
            if word not in ("pass", result.outcome) and word not in told:
                case = told[word] = deciding(cases)
                same = sum(other.verdict == case.verdict for other in cases)
                lines += [f"  {_with_abi(word, abi)}: {case.test}, one of {same}",
                          f"    {case.reason or 'passes, though the table has no fix for it here'}",
                          f"    {case.command}"]
    if lines and result.nic_info:
        lines.insert(0, f"  {result.nic_info}")
    title = f"{result.kernel} {result.nic}".rstrip()
    return [title, *lines, ""] if lines else []
