"""User Mode Linux as Debian ships it: kernels that are programs of this host.

A package says in Built-Using which kernel it was made of. One that was linked for a newer libc
than this host's gets the newest beside it, and looks for the loader there.
"""

import gzip
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ..base import cache, progress, version
from ..build import archive
from ..build.archive import Archive
from ..base.error import Usage
from . import module

PACKAGE, LIBC = "user-mode-linux", "libc6"
ALSO = ("ipv6",)                       # a module there, built in elsewhere
WANTED = (*ALSO, *module.QDISCS)
LOADER, BESIDE = b"/lib64/ld-linux-x86-64.so.2\0", b"./ld-linux-x86-64.so.2"
LIBRARIES = ("ld-linux-x86-64.so.2", "libc.so.6")
START = """#!/bin/sh
cd "${0%/*}" && LD_LIBRARY_PATH=. exec ./linux.uml "$@"
"""


@dataclass(frozen=True)
class Offer:
    """One version of the package, and what it was made of."""

    package_version: str
    version: version.Version
    libc: str                          # the oldest that it runs with

    @property
    def word(self) -> str:
        """What to say in KERNELS to get it."""
        return f"uml:{self.version}"


def offers(debian: Archive) -> list[Offer]:
    """What the mirror has, newest first."""
    found = []
    for stanza in debian.packages(PACKAGE, re.escape(PACKAGE)):
        made_of = re.search(r"\blinux \(= ([^)]+)\)", stanza.get("Built-Using", ""))
        libc = re.search(rf"\b{LIBC} \(>= ([^)]+)\)", stanza.get("Depends", ""))
        if made_of:
            found.append(Offer(stanza["Version"], version.of_package(made_of[1]),
                               libc[1] if libc else "0"))
    return sorted(found, key=lambda one: (one.version, archive.debian_order(one.package_version)),
                  reverse=True)


def find(name: str, there: list[Offer]) -> Offer:
    """An upstream version, a branch or a package version. Raises Usage for what is not there."""
    for one in there:
        if name in (str(one.version), one.version.branch, one.package_version):
            return one
    raise Usage(f"uml:{name}: the mirror has no such User Mode Linux; there are "
                f"{', '.join(one.word for one in there) or 'none'}; one of your own is uml:PATH")


def files(debian: Archive, one: Offer) -> Path:
    """A folder with linux, modules/ and, if there is, config."""
    here = _of_host()
    borrowed = archive.debian_order(one.libc) > archive.debian_order(here)
    libc = _newest(debian) if borrowed else ""

    def make(into: Path) -> None:
        raw = into / "raw"
        debian.unpack(PACKAGE, one.package_version, raw)
        progress.step("unpacking")
        program = (raw / "usr/bin/linux.uml").read_bytes()
        if borrowed:
            debian.unpack(LIBC, libc, raw)
            for name in LIBRARIES:
                next(raw.glob(f"**/x86_64-linux-gnu/{name}")).rename(into / name)
            _write(into / "linux.uml", program.replace(LOADER, BESIDE.ljust(len(LOADER), b"\0")))
            program = START.encode()
        _write(into / "linux", program)
        config = raw / f"usr/share/doc/{PACKAGE}/config.gz"
        if config.exists():
            (into / "config").write_bytes(gzip.decompress(config.read_bytes()))
        release = next(path for path in raw.glob("**/modules/*/kernel") if path.is_dir())
        module.gather(release.parent, into / "modules", WANTED)
        shutil.rmtree(raw)

    key = f"kernels/{PACKAGE}_{one.package_version}_{cache.digest(START, libc, *WANTED)}"
    return cache.folder(key, make)


def release(program: Path) -> str:
    """What a User Mode Linux calls itself, such as "7.2.7". Raises Usage for any other file."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10,
                              check=False, stdin=subprocess.DEVNULL).stdout.strip()
    except (OSError, ValueError, subprocess.TimeoutExpired) as bad:
        why = getattr(bad, "strerror", None) or "does not tell its version"
        raise Usage(f"uml:{program}: {why}") from bad
    if not re.fullmatch(r"\d+\.\d+\S*", said):
        raise Usage(f"uml:{program}: no User Mode Linux: --version does not tell a version")
    return said


def _of_host() -> str:
    asked = ["dpkg-query", "-W", "-f", "${Version}", LIBC]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout or "0"


def _newest(debian: Archive) -> str:
    found = (stanza["Version"] for stanza in debian.packages(LIBC, LIBC))
    return max(found, key=archive.debian_order)


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o755)
