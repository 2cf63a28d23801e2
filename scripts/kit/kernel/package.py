"""deb:PATH and rpm:PATH, packages with a kernel in them:
Debian's, Ubuntu's, Fedora's, RHEL's, SUSE's.

A kernel often comes as several packages. Those of the same kernel that lie in the folder of one
that was named are found by what they say of themselves, never by their file names.
"""

import os
import re
import shutil
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..base import cache, command, host
from . import foreign
from ..base.arch import Architecture
from ..build.archive import say
from ..base.error import Usage


@dataclass(frozen=True)
class Format:
    """One kind of package: how its files begin, which host packages have the tools,
    and how these are called."""

    magic: bytes
    tools: tuple[str, ...]
    query: tuple[str, ...]             # prints name, version and architecture
    check: tuple[str, ...]             # fails for a damaged one, as far as that
                                       # is not seen in unpacking
    tar: str                           # shell: the content of $1 as a tar file $2
    names: str                         # its packages of one kernel: group 1 or 3 is the part,
                                       # group 2 the kernel


FORMATS = {
    "deb": Format(b"!<arch>\n", ("dpkg",), ("dpkg-deb", "--show", "--showformat",
                                            "${Package}\n${Version}\n${Architecture}\n"), (),
                  'dpkg-deb --fsys-tarfile "$1" >"$2"',
                  r"linux-(image|binary|base|modules|modules-extra)(?:-unsigned)?-(\d.+?)"
                  r"(?:-unsigned)?()"),
    "rpm": Format(b"\xed\xab\xee\xdb", ("rpm", "libarchive-tools"),
                  ("rpm", "-qp", "--nosignature", "--qf",
                   "%{NAME}\n%{VERSION}-%{RELEASE}\n%{ARCH}\n"),
                  ("rpm", "-K", "--nosignature"), 'bsdtar -cf "$2" "@$1"',
                  r"()(kernel.*?)"
                  r"(-core|-modules-core|-modules|-modules-extra|-extra|-optional|-uki-virt|)"),
}

# Where packages have their files
_BOOT = re.compile(r"(?:\./)?(?:usr/)?boot/(vmlinu[xz]|config)-(.+)")
_MODULES = re.compile(r"(?:\./)?(?:usr/)?lib/modules/([^/]+)/"
                      r"(?:(vmlinu[xz]|config)|(vmlinuz-virt\.efi)|.+/([^/]+\.ko(?:\.[a-z0-9]+)?))")


@dataclass(frozen=True)
class Package:
    """A package file and what it says of itself."""

    path: Path
    kind: str                          # a key of FORMATS
    name: str
    version: str
    architecture: str

    @property
    def kernel(self) -> str:
        """What packages of the same kernel have in common in their names; "" for other names."""
        return self._named[1]

    @property
    def part(self) -> str:
        """Which part of a kernel it is, such as "modules-extra"."""
        return self._named[0]

    @property
    def _named(self) -> tuple[str, str]:
        match = re.fullmatch(FORMATS[self.kind].names, self.name)
        return ((match[1] or match[3]).lstrip("-"), match[2]) if match else ("", "")


def find(kind: str, text: str, wanted: Sequence[str], arch: Architecture) -> foreign.Found:
    """The kernel in packages, "a.deb,b.deb", with the wanted modules of it and what they depend on.

    Says which packages were taken besides. Raises Usage when they hold no kernel for that, or more
    than one; Unusable when they cannot be unpacked here.
    """
    host.need((*FORMATS[kind].tools, "zstd"))
    named = [_read(kind, path) for path in dict.fromkeys(_files(kind, text))]
    _one_kernel(named, arch)
    more = _siblings(named)
    if more:
        names = ", ".join(one.name for one in more)
        say(f"{named[0].path.name}: also took {names} from its folder")
    packages = [*named, *more]
    home = cache.folder(f"packages/{cache.digest(*(one.path for one in packages), *wanted)}",
                        lambda into: _unpack(packages, into, wanted, arch))
    config = home / "config"
    return foreign.Found(f"{kind}:{','.join(str(one.path) for one in named)}", home / "vmlinuz",
                         home / "modules", config if config.exists() else None,
                         _elsewhere(packages), arch, named[0].name, named[0].version)


def _files(kind: str, text: str) -> Iterator[Path]:
    """The files of a list with commas; a file's name may have commas, too."""
    pieces = text.split(",")
    wanted = f"give {kind}:path/to/package.{kind}, more of one kernel after commas"
    if "" in pieces:
        raise Usage(f"{kind}:{text}: a name is missing; {wanted}")
    while pieces:
        for count in range(len(pieces), 0, -1):
            path = Path(",".join(pieces[:count])).expanduser()
            if os.path.isfile(path):   # False, too, for a list that is too long for a name
                break
        else:
            if os.path.isdir(path):
                raise Usage(f"{path}: a folder; name a .{kind} in it, or an unpacked kernel as "
                            f"dir:{path}")
            raise Usage(f"{path}: no such file; {wanted}")
        yield path.resolve()
        pieces = pieces[count:]


def _read(kind: str, path: Path) -> Package:
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as bad:
        raise Usage(f"{path}: {bad.strerror}") from bad
    for other, form in FORMATS.items():
        if other != kind and head.startswith(form.magic):
            raise Usage(f"{path}: not a .{kind} but a .{other}; say {other}:{path}")
    if not head or not head.startswith(FORMATS[kind].magic):
        raise Usage(f"{path}: not a .{kind} package; an image or a tree is given by its path alone")
    said = _run([*FORMATS[kind].query, str(path)], path).split()
    if len(said) != 3:
        raise _damaged(path, "no name, version and architecture")
    return Package(path, kind, *said)


