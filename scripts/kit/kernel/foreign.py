"""Kernels of other distributions, as files: what package (deb:, rpm:)
and root (dir:) have in common."""

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..base import version
from . import config, image, module
from ..base.arch import AMD64, Architecture
from ..base.error import Usage

# SUSE's kernels that stay on one point release for years:
# 5.14.21-150500.55.19-default, 5.3.18-lp152.19.2-default
FROZEN = re.compile(r"[\d.]+-(?:1\d{5}|lp\d{3})\.")


@dataclass(frozen=True)
class Found:
    """A kernel on disk, the modules that tests need gathered in the cache."""

    word: str                          # what to say in KERNELS to get exactly this one
    image: Path
    modules: Path
    config: Path | None
    elsewhere: str                     # where a module that is not there may be
    arch: Architecture = AMD64
    package: str = ""
    package_version: str = ""

    @property
    def release(self) -> str:
        """As uname -r has it."""
        return image.banner(self.image, self.arch).split()[0]

    @property
    def version(self) -> version.Version | None:
        """The upstream version, None when it cannot be told."""
        return None if FROZEN.match(self.release) else version.upstream(
            image.banner(self.image, self.arch))

    @property
    def lacking(self) -> str:
        """A line on what is skipped for lack of an option or a module; "" when nothing is."""
        if self.config:
            return "; ".join(config.notes(self.config, self.modules, self.elsewhere, self.arch))
        bare = "" if any(self.modules.iterdir()) else f", no modules ({self.elsewhere})"
        return f"no configuration at hand{bare}: what is skipped shows when it runs"


def release(path: Path, place: Path, arch: Architecture) -> tuple[str, Path]:
    """The release of an image that lies somewhere in a package or folder,
    and what QEMU boots of it.

    Raises Usage unless it is for that architecture.
    """
    boots = path
    try:
        boots = image.bootable(path, arch)
        return image.banner(boots, arch).split()[0], boots
    except Usage as bad:
        raise Usage(f"{place.parent}: {place.name}: {str(bad).removeprefix(f'{boots}: ')}") from bad


def gather(modules: Path, into: Path, wanted: Sequence[str], source: Path,
           arch: Architecture) -> None:
    """module.gather() of all below a lib/modules/RELEASE:
    distributions have extra/ and updates/ beside kernel/.

    Raises Usage when there are modules for another architecture.
    """
    with tempfile.TemporaryDirectory() as work:
        (Path(work) / "kernel").symlink_to(modules)
        module.gather(Path(work), into, wanted)
    for path in into.glob("*.ko"):
        with path.open("rb") as file:
            head = file.read(20)
        data, machine = arch.elf
        there = int.from_bytes(head[18:20], "little" if data == 1 else "big")
        if head[:6] != b"\x7fELF\2%c" % data or there != machine:
            raise Usage(f"{source}: {path.stem.partition('-')[2]}.ko is not for {arch.name}, "
                        "as the guest is")
