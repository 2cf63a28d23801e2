"""Why a patch does not apply: which hunk met which code, and the commands to go on by hand."""

import difflib
import shlex
from collections.abc import Sequence

from .patch import Hunk, Patch
from .tree import Scratch, Tree


def report(forms: Sequence[Patch], copies: Scratch, tree: Tree) -> str:
    """A text like the stable team's mails about a patch that FAILED to apply: the form that comes
    closest.

    `copies` is the tree with all that fits.
    """
    one = min(forms, key=lambda form: _distance(form, copies))
    bad = _bad(one, copies)
    lines = [f'FAILED: patch "{one.subject}" ({one.name})',
             f"does not apply to {tree.home} ({tree.release})."]
    if len(forms) > 1:
        lines.append(f"It comes closest of the {len(forms)} forms that there are.")
    lines.append("")
    for hunk in bad:
        lines += _meeting(hunk, copies.file(hunk.path))
    if not bad:
        lines += ["It fits, but by itself it cures nothing, or brings another defect.", ""]
    return "\n".join([*lines, *_by_hand(one, copies, tree)]) + "\n"


def _by_hand(one: Patch, copies: Scratch, tree: Tree) -> list[str]:
    """The commands to go on with once all that fits is applied; they run as they are printed."""
    absent = sorted({hunk.path for hunk in one.hunks if hunk.old and not copies.file(hunk.path)})
    if absent:
        return [f"There is no {', '.join(absent)} here: the change has to be made anew."]
    if tree.git:
        go = [f"git am --reject {shlex.quote(str(one.path))} || :",
              "# put in what the *.rej files say, then", "git add --update",
              "git am --continue"]
    else:
        go = [f"patch -p1 -i {shlex.quote(str(one.path))} || :",
              "# put in what the *.rej files say, and remove them"]
    return ["To go on by hand after scripts/series apply:", "",
            *(f"  {line}" for line in [f"cd {shlex.quote(str(tree.home))}", *go])]


def _bad(one: Patch, copies: Scratch) -> list[Hunk]:
    return [hunk for hunk in one.hunks if not _place(hunk, copies.file(hunk.path))[1]]


def _distance(one: Patch, copies: Scratch) -> tuple[int, int]:
    """How far a form is from the code: the lines that differ in hunks that do not fit, and how
    many those are."""
    bad = _bad(one, copies)
    differ = 0
    for hunk in bad:
        lines = copies.file(hunk.path)
        start, _ = _place(hunk, lines)
        there = lines[start:start + len(hunk.old)]
        differ += sum(line not in there for line in hunk.old)
    return differ, len(bad)


def _place(hunk: Hunk, lines: Sequence[str]) -> tuple[int, bool]:
    """Where a hunk's old lines are in a file (from 0), or should be, and whether they match."""
    size = len(hunk.old)
    starts = sorted(range(max(1, len(lines) - size + 1)),
                    key=lambda start: abs(start - hunk.line + 1))
    best, most = 0, -1.0
    for start in starts:
        same = sum(a == b for a, b in zip(hunk.old, lines[start:start + size]))
        if same == size:
            return start, True
        if same > most:
            best, most = start, same
    old = [line.strip() for line in hunk.old if len(line.strip()) > 3]
    # Lines that came or went shift all that follows; look for the window that shares most lines in
    # any place.
    window = {line.strip() for line in lines[best:best + size]}
    share = sum(line in window for line in old)
    for start in starts:
        window = {line.strip() for line in lines[start:start + size]}
        shared = sum(line in window for line in old)
        if shared > share:
            best, share = start, shared
    return best, False


def _meeting(hunk: Hunk, lines: Sequence[str]) -> list[str]:
    head = f"hunk {hunk.number} of {hunk.of}, {hunk.path}:{hunk.line}"
    if not lines:
        return [f"{head}: the tree has no such file", ""]
    start, _ = _place(hunk, lines)
    there = lines[start:start + len(hunk.old)]
    told = list(
    difflib.unified_diff(
        hunk.old,
        there,
        "expected",
        f"found at {hunk.path}:{start + 1}",
         lineterm=""))
    return [f"{head}, meets this code:", *
    (f"  {line}" for line in told if not line.startswith("@@")), ""]
