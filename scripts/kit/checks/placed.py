"""Checks of the selftest in kernel trees: it builds, installs and runs there
as any other selftest does."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..base import command
from ..build import bundle, liburing, source
from ..base.error import BuildFailed
from ..build.bundle import SELFTEST

TREES = ("6.1", "6.12", "7.3")

def build(branch: str, *words: str) -> None:
    """`make -C tools/testing/selftests TARGETS="io_uring nic bench"` in a tree: no warning, all
    programs of both ABIs."""
    with placed(branch) as (selftests, output):
        said = make(selftests, *words, f"O={output}", f"LIBURING_32={liburing.prefix('32')}", "all")
        complain(said)
        programs(output / "kselftest")


def install(branch: str) -> None:
    """install, gen_tar, run_tests and run_kselftest.sh work in a tree, with static programs."""
    with placed(branch) as (selftests, output):
        made = output / "installed"
        make(selftests, "STATIC=1", f"LIBURING_32={liburing.prefix('32')}", f"INSTALL_PATH={made}",
             "install")
        programs(made)
        listed = command.run(["sh", made / "run_kselftest.sh", "-l"], "run_kselftest.sh -l",
                             error=BuildFailed)
        if "io_uring:late_read" not in listed.split():
            raise BuildFailed("run_kselftest.sh -l does not list io_uring:late_read")
        # Its exit status differs from tree to tree, what it prints does not
        said = command.run(["sh", "-c", 'sh "$0" -c io_uring || :', made / "run_kselftest.sh"],
                           "run_kselftest.sh")
        for shown in said, make(selftests, "STATIC=1", f"LIBURING_32={liburing.prefix('32')}",
                                "run_tests"):
            if "ok 1 selftests: io_uring: lost_pointer" not in shown:
                raise BuildFailed("io_uring:lost_pointer did not run")
        make(selftests, f"INSTALL_PATH={made}", "FORMAT=.tar.gz", "gen_tar")
        if not list(made.glob("**/*.tar.gz")):
            raise BuildFailed("gen_tar left no archive")


def outside() -> None:
    """Each folder of the selftests builds outside a tree, with the frame of one (KSRC=)."""
    with tempfile.TemporaryDirectory() as output:
        for folder in bundle.COLLECTIONS:
            Path(output, folder).mkdir()
            said = command.run(["make", "-C", SELFTEST.with_name(folder), f"KSRC={source.frame()}",
                                f"OUTPUT={output}/{folder}", f"LIBURING_32={liburing.prefix('32')}",
                                f"HOOKS=../{bundle.HOOKS}/{bundle.HOOKS}.c"], "make KSRC=",
                               error=BuildFailed)
            complain(said)
        programs(Path(output))


def without() -> None:
    """Without liburing make says which package to install, succeeds, and the run says SKIP."""
    with placed(TREES[-1]) as (selftests, output):
        hidden = f"CC=gcc -DHIDE -include {output / 'hidden.h'}"
        (output / "hidden.h").write_text("#ifdef HIDE\n#define _LIBURING_H\n#define LIB_URING_H\n"
                                         "#endif\n")
        said = make(selftests, hidden, "LIBURING_64=/nonexistent", f"O={output}", "run_tests")
        for word in ("install liburing-dev", "# SKIP no program was built"):
            if word not in said:
                raise BuildFailed(f"nothing says '{word}' where liburing is missing")


@contextlib.contextmanager
def placed(branch: str) -> Iterator[tuple[Path, Path]]:
    """A tree's tools/testing/selftests with ours in it, and a folder for output;
    both gone afterwards."""
    frame = source.frame(branch)
    with tempfile.TemporaryDirectory() as work:
        tree, output = Path(work, "tree"), Path(work, "output")
        for part in ("tools", "usr", "scripts"):
            shutil.copytree(frame / part, tree / part, symlinks=True)
        selftests = tree / "tools/testing/selftests"
        for folder in bundle.COLLECTIONS:
            shutil.copytree(SELFTEST.with_name(folder), selftests / folder)
        output.mkdir()
        yield selftests, output


def make(selftests: Path, *words: str) -> str:
    """make in a tree's selftests, for ours alone; both streams,
    since make's exit status says little."""
    said = command.run(["sh", "-c", 'exec "$@" 2>&1', "sh", "make", "-C", selftests,
                        f"TARGETS={' '.join(bundle.COLLECTIONS)}", "FORCE_TARGETS=1", *words],
                       f"make {' '.join(words)}", error=BuildFailed)
    return said


def complain(said: str) -> None:
    """Raises BuildFailed for the first warning of a build."""
    for line in said.splitlines():
        if "arning:" in line:
            raise BuildFailed(line)


def programs(home: Path) -> None:
    """Raises BuildFailed unless every program is there for both ABIs, each in the folder
    of its collection."""
    missing = sorted(f"{folder}/{name}" for folder in bundle.COLLECTIONS
                     for stem in bundle.sources([folder])
                     for name in (stem, f"{stem}_32") if not (home / folder / name).exists())
    if missing:
        raise BuildFailed(f"not built: {' '.join(missing)}")
