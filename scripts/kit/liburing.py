"""liburing from Debian's source package, for 64 and 32 bit: its library, static, and the regression test for it."""

import os
import re
import shutil
import tempfile
from functools import partial
from pathlib import Path

from . import archive, cache, command, cross
from .arch import AMD64, Architecture
from .error import BuildFailed, FullDisk, Unusable

SERIES = Path(__file__).resolve().parents[2] / "patches" / "liburing"
TEST = "sendmsg-control"


def prefix(abi: str, arch: Architecture = AMD64) -> Path:
    """The folder with include/ and lib/liburing.a for an ABI ("64" or "32"), built when it is not there.

    The newest version on the mirror that builds here is taken. Raises Unusable when none does.
    """
    source = archive.open_archive()
    versions = source.source_versions("liburing")
    failure: Unusable | None = None
    for version in versions:
        try:
            name = f"{version}-{abi}" if arch.native else f"{version}-{arch.name}-{abi}"
            return cache.folder(f"liburing/{name}", partial(_build, source, version, arch, abi))
        except FullDisk:
            raise
        except Unusable as bad:
            failure = failure or bad
    raise failure or Unusable("the mirror offers no source of liburing")


def _build(source: archive.Archive, version: str, arch: Architecture, abi: str, into: Path) -> None:
    work = into / "work"
    work.mkdir()
    tree = source.source("liburing", version, work)
    _library(tree, cross.compiler(arch, abi), f"building liburing {version} for {arch.name}, {abi} bit")
    (into / "lib").mkdir()
    shutil.copy(tree / "src/liburing.a", into / "lib/liburing.a")
    shutil.copytree(tree / "src/include", into / "include")
    shutil.rmtree(work)


def _library(tree: Path, compiler: str, what: str) -> None:
    command.run(["./configure", f"--cc={compiler}", f"--cxx={compiler}"], what, cwd=tree)
    command.run(["make", "-C", "src", f"-j{os.cpu_count() or 1}", "ENABLE_SHARED=0", "liburing.a"], what, cwd=tree)


def regression(abi: str) -> tuple[str, set[tuple[str, str]]]:
    """Puts patches/liburing on the release that they are for, and runs their test by liburing's own runner, here.

    Gives "pass", "fail" or "skip", and the (opcode, defect) that the test names, "unknown" among the defects.
    Raises BuildFailed when a patch does not apply, something does not compile, or the runner ends otherwise;
    Unusable when the mirror has no source of that release.
    """
    base = (SERIES / "cover-letter.txt").read_text().split()[-1].removeprefix("liburing-")
    source = archive.open_archive()
    version = next((each for each in source.source_versions("liburing") if each.rpartition("-")[0] == base), None)
    if not version:
        raise Unusable(f"the mirror has no source of liburing {base}, which patches/liburing is for")
    with tempfile.TemporaryDirectory() as work:
        tree = source.source("liburing", version, Path(work))
        for name in (SERIES / "series").read_text().split():
            command.run(["patch", "-p1", "--fuzz=0", "-s", "-i", SERIES / name], name, cwd=tree, error=BuildFailed)
        _library(tree, cross.compiler(AMD64, abi), f"building liburing {version} for {abi} bit")
        command.run(["make", "-C", "test", "CFLAGS=-g -O2 -Wall -Wextra -Werror", f"{TEST}.t"], f"building {TEST}",
                    cwd=tree, error=BuildFailed)
        said = command.run(["sh", "-c", f"TIMEOUT=60 TEST_GNU_EXITCODE=1 bash ./runtests.sh {TEST}.t 2>&1; echo rc=$?"],
                           "runtests.sh", cwd=tree / "test")
    outcome = {"0": "pass", "1": "fail", "77": "skip"}.get(said.rpartition("rc=")[2].strip())
    if not outcome or "Tests timed out" in said:
        raise BuildFailed(f"runtests.sh: {command.telling_line(said)}")
    line = r"(sendmsg|sendmsg_zc), .+?: (lost-pointer|wrong-length|late-read|repeated-control|unknown): "
    return outcome, set(re.findall(line, said))
