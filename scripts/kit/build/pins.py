"""Which versions are fetched: pins.toml, one for each package and release of Debian.

No other is ever taken.
"""

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache as once
from pathlib import Path

from . import archive
from ..base.error import Unusable

TABLE = Path(__file__).with_name("pins.toml")
SOURCES = ("liburing",)    # of these the source package is taken, of all others a binary one


@dataclass(frozen=True)
class Pin:
    """One package's line for one release of Debian."""

    package: str
    version: str

    def of(self, offered: Sequence[str]) -> str:
        """The version of those that the mirror offers.

        Raises Unusable, with what to do, when it is not among them.
        """
        fitting = [each for each in offered if re.sub(r"\+b\d+$", "", each) == self.version]
        if fitting:
            return max(fitting, key=archive.debian_order)
        there = f"it has {', '.join(ordered(offered))}" if offered else "it has none at all"
        raise Unusable(f"{self.package} {self.version} has left the mirror ({there}): put one of "
                       f"those into scripts/kit/build/{TABLE.name}, and run what uses it")

    def newer(self, offered: Sequence[str]) -> list[str]:
        """Those that are newer, newest first."""
        return [each for each in ordered(offered)
                if archive.debian_order(each) > archive.debian_order(self.version)
                and re.sub(r"\+b\d+$", "", each) != self.version]


def ordered(versions: Sequence[str]) -> list[str]:
    """Versions, newest first, each once."""
    return sorted(set(versions), key=archive.debian_order, reverse=True)


@once
def load() -> dict[str, dict[str, Pin]]:
    """name -> release of Debian -> what is pinned; the oldest release first."""
    rows = tomllib.loads(TABLE.read_text())
    return {name: {release: Pin(row.get("source", name), row[release])
                   for release in archive.SUITES if release in row}
            for name, row in rows.items()}


def pin(name: str) -> Pin:
    """What is pinned for the release that this host runs; a newer one,
    or another system, takes the last line."""
    row = load()[name]
    codename = archive.codename()
    if codename in archive.SUITES:
        older = [release for release in row
                 if archive.SUITES.index(release) > archive.SUITES.index(codename)]
        if len(older) == len(row):
            raise Unusable(f"scripts/kit/build/{TABLE.name} has no {name} for {codename}: Debian "
                           "12 or newer is needed")
    return row.get(codename) or list(row.values())[-1]


def binary(name: str, debian: archive.Archive) -> str:
    """The version of a pinned package, as the mirror has it now.

    Raises Unusable when it has left the mirror.
    """
    chosen = pin(name)
    return chosen.of([stanza["Version"]
                      for stanza in debian.packages(chosen.package, re.escape(chosen.package))])


def source(name: str, debian: archive.Archive) -> str:
    """The version of a pinned source package. Raises Unusable when it has left the mirror."""
    chosen = pin(name)
    return chosen.of(debian.source_versions(chosen.package))


def news(debian: archive.Archive) -> Iterator[tuple[str, bool]]:
    """A line on each pin beside what the mirror has, and whether the pinned version is there."""
    for name, row in load().items():
        for version in dict.fromkeys(each.version for each in row.values()):
            chosen = next(each for each in row.values() if each.version == version)
            offered = (debian.source_versions(chosen.package) if chosen.package in SOURCES else
                       [one["Version"]
                        for one in debian.packages(chosen.package, re.escape(chosen.package))])
            where = ", ".join(release for release, each in row.items() if each.version == version)
            newer = chosen.newer(offered)
            try:
                chosen.of(offered)
                yield f"{name} {version} ({where}): " + (f"newer: {', '.join(newer)}" if newer
                                                         else "the newest"), True
            except Unusable as gone:
                yield f"{name} ({where}): {gone}", False
