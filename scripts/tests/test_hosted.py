"""What an older User Mode Linux gets in place of its own code."""

import os
import tempfile
import unittest
from pathlib import Path

from kit.build import hosted

ROOM, THREADS = "arch/x86/um/user-offsets.c", "arch/um/kernel/process.c"
OLD = {ROOM: "#else\n\tDEFINE_LONGS(HOST_FP_SIZE, 2696);\n#endif\n",
       THREADS: "\tint kthread = current->flags & (PF_KTHREAD | PF_IO_WORKER);\n"}
NEW = {ROOM: "\tDEFINE_LONGS(HOST_BX, RBX);\n", THREADS: "\tif (!args->fn) {\n"}


class Mend(unittest.TestCase):
    def setUp(self) -> None:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.tree, self.work = folder / "tree", folder / "work"

    def mended(self, texts: dict[str, str]) -> dict[str, str]:
        """What a work tree has of a tree with these files."""
        for name, text in texts.items():
            (self.tree / name).parent.mkdir(parents=True, exist_ok=True)
            (self.tree / name).write_text(text)
        hosted.mend(self.tree, self.work)
        return {name: (self.work / name).read_text() for name in texts}

    def test_room_for_registers_before_6_13(self) -> None:
        self.assertEqual(self.mended(OLD)[ROOM], OLD[ROOM].replace("2696", "16384"))

    def test_threads_of_io_uring_before_5_18(self) -> None:
        """It is the new thread that is one, not who creates it."""
        self.assertEqual(self.mended(OLD)[THREADS], OLD[THREADS].replace("current->", "p->"))

    def test_the_tree_stays(self) -> None:
        """Though the work tree is made of hard links to it."""
        self.mended(OLD)
        for name in OLD:
            (self.work / name).unlink()
            os.link(self.tree / name, self.work / name)
        hosted.mend(self.tree, self.work)
        for name, text in OLD.items():
            self.assertEqual((self.tree / name).read_text(), text)
            self.assertNotEqual((self.work / name).read_text(), text)

    def test_later_ones_need_none(self) -> None:
        self.assertEqual(self.mended(NEW), NEW)

    def test_nothing_is_built_again(self) -> None:
        """A file keeps its time where its text is the same."""
        self.mended(OLD)
        os.utime(self.work / ROOM, (1, 1))
        hosted.mend(self.tree, self.work)
        self.assertEqual((self.work / ROOM).stat().st_mtime, 1)


if __name__ == "__main__":
    unittest.main()
