"""liburing's own tests: they have to give the same results with the series as without.

The tests come from Debian's source package of liburing, static, for 64 and for 32 bit. Those of
networking run ten times, since that is what the series touches.
"""

import argparse
import os
import re
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ..base import cache, command
from ..build import archive, cross, liburing, pins
from . import suite
from ..base.arch import AMD64
from .suite import FLAVOUR, Plan, Suite, Test
from ..guest.program import Files as Content
from ..base.progress import Progress
from ..variant import PLAIN
from ..series.tree import Tree

HELP = "liburing's own tests give the same results without and with the series"
TIMES = 10                             # runs of a test of networking
# What a test of networking has in its source: a request that sends, receives, connects and so on
NETWORK = re.compile(r"io_uring_prep_(send|recv|accept|multishot_accept|connect|shutdown|socket"
                     r"|bind|listen|cmd_sock)")
LONG = ("buf-ring-upgrade",)    # but for these, which take half a minute and are of something else
# What --quick runs: all that sends messages, and is quick
QUICK = ("send_recv", "send_recvmsg", "send-zerocopy", "sendmsg_iov_clean", "recv-msgall",
         "recv-msgall-stream", "sendzc-bug", "shutdown", "timestamp")
# Seconds in the guest where a minute is not enough
LIMITS = {"read-mshot": 240, "resize-rings": 120, "buf-ring-upgrade": 120, "poll-mshot-update": 120}
# What is not run, and why
EXCLUDED = {"futex": "many threads that spin: on one emulated processor that takes many minutes"}
# Words of shell before a test: with no room for its buffers of 32 MiB send-zerocopy takes small
# ones, which are enough for all its cases, and seconds instead of minutes
BEFORE = {"send-zerocopy": "ulimit -v 65536; "}
MUTANT = "neighbour-name"    # scripts/kit/harm/mutants has it: what the tests have to show


def options(parser: argparse.ArgumentParser) -> None:
    """The options of this part."""
    suite.options(parser, TIMES, "those of networking")


def run(options: argparse.Namespace, home: Path) -> bool:
    """Runs the tests in the kernels of each tree; True when none is worse with the series,
    and the control is.

    With --quick it is a few of them, once, in two kernels that `scripts/series prove` has, too.
    """
    suite.check(options)
    chosen = QUICK if options.quick else tuple(options.tests)
    runs = 1 if options.quick else options.runs
    source = archive.open_archive()
    version = pins.source("liburing-tests", source)

    def plan(_tree: Tree, abi: str, progress: Progress) -> Plan:
        progress.phase(f"liburing, {abi} bit", "building the tests")
        folder = cache.folder(f"liburing-tests/{version}-{abi}-{cache.digest(*chosen)}",
                              partial(_build, source, version, abi, chosen))
        progress.done(f"liburing, {abi} bit", "the tests are there")
        names = [path.stem for path in sorted(folder.glob("*.t")) if path.stem not in EXCLUDED]
        network = set((folder / "network").read_text().split()).intersection(names).difference(LONG)
        tests = [Test(name, f"{BEFORE.get(name, '')}./{name}.t", LIMITS.get(name, suite.LIMIT))
                 for name in names]
        content: Content = {f"{suite.HOME}/{name}.t": folder / f"{name}.t" for name in names}
        return Plan(Suite(tests, content, progress), names + sorted(network) * (runs - 1),
                    [] if options.quick else sorted(network))

    trees, abis, flavour = ((options.trees[:1], ("64",), PLAIN) if options.quick else
                            (options.trees, options.abi, FLAVOUR))
    pairs, controls = suite.compare_all(trees, flavour, abis, MUTANT, home, plan)
    return suite.finish("liburing", f"liburing {version}: without -> with", home, pairs, controls,
                        options.record)


def _build(source: archive.Archive, version: str, abi: str, chosen: Sequence[str],
           into: Path) -> None:
    """Fills a folder with the tests, all or the chosen, and the file `network`, the names of those
    of networking."""
    work = into / "work"
    work.mkdir()
    tree = source.source("liburing", version, work)
    what = f"building the tests of liburing {version} for {abi} bit"
    liburing.library(tree, cross.compiler(AMD64, abi), f"liburing {version} for {abi} bit")
    command.run(["make", "-C", "test", f"-j{os.cpu_count() or 1}", "CFLAGS=-O1 -w",
                 "LDFLAGS=-static -s", *(f"{name}.t" for name in chosen)], what, cwd=tree)
    for path in list((tree / "test").glob("*.t")):
        shutil.move(path, into / path.name)
    sources = {path.stem: path.read_text() for path in (tree / "test").glob("*.c")}
    (into / "network").write_text("".join(f"{name}\n" for name in sorted(sources)
                                          if NETWORK.search(sources[name])))
    shutil.rmtree(work)
