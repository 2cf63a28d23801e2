"""What a release is made of: the source, the kselftest frame that packages need, and a static
bundle of the tests.

Each archive is the same bytes for the same commit, whatever the folder, user, umask, time zone and
language: members are sorted, owned by 0, dated as the commit, and compressed by one thread. What a
bundle also depends on, its README names.
"""

import hashlib
import io
import lzma
import os
import re
import shutil
import subprocess
import tarfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .base.arch import AMD64, Architecture
from .base import cache, command
from .series import patch
from .build import bundle, cross, liburing, source
from .base.error import BuildFailed, Unusable
from .base.paths import REPOSITORY

NAME = "io-uring-reissue"
VERSION = "packaging/VERSION"
DEBIAN = "packaging/debian/"                       # lies at the top of the source archive
SUMS = "SHA256SUMS"
# What the build of a package reads of a kernel tree
FRAME = ("scripts/subarch.include", "tools/scripts", "tools/testing/selftests")
# All of the environment that a build may see
KEPT = re.compile(r"PATH|HOME|TMPDIR|XDG_CACHE_HOME|APT_CONFIG|\w+_proxy|\w+_PROXY")


@dataclass(frozen=True)
class Release:
    """A commit as it is released: its version, and the date that all files get."""

    version: str
    commit: str
    date: int

    @property
    def name(self) -> str:
        """What archives and their top folders are called."""
        return f"{NAME}-{self.version}"


@dataclass(frozen=True)
class Member:
    """A file in an archive: what is in it, or for a symbolic link where it leads to."""

    data: bytes
    executable: bool = False
    link: str = ""


def release(repository: Path = REPOSITORY) -> Release:
    """What the last commit is released as: packaging/VERSION where a tag v<VERSION> is on it,
    else a version before.

    Raises Unusable outside a clone.
    """
    if not (repository / ".git").exists():
        raise Unusable(f"{repository}: no git clone; archives are made of a commit")
    commit, date = _git(repository, "show", "-s", "--format=%H %ct", "HEAD").split()
    number = _git(repository, "show", f"HEAD:{VERSION}").strip()
    if f"v{number}" not in _git(repository, "tag", "--points-at", "HEAD").split():
        number += time.strftime("~git%Y%m%d.%H%M%S", time.gmtime(int(date)))
    return Release(number, commit, int(date))


def changed(repository: Path = REPOSITORY) -> int:
    """How many files differ from the last commit."""
    return len(_git(repository, "status", "--porcelain").splitlines())


def plain_environment() -> None:
    """Removes from this process's environment whatever could change what is built."""
    kept = {name: value for name, value in os.environ.items() if KEPT.fullmatch(name)}
    os.environ.clear()
    os.environ.update(kept, LC_ALL="C.UTF-8", TZ="UTC")
    time.tzset()
    os.umask(0o022)


def source_members(made: Release, repository: Path = REPOSITORY) -> dict[str, Member]:
    """What the commit holds, as name -> member; debian/ at the top, version
    and maintainer filled in."""
    raw = subprocess.run(["git", "-C", repository, "archive", "--format=tar", made.commit],
                         capture_output=True, check=False)
    if raw.returncode:
        raise Unusable(f"git archive: {command.telling_line(raw.stderr.decode(errors='replace'))}")
    members: dict[str, Member] = {}
    with tarfile.open(fileobj=io.BytesIO(raw.stdout)) as tar:
        for info in tar:
            if info.issym():
                members[info.name] = Member(b"", link=info.linkname)
            elif file := tar.extractfile(info):
                members[info.name] = Member(file.read(), bool(info.mode & 0o100))
    words = {"VERSION": made.version, "AUTHOR": patch.author(),
             "MAIL_DATE": time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(made.date)),
             "DATE": time.strftime("%a %b %d %Y", time.gmtime(made.date)),
             "YEAR": time.strftime("%Y", time.gmtime(made.date))}
    for name in [name for name in members if name.startswith("packaging/")]:
        member = members.pop(name)
        place = name.replace(DEBIAN, "debian/") if name.startswith(DEBIAN) else name
        members[place] = Member(fill(member.data.decode(), words).encode(), member.executable,
                                member.link)
    members[VERSION] = Member(f"{made.version}\n".encode())
    return members


def fill(text: str, words: Mapping[str, str]) -> str:
    """Replaces each @NAME@ by its value; unknown names stay."""
    return re.sub(r"@([A-Z_]+)@", lambda match: words.get(match[1], match[0]), text)


def folder_members(top: Path, parts: tuple[str, ...] = (".",)) -> dict[str, Member]:
    """The files in parts of a folder as name -> member; what links lead to is taken,
    and hidden files are not."""
    found: dict[str, Member] = {}
    for part in parts:
        inside = [top / part] if (top / part).is_file() else (top / part).rglob("*")
        for path in inside:
            name = path.relative_to(top)
            if path.is_file() and not any(word.startswith(".") for word in name.parts):
                found[str(name)] = Member(path.read_bytes(), os.access(path, os.X_OK))
    return found


