"""The one order in which every tree takes its fixes, and the forms that there are of each.

A tree's version says which forms are tried first, and nothing else: a vendor puts the io_uring of
one release under the number of another.

Tested by test_plan.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from . import fixes, patch
from ..base.version import Version
from .patch import Patch


@dataclass(frozen=True)
class Slot:
    """A fix at its place in the order."""

    slug: str
    forms: tuple[Patch, ...]           # each different one, that of the nearest branch first
    offered: bool                      # its own branch has a patch, so it should have the fix
    tip: Patch | None                  # the form for the tip of its branch


def slugs() -> list[str]:
    """All slugs in order: upstream's own commits by age, mainline's series, then what only others
    have.

    The selftest comes last: it blocks nothing, and nothing blocks it.
    """
    branches = patch.branches()[::-1]
    there = {one.slug for branch in branches for one in (*branch.all(), *branch.older)}
    taken = {cause.slug: cause.mainline for defect in fixes.load().values()
             for cause in defect.causes if cause.commit and cause.mainline and cause.slug in there}
    found = sorted(taken, key=lambda slug: taken[slug])
    for branch in branches:
        for patches in (branch.all(), branch.older):
            place = len(taken)
            for one in patches:
                if one.slug not in found:
                    found.insert(place, one.slug)
                place = max(place, found.index(one.slug) + 1)
    return [slug for slug in found if slug not in patch.EXTRA] + [
        slug for slug in patch.EXTRA if slug in there]


def slots(version: Version | None) -> list[Slot]:
    """The fixes in order, with the forms of each, for a tree of this version."""
    branches = patch.near(version)
    every = [one for branch in branches for one in (*branch.all(), *branch.older)]
    # What a vendor's tree should have no branch says
    own = [branch for branch in branches[:1] if version and
           (branch.name == "mainline" or branch.number.branch == version.branch)]
    offered = {one.slug for branch in own for one in (*branch.all(), *branch.older)}
    tips = {one.slug: one for branch in own for one in branch.tip}
    return [Slot(slug, _different([one for one in every if one.slug == slug]), slug in offered,
                 tips.get(slug)) for slug in slugs()]


def _different(patches: Sequence[Patch]) -> tuple[Patch, ...]:
    found: dict[str, Patch] = {}
    for one in patches:
        found.setdefault(one.change, one)
    return tuple(found.values())


def is_part(slug: str, whole: str) -> bool:
    """Whether a patch is there for a fix that has a patch besides, as late-file-scm is for
    late-file."""
    causes = {cause.slug for defect in fixes.load().values() for cause in defect.causes}
    return slug.startswith(f"{whole}-") and slug not in causes


def touched() -> list[str]:
    """The files of a tree that a patch here changes, but for the selftest's."""
    return sorted({path for branch in patch.branches() for one in (*branch.all(), *branch.older)
                   if one.slug not in patch.EXTRA for path in one.paths})
