"""The programs of selftests/harm, static and for both ABIs: what scripts/harm measures and provokes with."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from ..base import cache, command
from ..build import liburing, source
from ..build.bundle import SELFTEST
from ..base.error import BuildFailed

HARM = SELFTEST.parent / "harm"


def build(abis: Iterable[str] = ("64", "32")) -> Path:
    """A folder with each program, as NAME and NAME_32. Raises BuildFailed, with the compiler's line."""
    frame = source.frame()
    prefixes = {abi: liburing.prefix(abi) for abi in abis}
    key = cache.digest(HARM, SELFTEST, str(frame), *map(str, prefixes.values()))

    def make(into: Path) -> None:
        work = into / "work"
        for path in (HARM, SELFTEST):
            shutil.copytree(path, work / path.name)
        command.run(["make", "-C", work / HARM.name, f"-j{os.cpu_count() or 1}", f"OUTPUT={into}", "CC=gcc",
                     f"KSRC={frame}", f"ABI={' '.join(prefixes)}", *(f"LIBURING_{abi}={path}" for abi, path in prefixes.items())],
                    "building selftests/harm", error=BuildFailed)
        shutil.rmtree(work)

    return cache.folder(f"instruments/{key}", make)
