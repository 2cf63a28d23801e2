"""LTP's tests of sends and of io_uring, in kernels as they are and with the series.

Debian has no package of LTP, so its source tree has to be given. Its programs are static, for 64
and for 32 bit.
"""

import argparse
import os
import shutil
from functools import partial
from pathlib import Path

from ..base import cache, command, host
from ..build import cross
from . import suite
from ..base.arch import AMD64
from .suite import FLAVOUR, Plan, Suite, Test
from ..base.error import Unusable
from ..guest.program import Files as Content
from ..base.progress import Progress
from ..series.tree import Tree

HELP = "LTP's tests of sends and of io_uring give the same results without and with the series"
WHERE = "LTP_SOURCE"
HOME = "testcases/kernel/syscalls"
FOLDERS = ("io_uring", "send", "sendmsg", "sendmmsg", "sendto")
TOOLS = ("autoconf", "automake", "m4", "pkg-config")
SKIP = 32                              # TCONF of LTP's include/tst_res_flags.h
RUNS = 3
# LTP keeps its results in shared memory, and looks for the kernel's options, which this guest does
# not have in a file
BEFORE = "mkdir -p /dev/shm; export KCONFIG_SKIP_CHECK=1 LTP_COLORIZE_OUTPUT=n; "
MUTANT = "neighbour-name"    # scripts/kit/harm/mutants has it: what these tests have to show
CONTROL = ("io_uring02",)


def options(parser: argparse.ArgumentParser) -> None:
    """The options of this part."""
    suite.options(parser, RUNS)
    parser.add_argument("--source", type=Path, metavar="DIR",
                        default=Path(os.environ[WHERE]) if os.environ.get(WHERE) else None,
                        help=f"a source tree of LTP (default: ${WHERE})")


def run(options: argparse.Namespace, home: Path) -> bool:
    """Runs the tests in the kernels of each tree; True when none is worse with the series,
    and the control is.

    With --quick it is one run of each in 64 bit.
    """
    source = tree(options.source)
    names = sorted(path.stem for folder in FOLDERS
                   for path in (source / HOME / folder).glob("*[0-9].c"))
    suite.check(options, names)
    host.need(TOOLS)
    version = (source / "VERSION").read_text().strip()
    chosen = [name for name in names if name in options.tests or not options.tests]

    def plan(_tree: Tree, abi: str, progress: Progress) -> Plan:
        progress.phase(f"LTP, {abi} bit", "building the tests")
        key = cache.digest(*(source / HOME / folder for folder in FOLDERS), source / "include",
                           source / "lib")
        folder = cache.folder(f"ltp/{version}-{abi}-{key}", partial(_build, source, abi))
        progress.done(f"LTP, {abi} bit", "the tests are there")
        tests = [Test(name, f"{BEFORE}./{name}", skip=SKIP) for name in chosen]
        content: Content = {f"{suite.HOME}/{name}": folder / name for name in chosen}
        return Plan(Suite(tests, content, progress),
                    chosen * (1 if options.quick else options.runs),
                    [] if options.quick else [name for name in chosen if name in CONTROL])

    trees, abis = (options.trees[:1], ("64",)) if options.quick else (options.trees, options.abi)
    pairs, controls = suite.compare_all(trees, FLAVOUR, abis, MUTANT, home, plan)
    return suite.finish("ltp", f"LTP {version}: without -> with", home, pairs, controls,
                        options.record)


def tree(given: Path | None) -> Path:
    """The source tree of LTP. Raises Unusable when none is given, or it is none."""
    if not given:
        raise Unusable("no source tree of LTP: `git clone "
                       "https://github.com/linux-test-project/ltp`, then give it with --source or "
                       f"in {WHERE}")
    if not all((given / name).exists() for name in ("configure.ac", "VERSION", HOME)):
        raise Unusable(f"{given}: not a source tree of LTP")
    return given.resolve()


def _build(source: Path, abi: str, into: Path) -> None:
    """Fills a folder with the programs."""
    work, what = into / "work", f"building LTP's tests for {abi} bit"
    shutil.copytree(source, work, symlinks=True,
                    ignore=shutil.ignore_patterns(".git", "*.o", "*.a"))
    jobs = f"-j{os.cpu_count() or 1}"
    command.run(["make", "autotools"], what, cwd=work)
    command.run(["./configure", f"CC={cross.compiler(AMD64, abi)}",
                 "CFLAGS=-O1 -w", "LDFLAGS=-static -s"], what, cwd=work)
    command.run(["make", "-C", "lib", jobs], what, cwd=work)
    for folder in FOLDERS:
        place = work / HOME / folder
        command.run(["make", "-C", place, jobs], what)
        for path in place.iterdir():
            if path.is_file() and os.access(path, os.X_OK) and path.with_suffix(".c").exists():
                shutil.move(path, into / path.name)
    shutil.rmtree(work)
