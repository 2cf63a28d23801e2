"""liburing, static, from Debian's source package, for 64 and 32 bit programs."""

import os
import shutil
from functools import partial
from pathlib import Path

from . import archive, cache, command
from .error import FullDisk, Unusable

COMPILER = {"64": "gcc", "32": "gcc -m32"}


def prefix(abi: str) -> Path:
    """The folder with include/ and lib/liburing.a for an ABI ("64" or "32"), built when it is not there.

    The newest version on the mirror that builds here is taken. Raises Unusable when none does.
    """
    source = archive.open_archive()
    versions = source.source_versions("liburing")
    failure: Unusable | None = None
    for version in versions:
        try:
            return cache.folder(f"liburing/{version}-{abi}", partial(_build, source, version, abi))
        except FullDisk:
            raise
        except Unusable as bad:
            failure = failure or bad
    raise failure or Unusable("the mirror offers no source of liburing")


def _build(source: archive.Archive, version: str, abi: str, into: Path) -> None:
    work = into / "work"
    work.mkdir()
    tree = source.source("liburing", version, work)
    what = f"building liburing {version} for {abi} bit"
    compiler = COMPILER[abi]
    command.run(["./configure", f"--cc={compiler}", f"--cxx={compiler}"], what, cwd=tree)
    command.run(["make", "-C", "src", f"-j{os.cpu_count() or 1}", "ENABLE_SHARED=0", "liburing.a"],
                what, cwd=tree)
    (into / "lib").mkdir()
    shutil.copy(tree / "src/liburing.a", into / "lib/liburing.a")
    shutil.copytree(tree / "src/include", into / "include")
    shutil.rmtree(work)
