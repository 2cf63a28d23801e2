"""3000 kernels with 200 cases each: every format takes seconds, not minutes, and holds all of them."""

import time
import unittest
from collections.abc import Iterable
from pathlib import Path

from tests import sample
from kit.report import compare, junit, kcidb, page, report
from kit.report.folder import Folder

KERNELS, CASES = 3000, 200
PATIENCE = 90                          # seconds for a format, on a machine that is busy


class Many(unittest.TestCase):
    def count(self, pieces: Iterable[str], word: str) -> int:
        started = time.monotonic()
        found = sum(piece.count(word) for piece in pieces)
        self.assertLess(time.monotonic() - started, PATIENCE)
        return found

    def test_each_format(self) -> None:
        results, nowhere = sample.many(KERNELS, CASES), Path("/nonexistent")
        self.assertEqual(self.count([report.text(results).partition("\n\n")[0]], "\n"), KERNELS)
        self.assertEqual(self.count(junit.document(results, nowhere), "<testcase "), KERNELS * CASES)
        self.assertEqual(self.count(kcidb.document(results, nowhere), '"build_id": '), KERNELS * CASES)
        document = page.document(Folder(nowhere, results, []))
        self.assertEqual(self.count(document, '<tr role="row" data-groups='), KERNELS)
        self.assertEqual(compare.compare(results, results).same, KERNELS * CASES)


if __name__ == "__main__":
    unittest.main()
