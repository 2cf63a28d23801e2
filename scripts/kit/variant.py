"""The kernels of a proof: one tree in several states, each built with and without patches.

All builds of a tree share one folder, so each after the first compiles only what its patches touch.
With `kept` a kernel that is there is not built again while a digest of all that it was built of is
the same; who needs the folder itself has it built.

Tested by test_proof.
"""

import os
import shutil
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .base import cache, command, host
from .series import diagnosis, patch, tree as trees
from .build import cross, fragment, hosted
from .base.arch import AMD64, UML, Architecture
from .base.command import run
from .base.error import BuildFailed, Unusable, Usage
from .kernel.kernel import Files, Kernel
from .base.paths import FRAGMENT
from .series.patch import Patch
from .series.tree import Scratch, Tree

TOOLS = (*host.RUN, *host.KERNEL_BUILD, "git", "ccache")


@dataclass(frozen=True)
class Variant:
    """One state of a tree: patches put on and patches taken out."""

    name: str
    applied: tuple[Patch, ...] = ()
    removed: tuple[Patch, ...] = ()
    cured: bool = False                # has every fix: nothing may fail


@dataclass(frozen=True)
class Flavour:
    """What a kernel is built with beyond Kconfig.fragment: options,
    and words for make such as "LLVM=-19"."""

    name: str = ""
    lines: tuple[str, ...] = ()        # of a Kconfig fragment, such as "CONFIG_KASAN=y"
    words: tuple[str, ...] = ()
    drivers: bool = True               # it may ask for what only the drivers of NICs bring


PLAIN = Flavour(drivers=False)
Asked = tuple["Builder", tuple[str, ...]]     # what builds, and the ABIs that its kernels are asked


def arrange(copies: Scratch, tree: Tree, variant: Variant) -> None:
    """Turns copies of files into the variant. Raises Unusable where a patch does not apply."""
    for patches, reverse in ((variant.removed, True), (variant.applied, False)):
        for one in patches:
            if not copies.apply(one, reverse=reverse) and not copies.apply(one, merge=True,
                                                                           reverse=reverse):
                raise Unusable(f"{tree.home}: {variant.name}: {one.name} does not apply")


def builders(tree: Tree, engine: str, arch: Architecture = AMD64,
             nics: bool = False, flavour: Flavour = PLAIN) -> list[Asked]:
    """What builds each variant, and which ABIs it is asked. Raises Usage for what cannot be."""
    if engine in ("uml", "both") and (nics or arch != AMD64):
        raise Usage(
            f"--engine {engine}: User Mode Linux has no NICs, and runs amd64 programs alone")
    if engine == "qemu" or nics or arch != AMD64:
        return [(Builder(tree, flavour, arch, nics, kept=True), arch.abis)]
    quick = (Builder(tree, flavour, UML, kept=True), UML.abis)
    if engine == "uml":
        return [quick]
    rest = arch.abis if engine == "both" else tuple(abi for abi in arch.abis if abi not in UML.abis)
    return [quick, (Builder(tree, flavour, arch, kept=True), rest)]


