"""Room for the registers of the processor in an older User Mode Linux."""

import os
import tempfile
import unittest
from pathlib import Path

from kit.build import registers

OLD = "#else\n\tDEFINE_LONGS(HOST_FP_SIZE, 2696);\n#endif\n"
NEW = "\tDEFINE_LONGS(HOST_BX, RBX);\n"


class Widen(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.tree, self.work = Path(folder.name, "tree"), Path(folder.name, "work")
        self.source, self.made = (top / registers.SOURCE for top in (self.tree, self.work))
        self.source.parent.mkdir(parents=True)

    def test_room_before_6_13(self) -> None:
        self.source.write_text(OLD)
        registers.widen(self.tree, self.work)
        self.assertEqual(self.made.read_text(), OLD.replace("2696", "16384"))

    def test_the_tree_stays(self) -> None:
        """Though the work tree is made of hard links to it."""
        self.source.write_text(OLD)
        self.made.parent.mkdir(parents=True)
        os.link(self.source, self.made)
        registers.widen(self.tree, self.work)
        self.assertEqual(self.source.read_text(), OLD)
        self.assertIn("16384", self.made.read_text())

    def test_later_ones_need_none(self) -> None:
        self.source.write_text(NEW)
        registers.widen(self.tree, self.work)
        self.assertEqual(self.made.read_text(), NEW)

    def test_nothing_is_built_again(self) -> None:
        """The file keeps its time where its text is the same."""
        self.source.write_text(OLD)
        registers.widen(self.tree, self.work)
        os.utime(self.made, (1, 1))
        registers.widen(self.tree, self.work)
        self.assertEqual(self.made.stat().st_mtime, 1)


if __name__ == "__main__":
    unittest.main()