def pack(path: Path, members: Mapping[str, Member], made: Release) -> Path:
    """Writes a .tar.xz with all members below a folder of its own name.

    Raises Unusable when that cannot be.
    """
    top = path.name.removesuffix(".tar.xz")
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # As git archive does, so that git get-tar-commit-id tells the commit
        with lzma.open(partial, "wb", preset=9) as out, \
                tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT,
                             pax_headers={"comment": made.commit}) as tar:
            folders = {str(parent) for name in members for parent in Path(top, name).parents
                       if str(parent) != "."}
            for name in sorted([*folders, *(f"{top}/{name}" for name in members)]):
                tar.addfile(*_entry(name, members.get(name.removeprefix(f"{top}/")), made))
        partial.rename(path)
    except OSError as bad:
        raise cache.unusable(path, bad) from bad
    finally:
        partial.unlink(missing_ok=True)
    return path


def _entry(name: str, member: Member | None,
           made: Release) -> tuple[tarfile.TarInfo, io.BytesIO | None]:
    info = tarfile.TarInfo(name)
    info.mtime = made.date
    info.uname = info.gname = "root"
    if member is None:
        info.type, info.mode = tarfile.DIRTYPE, 0o755
        return info, None
    if member.link:
        info.type, info.mode, info.linkname = tarfile.SYMTYPE, 0o777, member.link
        return info, None
    info.mode, info.size = 0o755 if member.executable else 0o644, len(member.data)
    return info, io.BytesIO(member.data)


def unpack(path: Path, into: Path) -> Path:
    """Unpacks an archive that pack() wrote; gives its top folder."""
    with tarfile.open(path) as tar:
        tar.extractall(into)
    return into / path.name.removesuffix(".tar.xz")


def pack_source(made: Release, into: Path, repository: Path = REPOSITORY) -> Path:
    """The source archive."""
    return pack(into / f"{made.name}.tar.xz", source_members(made, repository), made)


def pack_frame(made: Release, into: Path) -> Path:
    """The kselftest frame that the bundle is built in, for the build of packages where there
    is no kernel tree."""
    return pack(into / f"{made.name}-frame.tar.xz", folder_members(source.frame(), FRAME), made)


def pack_bundle(made: Release, tree: Path, into: Path, work: Path,
                arch: Architecture = AMD64) -> Path:
    """The static bundle of the tests in an unpacked source archive, built anew
    with a cache below `work`.

    Only what is downloaded comes from the user's cache.
    """
    own = cache.root()
    fresh = work / "cache" / cache.PROJECT
    fresh.mkdir(parents=True, exist_ok=True)
    for name in ("apt", "cross", "frames", "locks"):
        (own / name).mkdir(exist_ok=True)
        if not (fresh / name).is_symlink():
            (fresh / name).symlink_to(own / name)
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(fresh.parent)
    try:
        members = folder_members(bundle.build(tree / "selftests", arch=arch))
        library, frame = ("-".join(liburing.prefix("64", arch).name.split("-")[:2]),
                          source.frame().name.split("_")[1])
    finally:
        os.environ.pop("XDG_CACHE_HOME")
        if before is not None:
            os.environ["XDG_CACHE_HOME"] = before
    words = {"VERSION": made.version, "COMMIT": made.commit, "LIBURING": library, "FRAME": frame,
             "ARCH": f"{arch.name}, {' and '.join(arch.abis)} bit",
             "GCC": command.run([cross.compiler(arch, "64"), "--version"], "gcc").splitlines()[0],
             "GLIBC": cross.library(arch)}
    text = (tree / "packaging/bundle/README").read_text()
    members["README"] = Member(fill(text, words).encode())
    return pack(into / f"{made.name}-bundle-{arch.name}.tar.xz", members, made)


def liburing_32(tree: Path) -> Path:
    """liburing for 32 bit below an unpacked source archive, where no path
    of this host gets into debug information."""
    return Path(shutil.copytree(liburing.prefix("32"), tree / "packaging/liburing-32"))


def sums(made: Release, folder: Path) -> str:
    """Leaves SHA256SUMS of the files of a release in a folder; gives its text."""
    text = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
                   for path in sorted(folder.iterdir()) if made.version in path.name)
    (folder / SUMS).write_text(text)
    return text


def check(work: Path, repository: Path = REPOSITORY) -> str:
    """Packs the source of the last commit in two folders and gives its sum.
    Raises BuildFailed when they differ.

    Takes seconds: it compiles nothing.
    """
    made = release(repository)
    packed = [pack_source(made, work / place, repository).read_bytes()
              for place in ("first", "a/second")]
    if packed[0] != packed[1]:
        raise BuildFailed(f"{made.name}.tar.xz: two archives of one commit differ")
    return hashlib.sha256(packed[0]).hexdigest()


def lint(repository: Path = REPOSITORY) -> None:
    """mandoc finds nothing in the man pages, shellcheck nothing in what packages bring.

    Raises BuildFailed if so.
    """
    home = repository / "packaging"
    command.run(["mandoc", "-T", "lint", "-W", "warning", *sorted(home.glob("man/*.1"))], "mandoc",
                error=BuildFailed)
    command.run(["shellcheck", "-s", "sh", home / "try-install", *sorted(home.glob("bin/*"))],
                "shellcheck", error=BuildFailed)
    command.run(["shellcheck", "-s", "bash", home / f"completion/{NAME}"], "shellcheck",
                error=BuildFailed)


def _git(repository: Path, *words: str) -> str:
    return command.run(["git", "-C", repository, *words], f"git {words[0]}")
