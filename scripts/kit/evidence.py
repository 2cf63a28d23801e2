"""What is kept of a proof in patches/proofs, and whether it is of today's patches and programs.

A record names each patch that was on the tree with a hash of the lines that it changes, and each
test program with a hash of its source and of what that includes: an edit to one program makes stale
what that program showed.
"""

import datetime
import hashlib
import json
import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from .base import cache, command
from .base.arch import AMD64, Architecture
from .base.error import Unusable
from .base.paths import FRAGMENT, PATCHES, SELFTESTS
from .report.result import DEFECTS, OTHER, CaseResult, KernelResult
from .series import patch
from .series.patch import Patch

PROOFS = PATCHES / "proofs"
COLUMNS = (*DEFECTS, OTHER)
UNBOUND = "does not say what text it is of"
STALE = "?"                                # in the place of a count
WIDTH = 75
Pair = tuple[int | None, int | None]       # of 64 and of 32 bit; None where no case ran


@dataclass(frozen=True)
class Build:
    """What a kernel did: of each defect that was tried, how many cases ran and failed."""

    build: str
    as_its_code_says: bool
    seconds: float
    engines: dict[str, str]                # ABI -> kvm, tcg or uml
    ran: dict[str, Pair]
    failed: dict[str, Pair]

    def fails(self, stale: Iterable[str] = ()) -> str:
        """The defects with failed cases, "late-read 18/18, late-file 7/7"; else "nothing fails".

        Of a kernel that was not built or did not come to a case, "no case ran".
        """
        if not self.ran and not self.failed:
            return "no case ran"
        words = [f"{name} {STALE}" if name in stale else f"{name} {pair(self.failed[name])}"
                 for name in COLUMNS
                 if name in self.failed and (name in stale or any(self.failed[name]))]
        return ", ".join(words) or "nothing fails"


@dataclass(frozen=True)
class Row:
    """A kernel of a proof: what it did, the patches put on and taken out, and its cases."""

    build: Build
    patches: tuple[Patch, ...]
    cases: tuple[CaseResult, ...]


@dataclass(frozen=True)
class Record:
    """One proof. `patches` and `programs` are empty in those of before the end of November 2026."""

    tree: str
    release: str
    date: str
    arch: str = AMD64.name
    compiler: str = ""
    configuration: str = ""
    patches: dict[str, str] = field(default_factory=dict)      # fix -> hash of what it changes
    programs: dict[str, str] = field(default_factory=dict)     # test program -> hash of its source
    shown_by: dict[str, list[str]] = field(default_factory=dict)   # defect -> programs
    buffers: bool = False                  # of the patches in the branch's folder buffers, too
    builds: list[Build] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Its file in patches/proofs."""
        arch = "" if self.arch == AMD64.name else f"-{self.arch}"
        return f"{self.release}{arch}{'-buffers' if self.buffers else ''}.json"

    def other_patches(self) -> list[str]:
        """The fixes whose patch is not the one that was proved: changed, gone, or new."""
        bases = [branch for branch in patch.branches() if branch.base == self.release]
        wanted = {one.slug: hashed(one) for branch in bases
                  for one in (*branch.tip, *(branch.buffers if self.buffers else ()))
                  if one.slug not in patch.EXTRA}
        # What a branch took, or what an older release wants, need not be in the series of its tip
        there = {hashed(Patch(path)) for path in PATCHES.rglob("*.patch")}
        return sorted({slug for slug, now in wanted.items() if self.patches.get(slug) != now}
                      | {slug for slug, was in self.patches.items() if was not in there})

    def stale(self) -> list[str]:
        """The defects that were shown by a program that is another one today."""
        changed = {name for name, was in self.programs.items() if program(name) != was}
        return [defect for defect, names in self.shown_by.items() if changed & set(names)]

    def summary(self) -> str:
        """What was proved, as cover letters and Documentation show it."""
        old = self.stale()
        first = self.builds[0] if self.builds else None
        lines = ["failed cases, 64/32 bit"
                 + (f" (of {total(first.ran)})" if first and first.ran else "")]
        width = max((len(build.build) for build in self.builds), default=0) + 4
        for build in self.builds:
            said = build.fails(old) + ("" if build.as_its_code_says else "; NOT AS ITS CODE SAYS")
            if width > WIDTH // 2:
                lines += [wrapped(build.build, "    ", "  "), wrapped(said, " " * 6)]
            else:
                lines.append(wrapped(said, " " * width, f"  {build.build}".ljust(width)))
        by = [f"{abi} bit by {engine}" for abi, engine in (first.engines if first else {}).items()]
        arch = "" if self.arch == AMD64.name else self.arch
        where = ", ".join(filter(None, [self.release, arch, self.tree, self.date, *by]))
        lines.append(wrapped(f"({where})", "   ", "  "))
        if not self.patches:
            lines.append("  (kept before records named the text of what they prove)")
        if old:
            lines.append(wrapped(f"{STALE}: its test program has changed since", "   ", "  "))
        return "\n".join(lines) + "\n"


def pair(counts: Pair) -> str:
    """Two counts, such as "7/-"."""
    return "/".join("-" if count is None else str(count) for count in counts)


def total(counts: dict[str, Pair]) -> str:
    """The sum of all defects; "-" for an ABI of which no case ran."""
    sides = zip(*counts.values()) if counts else [(), ()]
    sums = [[count for count in side if count is not None] for side in sides]
    return "/".join(str(sum(side)) if side else "-" for side in sums)


def wrapped(words: str, indent: str, first: str | None = None) -> str:
    """Text in lines of a mail's width."""
    return textwrap.fill(words, WIDTH, initial_indent=indent if first is None else first,
                         subsequent_indent=indent, break_on_hyphens=False, break_long_words=False)


