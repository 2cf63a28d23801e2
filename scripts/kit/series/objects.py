"""The object files that patches touch, compiled before and after in the configurations that matter.

Each Setup is a kernel configuration and a compiler; what counts are warnings (W=1, sparse)
that a series adds.
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..base import cache, host
from . import tree as trees
from ..base.command import run, telling_line
from ..base.error import BuildFailed
from ..base.paths import FRAGMENT
from .patch import Patch

CLANG = "-19"                          # 7.2 wants 17 at least
TOOLS = (*host.KERNEL_BUILD, "gcc", "gcc-multilib", "make", "rsync", "sparse")


@dataclass(frozen=True)
class Setup:
    """A configuration: tinyconfig of an architecture, the fragment, and these options on top."""

    name: str
    arch: str
    clang: bool = False
    off: tuple[str, ...] = ()          # options of the fragment to leave out
    sparse: bool = False


SETUPS = (
    Setup("x86_64 gcc, sparse", "x86_64", sparse=True),
    Setup("x86_64 clang", "x86_64", clang=True),
    Setup("x86_64 gcc, no COMPAT", "x86_64", off=("IA32_EMULATION",)),
    Setup("x86_64 gcc, no IO_URING", "x86_64", off=("IO_URING",)),
    Setup("x86_64 gcc, no NET", "x86_64", off=("NET",)),
    Setup("i386 gcc", "i386", off=("64BIT", "IA32_EMULATION")),
    Setup("arm64 clang", "arm64", clang=True),
    Setup("arm64 clang, no COMPAT", "arm64", clang=True, off=("COMPAT",)),
)


@dataclass(frozen=True)
class Outcome:
    """What came of a setup: warnings with all patches that were not there without them."""

    setup: Setup
    before: int                        # warnings without the patches
    added: tuple[str, ...]


def compile_all(tree: "trees.Tree", patches: Iterable[Patch],
                setups: Iterable[Setup] = SETUPS) -> Iterable[Outcome]:
    """Compiles in each setup, without and with the patches; yields as it goes.

    Raises BuildFailed, with the compiler's line, when an object does not compile.
    """
    # LLVM=-19 came with 5.18; before, it is the host's clang, whose target CROSS_COMPILE gives
    old = tree.version is not None and tree.version.major < 6
    host.need((*TOOLS, *(f"{name}{'' if old else CLANG}" for name in ("clang", "lld", "llvm"))))
    patches = list(patches)
    top = cache.root() / "objects"
    top.mkdir(exist_ok=True)
    touched = sorted({path for one in patches for path in one.paths
                      if not path.startswith("tools/")} - {"MAINTAINERS"})
    sources = [path for path in touched if path.endswith(".c")]
    work = top / f"{tree.release}-{cache.digest(str(tree.home))}"
    with cache.lock(f"objects/{work.name}"):
        cache.check_space(top)
        tree.copy(work)
        for setup in setups:
            with tempfile.TemporaryDirectory(dir=top) as folder:
                out = Path(folder)
                llvm: tuple[str, ...] = ()
                if setup.clang:
                    llvm = ("LLVM=1", "LLVM_IAS=1") if old else (f"LLVM={CLANG}",)
                    llvm += (("CROSS_COMPILE=aarch64-linux-gnu-",)
                             if old and setup.arch == "arm64" else ())
                _configure(work, out, setup, llvm)
                said: list[set[str]] = []
                for some in ((), tuple(patches)):
                    with trees.scratch(tree) as copies:
                        for one in some:
                            if not copies.apply(one):
                                raise BuildFailed(f"{tree.home}: {one.name} does not apply")
                        copies.place(touched, work)
                    said.append(_warnings(work, out, setup, llvm, sources))
                yield Outcome(setup, len(said[0]), tuple(sorted(said[1] - said[0])))


def _make(work: Path, out: Path, setup: Setup, *words: str) -> list[str | Path]:
    return ["make", "-s", "-C", work, f"O={out}", f"ARCH={setup.arch}",
            f"-j{os.cpu_count() or 1}", *words]


def _configure(work: Path, out: Path, setup: Setup, llvm: Sequence[str]) -> None:
    said = f"configuring for {setup.name}"
    run(_make(work, out, setup, *llvm, "tinyconfig"), said, error=BuildFailed)
    foreign = ("64BIT", "IA32_EMULATION", "BINFMT", "SERIAL") if setup.arch == "arm64" else ()
    lines = [line for line in FRAGMENT.read_text().splitlines() if line.startswith("CONFIG_")
             and line.removeprefix("CONFIG_").partition("=")[0] not in (*setup.off, *foreign)]
    lines += [f"# CONFIG_{name} is not set" for name in setup.off]
    if setup.arch == "arm64" and "COMPAT" not in setup.off:
        lines.append("CONFIG_COMPAT=y")
    extra = out / "fragment"
    extra.write_text("\n".join(lines) + "\n")
    base = out / "tinyconfig"
    (out / ".config").rename(base)
    run([work / "scripts/kconfig/merge_config.sh", "-m", "-O", out, base, extra], said, cwd=out,
        error=BuildFailed)
    run(_make(work, out, setup, *llvm, "olddefconfig"), said, error=BuildFailed)
    has = (out / ".config").read_text()
    for name in setup.off:
        if f"\nCONFIG_{name}=y" in has:
            raise BuildFailed(f"{said}: CONFIG_{name} cannot be turned off")


def _warnings(work: Path, out: Path, setup: Setup, llvm: Sequence[str],
              sources: Iterable[str]) -> set[str]:
    """The warnings for the sources, without their line numbers, which patches shift."""
    objects = [f"{path[:-2]}.o" for path in sources
               if not (path.startswith("net/") and "NET" in setup.off or
                       not path.startswith("net/") and "IO_URING" in setup.off)]
    if "NET" in setup.off and "io_uring/net.o" in objects:
        # Without NET that is not built; what it leaves to others stands in net.h,
        # which this includes
        objects = sorted({*objects, "io_uring/opdef.o"} - {"io_uring/net.o"})
    if not objects:
        return set()    # nothing of it is compiled; make without a target would do the whole kernel
    for name in objects:
        (out / name).unlink(missing_ok=True)
    check = ["C=2", "CHECK=sparse -D__typeof_unqual__=__typeof__"] if setup.sparse else []
    done = subprocess.run(_make(work, out, setup, *llvm, "W=1", *check, *objects),
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildFailed(f"{setup.name}: {telling_line(done.stderr)}")
    return {re.sub(r":\d+(:\d+)?", "", line) for line in (done.stdout + done.stderr).splitlines()
            if re.search(r"\b(warning|error):", line)
            and re.search(r"\b(io_uring|net/socket)\b", line)}
