"""What of LTP is taken, from which tree."""

import tempfile
import unittest
from pathlib import Path

from kit.harm import ltp
from kit.base.error import Unusable


class Tree(unittest.TestCase):
    def test_none(self) -> None:
        """One line that says where to get it."""
        with self.assertRaisesRegex(Unusable, "git clone .*--source or in LTP_SOURCE"):
            ltp.tree(None)

    def test_another(self) -> None:
        with tempfile.TemporaryDirectory() as folder, self.assertRaisesRegex(
                Unusable, "not a source tree of LTP"):
            ltp.tree(Path(folder))

    def test_right(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            (home / ltp.HOME).mkdir(parents=True)
            for name in ("configure.ac", "VERSION"):
                (home / name).write_text("20260530\n")
            self.assertEqual(ltp.tree(home), home.resolve())


if __name__ == "__main__":
    unittest.main()