def engines(cases: Iterable[CaseResult]) -> dict[str, str]:
    """ABI -> what ran its cases: the first, where there are several."""
    found: dict[str, str] = {}
    for case in cases:
        found.setdefault(case.abi, case.engine)
    return found


def of(name: str, result: KernelResult, good: bool) -> Build:
    """What a kernel did. A defect of which only control cases ran was not tried: it is left out."""
    ran: dict[str, Pair] = {}
    failed: dict[str, Pair] = {}
    for defect in COLUMNS:
        cases = [case for case in result.cases if case.defect == defect and case.outcome != "skip"]
        sides = [[case for case in cases if case.abi == abi] for abi in ("64", "32")]
        tried = [side if any(not case.reference or case.outcome != "pass" for case in side)
                 else None for side in sides]
        if any(tried):
            ran[defect] = _pair(None if side is None else len(side) for side in tried)
            failed[defect] = _pair(None if side is None else
                                   sum(case.outcome in ("fail", "error") for case in side)
                                   for side in tried)
    return Build(name, good, result.seconds, engines(result.cases), ran, failed)


def _pair(counts: Iterable[int | None]) -> Pair:
    first, second = counts
    return first, second


def hashed(one: Patch) -> str:
    """A hash of the lines with - and + of a patch: not of blob ids, places, context or message."""
    lines = [line for line in one.text.partition("\n---\n")[2].splitlines()
             if line.startswith(("+", "-")) and line != "-- "]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def configuration() -> str:
    """A hash of the fragments that kernels are configured by."""
    return cache.digest(*sorted(FRAGMENT.resolve().parent.glob("Kconfig.fragment*")))


def program(name: str) -> str:
    """A hash of a test program's source and all that it is made of; "" when there is none."""
    found = next(iter(sorted(SELFTESTS.glob(f"*/{name}.c"))), None)
    return cache.digest(*sorted(_sources(found, set()))) if found else ""


def _sources(one: Path, seen: set[Path]) -> set[Path]:
    """A source, its headers here or in the core, and the sources that go with these headers.

    With twin.h go twin.c and twin_tcp.c.
    """
    if one in seen or not one.is_file():
        return seen
    seen.add(one)
    for header in re.findall(r'^#include "([\w.]+)"', one.read_text(), re.M):
        place = next((home / header for home in (one.parent, SELFTESTS / "io_uring")
                      if (home / header).is_file()), None)
        if place:
            for needed in (place, place.with_suffix(".c"), *place.parent.glob(f"{place.stem}_*.c")):
                _sources(needed, seen)
    return seen


