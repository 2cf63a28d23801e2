"""Kernel images, and the version that they contain.

Documentation/arch/x86/boot.rst has the header of a bzImage, Documentation/arch/arm64/booting.rst
and riscv/boot.rst those of an Image. Only the first tells a version; others have the text of
/proc/version or the like in their data.
"""

import mmap
import re
from pathlib import Path

from ..base import cache, version
from . import filetype, pvh, wrapping
from ..base.arch import AMD64, Architecture
from ..base.error import Usage


# "Linux version 6.1.5 (builder) (compiler) #1 SMP ...", or on s390 without the first words
_TEXT = re.compile(rb"\d+\.\d+[\w.+~-]* \([^\0\n]{1,300}\) #\d+ [^\0\n]{1,200}")


def bootable(path: Path, arch: Architecture = AMD64) -> Path:
    """What QEMU boots of a kernel image: itself, or what is in it, unpacked in the cache.

    Raises Usage when it is damaged, or for another architecture.
    """
    try:
        with path.open("rb") as file:
            if not wrapping.wrapped(file.read(wrapping.HEAD), arch):
                return path
        data = wrapping.unwrap(path, arch)
    except OSError as bad:
        raise Usage(f"{path}: {bad.strerror}") from bad

    def make(into: Path) -> None:
        (into / "vmlinuz").write_bytes(data)

    inner = cache.folder(f"images/{cache.digest(data)}", make) / "vmlinuz"
    try:
        banner(inner, arch)
    except Usage as bad:
        raise Usage(f"{path}: what is in it is {str(bad).removeprefix(f'{inner}: ')}") from bad
    return inner


def banner(path: Path, arch: Architecture = AMD64) -> str:
    """The version text of an architecture's image, "6.1.0-50-cloud-amd64 (builder) #1 SMP ...".

    Raises Usage when the file is not such an image, or is truncated.
    """
    if not arch.native:
        return _told(path, arch)
    try:
        with path.open("rb") as file:
            head = file.read(0x10000)
            size = path.stat().st_size
    except OSError as bad:
        raise Usage(f"{path}: {bad.strerror}") from bad
    if head.startswith(pvh.ELF) and pvh.enters(path.read_bytes()):
        return _text(path)
    if head[0x1fe:0x200] != b"\x55\xaa" or head[0x202:0x206] != b"HdrS":
        raise Usage(f"{path}: {filetype.refusal(path, arch)}")
    if len(head) < 0x260:
        raise Usage(f"{path}: cut short, {size} bytes")
    setup = ((head[0x1f1] or 4) + 1) * 512
    system = wrapping.number(head, 0x1f4) * 16
    if size < setup + system:
        raise Usage(f"{path}: cut short, {size} bytes where its header says {setup + system}")
    if wrapping.number(head, 0x206, 2) >= 0x20c and not head[0x236] & 1:
        raise Usage(f"{path}: a 32-bit kernel, and the guest is amd64")
    start = wrapping.number(head, 0x20e, 2) + 0x200
    text = head[start:start + 256].split(b"\0")[0].decode("latin-1")
    if start == 0x200 or not text:
        raise Usage(f"{path}: its boot header names no version")
    return text


def _told(path: Path, arch: Architecture) -> str:
    try:
        with path.open("rb") as file:
            start, magic = arch.magic
            head = file.read(4096)
            if head[start:start + len(magic)] != magic or \
                    head[:4] == b"\x7fELF" and int.from_bytes(head[18:20], "little") != arch.elf[1]:
                raise Usage(f"{path}: {filetype.refusal(path, arch)}")
    except OSError as bad:
        raise Usage(f"{path}: {bad.strerror}") from bad
    return _text(path)


def _text(path: Path) -> str:
    """The version text somewhere in a file."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            found = _TEXT.search(data)
            text = found[0].decode("latin-1") if found else ""
    except OSError as bad:
        raise Usage(f"{path}: {bad.strerror}") from bad
    if not text:
        raise Usage(f"{path}: tells no version; it may be cut short")
    return text