def _run(argv: Sequence[str], path: Path) -> str:
    try:
        return command.run(argv, str(path), error=Usage)
    except Usage as bad:
        raise _damaged(path, str(bad).removeprefix(f"{path}: ")) from bad


def _damaged(path: Path, why: str) -> Usage:
    return Usage(f"{path}: damaged or cut short; fetch it again ({why})")


def _one_kernel(named: Sequence[Package], arch: Architecture) -> None:
    """Raises Usage unless all are for the guest and of one kernel."""
    first = named[0]
    for one in named:
        if not re.fullmatch(arch.rpm or arch.name if one.kind == "rpm" else arch.name,
                            one.architecture):
            raise Usage(f"{one.path}: for {one.architecture}, and the guest is {arch.name}; fetch "
                        "the one for that, or say --arch")
        if (one.version != first.version or one.kernel and first.kernel
            and one.kernel != first.kernel):
            raise Usage(f"{one.path}: of another kernel ({one.name} {one.version}) than "
                        f"{first.path.name} ({first.name} {first.version}); name packages of one")


def _siblings(named: Sequence[Package]) -> list[Package]:
    """Packages of the same kernel beside those named, one of each part that is not named."""
    first = next((one for one in named if one.kernel), None)
    if not first:
        return []
    found = {one.part: one for one in named}
    start = "linux-" if first.kind == "deb" else first.kernel
    for path in sorted(first.path.parent.glob(f"{start}*.{first.kind}")):
        if path in (one.path for one in named):
            continue
        try:
            one = _read(first.kind, path.resolve())
        except Usage:
            continue                   # nobody asked for it
        if (one.kernel, one.version, one.architecture) == (first.kernel, first.version,
                                                           first.architecture):
            found.setdefault(one.part, one)
    return [one for one in found.values() if one not in named]


def _elsewhere(packages: Sequence[Package]) -> str:
    """Where a module that is not in these packages usually is."""
    kernel = next((one.kernel for one in packages if one.kernel), "")
    there = {one.part for one in packages}
    if not kernel:
        return "in no package that was named"
    if packages[0].kind == "deb":
        usual = [f"linux-{part}-{kernel}" for part in ("modules", "modules-extra")
                 if part not in there]
    elif kernel.endswith("-base"):
        usual = [kernel.removesuffix("-base")]
    else:    # all parts where the kernel itself is one; SUSE has a package for all
        parts = ("modules-core", "modules", "modules-extra") if there & {"core", "uki-virt"} else \
            ("extra",) if kernel.count("-") else ("modules-extra",)
        usual = [f"{kernel}-{part}" for part in parts if part not in there]
    return f"usually in {' or '.join(usual)}" if usual else "in none of its packages"


def _unpack(packages: Sequence[Package], into: Path, wanted: Sequence[str],
            arch: Architecture) -> None:
    """Leaves vmlinuz, modules/ and, if it is there, config."""
    say(f"unpacking {', '.join(one.name for one in packages)}")
    raw = into / "raw"
    releases: set[str] = set()
    for one in packages:
        check = FORMATS[one.kind].check
        if check:
            _run([*check, str(one.path)], one.path)
        releases |= _take(one, into, raw, arch)
    if not (into / "vmlinuz").exists():
        if raw.exists():
            raise Usage(f"{packages[0].path}: modules without their kernel; name the package that "
                        "has vmlinuz, too (linux-image-..., kernel-core, kernel-default)")
        raise Usage(f"{packages[0].path}: has no kernel (no vmlinuz); it comes in linux-image-..., "
                    "kernel-core, kernel-default and the like")
    release, boots = foreign.release(into / "vmlinuz", packages[0].path / "vmlinuz", arch)
    if boots != into / "vmlinuz":
        (into / "vmlinuz").write_bytes(boots.read_bytes())
    other = sorted(releases - {release})
    if other:
        raise Usage(f"{packages[0].path}: more than one kernel: {release} and {', '.join(other)}; "
                    "name packages of one")
    foreign.gather(raw / release, into / "modules", wanted, packages[0].path, arch)
    shutil.rmtree(raw, ignore_errors=True)


def _take(one: Package, into: Path, raw: Path, arch: Architecture) -> set[str]:
    """Writes what is needed of one package: vmlinuz and config, modules as raw/RELEASE/...;
    gives the releases."""
    packed = into / "content.tar"
    _run(["sh", "-c", FORMATS[one.kind].tar, "sh", str(one.path), str(packed)], one.path)
    releases = set()
    try:
        with tarfile.open(packed) as archive:
            for member in archive:
                boot, below = _BOOT.fullmatch(member.name), _MODULES.fullmatch(member.name)
                name = boot[1] if boot else below[2] if below else ""
                if name == "vmlinux":
                    if arch.native:    # of SUSE, for debuggers
                        continue
                    name = "vmlinuz"   # what is booted where nothing is compressed
                # a unified kernel image; the same kernel by itself is as good
                if below and below[3]:
                    if (into / "vmlinuz").exists():
                        continue
                    name = "vmlinuz"
                content = (archive.extractfile(member) if member.isfile() and (boot or below)
                           else None)
                if not content:
                    continue
                if boot:
                    target = into / name
                    releases.add(boot[2])
                elif below:
                    target = into / name if name else raw / below[1] / below[4]
                    releases.add(below[1])
                target.parent.mkdir(parents=True, exist_ok=True)
                with content, target.open("wb") as file:
                    shutil.copyfileobj(content, file)
    except tarfile.TarError as bad:
        raise _damaged(one.path, str(bad)) from bad
    packed.unlink()
    return releases
