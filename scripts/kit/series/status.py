"""What a tree lacks, a row for each fix: whether its patch comes out, and what its code says.

A fix is in where its patch comes out, or, of what the branch took itself, where the code has the
known shape. It is missing where the code has the shape of before, or the patch goes in. Code that
looks cured and gives its patch back in no form may have lost a line of it: that cannot be told
from here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from . import applied, diagnosis, fixes, order, patch, reissue
from .applied import Tried
from .diagnosis import Finding
from ..base.version import Version
from .patch import Patch
from .tree import Scratch, Tree, scratch

OPEN = "OPEN"                          # it has the defect, and there is no patch for it here


@dataclass(frozen=True)
class Row:
    """What is told of one fix."""

    fix: str
    opcode: str
    missing: bool | None               # None: cannot be told
    where: str
    why: str
    cure: str                          # which commit and release has it, in words
    commit: str | None = None
    mainline: str | None = None
    branch_release: str | None = None
    offered: bool = True               # there is a patch for it, or one is meant for its branch

    @property
    def word(self) -> str:
        """Its status in a word."""
        if self.missing and not self.offered:
            return OPEN
        return {True: applied.MISSING, False: applied.IN, None: applied.UNKNOWN}[self.missing]


def code(rows: Iterable[Row]) -> int:
    """The exit status that says what is left: 1 when something is missing that has a patch, else 3
    when it cannot be told."""
    words = {row.word for row in rows}
    return 1 if applied.MISSING in words else 3 if applied.UNKNOWN in words else 0


def rows(tree: Tree) -> list[Row]:
    """A row for each fix, in the one order. Raises Unusable when it cannot be told what the tree
    does."""
    with scratch(tree) as copies:
        return rows_of(copies, tree.version)


def rows_of(copies: Scratch, version: Version | None) -> list[Row]:
    """The same for copies of a tree's files, as they are."""
    slots = order.slots(version)
    findings = copies.findings()
    states = {each.slot.slug: each for each in applied.tried(copies, slots)}
    read = copies.read()
    found: list[Row] = []
    for slot in slots:
        mine = [finding for finding in findings if finding.slug == slot.slug]
        state = states.get(slot.slug)
        if mine:
            found += [_of_code(version, finding, state, states) for finding in mine]
        elif state:
            found += _of_patch(state, read, states)
    return found


def _doubt(finding: Finding, state: Tried | None, states: dict[str, Tried]) -> Patch | None:
    """The patch that has to come out of code that looks like this and does not; None where none
    has to."""
    # What takes the control once makes the other fixes for it unnecessary: they may be left out
    slug = patch.LATE_READ if finding.why == diagnosis.TAKEN else finding.slug
    seen = states.get(slug, state)
    if not finding.cured or not seen or seen.out or _commit(slug):
        return None
    return seen.slot.tip or next(iter(seen.slot.forms), None)


def _commit(slug: str) -> bool:
    """Whether a fix is one of upstream's own, which a tree may have in the form of any release."""
    return any(cause.commit for defect in fixes.load().values() for cause in defect.causes
               if cause.slug == slug)


def _of_patch(state: Tried, read: dict[str, bool], states: dict[str, Tried]) -> list[Row]:
    """What is told of a fix that diagnosis.py does not read; nothing where the tree has no place
    for it."""
    slot = state.slot
    lacks = read.get(slot.slug)
    tip = slot.tip or slot.forms[0]
    whole = next((each for slug, each in states.items() if order.is_part(slot.slug, slug)), None)
    if state.out:
        return [_row(slot.slug, False, tip, f"{state.out.name} comes out")]
    if whole and not (whole.out or whole.fits or read.get(whole.slot.slug)):
        return []
    if state.fits and lacks is not False:
        # A part of a fix that there is no other part of for this tree does nothing by itself
        return [_row(slot.slug, True, tip, f"{state.fits.name} applies",
                     slot.offered or not whole)]
    if lacks:
        return [_row(slot.slug, True, tip, "its code has the defect, and no patch here applies",
                     slot.offered)]
    if lacks is False:
        return [_row(slot.slug, None, tip, f"its code looks cured, but {tip.name} does not come "
                                           "out: scripts/series prove tells")]
    # Without it the other part does not do what it is for; any other fix has no place here
    if not (whole.out and slot.offered if whole else
            slot.tip and slot.slug not in reissue.SLUGS):
        return []
    return [_row(slot.slug, None, tip, f"{tip.name} neither applies nor comes out")]


def _row(slug: str, missing: bool | None, tip: Patch, why: str, offered: bool = True) -> Row:
    return Row(slug, "any", missing, tip.paths[0], why, "no release has a fix", offered=offered)


def _of_code(version: Version | None, finding: Finding, state: Tried | None,
             states: dict[str, Tried]) -> Row:
    """What is told of one finding: the code, and the commit that cures it with its releases."""
    cause = next(cause for defect in fixes.load().values() for cause in defect.causes
                 if cause.slug == finding.slug and cause.opcode == finding.opcode)
    branch = version.branch if version else ""
    release = cause.cure(branch)
    if not cause.commit:
        cure = "no release has a fix"
    elif release:
        cure = f"{cause.commit[:12]} (v{cause.mainline}), in {branch}.y since {release}"
    elif version and cause.mainline and version >= cause.mainline:
        cure = f"{cause.commit[:12]} (v{cause.mainline})"
    else:
        cure = (f"{cause.commit[:12]} (v{cause.mainline}), in no release of "
                + (f"{branch}.y" if branch else "this branch"))
    doubt = _doubt(finding, state, states)
    but = f", but {doubt.name} does not come out: scripts/series prove tells" if doubt else ""
    return Row(finding.slug, finding.opcode, None if doubt else finding.present, finding.where,
               f"{finding.why}{but}", cure, cause.commit,
               str(cause.mainline) if cause.mainline else None, str(release) if release else None,
               bool(state and (state.slot.offered or state.fits)))


def lines(found: Sequence[Row]) -> list[str]:
    """The rows as text, a line each."""
    return [f"{row.fix:<27} {row.opcode:<11} {row.word:<8} {row.where} {row.why}; {row.cure}"
            for row in found]
