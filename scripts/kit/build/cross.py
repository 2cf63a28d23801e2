"""Compilers: the host's gcc, and for other architectures its cross compilers,
unpacked in the cache.

They are Debian's packages for the release that the host runs. Installing them would remove
gcc-multilib.
"""

import re
from functools import cache as once
from pathlib import Path

from ..base import cache, command
from . import archive
from ..base.arch import Architecture
from ..base.error import Unusable

# gcc, and all that it needs beside the host's own gcc to link a program. The shared libraries are
# for the link tests of configure scripts, which take what does not link for absent: ours are
# static.
PACKAGES = ("gcc-{gcc}-{triplet}", "cpp-{gcc}-{triplet}", "binutils-{triplet}",
            "libgcc-{gcc}-dev-{debian}-cross", "libgcc-s1-{debian}-cross",
            "libc6-dev-{debian}-cross", "libc6-{debian}-cross", "linux-libc-dev-{debian}-cross")
# gcc finds its parts relative to itself, but assembler and linker have libraries of their own
WRAPPER = """#!/bin/sh
usr=${{0%/*}}/../unpacked/usr
LD_LIBRARY_PATH=$usr/lib/x86_64-linux-gnu exec "$usr/bin/{tool}" "$@"
"""


def compiler(arch: Architecture, abi: str) -> str:
    """The C compiler for an ABI, with its flags.

    Raises Unusable when there is none for this host.
    """
    if arch.native:
        return "gcc" if abi == "64" else "gcc -m32"
    return f"{prefix(arch, abi)}gcc"


def prefix(arch: Architecture, abi: str = "64") -> str:
    """The value for CROSS_COMPILE: what the names of the tools begin with."""
    return f"{_home(*arch.targets[abi])}/bin/{arch.targets[abi][0]}-"


def library(arch: Architecture) -> str:
    """Name and version of Debian's package of the C library that static programs get."""
    if arch.native:
        return "libc6-dev " + command.run(["dpkg-query", "-W", "-f", "${Version}", "libc6-dev"],
                                          "dpkg-query")
    return (_home(*arch.targets["64"]) / "library").read_text()


@once
def _home(triplet: str, debian: str) -> Path:
    major = command.run(["gcc", "-dumpversion"], "gcc").strip()
    suite = _suite()
    names = [name.format(gcc=major, triplet=triplet, debian=debian) for name in PACKAGES]

    def make(into: Path) -> None:
        packages = archive.open_archive()
        for name in names:
            version = packages.unpack(name, None, into / "unpacked", suite)
            if name.startswith("libc6-dev"):
                (into / "library").write_text(f"{name} {version}")
        _relocate(into / f"unpacked/usr/{triplet}/lib")
        (into / "bin").mkdir()
        for tool in (into / "unpacked/usr/bin").glob(f"{triplet}-*"):
            wrapper = into / "bin" / tool.name.removesuffix(f"-{major}")
            wrapper.write_text(WRAPPER.format(tool=tool.name))
            wrapper.chmod(0o755)

    return cache.folder(f"cross/{triplet}-{suite}-{cache.digest(WRAPPER, *names)}", make)


def _relocate(folder: Path) -> None:
    """Has linker scripts such as libc.so name libraries in their own folder, where the linker
    looks, not below /usr."""
    for path in folder.glob("*.so"):
        text = path.read_bytes()
        if text.startswith(b"/* GNU ld script"):
            path.write_bytes(re.sub(rb"/usr/[^\s()]*/", b"", text))


def _suite() -> str:
    """The release that the host runs.

    Raises Unusable unless it is one of Debian's that the archive has.
    """
    found = archive.codename()
    if found not in archive.SUITES:
        raise Unusable(f"cross compilers are taken from Debian, for {', '.join(archive.SECURED)}; "
                       f"this host runs {found or 'something else'}")
    return found
