"""dir:PATH, a folder with a kernel in it: an unpacked package, the root of another system,
a mounted image."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..base import cache
from . import foreign, inside
from ..base.arch import Architecture
from ..base.error import Usage

TREES = ("lib/modules", "usr/lib/modules")


def find(text: str, wanted: Sequence[str], arch: Architecture) -> foreign.Found:
    """The kernel in a folder; "PATH,RELEASE" where there are more.

    Raises Usage when there is no kernel for the architecture, or more than one and no release.
    """
    top, asked = Path(text).expanduser(), ""
    if not text or not os.path.isdir(top):
        name, _, asked = text.rpartition(",")
        top = Path(name).expanduser()
        if not name or not os.path.isdir(top):
            raise Usage(f"{text or 'dir:'}: no such folder; give dir:path of one with "
                        "boot/vmlinuz-... and lib/modules")
    top = top.resolve()
    images = _images(top, arch)
    if asked not in images and (asked or len(images) > 1):
        raise Usage(f"{top}: has {', '.join(sorted(images))}; name one: "
                    f"dir:{top},{sorted(images)[0]}")
    release = asked or next(iter(images))
    place, path = images[release]
    homes = [f"{tree}/{release}" for tree in TREES]
    modules = next(
        (home for home in (*(inside.resolve(top, home) for home in homes), top, place.parent)
         if home and home.name == release and any(_modules(home, top))), None)
    near = [place.parent.relative_to(top) / f"config-{release}", Path(f"boot/config-{release}"),
            *(Path(home, "config") for home in homes), place.parent.relative_to(top) / "config",
            Path(f"usr/src/linux-{release}/.config")]
    found = (inside.resolve(top, name) for name in near)
    parts: list[str | Path] = [release, *wanted]
    for file in sorted(_modules(modules, top)) if modules else []:
        parts += [file.name, file]

    def make(into: Path) -> None:
        if modules:
            foreign.gather(modules, into, wanted, modules, arch)

    lost = next(filter(None, (inside.astray(top, name)
                              for name in ("lib", "usr", "lib/modules", *homes))), "")
    return foreign.Found(f"dir:{top}" + (f",{asked}" if asked else ""), path,
                         cache.folder(f"modules/{cache.digest(*parts)}", make),
                         next((file for file in found if file and file.is_file()), None),
                         f"not in {modules}" if modules else lost or f"{top} has no "
                         f"lib/modules/{release}", arch)


def _images(top: Path, arch: Architecture) -> dict[str, tuple[Path, Path]]:
    """Release -> where the image lies, and what is booted.

    Raises Usage when there is none that can be booted.
    """
    found: dict[str, tuple[Path, Path]] = {}
    refused: list[Usage] = []
    for place, names in _places(top, arch):
        for path, file in inside.files(top, place, names):
            try:
                release, image = foreign.release(file, path, arch)
                found.setdefault(release, (path, image))
            except Usage as bad:       # perhaps a signature beside a good one
                refused.append(bad)
    if not found:
        lost = next(filter(None, (inside.astray(top, name) for name in ("boot", "lib", "usr"))), "")
        raise refused[0] if refused else Usage(
            f"{top}: no vmlinuz or {arch.image}, neither in it nor in boot or lib/modules/*; "
            + (lost or "a kernel tree is given by its path alone"))
    return found


def _places(top: Path, arch: Architecture) -> Iterator[tuple[str, Sequence[str]]]:
    """The folders below a root where distributions have kernels, and how they are called there."""
    usual = ("vmlinuz*", arch.image, "kernel-*", "*-bzImage",
             *(() if arch.native else ("vmlinux*",)))
    yield ".", usual
    yield "boot", usual                # kernel-R is Gentoo's
    for tree in TREES:
        for release in inside.folders(top, tree):
            yield release, usual
    for esp in (".", "boot", "boot/efi", "efi"):
        yield f"{esp}/EFI/Linux", ("*.efi",)
        # MACHINE-ID/RELEASE/linux, as kernel-install has it
        for machine in inside.folders(top, esp):
            if re.fullmatch(r".*/([0-9a-f]{32}|Default)", f"/{machine}"):
                for release in inside.folders(top, machine):
                    yield release, ("linux",)
    yield "boot/kernels", usual        # NixOS


def _modules(release: Path, top: Path) -> Iterator[Path]:
    return (path for path in release.rglob("*.ko*") if _inside(path, top))


def _inside(path: Path, top: Path) -> bool:
    """Whether it is a file below a folder: an absolute link in another system's root leads
    to this host's files."""
    return path.is_file() and path.resolve().is_relative_to(top)
