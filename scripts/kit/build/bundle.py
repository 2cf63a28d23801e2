"""The installed kselftest bundle: run_kselftest.sh and the static programs of selftests/io_uring
and beside it."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from ..base import cache, command, ktap, progress
from . import cross, liburing, source
from ..base.arch import AMD64, Architecture
from ..base.error import Usage
from ..base.paths import SELFTESTS

COLLECTION = "io_uring"
SELFTEST = SELFTESTS / COLLECTION
NIC_COLLECTION = "nic"
HOOKS = "hints"    # what the tests say beyond what they are upstream
# the folders of a bundle, each a TARGET of kselftest
COLLECTIONS = (COLLECTION, NIC_COLLECTION, "bench")


def build(selftests: Path = SELFTESTS, branch: str | None = None,
          arch: Architecture = AMD64) -> Path:
    """Builds the folders of selftests within the kselftest frame of a branch (default:
    the newest), for all ABIs.

    Gives the installed bundle: a folder with run_kselftest.sh, kselftest-list.txt, kselftest/ and
    one for each collection. Unchanged sources are not built again. Raises Unusable when it does not
    build; the message names the log.
    """
    frame = source.frame(branch, arch.source)
    compilers = {abi: cross.compiler(arch, abi) for abi in arch.abis}
    if arch.headers_32:
        compilers["32"] += f" -isystem {source.frame(branch, arch.headers_32)}/usr/include"
    prefixes = {abi: liburing.prefix(abi, arch) for abi in arch.abis}
    key = cache.digest(*(selftests / name for name in (*COLLECTIONS, HOOKS)), str(frame),
                       *compilers.values(), *map(str, prefixes.values()))
    log = cache.root() / f"bundle-{key}.log"

    def make(into: Path) -> None:
        progress.step("building")
        tree = into / "tree"
        for part in ("tools", "usr"):
            shutil.copytree(frame / part, tree / part, symlinks=True)
        (tree / "scripts").mkdir()
        shutil.copy(frame / "scripts/subarch.include", tree / "scripts")
        place = tree / "tools/testing/selftests"
        for name in (*COLLECTIONS, HOOKS):
            shutil.copytree(selftests / name, place / name)
        command.run(["make", "-C", place, f"-j{os.cpu_count() or 1}",
                     f"TARGETS={' '.join(COLLECTIONS)}", "FORCE_TARGETS=1", "STATIC=1",
                     f"HOOKS=../{HOOKS}/{HOOKS}.c", f"ARCH={arch.source}", f"CC={compilers['64']}",
                     f"CC_32={compilers.get('32', '')}", f"ABI={' '.join(prefixes)}",
                     *(f"LIBURING_{abi}={path}" for abi, path in prefixes.items()),
                     f"KSFT_INSTALL_PATH={into / 'installed'}", "install"],
                    f"building the selftest with the frame of {frame.name}", log=log)
        for path in (into / "installed").iterdir():
            path.rename(into / path.name)
        shutil.rmtree(tree)

    return cache.folder(f"bundles/{key}", make)


def sources(collections: Iterable[str] = COLLECTIONS) -> set[str]:
    """The names of the programs in folders of selftests, without _32."""
    return {path.stem for name in collections for path in (SELFTESTS / name).glob("*.c")
            if "TEST_HARNESS_MAIN" in path.read_text()}


def collection(program: str) -> str:
    """The collection that a program of a bundle is in."""
    return NIC_COLLECTION if ktap.split_abi(program)[0] == ktap.NIC else COLLECTION


def on_loopback(bundle: Path) -> list[str]:
    """The names of the programs in a bundle that need no NIC."""
    return [name for name in programs(bundle) if ktap.split_abi(name)[0] != ktap.NIC]


def check(programs: Iterable[str]) -> None:
    """Raises Usage for a program that there is no source of."""
    if unknown := set(programs) - sources():
        raise Usage(f"no program {', '.join(sorted(unknown))}; "
                    f"there are {', '.join(sorted(sources()))}")


def request(names: Iterable[str]) -> str:
    """Arguments of run_kselftest.sh for programs."""
    return " ".join(f"-t {collection(name)}:{name}" for name in names)


def programs(bundle: Path) -> list[str]:
    """The names of the programs in a bundle, as kselftest-list.txt has them."""
    lines = (bundle / "kselftest-list.txt").read_text().split()
    return [name
            for folder, _, name in (line.partition(":") for line in lines) if folder in COLLECTIONS]
