"""Kernel modules: the files that a test needs, uncompressed, in load order.

Packages carry no modules.dep (depmod makes it at installation), so dependencies are read from the
modules themselves: the "depends=" string of their .modinfo section.
"""

import gzip
import lzma
import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ..base.error import Unusable

QDISCS = ("sch_tbf", "sch_netem", "sch_fq")       # what makes a loopback sender wait
# what drives those that a guest can have
NICS = ("virtio_pci", "virtio_net", "e1000e", "vmxnet3", "igb")
# What selftests/errors sends through: a veth, kTLS, IPsec that encrypts nothing
ERRORS = ("veth", "tls", "gcm", "ctr", "ghash_generic", "aes_generic", "xfrm_user", "esp6",
          "authenc", "crypto_null")


def gather(modules: Path, into: Path, wanted: Sequence[str] = QDISCS) -> None:
    """Copies the wanted modules and what they depend on into a folder, as 00-<name>.ko and so on.

    `modules` is a lib/modules/<release> folder; a module that is not in it is taken as built in.
    """
    files = {}
    for folder, _, names in os.walk(modules / "kernel"):
        for name in names:
            match = re.fullmatch(r"(.+)\.ko(\.xz|\.gz|\.zst)?", name)
            if match:
                files[match[1].replace("-", "_")] = Path(folder, name)
    ordered: dict[str, bytes] = {}

    def visit(name: str) -> None:
        if name in ordered or name not in files:
            return
        data = plain(files[name])
        for other in depends(data):
            visit(other)
        ordered[name] = data

    for name in wanted:
        visit(name)
    into.mkdir(parents=True, exist_ok=True)
    for number, (name, data) in enumerate(ordered.items()):
        (into / f"{number:02}-{name}.ko").write_bytes(data)


def chosen(folder: Path, wanted: Sequence[str]) -> list[Path]:
    """Of a folder that gather() filled the files that these modules need, in the order in which
    they must be loaded."""
    files = _numbered(folder)
    needed: set[Path] = set()

    def visit(name: str) -> None:
        if name in files and files[name] not in needed:
            needed.add(files[name])
            for other in depends(files[name].read_bytes()):
                visit(other)

    for name in wanted:
        visit(name)
    return sorted(needed)


def names(folder: Path) -> set[str]:
    """The names of the modules in a folder that gather() filled."""
    return set(_numbered(folder))


def _numbered(folder: Path) -> dict[str, Path]:
    return {path.stem.partition("-")[2]: path for path in folder.glob("*.ko")}


def depends(data: bytes) -> list[str]:
    """The names of the modules that a module (its ELF file's bytes) needs, as .modinfo has them."""
    match = re.search(rb"(?:^|\0)depends=([^\0]*)\0", data)
    names = match[1].decode() if match else ""
    return [name.replace("-", "_") for name in names.split(",") if name]


def plain(path: Path) -> bytes:
    """A module file's bytes, uncompressed. Raises Unusable when it is broken."""
    try:
        if path.suffix == ".xz":
            return lzma.decompress(path.read_bytes())
        if path.suffix == ".gz":
            return gzip.decompress(path.read_bytes())
        if path.suffix == ".zst":
            return subprocess.run(["zstd", "-dcq", path], check=True, capture_output=True).stdout
        return path.read_bytes()
    except (lzma.LZMAError, EOFError, OSError, subprocess.CalledProcessError) as bad:
        raise Unusable(f"{path}: cannot be unpacked ({bad})") from bad
