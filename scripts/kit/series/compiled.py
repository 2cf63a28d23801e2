"""Whether what a plan makes of a tree still compiles: the objects that its patches touch, before
any is applied.

A vendor's tree may have the io_uring of one release and the headers of another, so that a patch
finds all its lines and not what they call.
"""

import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..base import cache
from ..base.command import telling_line
from .patch import Patch
from .tree import Tree, scratch

# What tinyconfig lacks of what the patches are about
OPTIONS = ("64BIT", "NET", "INET", "UNIX", "IO_URING", "IA32_EMULATION", "COMPAT")


NEEDS = ("make", "gcc", "flex", "bison", "rsync")
# What a build in place leaves, and makes it refuse to be built anywhere else
LEFT = (".config", "include/config", "include/generated", "arch/x86/include/generated")


@dataclass(frozen=True)
class Verdict:
    """Which patches do not compile and why; `how` says what was compiled, or why nothing was."""

    how: str
    bad: dict[str, str] = field(default_factory=dict)      # slug -> the compiler's line


def check(tree: Tree, patches: Sequence[Patch]) -> Verdict:
    """Compiles the tree without and with the patches, and each after the other where all of them
    do not."""
    sources = sorted({path for one in patches for path in one.paths
                      if path.endswith(".c") and not path.startswith("tools/")})
    if not sources:
        return Verdict("nothing that is compiled")
    if lacking := next((name for name in NEEDS if not shutil.which(name)), None):
        return Verdict(f"not compiled: {lacking} is missing")
    if not all((tree.home / name).is_file() for name in ("scripts/Makefile.build", "Kconfig")):
        return Verdict("not compiled: the tree is not whole")
    top = cache.root() / "compiled"
    top.mkdir(parents=True, exist_ok=True)
    name = f"{tree.release}-{cache.digest(str(tree.home))}"
    with cache.lock(f"compiled/{name}"):
        cache.check_space(top)
        work = _Work(tree, top / f"{name}.tree", top / f"{name}.build", sources)
        said = work.configure() or work.compile(())
        if said:
            return Verdict(f"not compiled: without the patches it does not compile either: {said}")
        if not work.compile(patches):
            return Verdict(f"compiled: {', '.join(work.objects)}, with {work.configuration}")
        bad: dict[str, str] = {}
        good: list[Patch] = []
        for one in patches:
            if said := work.compile([*good, one]):
                bad[one.slug] = said
            else:
                good.append(one)
        return Verdict(f"compiled: {', '.join(work.objects)}, with {work.configuration}", bad)


class _Work:
    """A copy of a tree and a folder to build it in; both are kept for the next time."""

    def __init__(self, tree: Tree, work: Path, out: Path, sources: Sequence[str]) -> None:
        self._tree, self._work, self._out = tree, work, out
        own = (tree.home / ".config").is_file()
        self.configuration = "the tree's own configuration" if own else "a small configuration"
        self.objects = [f"{path[:-2]}.o" for path in sources if (tree.home / path).is_file()]

    def configure(self) -> str:
        """Makes the copy and its configuration; gives what was wrong."""
        self._tree.copy(self._work)
        for left in LEFT:
            path = self._work / left
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        self._out.mkdir(exist_ok=True)
        config = self._out / ".config"
        if (self._tree.home / ".config").is_file():
            shutil.copy(self._tree.home / ".config", config)
        elif said := self._make("tinyconfig"):
            return said
        else:
            with config.open("a") as file:
                file.writelines(f"CONFIG_{name}=y\n" for name in OPTIONS)
        return self._make("olddefconfig") or self._make("prepare")

    def compile(self, patches: Iterable[Patch]) -> str:
        """The line of the compiler that tells why it does not compile; "" when it does."""
        patches = list(patches)
        touched = sorted({path for one in patches for path in one.paths}
                         | {f"{name[:-2]}.c" for name in self.objects})
        with scratch(self._tree) as copies:
            for one in patches:
                if not copies.apply(one) and not copies.apply(one, merge=True):
                    return "does not apply without the one before it"
            wanted = [path for path in (*touched, *self._placed) if not path.startswith("tools/")]
            copies.place(wanted, self._work)
            self._placed = tuple(touched)
        return self._make("KCFLAGS=-Werror=implicit-function-declaration", *self.objects)

    _placed: tuple[str, ...] = ()

    def _make(self, *words: str) -> str:
        done = subprocess.run(["make", "-s", "-C", self._work, f"O={self._out}",
                               f"-j{os.cpu_count() or 1}", *words],
                              capture_output=True, text=True, check=False)
        return telling_line(done.stderr) if done.returncode else ""
