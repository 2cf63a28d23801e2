"""Paths inside another system's root: links mean there what they mean to that system,
and none leads out.

As openat2(2) does with RESOLVE_IN_ROOT: an absolute link begins at the root again,
and ".." stays in it.
"""

import fnmatch
import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

LINKS = 40                             # as many as the kernel follows


def resolve(top: Path, name: str | Path) -> Path | None:
    """The file or folder that a path below a root leads to, without any link in it;
    None when there is none.

    A link that spells out the root's own path on this host is taken as it is meant.
    """
    here, left, links = top, list(reversed(PurePosixPath(name).parts)), 0
    while left:
        part = left.pop()
        if part == "..":
            here = top if here == top else here.parent
        elif part != "/":
            here = here / part
        if not here.is_symlink():
            continue
        links += 1
        if links > LINKS:
            return None
        target = PurePosixPath(os.readlink(here))
        here = top if target.is_absolute() else here.parent
        if target.is_relative_to(top):
            target = target.relative_to(top)
        left.extend(reversed(target.parts))
    return here if here.exists() else None


def files(top: Path, place: str, names: Sequence[str]) -> Iterator[tuple[Path, Path]]:
    """The files in a folder below a root whose names match,
    as (its path there, the file that this leads to)."""
    folder = resolve(top, place)
    if not folder or not folder.is_dir():
        return
    there = sorted(os.listdir(folder))
    for pattern in names:
        for name in fnmatch.filter(there, pattern):
            found = resolve(top, folder.relative_to(top) / name)
            if found and found.is_file():
                yield folder / name, found


def folders(top: Path, place: str) -> Iterator[str]:
    """The folders in a folder below a root, as paths below the root."""
    folder = resolve(top, place)
    for name in sorted(os.listdir(folder)) if folder and folder.is_dir() else ():
        found = resolve(top, f"{place}/{name}")
        if found and found.is_dir():
            yield f"{place}/{name}"


def astray(top: Path, name: str) -> str:
    """For a link below a root that leads to nothing in it, a line that says so; "" for all else."""
    path = top / name
    if not path.is_symlink() or resolve(top, name):
        return ""
    return f"{path} is a link to {os.readlink(path)}, which is not in {top}"
