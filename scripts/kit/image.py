"""Kernel images: what a bzImage's header says. Documentation/arch/x86/boot.rst has the format."""

import re
from pathlib import Path

from . import version
from .error import Usage


def banner(path: Path) -> str:
    """The kernel_version string of a bzImage, "6.1.0-50-cloud-amd64 (builder) #1 SMP ...".

    Raises Usage when the file is no x86 kernel image or is cut short.
    """
    try:
        with path.open("rb") as file:
            head = file.read(0x10000)
            size = path.stat().st_size
    except OSError as bad:
        raise Usage(f"{path}: {bad.strerror}") from bad
    if head[:4] == b"\x7fELF":
        raise Usage(f"{path}: an ELF file, not a bootable image; give arch/x86/boot/bzImage")
    if len(head) < 0x260 or head[0x1fe:0x200] != b"\x55\xaa" or head[0x202:0x206] != b"HdrS":
        raise Usage(f"{path}: not an x86 kernel image (no boot header)")
    setup = ((head[0x1f1] or 4) + 1) * 512
    system = int.from_bytes(head[0x1f4:0x1f8], "little") * 16
    if size < setup + system:
        raise Usage(f"{path}: cut short, {size} bytes where its header says {setup + system}")
    start = int.from_bytes(head[0x20e:0x210], "little") + 0x200
    text = head[start:start + 256].split(b"\0")[0].decode("latin-1")
    if start == 0x200 or not text:
        raise Usage(f"{path}: its boot header names no version")
    return text


def upstream(text: str) -> version.Version | None:
    """The upstream version that a kernel banner or release tells, or None when it does not.

    Debian puts its package version into the banner. A release such as 6.8.0-45-generic or
    5.14.0-503.el9 is a distribution's own count and tells nothing of the point release.
    """
    debian = re.search(r"Debian (\d[^ ]*)", text)
    if debian:
        return version.of_package(debian[1])
    match = re.match(r"(\d+\.\d+(?:\.\d+)?)(-rc\d+)?", text)
    if not match or re.match(r"\d+\.\d+\.0-\d", text):
        return None
    return version.parse(match[1] + (match[2] or ""))
