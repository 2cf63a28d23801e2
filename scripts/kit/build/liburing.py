"""liburing from Debian's source package, for 64 and 32 bit: its library, static,
and the regression test for it."""

import os
import re
import shutil
import tempfile
from functools import partial
from pathlib import Path

from ..base import cache, command, progress
from . import archive, cross, pins
from ..base.arch import AMD64, Architecture
from ..base.error import BuildFailed, Unusable
from ..base.paths import PATCHES

SERIES = PATCHES / "liburing"
TEST = "sendmsg-control"
RECIPE = 2                             # goes up with what is built differently from the same source
# Tests of configure that a whole libc passes. One that does not link has compat.h define what libc
# has.
PROBES = ("__kernel_timespec", "open_how", "glibc_statx")


def prefix(abi: str, arch: Architecture = AMD64) -> Path:
    """The folder with include/ and lib/liburing.a for an ABI ("64" or "32"), built
    when it is not there.

    It is of the version in pins.toml. Raises Unusable, with the compiler's line,
    when that does not build.
    """
    debian = archive.open_archive()
    version = pins.source("liburing", debian)
    name = f"{version}-{abi}" if arch.native else f"{version}-{arch.name}-{abi}"
    return cache.folder(f"liburing/{name}-{RECIPE}", partial(_build, debian, version, arch, abi))


def _build(debian: archive.Archive, version: str, arch: Architecture, abi: str, into: Path) -> None:
    progress.step(f"building liburing {version}")
    work = into / "work"
    work.mkdir()
    tree = debian.source("liburing", version, work)
    library(tree, cross.compiler(arch, abi), f"liburing {version} for {arch.name}, {abi} bit")
    (into / "lib").mkdir()
    shutil.copy(tree / "src/liburing.a", into / "lib/liburing.a")
    shutil.copytree(tree / "src/include", into / "include")
    shutil.rmtree(work)


def library(tree: Path, compiler: str, what: str) -> None:
    """Configures a source tree of liburing for a compiler and builds its static library; the log
    stays in the cache.

    Raises Unusable, naming that log, when either fails or when the compiler does not pass the tests
    of configure.
    """
    top = cache.root() / "logs"
    top.mkdir(exist_ok=True)
    name = re.sub("[^a-z0-9.]+", "-", what)
    with tempfile.TemporaryDirectory() as quiet:
        # configure tries whether clang makes BPF programs, which are for tests that are not built
        # here; where it is too old its complaint looks like the reason of whatever fails
        clang = Path(quiet, "clang")
        clang.write_text("#!/bin/sh\nexit 1\n")
        clang.chmod(0o755)
        said = command.run(["./configure", f"--cc={compiler}", f"--cxx={compiler}"],
                           f"configuring {what}", cwd=tree,
                           env={"PATH": f"{quiet}:{os.environ.get('PATH', os.defpath)}"},
                           log=top / f"{name}-configure.log")
    for line in PROBES:
        if not re.search(rf"^{line}\s+yes$", said, re.M):
            raise Unusable(f"configuring {what}: finds no {line}, so this compiler cannot link, "
                           f"or its headers are not whole (all of it: {top}/{name}-configure.log)")
    command.run(["make", "-C", "src", f"-j{os.cpu_count() or 1}", "ENABLE_SHARED=0", "liburing.a"],
                f"building {what}", cwd=tree, log=top / f"{name}.log")


def regression(abi: str) -> tuple[str, set[tuple[str, str]]]:
    """Puts patches/liburing on the release that they are for,
    and runs their test by liburing's own runner, here.

    Gives "pass", "fail" or "skip", and the (opcode, defect) that the test names, "unknown" among
    the defects. Raises BuildFailed when a patch does not apply, something does not compile, or the
    runner ends otherwise; Unusable when the mirror has no source of that release.
    """
    debian = archive.open_archive()
    version = pins.source("liburing-tests", debian)
    with tempfile.TemporaryDirectory() as work:
        tree = debian.source("liburing", version, Path(work))
        for name in (SERIES / "series").read_text().split():
            command.run(["patch", "-p1", "--fuzz=0", "-s", "-i", SERIES / name], name, cwd=tree,
                        error=BuildFailed)
        library(tree, cross.compiler(AMD64, abi), f"liburing {version} for {abi} bit")
        command.run(["make", "-C", "test", "CFLAGS=-g -O2 -Wall -Wextra -Werror", f"{TEST}.t"],
                    f"building {TEST}", cwd=tree, error=BuildFailed)
        said = command.run(["sh", "-c", "TIMEOUT=60 TEST_GNU_EXITCODE=1 bash ./runtests.sh "
                            f"{TEST}.t 2>&1; echo rc=$?"],
                           "runtests.sh", cwd=tree / "test")
    outcome = {"0": "pass", "1": "fail", "77": "skip"}.get(said.rpartition("rc=")[2].strip())
    if not outcome or "Tests timed out" in said:
        raise BuildFailed(f"runtests.sh: {command.telling_line(said)}")
    line = (r"(sendmsg|sendmsg_zc), .+?: "
            r"(lost-pointer|wrong-length|late-read|repeated-control|unknown): ")
    return outcome, set(re.findall(line, said))
