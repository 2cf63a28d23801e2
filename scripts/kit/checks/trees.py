"""Checks of patches and configuration fragments on the source trees that Debian has."""

import difflib
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ..base import arch
from ..series import patch, plan, status
from ..build import fragment, source
from ..harm import mutant
from ..build.bundle import SELFTEST
from ..base.error import BuildFailed, Unusable
from ..kernel.kernel import Kernels
from ..base.paths import FRAGMENT
from ..series.tree import Scratch, Tree, scratch

SOURCES = ("5.10", "6.1", "6.12", "7.2", "7.3")
SMALL = ("5.10", "5.15")               # branches without late-read
MUTATED = ("6.1", "7.3")               # trees that scripts/harm puts bugs into
STOCK = ("debian:6.1", "debian:7.3")

def applies(branch: str) -> None:
    """git am takes a series on the source that Debian has,
    and what the branch took itself on the state before."""
    tree, own = _with_series(branch)
    with scratch(tree) as copies:
        copies.am(own.tip)
        left = set(copies.lacks()) - ({patch.LATE_READ} if branch in SMALL else set())
        if left:
            raise BuildFailed(f"{own.name}: after the series {tree.release} still lacks "
                              f"{', '.join(sorted(left))}")
    for each in patch.branches():
        if each.first and (each == own or each.name == "mainline" and each.base == tree.release):
            with scratch(tree) as copies:
                copies.am(each.first)
        if each.buffers and each.base == tree.release:
            with scratch(tree) as copies:
                copies.am((*each.tip, *each.buffers))
    with scratch(tree) as copies:
        # Not each comes out of the tip any more: what was built on top of it holds it.
        out = [one for patches in reversed(own.taken.values()) for one in reversed(patches)
               if copies.apply(one, reverse=True)]
        held = {one.slug for one in out} - set(copies.lacks())
        if held or own.taken and not out:
            raise BuildFailed(f"{own.name}: nothing that the branch took comes out of "
                              f"{tree.release}")
        copies.am(reversed(out))
        if copies.changed():
            raise BuildFailed(
                f"{own.name}: what the branch took does not bring {tree.release} back")
    if branch in MUTATED:
        series = mutant.series_of(tree)
        names = mutant.possible(sorted({path.stem for path in mutant.MUTANTS.glob("*/*.patch")}),
                                series)
        print(f"{len(mutant.mutants(tree, names, series))} mutants of scripts/harm apply, too")


def half_lost(words: Sequence[str]) -> str:
    """The status of a tree with its series is not ok once a line of it is gone, whichever it is.

    Of a branch whose source Debian has, or of a tree.
    """
    return "; ".join(map(_half_lost, words))


def _half_lost(word: str) -> str:
    tree, own = _with_series(word)
    fixes = [one for one in own.tip if one.slug not in patch.EXTRA]
    with scratch(tree) as copies:
        before = {path: copies.file(path) for one in fixes for path in one.paths}
        copies.am(fixes)
        if not _ok(copies, tree):
            raise BuildFailed(f"{tree.release} with its series is not ok")
        whole, tried = copies.mark(), 0
        fooled: list[str] = []
        for path, old in before.items():
            after = copies.file(path)
            for number in _added(old, after):
                tried += 1
                if not tried % 25:
                    print(f"half-lost: {tree.release}: {tried} lines tried", file=sys.stderr,
                          flush=True)
                copies.write(path, [*after[:number], *after[number + 1:]])
                if _ok(copies, tree):
                    fooled.append(f"{path}:{number + 1} {after[number].strip()}")
                copies.reset(whole)
    if fooled:
        raise BuildFailed(
            "\n".join([f"{tree.release} is ok without a line of it, {len(fooled)} of {tried}:",
                       *fooled]))
    return f"{tried} lines of {own.name}, each missed"


def _ok(copies: Scratch, tree: Tree) -> bool:
    """Whether status has nothing to say of the copies of a tree's files."""
    try:
        return status.code(status.rows_of(copies, tree.version)) == 0
    except Unusable:
        return False                   # cannot tell: exit status 3


def _with_series(word: str) -> tuple[Tree, patch.Branch]:
    """The source of a branch that Debian has, or the tree of a path, and the series for it."""
    tree = Tree(Path(word) if Path(word).is_dir() else source.frame(word))
    own = plan.own_branch(tree)
    if not own:
        raise BuildFailed(f"no series for {word}")
    return tree, own


def _added(before: Sequence[str], after: Sequence[str]) -> Iterator[int]:
    """The numbers of the lines of code that are new, from 0."""
    compared = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for tag, _, _, first, end in compared.get_opcodes():
        for number in range(first, end) if tag in ("insert", "replace") else ():
            text = after[number].strip()
            if text and not text.startswith(("/*", "*")) and text not in "{}":
                yield number


def kconfig() -> None:
    """Kconfig.fragment has what the selftest needs, trees know all of it,
    stock kernels have the selftest's part."""
    fragment.check(FRAGMENT, SELFTEST / "config")
    tree = source.full()
    # Each waits most of its time for one small program after the other
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done in [pool.submit(_taken, tree, each) for each in (*arch.ALL.values(), arch.UML)]:
            done.result()
    for kernel in Kernels().resolve(STOCK):
        config = kernel.obtain().config
        if not config:
            raise BuildFailed(f"{kernel.package}: has no config")
        fragment.compare(SELFTEST / "config", config)


def _taken(tree: Path, each: arch.Architecture) -> None:
    """A tree takes the fragment on tinyconfig of an architecture:
    all of it on amd64, the selftest's part elsewhere."""
    with tempfile.TemporaryDirectory() as out:
        fragment.configure(FRAGMENT, tree, Path(out), arch=each, nics=each != arch.UML)
        fragment.compare(SELFTEST / "config", Path(out, ".config"))
        if each == arch.AMD64:
            fragment.whole(FRAGMENT, tree, Path(out, ".config"))
