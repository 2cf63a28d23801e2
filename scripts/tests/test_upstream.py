"""Tests of kit/upstream.py: the patches apply one after another, and leave the selftest behind."""

import tempfile
import unittest
from pathlib import Path

from kit import upstream
from kit.base import command
from kit.base.error import Unusable
from kit.base.paths import SELFTESTS


def files(folder: str) -> list[Path]:
    home = SELFTESTS / folder
    names = command.run(["git", "ls-files", "-z"], "git ls-files", cwd=home).split("\0")
    return [home / name for name in names if name and (home / name).exists()]


class Upstream(unittest.TestCase):
    def setUp(self) -> None:
        self.made = upstream.patches(files("io_uring"), files("nic"), "A <a@b.example>")
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.tree = Path(self.folder.name, "tree")
        self.tree.mkdir()
        command.run(["git", "init", "-q"], "git init", cwd=self.tree)

    def apply(self, name: str) -> None:
        patch = Path(self.folder.name, name)
        patch.write_text(self.made[name])
        command.run(["git", "apply", "--whitespace=error", patch], f"git apply {name}",
                    cwd=self.tree)

    def test_they_leave_the_selftest_behind(self) -> None:
        letter, *patches = sorted(self.made)
        self.assertIn("[PATCH 0/3]", self.made[letter])
        self.assertEqual(3, len(patches))
        self.apply(patches[0])
        core, card = self.tree / upstream.CORE, self.tree / upstream.CARD
        for program in upstream.SECOND:
            self.assertFalse((core / f"{program}.c").exists())
            self.assertNotIn(program, (core / "Makefile").read_text())
        self.apply(patches[1])
        for path in files("io_uring"):
            made = core / path.name
            self.assertEqual(path.read_text(), made.read_text())
            self.assertEqual(path.stat().st_mode & 0o100, made.stat().st_mode & 0o100)
        self.apply(patches[2])
        self.assertEqual({path.name for path in files("nic")},
                         {path.name for path in card.iterdir()})
        for path in card.iterdir():
            for word in ("../io_uring", "../bench", "../nic", "bench", "$program"):
                self.assertNotIn(word, path.read_text().replace("../../../io_uring", ""), path.name)

    def test_a_list_that_names_no_program_alone(self) -> None:
        with tempfile.TemporaryDirectory() as work:
            made = Path(work, "Makefile")
            made.write_text("PROGRAMS := late_read\n")
            with self.assertRaisesRegex(Unusable, "zerocopy and bad_control alone"):
                upstream.patches([made], [], "A <a@b.example>")

    def test_a_place_that_has_changed(self) -> None:
        with tempfile.TemporaryDirectory() as work:
            made = Path(work, "frame.mk")
            made.write_text("CORE := ../elsewhere\n")
            with self.assertRaisesRegex(Unusable, "has not once"):
                upstream.patches([], [made], "A <a@b.example>")
