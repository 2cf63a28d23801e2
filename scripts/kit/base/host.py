"""The packages that the host must have, and how they are installed."""

import functools
import os
import struct
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from . import command
from .error import Unusable

NO_32_BIT = "this kernel runs no 32-bit programs"

BUILD = ("gcc", "gcc-multilib", "libc6-dev", "make", "rsync", "xz-utils", "zstd", "dpkg-dev",
         "patch", "util-linux", "debian-archive-keyring")
RUN = ("qemu-system-x86", *BUILD)
KERNEL_BUILD = ("bc", "bison", "flex", "libelf-dev", "libssl-dev", "kmod", "cpio", "python3")


def need(packages: tuple[str, ...]) -> None:
    """Installs missing packages as root; otherwise raises Unusable, naming them."""
    lacking = missing(packages)
    if not lacking:
        return
    if os.geteuid() != 0:
        raise Unusable(f"missing packages; as root: apt-get install {' '.join(lacking)}")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    # Another apt may be at work, as after a boot
    install = ["apt-get", "-o", "DPkg::Lock::Timeout=300", "install", "-y", "-q",
               "--no-install-recommends", *lacking]
    try:
        command.run(install, "apt-get install", env=quiet)
    except Unusable:
        command.run(["apt-get", "update", "-q"], "apt-get update", env=quiet)
        command.run(install, "apt-get install", env=quiet)


def missing(packages: Iterable[str]) -> list[str]:
    """Those packages that are not installed, each once."""
    names = list(dict.fromkeys(packages))
    if not names:
        return []
    try:
        asked = subprocess.run(["dpkg-query", "-W", "-f",
                                "${Package} ${db:Status-Status}\n", *names],
                               capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:          # no Debian
        raise Unusable(
            f"no dpkg here to ask for packages; of Debian's it needs {' '.join(names)}") from None
    return [name for name in names if f"{name} installed" not in asked.splitlines()]


@functools.cache
def runs_32_bit() -> bool:
    """Whether this kernel runs 32-bit x86 programs: some are built or booted without,
    and some hypervisors refuse."""
    code = bytes.fromhex("b801000000 31db cd80")       # exit(0)
    start, size = 0x08048000, 52 + 32 + len(code)
    header = struct.pack("<16sHHIIIIIHHHHHH", b"\x7fELF\1\1\1", 2, 3, 1, start + 84, 52, 0, 0, 52,
                         32, 1, 0, 0, 0)
    segment = struct.pack("<8I", 1, 0, start, start, size, size, 5, 4096)
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "program")
        program.write_bytes(header + segment + code)
        program.chmod(0o755)
        try:
            return subprocess.run([program], check=False).returncode == 0
        except OSError:
            return False
