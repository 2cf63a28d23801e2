"""The guest's root: a newc cpio archive, made of one part for all kernels and one for each.

The kernel takes archives one after another
(Documentation/driver-api/early-userspace/buffer-format.rst, which also defines the newc format).
"""

import stat
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ..base import cache
from ..build import pins
from ..kernel import module
from ..base.arch import AMD64, Architecture
from ..build.archive import open_archive
from ..base.error import Unusable

BUSYBOX = "busybox-static"
INIT = Path(__file__).with_name("init.sh")
PORTS = Path(__file__).with_name("ports.sh")

# kselftest's runner asks for these by their full names; busybox's timeout knows no --foreground
# and ends with 143 where the runner expects 124. prefix.pl is the only Perl that is ever called;
# busybox's sed, the runner's other way, holds a line back until it has the next.
TIMEOUT = """#!/bin/sh
[ "$1" = --foreground ] && { shift 2; exec "$@"; }
timeout -k 5 "$@"
rc=$?
[ $rc = 143 ] && rc=124
exit $rc
"""
PERL = """#!/bin/sh
exec awk '{ print "# " $0; fflush() }'
"""


def busybox(arch: Architecture = AMD64) -> Path:
    """The static busybox that pins.toml names. Raises Unusable when the mirror has it no longer."""
    debian = open_archive(arch=arch)
    version = pins.binary(BUSYBOX, debian)

    def unpack(into: Path) -> None:
        debian.unpack(BUSYBOX, version, into)

    home = cache.folder(f"tools/busybox-{arch.name}-{version}", unpack)
    found = next((path for path in home.glob("**/bin/busybox") if path.is_file()), None)
    if not found:
        raise Unusable(f"{BUSYBOX} {version} has no busybox in it")
    return found


def base(bundle: Path, arch: Architecture = AMD64) -> Path:
    """The part that all kernels share: busybox, init and the bundle. Made once for each bundle."""
    box = busybox(arch)
    key = f"initramfs/{bundle.name}-{cache.digest(INIT, PORTS, box, TIMEOUT, PERL)}"

    def make(into: Path) -> None:
        files: dict[str, bytes | Path] = {
            "init": INIT, "ports.sh": PORTS, "bin/busybox": box,
            "usr/bin/timeout": TIMEOUT.encode(),
            "usr/bin/perl": PERL.encode(), "usr/bin/env": b"#!/bin/sh\nexec env \"$@\"\n"}
        for path in sorted(bundle.rglob("*")):
            if path.is_file():
                files[f"bundle/{path.relative_to(bundle)}"] = path
        empty = ("bin", "dev", "proc", "sys", "tmp", "root", "etc", "modules")
        (into / "base.cpio").write_bytes(
            newc(files, empty, {"dev/console": (5, 1)}))

    return cache.folder(key, make) / "base.cpio"


def of_kernel(modules: Path | None, request: str, wanted: Sequence[str] = module.QDISCS,
              more: Mapping[str, bytes | Path] | None = None) -> bytes:
    """The part for one guest: of the kernel's modules the wanted, the arguments
    for run_kselftest.sh, more files."""
    files: dict[str, bytes | Path] = {"request": request.encode() and f"{request}\n".encode(),
                                      **(more or {})}
    if modules:
        files |= {f"modules/{path.name}": path for path in module.chosen(modules, wanted)}
    return newc(files, ("modules",), {})


def newc(files: Mapping[str, bytes | Path], folders: Iterable[str],
         devices: Mapping[str, tuple[int, int]]) -> bytes:
    """A newc cpio archive, all owned by root: files (executable), folders, character devices.

    The folders that files lie in are added. A Path stands for that file's content.
    """
    every = set(folders)
    for name in (*files, *devices, *tuple(every)):
        every.update(str(parent) for parent in Path(name).parents)
    every.discard(".")
    out = bytearray()

    def member(name: str, mode: int, data: bytes = b"", device: tuple[int, int] = (0, 0)) -> None:
        fields = (len(out) + 1, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name) + 1, 0)
        out.extend(b"070701" + b"".join(b"%08x" % field for field in fields))
        out.extend(name.encode() + b"\0")
        out.extend(bytes(-len(out) % 4) + data)
        out.extend(bytes(-len(out) % 4))

    for name in sorted(every):
        member(name, stat.S_IFDIR | 0o755)
    for name, device in devices.items():
        member(name, stat.S_IFCHR | 0o600, device=device)
    for name, content in files.items():
        data = content if isinstance(content, bytes) else content.read_bytes()
        member(name, stat.S_IFREG | 0o755, data)
    member("TRAILER!!!", 0)
    out.extend(bytes(-len(out) % 512))
    return bytes(out)
