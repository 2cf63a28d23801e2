"""Tests of patch: what a file `series` says, and which patches are copies of others."""

import tempfile
import unittest
from pathlib import Path
from unittest import mock

from kit.series import fixes, patch
from kit.base.error import Unusable
from kit.base.paths import PATCHES

from tests.verbs import script


class Series(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.patches = Path(folder.name)
        self.enterContext(mock.patch.object(patch, "PATCHES", self.patches))
        self.home = self.folder("linux-6.1.y",
                                "0001-a.patch\n0002-b.patch # linux-6.6.y/0001-b.patch\n")
        self.folder("linux-6.6.y", "0001-b.patch\n")

    def folder(self, name: str, series: str) -> Path:
        """A folder with the patches that its `series` lists, each with its own path in it."""
        home = self.patches / name
        home.mkdir(exist_ok=True)
        (home / "series").write_text(series)
        for line in series.splitlines():
            (home / line.split()[0]).write_text(line)
        return home

    def test_a_series_is_in_order_without_what_stands_behind_a_hash(self) -> None:
        self.assertEqual([one.path.name for one in patch.series(self.home)],
                         ["0001-a.patch", "0002-b.patch"])

    def test_a_patch_that_is_not_listed_is_refused(self) -> None:
        (self.home / "0003-c.patch").write_text("")
        with self.assertRaisesRegex(Unusable, "series: does not list 0003-c.patch"):
            patch.series(self.home)

    def test_a_patch_that_is_not_there_is_refused(self) -> None:
        (self.home / "0001-a.patch").unlink()
        with self.assertRaisesRegex(Unusable, "series: lists 0001-a.patch, which is not there"):
            patch.series(self.home)

    def test_a_copy_that_is_not_there_is_made(self) -> None:
        """By scripts/tables, before anything reads the series of the folder."""
        tables = script("tables")
        self.assertEqual(tables.missing(), {})
        (self.home / "0002-b.patch").unlink()
        origin = self.patches / "linux-6.6.y/0001-b.patch"
        self.assertEqual(tables.missing(), {self.home / "0002-b.patch": origin.read_text()})

    def test_a_copy_knows_what_it_is_a_copy_of(self) -> None:
        self.assertEqual(patch.copies(),
                         {self.home / "0002-b.patch": self.patches / "linux-6.6.y/0001-b.patch"})

    def test_a_copy_of_nothing_or_of_a_copy_is_refused(self) -> None:
        for origin in ("linux-6.6.y/0001-gone.patch", "linux-6.1.y/0002-b.patch"):
            self.folder("linux-6.6.y", f"0001-b.patch # {origin}\n")
            with self.subTest(origin), self.assertRaisesRegex(Unusable, "no patch of its own"):
                patch.copies()


class Ours(unittest.TestCase):
    def test_patches_are_plain_files(self) -> None:
        """`git am`, raw web views and archives have no use for a symbolic link."""
        self.assertEqual([path for path in PATCHES.rglob("*") if path.is_symlink()], [])

    def test_older_trees_have_not_got_uninitialized(self) -> None:
        """The macro came with 6.9, 6.6.41 and 6.1.100, and what uses it does not compile before."""
        homes = ["linux-6.1.y", "ended/linux-6.8.y", "linux-6.6.y/older/before-6.6.23",
                 "linux-6.6.y/older/before-6.6.103"]
        for path in (path for home in homes for path in (PATCHES / home).rglob("*.patch")):
            with self.subTest(patch=str(path)):
                self.assertNotRegex(path.read_text(), r"(?m)^\+.*__uninitialized\b")

    def test_branches_that_live_stand_in_front(self) -> None:
        here = {f"{branch.number.major}.{branch.number.minor}": branch.home.parent.name
                for branch in patch.branches() if branch.name != "mainline"}
        self.assertEqual({name for name, place in here.items() if place == "patches"},
                         set(fixes.live()))
        self.assertEqual({place for name, place in here.items() if name not in fixes.live()},
                         {"ended"})


if __name__ == "__main__":
    unittest.main()
