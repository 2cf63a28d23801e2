"""What a file is that is no kernel image, and what to give instead:
the half of a refusal that helps."""

import struct
import zlib
from pathlib import Path

from . import wrapping
from ..base.arch import ALL, Architecture

ELF_MACHINES = {62: "amd64", 183: "arm64", 22: "s390x", 243: "riscv64", 21: "ppc64el", 3: "i386",
                40: "armhf"}

# (offset, what stands there, what it is, what to give; "" for the usual)
_KINDS = (
    (0, b"\x27\x05\x19\x56", "a uImage of U-Boot",
     "take the kernel out: dumpimage -T kernel -p 0 -o Image {path} (package u-boot-tools)"),
    (0, b"\xd0\x0d\xfe\xed", "a flattened device tree, perhaps a FIT image",
     "take the kernel out of a FIT image: dumpimage -T flat_dt -p 0 -o Image {path} (package "
     "u-boot-tools)"),
    (0, b"ANDROID!", "an Android boot image",
     "take the kernel out: unpack_bootimg --boot_img {path} (package mkbootimg)"),
    (0, b"VNDRBOOT", "the vendor's half of an Android boot image", "give the kernel in boot.img"),
    (0, b"070701", "an initramfs", ""), (0, b"070702", "an initramfs", ""),
    (0, b"\xc7\x71", "an old initramfs", ""),
    (0, b"hsqs", "a squashfs file system", "mount it and give dir:MOUNTPOINT"),
    (0, b"QFI\xfb", "a disk image (qcow2)", "mount what is in it and give dir:MOUNTPOINT"),
    (0x438, b"\x53\xef", "an ext2, ext3 or ext4 file system", "mount it and give dir:MOUNTPOINT"),
    (0, b"XFSB", "an XFS file system", "mount it and give dir:MOUNTPOINT"),
    (0x8001, b"CD001", "an ISO 9660 image", "mount it and give dir:MOUNTPOINT"),
    (0x200, b"EFI PART", "a disk image", "mount what is in it and give dir:MOUNTPOINT"),
    (0, b"!<arch>\n", "a .deb package, or another ar archive", "a package is deb:{path}"),
    (0, b"\xed\xab\xee\xdb", "an .rpm package", "a package is rpm:{path}"),
    (257, b"ustar", "a tar archive", "unpack it and give dir:FOLDER"),
    (0, b"PK\3\4", "a zip archive", "unpack it and give what is in it"),
)


def refusal(path: Path, arch: Architecture) -> str:
    """Why a file is no image for an architecture, what it is, and what to give. Raises OSError."""
    with path.open("rb") as file:
        head = file.read(wrapping.HEAD)
    what, instead = _kind(head, arch)
    instead = (instead.format(path=path)
               or f"give {arch.made} of a build or a distribution's vmlinuz")
    wanted = "an x86 kernel image" if arch.native else f"a kernel image for {arch.name}"
    return f"not {wanted}{f' but {what}' if what else ''}; {instead}"


def _kind(head: bytes, arch: Architecture) -> tuple[str, str]:
    """What a file that begins so is, "" where that is not known, and what to give."""
    if not head:
        return "an empty file", ""
    if head[:4] == b"\x7fELF":
        return _elf(head, arch), ""
    for each in ALL.values():
        start, magic = each.magic
        if each.name != "ppc64el" and head[start:start + len(magic)] == magic and each != arch:
            return f"one for {each.name}", f"say --arch {each.name}"
    if head[:2] == b"MZ":
        there = wrapping.machine(head)
        return (f"an EFI program for {there}, a PE file without a section .linux, such as a boot "
                "loader" if there else "a program for DOS"), ""
    packed = wrapping.compressed(head)
    if packed:
        return _packed(head, packed)
    for start, magic, what, instead in _KINDS:
        if head[start:start + len(magic)] == magic:
            return what, instead
    return ("a text file" if _is_text(head) else ""), ""


def _elf(head: bytes, arch: Architecture) -> str:
    kind, number = struct.unpack_from(">HH" if head[5:6] == b"\2" else "<HH",
                                      head.ljust(20, b"\0"), 16)
    there = ELF_MACHINES.get(number, f"machine {number}")
    whose = "" if there == arch.name else f" for {there}"
    if kind == 1:
        return f"an ELF object{whose}, such as a module"
    return f"an ELF file{whose}, such as a vmlinux"


def _packed(head: bytes, method: str) -> tuple[str, str]:
    inner = b""
    if method == "gzip":               # the others tell nothing without the whole of it
        try:
            inner = zlib.decompressobj(31).decompress(head, 1024)
        except zlib.error:
            pass
    if inner[:6] == b"070701":
        return "an initramfs, compressed with gzip", ""
    if inner[257:262] == b"ustar":
        return "a tar archive, compressed with gzip", "unpack it and give dir:FOLDER"
    return f"a file compressed with {method}, such as an initramfs", ""


def _is_text(head: bytes) -> bool:
    return not head.translate(None, bytes(range(32, 127)) + b"\t\n\r\f")
