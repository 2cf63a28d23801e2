"""QEMU: the host's, or where that is too old the one of Debian's that pins.toml names
for this release.

That one is unpacked in the cache, and runs with the libraries of this host.
"""

import functools
import re
from pathlib import Path

from ..base import cache, command, host
from ..build import archive, pins
from ..build.archive import Stanza
from ..base.error import Unusable

PROGRAM = "qemu-system-x86_64"
PACKAGE, DATA, BIOS = "qemu-system-x86", "qemu-system-data", "seabios"

Release = tuple[int, int]


@functools.cache
def release() -> Release:
    """The release of the host's, such as (7, 2)."""
    return _release(command.run([PROGRAM, "--version"], PROGRAM).partition("version ")[2])


def at_least(wanted: Release) -> tuple[str, ...]:
    """The words that start a QEMU of at least this release; none if there is no such QEMU."""
    return (PROGRAM,) if release() >= wanted else _unpacked(wanted)


@functools.cache
def _unpacked(wanted: Release) -> tuple[str, ...]:
    try:
        debian = archive.open_archive()
        version = pins.binary(PACKAGE, debian)
        if _release(version) < wanted:
            return ()
        stanza = next(each for each in debian.packages(PACKAGE, re.escape(PACKAGE))
                      if each["Version"] == version)
        host.need(tuple(sorted(needed(stanza))))

        def make(into: Path) -> None:
            for package in (PACKAGE, DATA, BIOS):
                debian.unpack(package, pins.binary(package, debian), into)
            command.run([*_words(into), "--version"], f"{PACKAGE} {version}")

        return _words(cache.folder(f"qemu/{version}", make))
    except Unusable as bad:
        archive.say(f"no QEMU newer than the host's: {bad}")
        return ()


def _words(home: Path) -> tuple[str, ...]:
    # The host's QEMU has modules that only it can load
    return ("env", "QEMU_MODULE_DIR=/nonexistent", str(home / "usr/bin" / PROGRAM),
            "-L", str(home / "usr/share/qemu"), "-L", str(home / "usr/share/seabios"))


def needed(stanza: Stanza) -> set[str]:
    """The names of the packages that a package depends on, the first of alternatives."""
    return {word.split()[0] for word in stanza.get("Depends", "").split(",") if word.strip()}


def _release(text: str) -> Release:
    match = re.match(r"(?:\d+:)?(\d+)\.(\d+)", text)
    if not match:
        raise Unusable(f"{PROGRAM}: tells no version")
    return int(match[1]), int(match[2])
