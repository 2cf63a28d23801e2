"""Which fixes are in a tree by their patches: what comes out of it is, what goes in is not."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from . import fixes
from ..base.version import Version
from .order import Slot
from .patch import EXTRA, Patch, branches
from .tree import Scratch

IN, MISSING, UNKNOWN = "ok", "MISSING", "CANNOT TELL"


@dataclass(frozen=True)
class Tried:
    """What was seen of one fix: the form that comes out of the tree, or the one that goes in."""

    slot: Slot
    out: Patch | None
    fits: Patch | None


def tried(copies: Scratch, slots: Sequence[Slot]) -> list[Tried]:
    """What the forms of each fix do: those that are in come out, the last fix first.

    The copies of a tree's files are as they were afterwards.
    """
    start = copies.mark()
    slots = [slot for slot in slots if slot.slug not in EXTRA]
    out = {slot.slug: one for slot in reversed(slots)
           if (one := next((one for one in slot.forms if comes_out(copies, one)), None))}
    found = []
    for slot in slots:
        one = out.get(slot.slug)
        # What came out goes back, if what is missing before it does not stand in its way
        if one:
            copies.apply(one)
        fits = None if one else next((form for form in slot.forms if copies.apply(form)), None)
        found.append(Tried(slot, one, fits))
    copies.reset(start)
    return found


def comes_out(copies: Scratch, one: Patch) -> bool:
    """Takes a patch out of a tree if it is in: the lines are there, and without them the code
    lacks the fix.

    Lines alone do not tell: those of the fix for one opcode stand in the function of another as
    well.
    """
    before = copies.read().get(one.slug)
    if before or not copies.apply(one, reverse=True):
        return False
    if before is False and not copies.read().get(one.slug):
        copies.undo()
        return False
    return True


def unseen(version: Version | None, told: Collection[str]) -> list[str]:
    """The defects that fixes.toml has in this version with a cause that no fix of these is for.

    A cause that no patch is for, in any branch, is cured with another.
    """
    if not version:
        return []
    some = {one.slug for branch in branches()
            for one in (*branch.all(), *branch.older, *branch.buffers)}
    return [name for name, defect in fixes.load().items()
            if any(cause.present(version) and cause.slug in some - set(told)
                   for cause in defect.causes)]
