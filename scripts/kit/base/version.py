"""Upstream kernel versions: "6.1.87" after "6.1.9", "6.9-rc4" before "6.9"."""

import re
from pathlib import Path
from typing import NamedTuple

_RELEASE = 1 << 30


class Version(NamedTuple):
    """A version that compares as releases follow one another; str() gives it as kernel.org does."""

    major: int
    minor: int
    point: int
    rc: int

    @property
    def branch(self) -> str:
        """The stable branch, such as "6.1"."""
        return f"{self.major}.{self.minor}"

    def __str__(self) -> str:
        point = f".{self.point}" if self.point else ""
        return self.branch + point + ("" if self.rc == _RELEASE else f"-rc{self.rc}")


def parse(text: str) -> Version:
    """Reads "6.1", "6.1.87", "6.9-rc4" (or "6.9~rc4"). Raises ValueError on anything else."""
    match = re.fullmatch(r"(\d+)\.(\d+)(?:\.(\d+))?(?:[-~]rc(\d+))?", text)
    if not match:
        raise ValueError(f"{text}: not a kernel version")
    major, minor, point, rc = match.groups()
    return Version(int(major), int(minor), int(point or 0), int(rc) if rc else _RELEASE)


def of_package(debian: str) -> Version:
    """The upstream version in a Debian package version, such as 7.3.4-1~bpo13+1.

    Raises ValueError when there is none.
    """
    match = re.match(r"(?:\d+:)?(\d+(?:\.\d+)+(?:~rc\d+)?)", debian)
    return parse(match[1] if match else debian)


def of_makefile(tree: Path) -> str | None:
    """What the Makefile of a kernel tree calls it, such as 6.1.50-vendor;
    None when it has no such fields."""
    makefile = tree / "Makefile"
    text = makefile.read_text(errors="replace")[:2000] if makefile.is_file() else ""
    fields = dict(
        re.findall(r"^(VERSION|PATCHLEVEL|SUBLEVEL|EXTRAVERSION)[ \t]*=[ \t]*(\S*)", text, re.M))
    if not {"VERSION", "PATCHLEVEL", "SUBLEVEL"} <= fields.keys():
        return None
    numbers = ".".join(fields[name] for name in ("VERSION", "PATCHLEVEL", "SUBLEVEL"))
    return f"{numbers}{fields.get('EXTRAVERSION', '')}"


def upstream(text: str) -> Version | None:
    """The upstream version that a kernel banner or release tells, or None when it does not.

    Debian puts its package version into the banner. A release such as 6.8.0-45-generic or
    5.14.0-503.el9 is a distribution's own count and tells nothing of the point release.
    """
    debian = re.search(r"#\d.* Debian (\d[^ ]*)", text)  # before that the compiler may tell its own
    if debian:
        return of_package(debian[1])
    match = re.match(r"(\d+\.\d+(?:\.\d+)?)(-rc\d+)?", text)
    if not match or re.match(r"\d+\.\d+\.0-\d", text):
        return None
    return parse(match[1] + (match[2] or ""))
