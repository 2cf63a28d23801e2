"""What a tree lacks, a row for each fix: what its code says, and whether its patch comes out.

A fix is in where its patch comes out, or, where there is none, where the code has the shape of the
cured one. Code that looks cured and gives the patch of its branch back in no form may have lost a
line of it: that cannot be told from here.
"""

from dataclasses import dataclass

from . import applied, diagnosis, fixes, patch
from .diagnosis import Finding
from .patch import Patch
from .tree import Tree, scratch


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

    @property
    def word(self) -> str:
        """Its status in a word."""
        return {True: applied.MISSING, False: applied.IN, None: applied.UNKNOWN}[self.missing]


def rows(tree: Tree) -> list[Row]:
    """A row for each fix, in the order of the series; none where io_uring refuses control.

    Raises Unusable when it cannot be told what the tree does.
    """
    findings = diagnosis.diagnose(tree.home)
    if not findings:
        return []
    branches = patch.near(tree.version)
    tip = [one for one in branches[0].tip if one.slug not in patch.EXTRA]
    forms = [one for branch in branches for one in (*branch.all(), *branch.older)]
    coded = {finding.slug for finding in findings}
    with scratch(tree) as copies:
        states = applied.tried(copies, tip)
        left = {state.patch.slug: state.patch for state in states if state.word != applied.IN}
        doubts = {slug: one for slug, one in left.items() if slug in coded and
                  not applied.comes_out(copies, [form for form in forms
                                                 if form.slug == slug and form != one])}
    return [*(_of_code(tree, finding, doubts.get(_key(finding))) for finding in findings),
            *(_of_patch(state) for state in states if state.patch.slug not in coded)]


def _key(finding: Finding) -> str:
    """The fix whose patch has to come out of code that looks like this; "" where none has to."""
    if not finding.cured:
        return ""
    # What takes the control once makes the other fixes for it unnecessary: they may be left out
    return patch.LATE_READ if finding.why == diagnosis.TAKEN else finding.slug


def _of_patch(state: applied.State) -> Row:
    """What is told of a fix that is known by its patch."""
    missing = {applied.MISSING: True, applied.IN: False, applied.UNKNOWN: None}[state.word]
    return Row(state.patch.slug, "any", missing, state.patch.paths[0], state.why,
               "no release has a fix")


def _of_code(tree: Tree, finding: Finding, doubt: Patch | None) -> Row:
    """What is told of one finding: the code, and the commit that cures it with its releases."""
    cause = next(cause for defect in fixes.load().values() for cause in defect.causes
                 if cause.slug == finding.slug and cause.opcode == finding.opcode)
    branch = tree.version.branch if tree.version else ""
    release = cause.cure(branch)
    if not cause.commit:
        cure = "no release has a fix"
    elif release:
        cure = f"{cause.commit[:12]} (v{cause.mainline}), in {branch}.y since {release}"
    elif tree.version and cause.mainline and tree.version >= cause.mainline:
        cure = f"{cause.commit[:12]} (v{cause.mainline})"
    else:
        cure = (f"{cause.commit[:12]} (v{cause.mainline}), in no release of "
                + (f"{branch}.y" if branch else "this branch"))
    but = f", but {doubt.name} does not come out: scripts/series prove tells" if doubt else ""
    return Row(finding.slug, finding.opcode, None if doubt else finding.present, finding.where,
               f"{finding.why}{but}", cure, cause.commit,
               str(cause.mainline) if cause.mainline else None, str(release) if release else None)
