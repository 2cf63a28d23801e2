"""Which patches a tree lacks, tried out on copies of its files before the tree is touched."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from . import applied, compiled, diagnosis, order, patch, reject, status
from ..base import version
from ..base.error import Failure
from .compiled import Verdict
from .order import Slot
from .patch import Branch, Patch
from .status import Row
from .tree import Scratch, Tree, scratch


@dataclass(frozen=True)
class Step:
    """One patch to apply; `merge` when its context differs and only a 3-way merge gets it there."""

    patch: Patch
    merge: bool


@dataclass(frozen=True)
class Plan:
    """What fits a tree, and what is left then."""

    steps: tuple[Step, ...]
    reports: dict[str, str]            # slug -> what is in the way, over many lines
    compiled: str                      # what was compiled, or why nothing was
    rows: tuple[Row, ...]              # status once the steps are done


def look(tree: Tree, only: Collection[str] = (), selftest: bool = True,
         compile_it: bool = True) -> Plan:
    """The patches that give a tree what it lacks, in the one order, and what no patch fits.

    Each was applied to copies of the tree's files, and the code was read again after it: the
    defect is gone and no other came, and it still compiles. What does not fit or compile holds
    back nothing. Raises Unusable when it cannot be told what is lacking.
    """
    slots, bad = order.slots(tree.version), dict[str, str]()
    with scratch(tree) as copies:
        steps = _steps(tree, copies, slots, only, selftest)
        said = _compiled(tree, steps) if compile_it else Verdict("not compiled: not asked to")
        while said.bad:
            # Another form may do without what is not there; others may have been built on what goes
            copies.back()
            gone = {step.patch for step in steps if step.patch.slug in said.bad}
            slots = [replace(slot, forms=tuple(one for one in slot.forms if one not in gone))
                     for slot in slots]
            steps = _steps(tree, copies, slots, only, selftest)
            bad |= said.bad
            said = _compiled(tree, steps)
        rows = tuple(status.rows_of(copies, tree.version))
        left = {row.fix for row in rows if (row.missing and row.fix in only if only
                                            else row.word == applied.MISSING)}
        reports = {slot.slug: reject.report(slot.forms, copies, tree)
                   for slot in slots if slot.slug in left and slot.forms}
        reports |= {slug: f"{slug} fits and does not compile here: {line}\n"
                    for slug, line in bad.items() if slug in left}
    return Plan(tuple(steps), reports, said.how, rows)


def _compiled(tree: Tree, steps: Sequence[Step]) -> Verdict:
    return compiled.check(tree, [step.patch for step in steps
                                 if step.patch.slug not in patch.EXTRA])


def plan(tree: Tree, only: Collection[str] = (), selftest: bool = True) -> list[Step]:
    """The patches that fit, as look() has them; empty when the tree lacks nothing."""
    slots = order.slots(tree.version)
    with scratch(tree) as copies:
        return _steps(tree, copies, slots, only, selftest)


def read_from_code(tree: Tree) -> frozenset[str]:
    """The slugs of which the code of a tree itself says whether it lacks them. Raises what
    diagnose() raises."""
    return frozenset(finding.slug for finding in diagnosis.diagnose(tree.home))


def own_branch(tree: Tree) -> Branch | None:
    """The folder that is made for the branch of a tree; None where there is none."""
    return next((branch for branch in patch.branches() if tree.version and
                 branch.name == f"linux-{tree.version.branch}.y"), None)


def unoffered(tree: Tree, steps: Collection[Step]) -> list[str]:
    """What a tree still lacks of the fixes for control after plan(): there is no patch, and the
    letter says why."""
    with scratch(tree) as copies:
        for step in steps:
            copies.apply(step.patch, step.merge)
        return list(copies.lacks())


def _steps(tree: Tree, copies: Scratch, slots: Sequence[Slot], only: Collection[str],
           selftest: bool) -> list[Step]:
    """Applies what is lacking and fits, and gives it."""
    steps: list[Step] = []
    present = {each.slot.slug for each in applied.tried(copies, slots) if each.out}
    for slot in [*_series(tree, slots), *slots]:
        done = slot.slug in present or any(step.patch.slug == slot.slug for step in steps)
        if done or only and slot.slug not in only:
            continue
        if slot.slug in patch.EXTRA:
            there = (tree.home / "tools/testing/selftests/io_uring").exists()
            # What makes it part of the whole is for mainline alone
            one = slot.tip or (slot.forms[0] if slot.slug == patch.SELFTEST else None)
            if selftest and not there and one and copies.apply(one):
                steps.append(Step(one, False))
            continue
        # What the code is read for and does not lack is in, or an earlier patch stands for it
        if copies.read().get(slot.slug) is not False and (step := _fitting(copies, slot, tree.git)):
            steps.append(step)
    return _without_parts(copies, steps, present)


def _series(tree: Tree, slots: Sequence[Slot]) -> list[Slot]:
    """The release that a branch's series is made for, and later ones, take that first: they need
    none of what older releases take in front of it."""
    own = own_branch(tree)
    if not own or not tree.version or tree.version < version.parse(own.base):
        return []
    return [replace(slot, forms=(slot.tip,)) for slot in slots
            if slot.slug not in patch.EXTRA and slot.tip in slot.forms]


def _without_parts(copies: Scratch, steps: Sequence[Step], present: Collection[str]) -> list[Step]:
    """The steps without those that are there for a fix that did not fit."""
    there = {*present, *(step.patch.slug for step in steps)}
    wholes = [slug for slug in order.slugs() if slug not in patch.EXTRA]
    idle = [step for step in steps
            if any(order.is_part(step.patch.slug, whole) and whole not in there
                   for whole in wholes)]
    for step in idle:
        copies.apply(step.patch, reverse=True)
    return [step for step in steps if step not in idle]


def _fitting(copies: Scratch, slot: Slot, merges: bool) -> Step | None:
    """Applies the first form that fits, after which the defect is gone and no other came."""
    before = copies.read()
    for merge in (False, True) if merges else (False,):
        for one in slot.forms:
            if not copies.apply(one, merge):
                continue
            after = copies.read()
            new = {slug for slug, lacks in after.items() if lacks and not before.get(slug)}
            # Upstream's own fix for repeated-control brings cut-control, which comes later
            if not after.get(slot.slug) and not new - {"cut-control"}:
                return Step(one, merge)
            copies.undo()
    return None


def carry_out(tree: Tree, steps: Collection[Step]) -> None:
    """Applies what plan() found, all or nothing: git am where there is git, else the changed files
    in one go."""
    if tree.git:
        tree.am([step.patch for step in steps], any(step.merge for step in steps))
        return
    with scratch(tree) as copies:
        for step in steps:
            if not copies.apply(step.patch, step.merge):
                raise Failure(f"{tree.home}: changed while it was looked at; nothing was done")
        tree.put(copies.changed())
