"""A kernel that warns, to see that it is noticed.

It is one of Debian's, with a module of ours (provoke/) that calls WARN_ON(1).
"""

import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from .base import cache, command, host
from .build.archive import open_archive
from .base.error import BuildFailed, Unusable
from .kernel.kernel import Files, Kernel
from .report.result import KernelResult
from .matrix import Matrix, Request

SOURCE = Path(__file__).with_name("provoke")
MODULE = "warn"
PROGRAM = "bad_control"                # passes on every kernel, and takes a second


def warning(kernel: Kernel) -> Kernel:
    """The same kernel with the module loaded before its tests begin."""
    def obtain() -> Files:
        files = kernel.obtain()
        if not files.modules:
            raise Unusable(f"{kernel.label}: no folder of modules to put one into")
        made = _module(kernel)
        into = cache.folder(f"warns/{cache.digest(kernel.package, kernel.package_version, made)}",
                            lambda new: _beside(files.modules, made, new))
        return replace(files, modules=into, also=(MODULE,))

    return replace(kernel, label=f"{kernel.label}-{MODULE}s", obtain=obtain)


def tried(kernel: Kernel, folder: Path) -> tuple[KernelResult, KernelResult]:
    """What scripts/qa makes of the kernel as it is, and of the one that warns."""
    request = Request((kernel.word,), (PROGRAM,), ("64",))
    done = Matrix(request, folder, 2, kernels=(kernel, warning(kernel))).go()
    quiet, loud = sorted(done, key=lambda result: len(result.kernel))
    return quiet, loud


def wrong(quiet: KernelResult, loud: KernelResult) -> str:
    """What was not noticed, or was where there is nothing; "" when all is right."""
    if quiet.outcome != "passed" or quiet.warnings:
        return f"{quiet.kernel}: {quiet.outcome} {quiet.reason} {' '.join(quiet.warnings)}"
    if loud.outcome != "warned" or not re.match(rf"WARNING: .*\b{MODULE}", "".join(loud.warnings)):
        return f"{loud.kernel}: {loud.outcome} {loud.reason}, warnings: {loud.warnings}"
    if any(case.verdict != "pass" for case in loud.cases):
        return f"{loud.kernel}: not all cases pass"
    return ""


def _beside(modules: Path | None, made: Path, into: Path) -> None:
    for path in (modules or into).glob("*.ko"):
        shutil.copyfile(path, into / path.name)
    shutil.copyfile(made, into / f"99-{MODULE}.ko")


def _module(kernel: Kernel) -> Path:
    """The module, built with the headers of one of Debian's kernels."""
    host.need((*host.BUILD, *host.KERNEL_BUILD))
    headers = cache.folder(f"headers/{kernel.package}_{kernel.package_version}",
                           lambda into: _headers(kernel, into))
    (tree,) = headers.glob("usr/src/linux-headers-*/.config")
    key = cache.digest(kernel.package, kernel.package_version, *sorted(SOURCE.iterdir()))

    def make(into: Path) -> None:
        with tempfile.TemporaryDirectory() as work:
            shutil.copytree(SOURCE, work, dirs_exist_ok=True)
            # The host's gcc, of whatever version: the module has nothing in it that would differ
            command.run(["make", "-C", tree.parent, f"M={work}", "CC=gcc", "modules"],
                        f"building {MODULE}.ko", error=BuildFailed)
            shutil.copyfile(Path(work, f"{MODULE}.ko"), into / f"{MODULE}.ko")

    return cache.folder(f"modules/{MODULE}-{key}", make) / f"{MODULE}.ko"


def _headers(kernel: Kernel, into: Path) -> None:
    archive = open_archive()
    name = kernel.package.replace("linux-image-", "linux-headers-")
    found = [stanza for stanza in archive.packages(name, re.escape(name))
             if stanza["Version"] == kernel.package_version]
    if not found:
        raise Unusable(f"{name} {kernel.package_version}: no longer on the mirror; try a newer "
                       "kernel")
    needed: Sequence[str] = re.findall(r"(linux-headers-\S+-common|linux-kbuild-\S+) ",
                                       found[0].get("Depends", ""))
    for each in (name, *needed):
        archive.unpack(each, kernel.package_version, into)
    (own,) = into.glob(f"usr/src/{name}/Makefile")
    # It includes the common one by its place in the root
    own.write_text(re.sub(r"^include /usr/src/", "include ../", own.read_text(), flags=re.M))