class Builder:
    """Builds the variants of one tree in one flavour, one by one, with drivers of NICs or not."""

    def __init__(self, tree: Tree, flavour: Flavour = PLAIN, arch: Architecture = AMD64,
                 nics: bool = False, kept: bool = False) -> None:
        self._kept = kept
        self._nics = arch != UML and (nics or flavour.drivers or arch != AMD64)
        self._tree, self._flavour, self._arch = tree, flavour, arch
        # Without them QEMU starts vmlinux itself, so that nothing has to be packed and unpacked
        lean = arch == AMD64 and not self._nics
        self._target, self._place_of = ("vmlinux", "vmlinux") if lean else (arch.image, arch.made)
        also = [*([] if arch == AMD64 else [arch.name]), *flavour.name.split()]
        self._name = " ".join([tree.release, *also])
        folder = cache.digest(str(tree.home), *([] if self._nics else ["lean"]), *also)
        self._label = f"{tree.release}-{folder}"
        self._guard = threading.Lock()
        self._fresh = False

    def kernel(self, variant: Variant, abis: Sequence[str] = ()) -> Kernel:
        """The kernel of a variant; its obtain() builds. It is asked `abis`, or all it has."""
        with trees.scratch(self._tree) as copies:
            arrange(copies, self._tree, variant)
            present = diagnosis.present(copies.home)
        label = f"{self._name} {variant.name}".replace(",", "").replace(" ", "-")
        native = self._arch == UML
        word = f"{'uml:' if native else ''}{self._made(label)}"
        return Kernel(label, word, "tree", self._tree.version, present=present,
                      arch=AMD64 if native else self._arch, abis=tuple(abis) or self._arch.abis,
                      obtain=lambda: self._build(variant, label))

    def _build(self, variant: Variant, label: str) -> Files:
        host.need((*TOOLS, self._arch.emulator))
        top = cache.root() / "proofs"
        work, out = top / f"{self._label}.tree", top / f"{self._label}.build"
        with self._guard, cache.lock(f"proofs/{self._label}"):
            made, stamp = self._made(label), self._stamp(variant)
            config, note = (made.with_name(made.name + end) for end in (".config", ".stamp"))
            if stamp and config.is_file() and _holds(note, f"{stamp} {_size(made)}"):
                return Files(made, None, config, self._arch)
            note.unlink(missing_ok=True)
            out.mkdir(parents=True, exist_ok=True)
            cache.check_space(top)
            self._place(variant, work)
            log = top / f"{label}.log"
            # Kbuild lists what a file includes anyhow: ccache need not preprocess it once more
            with_ccache = {"PATH": f"/usr/lib/ccache:{os.environ.get('PATH', os.defpath)}",
                           "CCACHE_DEPEND": "1"}
            if not self._fresh:
                fragment.configure(FRAGMENT, work, out, log, self._flavour.lines,
                                   self._flavour.words, self._arch, self._nics)
                self._fresh = True
            run(fragment.make(work, out, self._arch, *self._flavour.words, self._target),
                f"building {label}", log=log, env=with_ccache, error=BuildFailed)
            # A copy: the next build writes into the file that is there
            made.unlink(missing_ok=True)
            shutil.copy(out / self._place_of, made)
            if stamp:
                shutil.copy(out / ".config", config)
                note.write_text(f"{stamp} {_size(made)}")
        return Files(made, None, out / ".config", self._arch)

    def _stamp(self, variant: Variant) -> str:
        """A digest of what the kernel of a variant is built of; "" where that may change unseen."""
        if not self._kept or cache.root() / "sources" not in self._tree.home.parents:
            return ""
        prefix = "" if self._arch.native else cross.prefix(self._arch)
        compiler = command.run([f"{prefix}gcc", "--version"], "gcc")
        patches = [f"{how} {one.text}" for how, some in (("-", variant.removed),
                                                         ("+", variant.applied)) for one in some]
        return cache.digest(str(self._tree.home), compiler, *patches, Path(fragment.__file__),
                            Path(hosted.__file__),
                            *sorted(FRAGMENT.parent.glob(f"{FRAGMENT.name}*")),
                            self._arch.name, str(self._nics), *self._flavour.lines, "",
                            *self._flavour.words)

    def _made(self, label: str) -> Path:
        return cache.root() / "proofs" / f"{label}.{self._target}"

    def _place(self, variant: Variant, work: Path) -> None:
        """Turns the work tree into the variant; only files whose text differs change."""
        touched = sorted({path for branch in patch.branches()
                          for one in (*branch.all(), *branch.buffers)
                          for path in one.paths if one.slug != patch.SELFTEST})
        if not self._fresh:
            self._tree.copy(work, leave=[*touched, *(hosted.EDITS if self._arch == UML else ())])
        if self._arch == UML:
            hosted.mend(self._tree.home, work)
        with trees.scratch(self._tree) as copies:
            arrange(copies, self._tree, variant)
            copies.place(touched, work)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text() == text
