"""What another engine boots: a kernel and the guest's root as two plain files, for QEMU or a board.

The root is that of scripts/qa and, for a target with one serial port, `one-port`: a first process
that has results and console on the same port, and after each result a line that says the case's
name and outcome (fleets/cases.awk).
"""

from pathlib import Path

from .build import bundle
from .kernel import module
from .guest import initramfs
from .base.error import Usage
from .kernel.kernel import Files
from .base.paths import REPOSITORY

FLEETS = REPOSITORY / "fleets"
MORE = {"one-port": FLEETS / "one-port.sh", "cases.awk": FLEETS / "cases.awk"}


def request(built: Path) -> str:
    """Arguments of run_kselftest.sh for all programs that run on loopback."""
    return bundle.request(bundle.on_loopback(built))


def write(files: Files, built: Path, into: Path) -> list[Path]:
    """Writes vmlinuz and initrd.cpio into a folder; gives their paths.

    Raises Usage when one is there.
    """
    image, initrd = into / "vmlinuz", into / "initrd.cpio"
    there = next((path for path in (image, initrd) if path.exists()), None)
    if there:
        raise Usage(f"{there}: exists; name another folder")
    own = initramfs.of_kernel(files.modules, request(built), module.QDISCS, MORE)
    into.mkdir(parents=True, exist_ok=True)
    image.write_bytes(files.image.read_bytes())
    initrd.write_bytes(initramfs.base(built).read_bytes() + own)
    return [image, initrd]
