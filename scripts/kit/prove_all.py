"""Proves every live branch, and what other trees there are, one after the other: `make prove-all`.

It may be stopped at any time and started again: what is recorded in patches/proofs for today's
patches, test programs and configuration is passed over, and of a tree that was under way the
kernels that have run are kept.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import evidence
from .base import cache
from .base.error import Unusable
from .base.paths import RESULTS, SELFTESTS
from .build import source
from .series import fixes, plan
from .series.patch import Patch
from .series.tree import Tree

Prove = Callable[["Job", Path], bool]


@dataclass(frozen=True)
class Job:
    """A tree to prove, and what its record calls it."""

    name: str
    home: Path

    @property
    def tree(self) -> Tree:
        """The tree itself."""
        return Tree(self.home)


def jobs(others: Path | None = None) -> tuple[list[Job], list[str]]:
    """The trees at hand, and the live branches of which there is none.

    Debian's source where it has the branch, and each folder of `others` that is a kernel tree.
    """
    found = [Job(home.name, home) for home in sorted(others.iterdir() if others else ())
             if (home / "Makefile").is_file() and (home / "net").is_dir()]
    there = {job.tree.version.branch for job in found if job.tree.version}
    offered = source.branches()
    own = [branch for branch in fixes.live() if branch not in there]
    found += [Job(f"Debian's linux-source-{branch}", source.full(branch))
              for branch in own if branch in offered]
    return found, [branch for branch in own if branch not in offered]


def proved(job: Job) -> bool:
    """Whether the record of a tree is of today's patches, programs and configuration, and found
    what it should."""
    wanted = _patches(job.tree)
    return any(one.release == job.tree.release and not one.stale()
               and one.configuration == evidence.configuration()
               and wanted.items() <= one.patches.items()
               and one.builds and all(build.as_its_code_says for build in one.builds)
               for one in evidence.recorded())


def folder(job: Job) -> Path:
    """Where the results of a proof of today's text go; another text has another folder."""
    texts = sorted(_patches(job.tree).items())
    programs = sorted(path for path in SELFTESTS.glob("*/*.[ch]"))
    key = cache.digest(job.tree.release, str(texts), evidence.configuration(), *programs)
    return RESULTS / "prove-all" / f"{job.tree.release}-{key}"


def with_buffers(tree: Tree) -> tuple[Patch, ...]:
    """The patches about provided buffers that go on top of the series here; often none."""
    own = plan.own_branch(tree)
    return own.buffers if own and own.base == tree.release else ()


def _patches(tree: Tree) -> dict[str, str]:
    """What is on the tree in its proof: the series, and what its branch has about buffers."""
    every = [*(step.patch for step in plan.plan(tree, selftest=False)), *with_buffers(tree)]
    return {one.slug: evidence.hashed(one) for one in every}


def go(prove: Prove, every: Sequence[Job], absent: Sequence[str] = (),
       say: Callable[[str], None] = print) -> int:
    """Proves what is not proved; gives the exit status.

    A tree that does not behave as its code says, or cannot be built, does not keep the next from
    its turn.
    """
    bad = 0
    for number, job in enumerate(every, 1):
        head = f"{number} of {len(every)}, {job.tree.release} ({job.name})"
        if proved(job):
            say(f"{head}: is proved")
            continue
        say(f"{head}: {folder(job)}")
        try:
            fine = prove(job, folder(job))
        except Unusable as bad_one:
            say(f"{head}: {bad_one}")
            fine = False
        bad += not fine
    for branch in absent:
        say(f"{branch}.y: no tree at hand; give a folder of trees with TREES=")
    return 1 if bad else 3 if absent else 0
