"""The patches of this repository: where they are, what each cures, and what is in them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..base import version
from ..base.error import Unusable
from ..base.paths import PATCHES
from ..base.version import Version

SELFTEST = "selftest"                  # the slug of the patch that brings the selftest
TARGETS = "targets"                    # and of the one that makes it part of the whole
EXTRA = (SELFTEST, TARGETS)            # patches that cure nothing
LATE_READ = "late-read"                # the slug of the patch that makes those
                                       # for other defects unnecessary


@dataclass(frozen=True)
class Hunk:
    """One hunk of a unified diff: the file, its first line in the old file,
    the old file's lines and those of the new one."""

    path: str
    number: int                        # within its file, from 1
    of: int                            # hunks that the file has
    line: int
    old: tuple[str, ...]
    new: tuple[str, ...]


@dataclass(frozen=True)
class Patch:
    """A patch file for `git am`; slug names the fix as in patches/fixes.toml."""

    path: Path

    @property
    def slug(self) -> str:
        """What it is about: the file's name without number and suffix."""
        return re.sub(r"^\d+-", "", self.path.stem)

    @property
    def name(self) -> str:
        """Its path as a user types it, from the top of the repository."""
        return str(self.path.relative_to(PATCHES.parent))

    @cached_property
    def text(self) -> str:
        """The whole file. Raises Unusable when it cannot be read."""
        try:
            return self.path.read_text()
        except OSError as bad:
            raise Unusable(f"{self.path}: {bad.strerror}") from bad

    @cached_property
    def subject(self) -> str:
        """The Subject: line, unfolded, without [PATCH]."""
        match = re.search(r"^Subject: (.*(?:\n[ \t].*)*)", self.text, re.M)
        return re.sub(r"\[PATCH[^]]*\] ", "",
                      re.sub(r"\n[ \t]+", " ", match[1])) if match else self.slug

    @cached_property
    def message(self) -> str:
        """What the commit says below its subject, trailers included."""
        return self.text.partition("\n\n")[2].partition("\n---\n")[0]

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """The files that it touches."""
        return tuple(re.findall(r"^diff --git a/(\S+) b/\S+$", self.text, re.M))

    @cached_property
    def change(self) -> str:
        """Its diff without blob ids and line numbers: two patches with the same one do the same."""
        diff = re.sub(r"^@@ .*", "@@", self.text.partition("\ndiff --git ")[2], flags=re.M)
        return re.sub(r"^(index .*|-- |\d+\.\d+\S*)\n", "", diff, flags=re.M)

    @cached_property
    def hunks(self) -> tuple[Hunk, ...]:
        """Its hunks, in the order of the file."""
        found: list[Hunk] = []
        for part in re.split(r"^(?=diff --git )", self.text, flags=re.M)[1:]:
            pieces = re.split(r"^@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@.*\n", part, flags=re.M)
            path = pieces[0].split()[2].removeprefix("a/")
            heads = list(zip(pieces[1::2], pieces[2::2]))
            for number, (line, body) in enumerate(heads, 1):
                texts = [text for text in body.splitlines() if text != "-- "]
                old, new = (tuple(text[1:] for text in texts if text[:1] in (" ", sign))
                            for sign in "-+")
                found.append(Hunk(path, number, len(heads), int(line), old, new))
        return tuple(found)


