"""The kernel inside a bzImage, which QEMU starts by its PVH entry.

An emulated processor has then nothing to unpack. Documentation/arch/x86/boot.rst says where the
payload is; the entry is a note, XEN_ELFNOTE_PHYS32_ENTRY of include/xen/interface/elfnote.h. What
was unpacked, or why it cannot be, stays in the cache.
"""

import functools
import struct
from pathlib import Path

from ..base import cache
from ..base.error import Unusable
from ..build.archive import say
from . import wrapping

ELF = b"\x7fELF\2\1"                   # 64 bit, little endian
NOTES = 4                              # PT_NOTE
OWNER, ENTRY = b"Xen\0", 18


@functools.cache
def startable(image: Path) -> Path:
    """What QEMU starts fastest: the kernel in an x86 image, else the image, and a line says why."""
    try:
        data = image.read_bytes()
    except OSError:
        return image                   # QEMU says what is wrong
    if data.startswith(ELF):
        return image

    def make(into: Path) -> None:
        try:
            (into / "vmlinux").write_bytes(unpacked(data))
        except ValueError as bad:
            (into / "why").write_text(str(bad))

    try:
        home = cache.folder(f"images/{cache.digest(data)}-pvh", make)
        if (home / "vmlinux").exists():
            return home / "vmlinux"
        why = (home / "why").read_text()
    except Unusable as bad:
        why = str(bad)
    say(f"{image}: unpacks itself in the guest, which takes longer: {why}")
    return image


def unpacked(data: bytes) -> bytes:
    """The ELF file in a bzImage. Raises ValueError where there is none that QEMU can start."""
    if data[0x202:0x206] != b"HdrS" or wrapping.number(data, 0x206, 2) < 0x208:
        raise ValueError("its header tells of no payload")
    start = ((data[0x1f1] or 4) + 1) * 512 + wrapping.number(data, 0x248)
    payload = data[start:start + wrapping.number(data, 0x24c)]
    method = wrapping.compressed(payload)
    # All but gzip's own trailer have the size behind them
    found = wrapping.decompress(payload if method == "gzip" else payload[:-4], method)
    if not enters(found):
        raise ValueError("built without CONFIG_PVH")
    return found


def enters(data: bytes) -> bool:
    """Whether an ELF file has the note with the entry."""
    if not data.startswith(ELF) or len(data) < 64:
        return False
    table = wrapping.number(data, 0x20, 8)
    size, count = wrapping.number(data, 0x36, 2), wrapping.number(data, 0x38, 2)
    for at in range(table, table + size * count, size or 56):
        if wrapping.number(data, at) != NOTES:
            continue
        place = wrapping.number(data, at + 8, 8)
        if _noted(data[place:place + wrapping.number(data, at + 32, 8)]):
            return True
    return False


def _noted(notes: bytes) -> bool:
    at = 0
    while at + 12 <= len(notes):
        name, content, kind = struct.unpack_from("<III", notes, at)
        if kind == ENTRY and notes[at + 12:at + 12 + name] == OWNER:
            return True
        at += 12 + (name + 3) // 4 * 4 + (content + 3) // 4 * 4
    return False
