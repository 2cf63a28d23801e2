"""patches/fixes.toml: which kernels have which defect, and the predictions that follow.

The file's own comment defines its keys; versions compare as kernel releases do.
"""

import tomllib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from ..base.error import Unusable
from ..base.paths import PATCHES
from ..base.version import Version, parse

T = TypeVar("T")

TABLE = PATCHES / "fixes.toml"


@dataclass(frozen=True)
class Cause:
    """One cause of a defect, and the commit that cures it where there is one."""

    slug: str                          # names the fix and its patches
    opcode: str                        # "sendmsg", "sendmsg_zc" or "any"
    abi: tuple[str, ...]
    introduced: Version
    introduced_in: dict[str, Version]  # branch -> first point release that has the cause
    mainline: Version | None           # first release with the cure
    releases: dict[str, Version]       # branch -> first point release with the cure
    commit: str | None = None          # the cure in mainline, 40 hex digits
    subject: str | None = None         # its first line
    evidence: str = ""                 # what the entry rests on

    def present(self, version: Version) -> bool:
        """Whether a kernel of this version has the cause and not its cure."""
        branch = version.branch
        if version < self.introduced_in.get(branch, self.introduced):
            return False
        cure = self.cure(branch)
        if self.mainline and version >= self.mainline:
            return False
        return cure is None or version < cure

    def cure(self, branch: str) -> Version | None:
        """The release of a branch that brought the cure; None when the branch never got it."""
        return self.releases.get(branch)


@dataclass(frozen=True)
class Defect:
    """A defect with its causes."""

    name: str
    title: str
    symptom: str
    status: str
    causes: tuple[Cause, ...]

    def expected(self, opcode: str, abi: str, version: Version) -> str | None:
        """Why a kernel of this version shows the defect, None when it does not.

        "open" when no release has a fix, else "fix: <first fixed release>", of its own branch
        where there is one.
        """
        present = [cause for cause in self.causes
                   if cause.opcode in (opcode, "any") and abi in cause.abi
                   and cause.present(version)]
        return self._because(present, version)

    def expected_of(self, opcode: str, abi: str, version: Version | None,
                    present: Collection[tuple[str, str]]) -> str | None:
        """As expected(), for a kernel whose code has the causes of these (slug, opcode),
        whatever its version."""
        return self._because([cause for cause in self.causes
                              if cause.opcode in (opcode, "any") and abi in cause.abi
                              and (cause.slug, cause.opcode) in present], version)

    def _because(self, present: "list[Cause]", version: Version | None) -> str | None:
        if not present:
            return None
        if not version:
            return "open" if any(cause.mainline is None for cause in present) else "fix: " + str(
                max(cause.mainline for cause in present if cause.mainline))
        if any(cause.mainline is None and not cause.cure(version.branch) for cause in present):
            return "open"
        return "fix: " + str(max(filter(None, (cause.cure(version.branch) or cause.mainline
                                               for cause in present))))


def load(path: Path = TABLE) -> dict[str, Defect]:
    """The defects by name. Raises Unusable, naming the place, when the file is missing or wrong."""
    try:
        written = path.stat().st_mtime_ns
    except OSError as bad:
        raise Unusable(f"{path}: {bad.strerror}") from bad
    return dict(_loaded(path, written))


@lru_cache(maxsize=4)
def _loaded(path: Path, _written: int) -> dict[str, Defect]:
    """The table as it was written at that time: it is asked for often."""
    return _read(path, lambda table: {entry["name"]: _defect(entry) for entry in table["defect"]})


def live(path: Path = TABLE) -> dict[str, str]:
    """The stable branches that still have releases -> the month of the last one, such
    as "2027-12", "" where unknown.

    Raises as load() does.
    """
    return _read(path, lambda table: {str(name): str(until)
                                      for name, until in table["branches"].items()})


def _read(path: Path, pick: Callable[[dict[str, Any]], T]) -> T:
    try:
        with path.open("rb") as file:
            return pick(tomllib.load(file))
    except OSError as bad:
        raise Unusable(f"{path}: {bad.strerror}") from bad
    except KeyError as bad:
        raise Unusable(f"{path}: an entry lacks {bad}") from bad
    except (ValueError, TypeError, AttributeError) as bad:
        raise Unusable(f"{path}: {bad}") from bad


def _defect(entry: dict[str, Any]) -> Defect:
    return Defect(entry["name"], entry["title"], entry["symptom"], entry["status"],
                  tuple(_cause(fix) for fix in entry["fix"]))


def _cause(fix: dict[str, Any]) -> Cause:
    return Cause(fix["slug"], fix["opcode"], tuple(fix["abi"]), parse(fix["introduced"]),
                 {branch: parse(first) for branch, first in fix.get("introduced_in", {}).items()},
                 parse(fix["mainline"]) if "mainline" in fix else None,
                 {branch: parse(first) for branch, first in fix.get("releases", {}).items()},
                 fix.get("commit"), fix.get("subject"), fix.get("evidence", ""))
