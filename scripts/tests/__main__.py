"""Runs all unit tests, as many at once as there are processors: python3 -m tests, in scripts/.

What is printed, and how it ends, is what unittest prints with -v, class after class. A test is on
its own: what two of them would share on a disk has to be in a folder of each.
"""

import io
import multiprocessing
import os
import sys
import time
import unittest
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

# Those that take longest, first, so that none of them is left for the end
LONG = ("test_package", "test_plan", "test_proof", "test_many", "test_folder", "test_ramdisk",
        "test_dist")

_classes: list[unittest.TestSuite] = []        # a forked worker has them, too: it is told a number


def classes(suite: unittest.TestSuite) -> Iterator[unittest.TestSuite]:
    """What discover() found, in parts that may run apart: one for each class."""
    for each in suite:
        if not isinstance(each, unittest.TestSuite):
            yield suite
            return
        yield from classes(each)


def rank(suite: unittest.TestSuite) -> int:
    """Where its module stands in LONG, at the end where it does not."""
    module = type(next(iter(suite))).__module__.rpartition(".")[2]
    return LONG.index(module) if module in LONG else len(LONG)


def run(number: int) -> tuple[int, int, str, str, str]:
    """Runs a class: how many tests ran, how many were skipped, their lines, failures, names."""
    told = io.StringIO()
    runner = unittest.TextTestRunner(told, verbosity=2)
    result = runner.run(_classes[number])
    lines, _, failures = told.getvalue().partition("\n\n=====")
    bad = [*result.failures, *result.errors]
    return (result.testsRun, len(result.skipped), lines.partition("\n\n-----")[0],
            "=====" + failures.rpartition("\n-----")[0] if bad else "",
            " ".join(str(test) for test, _ in bad) + "".join(map(str, result.unexpectedSuccesses)))


def main() -> int:
    """Gives 0 when no test failed, else 1."""
    began = time.monotonic()
    here = Path(__file__).parent
    found = unittest.defaultTestLoader.discover(str(here), top_level_dir=str(here.parent))
    _classes[:] = sorted(classes(found), key=rank)
    ran = skipped = 0
    failures, names = [], []
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("fork")) as pool:
        for count, left_out, lines, failed, name in pool.map(run, range(len(_classes))):
            ran, skipped = ran + count, skipped + left_out
            print(lines, flush=True)
            failures += [failed] if failed else []
            names += [name] if name else []
    print("", *failures, sep="\n")
    print(f"Ran {ran} tests in {time.monotonic() - began:.1f}s\n")
    print(f"FAILED: {' '.join(names)}" if names else f"OK (skipped={skipped})")
    return int(bool(names))


if __name__ == "__main__":
    sys.exit(main())
