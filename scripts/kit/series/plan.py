"""Which patches a tree lacks, tried out on copies of its files before the tree is touched."""

from collections.abc import Collection
from dataclasses import dataclass

from . import applied, diagnosis, patch, reject
from ..base.error import Failure
from .patch import Branch, Patch
from .tree import Scratch, Tree, scratch


@dataclass(frozen=True)
class Step:
    """One patch to apply; `merge` when its context differs and only a 3-way merge gets it there."""

    patch: Patch
    merge: bool


class Stuck(Failure):
    """A fix that the tree lacks has no patch that applies;
    `report` says what is in the way, over many lines."""

    def __init__(self, said: str, report: str) -> None:
        super().__init__(said)
        self.report = report


def lacking(tree: Tree, only: Collection[str] = (), selftest: bool = True,
            coded: Collection[str] | None = None) -> list[str]:
    """The slugs of what a tree lacks, in the order of its series.

    `coded` is read_from_code(tree), where it is at hand. Raises Unusable when it cannot be told.
    """
    branches = patch.near(tree.version)
    coded = read_from_code(tree) if coded is None else coded
    with scratch(tree) as copies:
        missing = set(copies.lacks())
        states = applied.states(copies, branches[0].tip, coded)
    missing |= {state.patch.slug for state in states if state.word != applied.IN}
    if selftest and not (tree.home / "tools/testing/selftests/io_uring").is_dir():
        missing.add(patch.SELFTEST)
        missing.add(patch.TARGETS)
    if patch.TARGETS not in (one.slug for one in branches[0].tip):
        missing.discard(patch.TARGETS)
    return [slug for slug in offered(tree) if slug in missing and (not only or slug in only)]


def read_from_code(tree: Tree) -> frozenset[str]:
    """The slugs of which the code of a tree itself says whether it lacks them.

    Raises what diagnose() raises.
    """
    return frozenset(finding.slug for finding in diagnosis.diagnose(tree.home))


def own_branch(tree: Tree) -> Branch | None:
    """The folder that is made for the branch of a tree; None where there is none."""
    return next((branch for branch in patch.branches() if tree.version and
                 branch.name == f"linux-{tree.version.branch}.y"), None)


def offered(tree: Tree) -> list[str]:
    """The slugs that there is a patch of for a tree, in order."""
    own = own_branch(tree)
    return list(dict.fromkeys(one.slug for branch in ([own] if own else patch.near(tree.version))
                              for one in branch.all()))


def unoffered(tree: Tree, steps: Collection[Step]) -> list[str]:
    """What a tree still lacks after plan(): there is no patch, and the cover letter says why."""
    with scratch(tree) as copies:
        for step in steps:
            copies.apply(step.patch, step.merge)
        return list(copies.lacks())


def plan(tree: Tree, only: Collection[str] = (), selftest: bool = True) -> list[Step]:
    """The patches that give a tree what it lacks, in order; empty when it lacks nothing.

    Each was applied to copies of the tree's files, and the code was read again after it: the defect
    is gone and no other came. Raises Stuck when one does not apply, Unusable when it cannot be told
    what is lacking.
    """
    coded = read_from_code(tree)
    wanted = lacking(tree, only, selftest, coded)
    steps: list[Step] = []
    with scratch(tree) as copies:
        for slug in wanted:
            if slug in coded and slug not in copies.lacks():
                continue               # an earlier patch made it unnecessary
            candidates = [one for branch in patch.near(tree.version)
                          for one in (*branch.all(), *branch.older) if one.slug == slug]
            step = _fitting(copies, candidates, coded)
            if not step:
                raise Stuck(f"{tree.home}: no patch for {slug} applies; nothing was changed",
                            reject.report(candidates[0], copies, tree,
                                          [each.patch for each in steps]))
            steps.append(step)
    return steps


def _fitting(copies: Scratch, candidates: Collection[Patch], coded: Collection[str]) -> Step | None:
    """Applies the first candidate that fits, for which no other defect comes, and gives it."""
    before = set(copies.lacks())
    for merge in (False, True):
        for one in candidates:
            if not copies.apply(one, merge):
                continue
            after = set(copies.lacks())
            gone = (one.slug not in after and after < before if one.slug in coded
                    else after <= before)
            if one.slug in patch.EXTRA or gone:
                return Step(one, merge)
            copies.undo()
    return None


def carry_out(tree: Tree, steps: Collection[Step]) -> None:
    """Applies what plan() found, all or nothing: git am where there is git,
    else the changed files in one go."""
    if tree.git:
        tree.am([step.patch for step in steps], any(step.merge for step in steps))
        return
    with scratch(tree) as copies:
        for step in steps:
            if not copies.apply(step.patch, step.merge):
                raise Failure(f"{tree.home}: changed while it was looked at; nothing was done")
        tree.put(copies.changed())
