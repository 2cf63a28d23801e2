"""dir:PATH, a folder with a kernel in it: an unpacked package, the root of another system, a mounted image."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from . import cache, foreign
from .arch import Architecture
from .error import Usage


def find(text: str, wanted: Sequence[str], arch: Architecture) -> foreign.Found:
    """The kernel in a folder; "PATH,RELEASE" where there are more.

    Raises Usage when there is no kernel for the architecture, or more than one and no release.
    """
    top, asked = Path(text).expanduser(), ""
    if not text or not os.path.isdir(top):
        name, _, asked = text.rpartition(",")
        top = Path(name).expanduser()
        if not name or not os.path.isdir(top):
            raise Usage(f"{text or 'dir:'}: no such folder; give dir:path of one with boot/vmlinuz-... and lib/modules")
    top = top.resolve()
    images = _images(top, arch)
    if asked not in images and (asked or len(images) > 1):
        raise Usage(f"{top}: has {', '.join(sorted(images))}; name one: dir:{top},{sorted(images)[0]}")
    release = asked or next(iter(images))
    path = images[release]
    modules = next((place for place in (*(tree / release for tree in _trees(top)), top, path.parent)
                    if place.name == release and any(_modules(place, top))), None)
    near = [path.parent / f"config-{release}", top / f"boot/config-{release}",
            *(tree / release / "config" for tree in _trees(top)), path.parent / "config"]
    parts: list[str | Path] = [release, *wanted]
    for file in sorted(_modules(modules, top)) if modules else []:
        parts += [file.name, file]

    def make(into: Path) -> None:
        if modules:
            foreign.gather(modules, into, wanted, modules, arch)

    return foreign.Found(f"dir:{top}" + (f",{asked}" if asked else ""), path,
                         cache.folder(f"modules/{cache.digest(*parts)}", make),
                         next((file for file in near if _inside(file, top)), None),
                         f"not in {modules}" if modules else f"{top} has no lib/modules/{release}", arch)


def _images(top: Path, arch: Architecture) -> dict[str, Path]:
    """Release -> image. Raises Usage when there is none that can be booted."""
    found: dict[str, Path] = {}
    refused: list[Usage] = []
    names = ("vmlinuz*", arch.image, *(() if arch.native else ("vmlinux*",)))
    places = [top, top / "boot", *(release for tree in _trees(top) for release in sorted(tree.glob("*")))]
    for path in (path for place in places for name in names for path in sorted(place.glob(name))):
        if _inside(path, top):
            try:
                found.setdefault(foreign.release(path, path.parent, arch), path)
            except Usage as bad:       # perhaps a signature beside a good one
                refused.append(bad)
    if not found:
        raise refused[0] if refused else Usage(
            f"{top}: no vmlinuz or {arch.image}, neither in it nor in boot or lib/modules/*; "
            "a kernel tree is given by its path alone")
    return found


def _trees(top: Path) -> tuple[Path, Path]:
    return top / "lib/modules", top / "usr/lib/modules"


def _modules(release: Path, top: Path) -> Iterator[Path]:
    return (path for path in release.rglob("*.ko*") if _inside(path, top))


def _inside(path: Path, top: Path) -> bool:
    """Whether it is a file below a folder: an absolute link in another system's root leads to this host's files."""
    return path.is_file() and path.resolve().is_relative_to(top)
