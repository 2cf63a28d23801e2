"""Why a patch does not apply: which hunk met which code, and the commands to go on by hand."""

import difflib
import shlex
from collections.abc import Sequence

from .patch import Hunk, Patch
from .tree import Scratch, Tree


def report(one: Patch, copies: Scratch, tree: Tree, before: Sequence[Patch]) -> str:
    """A text like the stable team's mails about a patch that FAILED to apply.

    `copies` has the patches of `before` applied already, which the commands begin with.
    """
    bad = [hunk for hunk in one.hunks if not _place(hunk, copies.file(hunk.path))[1]]
    lines = [f'FAILED: patch "{one.subject}" ({one.name})',
             f"does not apply to {tree.home} ({tree.release}).", ""]
    for hunk in bad or one.hunks:
        lines += _meeting(hunk, copies.file(hunk.path))
    lines += ["To go on by hand:", ""]
    if tree.git:
        go = [["git", "am", str(each.path)] for each in before]
        go += [["git", "am", "--reject", str(one.path)]]
        after = ["# put in what the *.rej files say, then", "git add --update", "git am --continue"]
    else:
        go = [["patch", "-p1", "-F0", "-i", str(each.path)] for each in before]
        go += [["patch", "-p1", "-i", str(one.path)]]
        after = ["# put in what the *.rej files say, and remove them"]
    lines += [f"  {line}"
              for line in [f"cd {shlex.quote(str(tree.home))}", *map(shlex.join, go), *after]]
    lines += [f"  {shlex.join(['scripts/series', 'status', str(tree.home)])}"]
    return "\n".join(lines) + "\n"


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
    # Lines that came or went shift all that follows; look for the window
    # that shares most lines in any place.
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
    told = list(difflib.unified_diff(hunk.old, there, "expected",
                                     f"found at {hunk.path}:{start + 1}", lineterm=""))
    return [f"{head}, meets this code:",
            *(f"  {line}" for line in told if not line.startswith("@@")), ""]