def record(tree: str, release: str, builds: Sequence[Build], patches: Iterable[Patch],
           cases: Sequence[CaseResult], arch: Architecture = AMD64, buffers: bool = False) -> Path:
    """Keeps a proof in patches/proofs, with what it is of: `patches` and `cases` of all builds."""
    shown_by = {defect: sorted({case.program for case in cases if case.defect == defect})
                for defect in COLUMNS}
    programs = sorted({name for names in shown_by.values() for name in names})
    compiler = command.run(["gcc", "--version"], "gcc --version").partition("\n")[0]
    kept = Record(tree, release, datetime.date.today().isoformat(), arch.name, compiler,
                  configuration(),
                  {one.slug: hashed(one) for one in patches},
                  {name: program(name) for name in programs},
                  {defect: names for defect, names in shown_by.items() if names}, buffers,
                  list(builds))
    PROOFS.mkdir(exist_ok=True)
    path = PROOFS / kept.name
    path.write_text(json.dumps(asdict(kept), indent=1) + "\n")
    return path


def records(tree: str, release: str, rows: Sequence[Row],
            arch: Architecture = AMD64) -> list[Path]:
    """Keeps a proof; gives its files.

    With patches of a folder buffers there are two: one of the builds without these, unless a proof
    of today's text with more builds is there, and one of all builds.
    """
    own = {one.path for branch in patch.branches() for one in branch.buffers}
    alone = [row for row in rows if not own & {one.path for one in row.patches}]
    there = next((one for one in recorded() if not one.buffers
                  and (one.release, one.arch) == (release, arch.name)), None)
    better = there and proved(there) and not there.stale() and len(there.builds) > len(alone)
    both = [] if len(alone) == len(rows) else [(rows, True)]
    return [record(tree, release, [row.build for row in kept],
                   {one.path: one for row in kept for one in row.patches}.values(),
                   [case for row in kept for case in row.cases], arch, buffers)
            for kept, buffers in ([] if both and better else [(alone, False)]) + both]


def recorded() -> list[Record]:
    """The proofs that are kept, oldest release first. Raises Unusable for one that is broken."""
    found = []
    for path in PROOFS.glob("*.json"):
        try:
            found.append(_read(json.loads(path.read_text())))
        except (OSError, ValueError, KeyError, TypeError) as bad:
            raise Unusable(f"{path}: {bad}") from bad
    return sorted(found, key=lambda one: (
        [int(part) for part in one.release.split("-")[0].split(".")], one.arch))


def _read(data: dict[str, Any]) -> Record:
    words: dict[str, Any] = {**data, "builds": []}
    kept = Record(**words)
    return replace(kept, builds=[_build(each) for each in data["builds"]])


def _build(data: dict[str, Any]) -> Build:
    def pairs(name: str) -> dict[str, Pair]:
        return {defect: _pair(map(_number, value.split("/") if isinstance(value, str) else value))
                for defect, value in data.get(name, {}).items()}

    return Build(data["build"], data["as_its_code_says"], data["seconds"], data.get("engines", {}),
                 pairs("ran"), pairs("failed"))


def _number(word: str | int | None) -> int | None:
    return None if word in ("-", None) else int(str(word))


def complaints() -> list[str]:
    """A line for each live branch whose proof is of another text of its patches."""
    live = {branch.base for branch in patch.branches() if branch.home.parent.name != "ended"}
    said = []
    for one in recorded():
        other = one.other_patches() if one.release in live else []
        if other:
            more = f" and {len(other) - 1} more" if other[1:] else ""
            why = f"is of another text of {other[0]}{more}"
            words = f"{one.release}{' --buffers' if one.buffers else ''} --record NAME"
            said.append(f"patches/proofs/{one.name}: {why if one.patches else UNBOUND}; "
                        f"prove it again: scripts/series prove {words}")
    return said


def proved(one: Record) -> bool:
    """Whether a proof is of the patches as they are."""
    return bool(one.patches) and not one.other_patches()
