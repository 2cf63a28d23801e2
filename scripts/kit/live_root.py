"""The module live/cure for one of Debian's kernels, built from its headers package.

The headers name a compiler of the release that they belong to and bring an objtool that needs its
glibc, so this host's will not do: it is built in a root of that release, made of packages that are
unpacked, not installed. No maintainer script runs.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from .base import cache, command, progress
from .base.error import BuildFailed, Unusable, Usage
from .base.paths import REPOSITORY
from .build import fragment
from .build.archive import SECURED, SUITES, Archive, open_archive
from .kernel.kernel import Files, Kernel

SOURCE = REPOSITORY / "live/cure"
NAME = "uring_msg_cure"
PACKAGES = ("apt", "dpkg", "kmod", "tar", "util-linux")
# What a module is built with besides what the headers depend on
TOOLS = ("binutils", "make", "bash", "dash", "coreutils", "sed", "grep", "mawk", "findutils",
         "perl-base")
UNPACK = 'dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink --no-same-owner -C "$2"'
TRIPLET = "aarch64-linux-gnu"
# Words for make, by architecture; the headers themselves say ARCH and the compiler's version
KBUILD: Mapping[str, Sequence[str]] = {"amd64": (), "arm64": (f"CROSS_COMPILE={TRIPLET}-",)}
FORM = "a"                             # another letter whenever lay_out() lays a root out otherwise
# What maintainer scripts would have made
LINKS = {"sh": "dash", "awk": "mawk"}
# Runs a command in a root ($1) with a /proc of its own; all of it ends with this process
ENTER = '''mount -t proc proc "$1/proc" && mount --bind /dev/null "$1/dev/null" || exit
root=$1; shift; exec chroot "$root" "$@"'''


def build(kernel: Kernel, debs: Sequence[Path] = ()) -> Path:
    """The module for a kernel, built once for each text of its source.

    `debs` are packages of its headers that the mirror lists no longer. Raises Usage for a kernel
    that is none of Debian's, Unusable where its headers are not to be had, BuildFailed with the
    compiler's first complaint.
    """
    if not SOURCE.is_dir():
        raise Unusable(f"{SOURCE} is missing: the module's source is in the repository, no package "
                       "has it")
    if kernel.origin == "running":
        return _beside()
    if kernel.origin != "debian":
        raise Usage(f"{kernel.word}: scripts/live builds for Debian's kernels (scripts/qa list) "
                    "and for the running one; for another: make -C live/cure KDIR=<its build "
                    "folder>")
    if kernel.arch.name not in KBUILD:
        raise Usage(f"{kernel.word}: the module is for {' and '.join(KBUILD)}")
    release = kernel.package.removeprefix("linux-image-")

    def make(into: Path) -> None:
        top = _root(kernel, release, [path.resolve() for path in debs])
        progress.step("building the module")
        _make(top, into, release, KBUILD[kernel.arch.name])

    key = f"{release}_{kernel.package_version}_{cache.digest(*_sources())}"
    return cache.folder(f"live/{NAME}-{key}", make) / f"{NAME}.ko"


def of_tree(files: Files, into: Path) -> Path:
    """For a kernel that has been built here, with what its build has left, into a folder
    of the caller."""
    assert files.config
    out = files.config.parent
    made = fragment.make(out.with_suffix(".tree"), out, files.arch)
    work = into / "module"
    work.mkdir(exist_ok=True)
    for path in _sources():
        shutil.copy(path, work)
    # First its own: they say what the kernel exports
    for words in (["modules"], [f"M={work}", "modules"]):
        command.run([*made, *words], f"building {NAME}", error=BuildFailed)
    return work / f"{NAME}.ko"


def _sources() -> list[Path]:
    return [SOURCE / "Makefile", SOURCE / f"{NAME}.c"]


def _beside() -> Path:
    """For the running kernel, with the headers that are installed."""
    release = os.uname().release
    tree = Path("/lib/modules") / release / "build"
    if not (tree / "Makefile").is_file():
        raise Unusable(f"{tree} is missing: install the headers of this kernel, "
                       f"linux-headers-{release}")

    def make(into: Path) -> None:
        for path in _sources():
            shutil.copy(path, into)
        command.run(["make", "-C", tree, f"M={into}", "modules"], f"building {NAME}",
                    error=BuildFailed)

    return cache.folder(f"live/{NAME}-{release}_{cache.digest(*_sources(), release)}",
                        make) / f"{NAME}.ko"


def _root(kernel: Kernel, release: str, given: Sequence[Path]) -> Path:
    """A root that has the headers of a kernel and a compiler for it."""
    archive = open_archive()
    own = archive if kernel.arch.native else open_archive(arch=kernel.arch)
    headers, number = f"linux-headers-{release}", kernel.package_version
    # The suite that has the kernel has what its headers depend on, where they come as files
    there = own.suites(kernel.package if given else headers, number)
    if not there:
        raise Unusable(f"{headers} {number}: the mirror does not have it (any longer): no module "
                       f"for {kernel.word}; --debs takes files of it and what it depends on")
    suites = family(there)

    def make(into: Path) -> None:
        progress.step(f"making a root of {suites[0]}")
        (into / "debs").mkdir()
        if kernel.arch.native:
            wanted, more = [*map(str, given)] or [f"{headers}={number}"], list(given)
        else:
            more = [*given] or _foreign(own, headers, number, into / "debs")
            wanted = _tools(more, number)
        lay_out([*archive.bring([*wanted, *TOOLS], suites, into / "debs/apt"), *more], into)
        shutil.rmtree(into / "debs")

    key = f"live/root-{release}_{number}_{cache.digest(*TOOLS, *suites, *given, FORM)}"
    return cache.folder(key, make)


def _foreign(archive: Archive, headers: str, number: str, into: Path) -> list[Path]:
    """The headers of a kernel of another architecture, without what they depend on:
    that would be of it, too."""
    common = re.sub(r"(-cloud|-rt)?-[a-z0-9]+$", "", headers) + ("-common-rt" if "-rt-" in headers
                                                                 else "-common")
    return [archive.download(name, number, into) for name in (headers, common)]


def _tools(debs: Sequence[Path], number: str) -> list[str]:
    """What these headers of another architecture are used with here:
    their kbuild and a cross compiler."""
    needs = " ".join(command.run(["dpkg-deb", "-f", deb, "Depends"], deb.name) for deb in debs)
    kbuild, gcc = (re.search(pattern, needs)
                   for pattern in (r"linux-kbuild-[^ ,]+", r"\bgcc-[0-9]+"))
    if not kbuild or not gcc:
        raise Unusable(f"{debs[0].name}: names neither its kbuild nor its compiler")
    return [f"{kbuild[0]}={number}", f"{gcc[0]}-{TRIPLET}"]


def family(there: Sequence[str]) -> list[str]:
    """The suites of the release that a package is in: with security updates,
    and backports if need be."""
    suite = there[0]
    base = next(name for name in SUITES if suite == name or suite.startswith(f"{name}-"))
    security = [f"{base}-security"] if base in SECURED else []
    return [base, *security, *([suite] if suite.endswith("-backports") else [])]


def lay_out(debs: Sequence[Path], into: Path) -> None:
    """Unpacks packages into a root that has /usr merged,
    with the links that their scripts would have made."""
    for name in ("bin", "sbin", "lib", "lib64"):
        (into / "usr" / name).mkdir(parents=True, exist_ok=True)
        (into / name).symlink_to(f"usr/{name}")
    for deb in debs:
        # dpkg-deb -x would put a folder in the place of such a link
        command.run(["sh", "-c", UNPACK, "sh", deb, into], f"unpacking {deb.name}")
    for name in ("dev", "proc", "tmp", "module"):
        (into / name).mkdir(exist_ok=True)
    (into / "dev/null").touch()
    for name, target in LINKS.items():
        if not (into / "usr/bin" / name).exists() and not (into / "usr/bin" / name).is_symlink():
            (into / "usr/bin" / name).symlink_to(target)


def _make(top: Path, into: Path, release: str, words: Sequence[str]) -> None:
    """Builds the module in a root and brings it here."""
    with cache.lock(f"live/work-{top.name}"):
        work = top / "module"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        for path in _sources():
            shutil.copy(path, work)
        alone = ["unshare", *([] if os.geteuid() == 0 else ["--map-root-user"]), "--mount", "--pid",
                 "--fork", "--kill-child"]
        try:
            command.run([*alone, "sh", "-c", ENTER, "sh", top, "/usr/bin/env", "-i",
                         "PATH=/usr/bin:/usr/sbin:/bin", "HOME=/", "LC_ALL=C", "make", "-s",
                         "-C", f"/usr/src/linux-headers-{release}", "M=/module", *words, "modules"],
                        f"building {NAME} for {release}", error=BuildFailed)
            shutil.copy(work / f"{NAME}.ko", into)
        except FileNotFoundError as bad:
            raise BuildFailed(f"building {NAME} for {release}: there is no {bad.filename}") from bad
        finally:
            # What a build leaves is none of the files that the cache has listed
            shutil.rmtree(work)
            work.mkdir()


def info(module: Path) -> str:
    """What a module says of the kernel that it is for: the vermagic."""
    said = subprocess.run(["modinfo", "-F", "vermagic", module], capture_output=True, text=True,
                          check=False)
    return said.stdout.strip()
