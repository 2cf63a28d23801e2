"""The programs of selftests/harm and selftests/errors, static and for both ABIs."""

import os
import shutil
from pathlib import Path

from ..base import cache, command
from . import liburing, source
from .bundle import SELFTEST
from ..base.error import BuildFailed

ABIS = ("64", "32")


def build(folder: str) -> Path:
    """A folder with each program of selftests/<folder>, as NAME and NAME_32.

    Raises BuildFailed, with the compiler's line, for a warning, too.
    """
    home, frame = SELFTEST.with_name(folder), source.frame()
    prefixes = {abi: liburing.prefix(abi) for abi in ABIS}
    key = cache.digest(home, SELFTEST, str(frame), *map(str, prefixes.values()))

    def make(into: Path) -> None:
        work = into / "work"
        for path in (home, SELFTEST):
            shutil.copytree(path, work / path.name)
        said = command.run(["sh", "-c", 'exec "$@" 2>&1', "sh", "make", "-C", work / folder,
                            f"-j{os.cpu_count() or 1}", f"OUTPUT={into}", "CC=gcc", f"KSRC={frame}",
                            *(f"LIBURING_{abi}={path}" for abi, path in prefixes.items())],
                           f"building selftests/{folder}", error=BuildFailed)
        if warning := next((line for line in said.splitlines() if "warning:" in line), ""):
            raise BuildFailed(warning)
        shutil.rmtree(work)

    return cache.folder(f"static/{folder}-{key}", make)
