"""What a kernel image may come in: a unified kernel image, EFI zboot, or plain compression. QEMU
boots none of them.

A unified kernel image is a PE file that has the image in its section .linux (the UAPI group's
specification); zboot's header is drivers/firmware/efi/libstub/zboot-header.S.
"""

import lzma
import subprocess
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

from ..base import host
from ..base.arch import ALL, Architecture
from ..base.error import Usage

HEAD = 0x10000                         # bytes of a file that tell what it is
LIMIT = 1 << 30                        # bytes of the largest that is unpacked
LAYERS = 3                             # one in another: a unified kernel image
                                       # of arm64 has a zboot in it
MACHINES = {0x8664: "amd64", 0xaa64: "arm64", 0x5064: "riscv64", 0x14c: "i386", 0x1c0: "armhf",
            0x1c2: "armhf", 0x1c4: "armhf", 0x6264: "loong64"}

# What a compressed file begins with, and what its packers call it
PACKED = {b"\x1f\x8b": "gzip", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd",
          b"\x02\x21\x4c\x18": "lz4", b"\x04\x22\x4d\x18": "lz4", b"BZh": "bzip2",
          b"\x5d\0\0": "lzma", b"\x89LZO\0": "lzo"}


def number(data: bytes, start: int, size: int = 4) -> int:
    """A little-endian number in a header."""
    return int.from_bytes(data[start:start + size], "little")


def machine(data: bytes) -> str:
    """The architecture of a PE file, "" for what is none."""
    start = number(data, 0x3c)
    if data[:2] != b"MZ" or data[start:start + 4] != b"PE\0\0":
        return ""
    kind = number(data, start + 4, 2)
    return MACHINES.get(kind, f"machine {kind:#x}")


def section(data: bytes, name: bytes) -> tuple[int, int] | None:
    """Where a section of a PE file begins and ends in the file;
    None when it has none of this name."""
    if not machine(data):
        return None
    start = number(data, 0x3c)
    table = start + 24 + number(data, start + 20, 2)
    for at in range(table, table + 40 * number(data, start + 6, 2), 40):
        if data[at:at + 8].rstrip(b"\0") == name:
            size = min(filter(None, (number(data, at + 8), number(data, at + 16))), default=0)
            return number(data, at + 20), number(data, at + 20) + size
    return None


def zboot(data: bytes) -> bool:
    """Whether it is a kernel that EFI unpacks."""
    return data[:2] == b"MZ" and data[4:8] == b"zimg"


def compressed(data: bytes) -> str:
    """How a file is compressed; "" when it is not."""
    return next((name for magic, name in PACKED.items() if data.startswith(magic)), "")


def wrapped(head: bytes, arch: Architecture) -> bool:
    """Whether a file that begins so has to be unpacked for QEMU."""
    return bool(zboot(head) or section(head, b".linux") or compressed(head)
                and arch.magic[0] == 0x38)


def unwrap(path: Path, arch: Architecture) -> bytes:
    """The image that is in a wrapped one.

    Raises Usage when it is damaged, or for another architecture.
    """
    with path.open("rb") as file:
        data = file.read(LIMIT + 1)
    if len(data) > LIMIT:
        raise Usage(f"{path}: too large for a kernel")
    for _ in range(LAYERS):
        if not wrapped(data[:HEAD], arch):
            break
        try:
            data = _peeled(data, arch)
        except ValueError as bad:
            raise Usage(f"{path}: {bad}") from bad
    return data


def _peeled(data: bytes, arch: Architecture) -> bytes:
    if zboot(data):
        _same(data, arch, "an EFI zboot kernel")
        start, size = number(data, 8), number(data, 12)
        method = data[0x18:0x38].split(b"\0")[0].decode("latin-1")
        if start + size > len(data):
            raise ValueError(f"an EFI zboot kernel that is cut short, {len(data)} bytes where its "
                             f"header says {start + size}")
        return decompress(data[start:start + size], method)
    found = section(data, b".linux")
    if found:
        _same(data, arch, "a unified kernel image")
        if found[1] > len(data):
            raise ValueError(f"a unified kernel image that is cut short, {len(data)} bytes where "
                             f"its .linux ends at {found[1]}")
        return data[found[0]:found[1]]
    return decompress(data, compressed(data))


def _same(data: bytes, arch: Architecture, what: str) -> None:
    there = machine(data)
    if there != arch.name:
        raise ValueError(f"{what} for {there or 'no machine that it names'}, and the guest is "
                         f"{arch.name}"
                         + (f"; say --arch {there}" if there in ALL else ""))


def decompress(data: bytes, method: str) -> bytes:
    """Unpacks what was compressed in one of the kernel's ways.

    Raises ValueError for what is broken or unknown.
    """
    kind = next((name for name in _WAYS if method.startswith(name)), "")       # zstd22, xzkern
    if not kind:
        raise ValueError(f"compressed in a way that is not known here ({method or 'it says none'})")
    try:
        return _WAYS[kind](data)
    except (zlib.error, lzma.LZMAError, EOFError, subprocess.CalledProcessError) as bad:
        raise ValueError(f"damaged or cut short: its {kind} data cannot be unpacked") from bad


def _gzip(data: bytes) -> bytes:
    unpacker = zlib.decompressobj(31)
    found = unpacker.decompress(data, LIMIT)
    if not unpacker.eof:
        raise EOFError
    return found


def _lzma(data: bytes) -> bytes:
    unpacker = lzma.LZMADecompressor()
    found = unpacker.decompress(data, LIMIT)
    if not unpacker.eof and data[:1] == b"\xfd":       # .lzma may have no mark at its end
        raise EOFError
    return found


def _program(package: str, *words: str) -> Callable[[bytes], bytes]:
    def unpack(data: bytes) -> bytes:
        host.need((package,))
        return subprocess.run(words, input=data, capture_output=True, check=True).stdout
    return unpack


_WAYS: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip": _gzip, "xz": _lzma, "lzma": _lzma,
    "zstd": _program("zstd", "zstd", "-dcq", "--long=31"), "lz4": _program("lz4", "lz4", "-dcq"),
    "lzo": _program("lzop", "lzop", "-dcq"), "bzip2": _program("bzip2", "bzip2", "-dcq")}
