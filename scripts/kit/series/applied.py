"""Which patches of a series are in a tree: what comes out of it is, what goes in is not."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from . import fixes, patch, reissue
from ..base.version import Version
from .patch import Patch
from .tree import Scratch

IN, MISSING, UNKNOWN = "ok", "MISSING", "CANNOT TELL"


@dataclass(frozen=True)
class State:
    """What is known of one patch on a tree."""

    patch: Patch
    word: str                          # IN, MISSING or UNKNOWN
    why: str


def states(copies: Scratch, patches: Sequence[Patch], diagnosed: Collection[str]) -> list[State]:
    """The state of those patches of a series that diagnosis.py does not read, in order."""
    asked = [one for one in patches if one.slug not in patch.EXTRA]
    if all(one.slug in diagnosed for one in asked):
        return []
    return [state for state in tried(copies, asked) if state.patch.slug not in diagnosed]


def tried(copies: Scratch, patches: Sequence[Patch]) -> list[State]:
    """The state of each patch of a series: those that are in come out, the last one first.

    The copies of a tree's files are as they were afterwards.
    """
    seen = {slug for slug, _opcode in reissue.present(copies.home)}
    start = copies.mark()
    out = {one for one in reversed(patches) if copies.apply(one, reverse=True)}
    found = []
    for one in patches:
        # Once all are out there is nothing to find out by putting them in again
        fits = len(out) < len(patches) and copies.apply(one)
        if one in out:
            found.append(State(one, IN, f"{one.name} comes out"))
        elif fits:
            found.append(State(one, MISSING, f"{one.name} applies"))
        else:
            found.append(State(one, MISSING if one.slug in seen else UNKNOWN,
                               f"{one.name} neither applies nor comes out"))
    copies.reset(start)
    return found


def comes_out(copies: Scratch, forms: Sequence[Patch]) -> bool:
    """Whether one of the forms of a fix comes out of a tree."""
    start = copies.mark()
    found = any(copies.apply(one, reverse=True) for one in forms)
    copies.reset(start)
    return found


def unseen(version: Version | None, told: Collection[str]) -> list[str]:
    """The defects that fixes.toml has in this version with a cause that no fix of these is for."""
    if not version:
        return []
    return [name for name, defect in fixes.load().items()
            if any(cause.present(version) and cause.slug not in told
                   for cause in defect.causes)]
