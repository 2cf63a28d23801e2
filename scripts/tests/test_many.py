"""3000 kernels, or 2000 cases of each: every format takes seconds, not minutes,
and holds all of them.

What takes the square of either is noticed; both at once would only take longer to say the same.
"""

import time
import unittest
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests import sample
from kit.report import compare, junit, kcidb, page, report
from kit.report.folder import Folder
from kit.report.result import KernelResult

SIZES = ((3000, 15), (25, 2000))       # kernels, and cases of each
PATIENCE = 20                          # seconds of this process for a format,
                                       # however busy the machine is


def lines(results: list[KernelResult]) -> Iterator[str]:
    """The matrix of the text report."""
    yield report.text(results).partition("\n\n")[0]


class Many(unittest.TestCase):
    def count(self, pieces: Iterable[str], word: str) -> int:
        started = time.process_time()
        found = sum(piece.count(word) for piece in pieces)
        self.assertLess(time.process_time() - started, PATIENCE)
        return found

    def test_each_format(self) -> None:
        nowhere = Path("/nonexistent")
        for kernels, cases in SIZES:
            results, every = sample.many(kernels, cases), kernels * cases
            self.assertEqual(self.count(lines(results), "\n"), kernels)
            self.assertEqual(self.count(junit.document(results, nowhere), "<testcase "), every)
            self.assertEqual(self.count(kcidb.document(results, nowhere), '"build_id": '), every)
            document = page.document(Folder(nowhere, results, []))
            self.assertEqual(self.count(document, '<tr role="row" data-groups='), kernels)
            self.assertEqual(compare.compare(results, results).same, every)


if __name__ == "__main__":
    unittest.main()
