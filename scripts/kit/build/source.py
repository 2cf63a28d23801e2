"""Kernel sources as Debian ships them (linux-source-X.Y): the kselftest frame, or the whole."""

import os
import subprocess
from pathlib import Path

from ..base import cache, command, progress
from . import archive
from ..base.error import FullDisk, Unusable

# What `make -C tools/testing/selftests TARGETS=io_uring install` and `make headers` read,
# and what patches touch.
FRAME = ("Makefile", "Kbuild", "scripts", "include/uapi", "include/asm-generic",
         "tools/scripts", "tools/include",
         *(f"tools/testing/selftests/{name}" for name in (
             "Makefile", "lib.mk", "kselftest.h", "kselftest_harness.h", "kselftest_module.h",
             "kselftest", "run_kselftest.sh", "kselftest_install.sh", "gen_kselftest_tar.sh")),
         "MAINTAINERS", "io_uring", "fs/io_uring.c", "include/linux", "include/net/scm.h",
         "net/socket.c", "net/compat.c", "net/core/scm.c")


def branches() -> list[str]:
    """The branches whose source the mirror offers, newest first, such as ["7.3", "6.12", "6.1"]."""
    return sorted(_offers(), key=lambda branch: [int(part) for part in branch.split(".")],
                  reverse=True)


def frame(branch: str | None = None, srcarch: str = "x86") -> Path:
    """The parts of a tree that a selftest is built with, after `make headers`;
    by default the newest.

    `srcarch` is a folder in arch/. Raises Unusable when the mirror has no such source.
    """
    name, version = _chosen(branch)
    members = (*FRAME, f"arch/{srcarch}")

    def make(into: Path) -> None:
        _extract(name, version, into, members)
        command.run(["make", "-C", into, f"ARCH={srcarch}", f"-j{os.cpu_count() or 1}", "headers"],
                    f"make headers of {name}")

    return cache.folder(_frame_key(name, version, srcarch), make)


def _frame_key(name: str, version: str, srcarch: str) -> str:
    return f"frames/{name}_{version}_{cache.digest(*FRAME, f'arch/{srcarch}')}"


def at_hand() -> bool:
    """Whether the cache holds a frame, so that nothing has to be fetched to have one."""
    return bool(archive.lists_at_hand() and _offers()
                and (cache.root() / _frame_key(*_chosen(None), "x86")).is_dir())


def full(branch: str | None = None) -> Path:
    """The whole tree of a branch, the newest by default; read-only by agreement, build with O=."""
    name, version = _chosen(branch)
    return cache.folder(f"sources/{name}_{version}", lambda into: _extract(name, version, into, ()))


def _offers() -> dict[str, str]:
    """branch -> package version, the newest of each"""
    newest: dict[str, str] = {}
    for stanza in archive.open_archive().packages("linux-source-", r"linux-source-\d+\.\d+"):
        branch = stanza["Package"].removeprefix("linux-source-")
        versions = [stanza["Version"], *([newest[branch]] if branch in newest else [])]
        newest[branch] = max(versions, key=archive.debian_order)
    return newest


def _chosen(branch: str | None) -> tuple[str, str]:
    offers = _offers()
    if not offers:
        raise Unusable("the mirror offers no linux-source package")
    if branch is None:
        branch = branches()[0]
    if branch not in offers:
        raise Unusable(f"the mirror has no linux-source-{branch}; it has "
                       f"{', '.join(sorted(offers))}")
    return branch, offers[branch]


def _extract(branch: str, version: str, into: Path, members: tuple[str, ...]) -> None:
    package = f"linux-source-{branch}"
    deb = archive.open_archive().download(package, version, into)
    progress.step(f"unpacking {package}")
    # deb(5): the data archive; in it one .tar.xz with the tree.
    pipe = ('dpkg-deb --fsys-tarfile "$1" | tar -xO --wildcards "*.tar.xz" | xz -dcT0 | '
            '(into=$2; shift 2; tar -xC "$into" --strip-components=1 "$@"; cat >/dev/null)')
    names = [f"{package}/{member}" for member in members]
    done = subprocess.run(["sh", "-c", pipe, "sh", deb, into, *names], capture_output=True,
                          text=True, check=False)
    deb.unlink()
    errors = [line for line in done.stderr.splitlines()
              if "Not found in archive" not in line and "Exiting with failure" not in line]
    if any("No space left" in line for line in errors):
        raise FullDisk(f"{package}: disk full; make room or point XDG_CACHE_HOME elsewhere")
    if errors or not (into / "Makefile").exists():
        raise Unusable(f"{package} {version}: cannot be unpacked: "
                       f"{command.telling_line(done.stderr)}")
