"""Compares two runs: which cases got worse and which better, a line each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ..base import splat, version
from . import cure
from .result import FINISHED, CaseResult, KernelResult

Kind = Literal["worse", "better", "changed"]
KINDS: tuple[Kind, ...] = ("worse", "better", "changed")

_PASSED = ("pass", "NEWLY FIXED")
_BAD = ("fail", "REGRESSION")          # failures that nothing predicted
_FINISHED = (*FINISHED, "warned")      # of these the cases are compared, and what the kernel said
                                       # on its own
ABSENT = "absent"                      # was, or is, of a case that only one of the runs has


@dataclass(frozen=True)
class Change:
    """One case, or one kernel as a whole (`test` ""), that is not what it was."""

    kind: Kind
    kernel: str
    before: str                        # the kernel that it is compared with; often the same
    nic: str
    abi: str
    test: str
    was: str                           # a verdict or, of a kernel, an outcome
    now: str
    reason: str
    command: str

    @property
    def line(self) -> str:
        """The change as one line."""
        name = " ".join(filter(None,
                               (self.kernel, self.nic, self.abi and f"{self.abi} bit", self.test)))
        was = self.was + (f" ({self.before})" if self.before != self.kernel else "")
        reason = " ".join(self.reason.split())
        return (f"{self.kind}: {name}: was {was}, is {self.now}{': ' if reason else ''}{reason}; "
                f"{self.command}")


@dataclass
class Comparison:
    """What came of comparing: the changes, worse ones first, and how much there was to compare."""

    changes: list[Change] = field(default_factory=list)
    same: int = 0                      # cases
    # kernels (and NICs) that the other run does not have
    only_new: list[str] = field(default_factory=list)
    only_old: list[str] = field(default_factory=list)
    # KernelResult.folder, new -> the old result
    before: dict[str, KernelResult] = field(default_factory=dict)

    def count(self, kind: Kind) -> int:
        """How many changes are of a kind."""
        return sum(change.kind == kind for change in self.changes)

    @property
    def summary(self) -> str:
        """One line of figures."""
        figures = ", ".join(f"{self.count(kind)} {kind}" for kind in KINDS)
        alone = [f"only in {which}: {', '.join(names[:5])}"
                 + (f" and {len(names) - 5} more" if len(names) > 5 else "")
                 for which, names in (("the new run", self.only_new),
                                      ("the old run", self.only_old)) if names]
        return "; ".join(
            [f"{len(self.before)} compared: {figures}, {self.same} cases the same", *alone])

    @property
    def status(self) -> int:
        """The exit status: 1 when something got worse, 3 when there was nothing to compare."""
        return 1 if self.count("worse") else 0 if self.before else 3


def compare(new: Sequence[KernelResult], old: Sequence[KernelResult]) -> Comparison:
    """Compares two runs.

    A kernel is compared with the one of the same name through the same NIC; one that has none, with
    the only other of its branch, origin and flavour that has none either: an update of a package is
    seen so.
    """
    whole = Comparison(before=_pairs(new, old))
    for result in new:
        before = whole.before.get(result.folder)
        if before:
            changes = list(_kernel(result, before))
            if not changes or changes[0].kind != "worse":
                changes += _warned(result, before)
                changes += _cases(result, before, whole)
            whole.changes += changes
    used = {id(result) for result in whole.before.values()}
    whole.only_new = [result.folder for result in new if result.folder not in whole.before]
    whole.only_old = [result.folder for result in old if id(result) not in used]
    whole.changes.sort(key=lambda change: KINDS.index(change.kind))
    return whole


def text(whole: Comparison) -> Iterator[str]:
    """A line for each change, worse ones first, then one of figures."""
    for change in whole.changes:
        yield f"{change.line}\n"
    yield f"{whole.summary}\n"


def kind(was: str, now: str) -> Kind | None:
    """What a change of verdict means; None when there is none.

    Worse: it passed and does not; it fails and nothing predicts that; it gives no result where
    there was one. Better: it passes and did not; it gives a result where there was none.
    """
    if was == now:
        return None
    if now == ABSENT:
        return "changed"
    if now in _BAD:
        return "changed" if was in _BAD else "worse"
    if now == "error" or was in _PASSED and now not in _PASSED:
        return "worse"
    if now in _PASSED and was not in (*_PASSED, ABSENT) or was == "error":
        return "better"
    return "changed"


def _pairs(new: Sequence[KernelResult], old: Sequence[KernelResult]) -> dict[str, KernelResult]:
    named = {result.folder: result for result in old}
    found = {result.folder: named[result.folder] for result in new if result.folder in named}
    left_new: dict[tuple[str, ...], list[KernelResult]] = {}
    left_old: dict[tuple[str, ...], list[KernelResult]] = {}
    for results, left, gone in ((new, left_new, found.keys()), (old, left_old, found.keys())):
        for result in results:
            if result.folder not in gone and (family := _family(result)):
                left.setdefault(family, []).append(result)
    for family, mine in left_new.items():
        others = left_old.get(family, [])
        if len(mine) == len(others) == 1:
            found[mine[0].folder] = others[0]
    return found


def _family(result: KernelResult) -> tuple[str, ...]:
    try:
        branch = version.parse(result.version).branch
    except ValueError:
        return ()
    return branch, result.origin, str(result.kernel.endswith("-cloud")), result.nic


def _kernel(result: KernelResult, before: KernelResult) -> Iterator[Change]:
    """The change of a kernel as a whole, where one of the two did not come to its end."""
    was, now = before.outcome, result.outcome
    if was == now or was in _FINISHED and now in _FINISHED:
        return
    what: Kind = "better" if now in _FINISHED else "worse" if was in _FINISHED else "changed"
    if result.impossible:
        what = "changed"
    yield Change(what, result.kernel, before.kernel, result.nic, "", "", was, now,
                 "" if now in _FINISHED else result.reason, result.command)


def _warned(result: KernelResult, before: KernelResult) -> Iterator[Change]:
    """The change of what a kernel said, where it warned in one of the runs and did not,
    or not so, in the other."""
    known = set(splat.alike(before.warnings))
    new = [line for line in result.warnings if not known.issuperset(splat.alike([line]))]
    if new or before.warnings and not result.warnings:
        yield Change("worse" if new else "better", result.kernel, before.kernel, result.nic, "", "",
                     "warned" if before.warnings else before.outcome,
                     "warned" if new else result.outcome, new[0] if new else "", result.command)


def _cases(result: KernelResult, before: KernelResult, whole: Comparison) -> Iterator[Change]:
    old = {(case.program, case.abi, case.test): case for case in before.cases}
    for case in result.cases:
        other = old.pop((case.program, case.abi, case.test), None)
        was = other.verdict if other else ABSENT
        what = kind(was, case.verdict)
        if not what:
            whole.same += 1
        elif other or what == "worse":  # a test that is new and does what is predicted is no change
            yield _change(what, case, before.kernel, was, case.verdict)
    # Of a program that ran the name of a case is gone; one that did not run was not asked for
    ran = {(case.program, case.abi) for case in result.cases}
    for (program, abi, _), case in old.items():
        if (program, abi) in ran and case.verdict != "error":
            yield _change("changed", case, before.kernel, case.verdict, ABSENT)


def _change(what: Kind, case: CaseResult, before: str, was: str, now: str) -> Change:
    told = cure.told(case)
    reason = told.reason + (f"; commit: {told.commit}" if told.commit else "")
    return Change(what, case.kernel, before, case.nic, case.abi, case.test, was, now,
                  "" if now in ("pass", ABSENT) else reason, case.command)
