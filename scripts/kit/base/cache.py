"""Folders that are made once and kept: ${XDG_CACHE_HOME:-~/.cache}/io-uring-reissue.

A folder appears under its final name by one rename, when it is complete. The list of its
files and their sizes lies beside it; a folder that no longer matches the list is made again.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from .error import FullDisk, Unusable

PROJECT = "io-uring-reissue"
FREE = 500                             # MiB that must be free before anything is added


def root() -> Path:
    """The cache's top folder; made when it is not there. Raises Unusable when it cannot be."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    top = base / PROJECT
    try:
        top.mkdir(parents=True, exist_ok=True)
    except OSError as bad:
        raise unusable(top, bad) from bad
    return top


def unusable(where: Path, bad: OSError) -> Unusable:
    """Turns an OSError about a file of ours into the one line that the user sees."""
    if bad.errno == errno.ENOSPC:
        return _full(where)
    return Unusable(f"{bad.filename or where}: {bad.strerror}; "
                    "XDG_CACHE_HOME=<folder> puts the cache elsewhere")


def check_space(where: Path) -> None:
    """Raises FullDisk unless FREE is free on the disk of a folder: told before half the work."""
    if shutil.disk_usage(where).free >> 20 < FREE:
        raise _full(where)


def _full(where: Path) -> FullDisk:
    place = next(path for path in (where, *where.parents) if path.exists())
    left = shutil.disk_usage(place).free >> 20
    return FullDisk(f"{place}: disk full ({left} MiB left, {FREE} are needed); "
                    "make room or point XDG_CACHE_HOME elsewhere")


@contextlib.contextmanager
def lock(name: str) -> Iterator[None]:
    """Holds the lock `name`, against other threads and processes, while the block runs."""
    path = root() / "locks" / (name.replace("/", "_") + ".lock")
    try:
        path.parent.mkdir(exist_ok=True)
        handle = path.open("w")
    except OSError as bad:
        raise unusable(path, bad) from bad
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def folder(key: str, make: Callable[[Path], None]) -> Path:
    """The folder `key` (a relative path), filled by make(empty folder) unless it is there already.

    Two callers never make the same folder at once, and nobody sees an unfinished one.
    Raises what make() raises, and Unusable on a full or read-only disk.
    """
    final = root() / key
    inventory = final.with_name(final.name + ".files")
    with lock(key):
        if final.is_dir() and _intact(final, inventory):
            return final
        partial = final.with_name(final.name + ".partial")
        try:
            for old in (final, partial):
                if old.exists():
                    shutil.rmtree(old)
            partial.mkdir(parents=True)
            check_space(partial)
            make(partial)
            inventory.write_text(json.dumps(_sizes(partial)))
            partial.rename(final)
        except OSError as bad:
            shutil.rmtree(partial, ignore_errors=True)
            raise unusable(final, bad) from bad
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    return final


def digest(*parts: str | bytes | Path) -> str:
    """Twelve hex digits: a hash of texts, bytes and the files at or below paths."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            names = sorted(_files(part)) if part.is_dir() else [""]
            pieces = [piece for name in names
                      for piece in (name.encode(), (part / name).read_bytes())]
        else:
            pieces = [part.encode() if isinstance(part, str) else part]
        for piece in pieces:
            total.update(f"{len(piece)}:".encode() + piece)
    return total.hexdigest()[:12]


def _files(top: Path) -> Iterator[str]:
    for folder_, _, names in os.walk(top):
        for name in names:
            path = Path(folder_, name)
            if path.is_file() and not path.is_symlink():
                yield str(path.relative_to(top))


def _sizes(top: Path) -> dict[str, int]:
    return {name: (top / name).stat().st_size for name in _files(top)}


def _intact(final: Path, inventory: Path) -> bool:
    try:
        wanted: dict[str, int] = json.loads(inventory.read_text())
        return all((final / name).stat().st_size == size for name, size in wanted.items())
    except (OSError, ValueError):
        return False