@dataclass(frozen=True)
class Branch:
    """The folder of one branch, or of mainline: the series for its tip,
    and what it took itself before."""

    home: Path

    @property
    def name(self) -> str:
        """"mainline" or "linux-6.1.y"."""
        return self.home.name

    @property
    def number(self) -> Version:
        """The branch as a version; mainline counts as newer than all."""
        match = re.fullmatch(r"linux-(\d+\.\d+)\.y", self.name)
        return version.parse(match[1]) if match else Version(1 << 20, 0, 0, 0)

    @cached_property
    def base(self) -> str:
        """The version that the series is made for, as its cover letter says."""
        match = re.search(r"^base: (\S+)$", read(self.home / "cover-letter.txt"), re.M)
        if not match:
            raise Unusable(f"{self.home}/cover-letter.txt: has no line 'base: <version>'")
        return match[1]

    @cached_property
    def tip(self) -> tuple[Patch, ...]:
        """The series for the tip, in order."""
        return series(self.home)

    @cached_property
    def taken(self) -> dict[Version, tuple[Patch, ...]]:
        """release -> what the branch took itself in it, oldest first."""
        homes = {version.parse(home.name.removeprefix("since-")): home
                 for home in self.home.glob("older/since-*")}
        return {release: series(homes[release]) for release in sorted(homes)}

    @cached_property
    def older(self) -> tuple[Patch, ...]:
        """Fixes for releases before a certain one, where the tip's do not apply."""
        homes = {version.parse(home.name.removeprefix("before-")): home
                 for home in self.home.glob("older/before-*")}
        return tuple(one for release in sorted(homes, reverse=True)
                     for one in series(homes[release]))

    @cached_property
    def first(self) -> tuple[Patch, ...]:
        """Small fixes on the same base that are posted before the series, by themselves;
        none in most branches."""
        folder = self.home / "first"
        return series(folder) if folder.is_dir() else ()

    @cached_property
    def buffers(self) -> tuple[Patch, ...]:
        """Fixes about provided buffers, on top of the series; none in most branches."""
        folder = self.home / "buffers"
        return series(folder) if folder.is_dir() else ()

    def all(self) -> Iterator[Patch]:
        """What an old tree of this branch may lack, in order."""
        for patches in self.taken.values():
            yield from patches
        yield from self.tip


def author() -> str:
    """The author of the patches, as the first one for mainline names it."""
    first = next(branch for branch in branches() if branch.name == "mainline").tip[0]
    match = re.search(r"^From: (.*(?:\n[ \t].*)*)", first.text, re.M)
    if not match:
        raise Unusable(f"{first.path}: has no From: line")
    return " ".join(match[1].split())


def series(folder: Path) -> tuple[Patch, ...]:
    """The patches that a folder's file `series` lists.

    Raises Unusable when that is not what lies there.
    """
    listed = _listed(folder)
    there = {path.name for path in folder.glob("*.patch")}
    if wrong := [*(f"lists {name}, which is not there" for name in listed if name not in there),
                 *(f"does not list {name}" for name in sorted(there - listed.keys()))]:
        raise Unusable(f"{folder}/series: {wrong[0]}")
    return tuple(Patch(folder / name) for name in listed)


def copies() -> dict[Path, Path]:
    """Patch -> the one that it has to be the same as: what `series` says of it behind a #.

    Raises Unusable when that is not there, or is a copy itself.
    """
    found = {home / name: PATCHES / origin
             for home in sorted(path.parent for path in PATCHES.rglob("series"))
             for name, origin in _listed(home).items() if origin}
    for path, origin in found.items():
        if not origin.is_file() or origin in found:
            raise Unusable(f"{path.parent}/series: {path.name}: no patch of its own at {origin}")
    return found


def _listed(folder: Path) -> dict[str, str]:
    """The lines of a file `series`, of quilt's form: name -> what stands behind a #, "" without."""
    lines = (line.partition("#") for line in read(folder / "series").splitlines())
    return {name.strip(): origin.strip() for name, _, origin in lines if name.strip()}


def branches() -> list[Branch]:
    """All branch folders, those of ended branches among them, oldest first, mainline last."""
    homes = [*PATCHES.glob("mainline"), *PATCHES.glob("linux-*.y"),
             *PATCHES.glob("ended/linux-*.y")]
    return sorted((Branch(home) for home in homes), key=lambda branch: branch.number)


def near(release: Version | None) -> list[Branch]:
    """The branches: a release's own, then others by distance; without a release newest first."""
    every = branches()
    if not release:
        return every[::-1]
    place = sum(branch.number <= Version(release.major, release.minor, 1 << 20, 0)
                for branch in every) - 1
    if place == len(every) - 2 and every[place].number.branch != release.branch:
        place += 1                     # newer than all branches: on its way to be one
    return sorted(every,
                  key=lambda branch: (abs(every.index(branch) - place), -every.index(branch)))


def read(path: Path) -> str:
    """The text of a file of the patch set. Raises Unusable when it cannot be read."""
    try:
        return path.read_text()
    except OSError as bad:
        raise Unusable(f"{path}: {bad.strerror}") from bad
