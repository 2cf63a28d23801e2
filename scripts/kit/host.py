"""What the host must have, in one list, and how it gets there."""

import os
import subprocess

from . import command
from .error import Unusable

BUILD = ("gcc", "gcc-multilib", "libc6-dev", "make", "rsync", "xz-utils", "zstd", "dpkg-dev", "patch", "util-linux",
         "debian-archive-keyring")
RUN = ("qemu-system-x86", *BUILD)
KERNEL_BUILD = ("bc", "bison", "flex", "libelf-dev", "libssl-dev", "kmod", "cpio", "python3")


def need(packages: tuple[str, ...]) -> None:
    """Installs the packages that are missing when it may; raises Unusable, naming them, when not."""
    missing = [name for name in packages if not _installed(name)]
    if not missing:
        return
    if os.geteuid() != 0:
        raise Unusable(f"missing packages; as root: apt-get install {' '.join(missing)}")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    # Another apt may be at work, as after a boot
    install = ["apt-get", "-o", "DPkg::Lock::Timeout=300", "install", "-y", "-q", "--no-install-recommends", *missing]
    try:
        command.run(install, "apt-get install", env=quiet)
    except Unusable:
        command.run(["apt-get", "update", "-q"], "apt-get update", env=quiet)
        command.run(install, "apt-get install", env=quiet)


def _installed(package: str) -> bool:
    asked = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status}", package],
                           capture_output=True, text=True, check=False)
    return asked.stdout == "installed"
