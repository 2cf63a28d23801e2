"""The table of what is fetched by version: nothing but its line is taken,
and what to do says itself."""

import unittest
from unittest import mock

from kit.build import archive, liburing, pins
from kit.base.error import Unusable
from kit.build.pins import Pin


def mirror(*versions: str) -> mock.Mock:
    """One that offers these versions of whatever is asked for."""
    return mock.Mock(source_versions=lambda _name: list(versions),
                     packages=lambda _prefix, _pattern: [{"Version": each} for each in versions])


class Chosen(unittest.TestCase):
    def on(self, release: str) -> None:
        self.enterContext(mock.patch.object(archive, "codename", return_value=release))

    def test_each_package_has_one_for_each_release(self) -> None:
        for name in ("liburing", "liburing-tests", "busybox-static"):
            for release in ("bookworm", "trixie"):
                self.on(release)
                self.assertEqual(pins.pin(name), pins.load()[name][release])

    def test_a_newer_release_or_another_system_takes_the_last(self) -> None:
        for release in ("forky", "sid", "noble", ""):
            self.on(release)
            self.assertEqual(pins.pin("liburing"), pins.load()["liburing"]["trixie"])

    def test_one_that_is_too_old(self) -> None:
        self.on("bullseye")
        with self.assertRaisesRegex(Unusable, "no liburing for bullseye: Debian 12"):
            pins.pin("liburing")

    def test_no_other_version_is_taken(self) -> None:
        self.on("trixie")
        pinned = pins.pin("liburing").version
        self.assertEqual(pins.source("liburing", mirror("99-1", pinned, "2.3-3")), pinned)
        with self.assertRaisesRegex(
                Unusable,
                rf"liburing {pinned} has left the mirror \(it has 99-1, 2.3-3\): put one"):
            pins.source("liburing", mirror("2.3-3", "99-1"))
        with self.assertRaisesRegex(Unusable, "it has none at all"):
            pins.source("liburing", mirror())

    def test_a_rebuild_is_the_same_version(self) -> None:
        one = Pin("p", "1:1.37.0-6")
        self.assertEqual(one.of(["1:1.37.0-6+b9", "1:1.37.0-6+b10", "1:1.37.0-6+deb13u1"]),
                         "1:1.37.0-6+b10")
        self.assertEqual(one.newer(["1:1.37.0-6+b9", "1:1.37.0-6+deb13u1", "1:1.35.0-4"]),
                         ["1:1.37.0-6+deb13u1"])

    def test_liburing_s_tests_are_what_the_patches_are_made_on(self) -> None:
        base = (liburing.SERIES / "cover-letter.txt").read_text().split()[-1].removeprefix(
            "liburing-")
        for one in pins.load()["liburing-tests"].values():
            self.assertEqual(one.version.rpartition("-")[0], base)


class News(unittest.TestCase):
    def test_each_pin_has_a_line(self) -> None:
        lines = list(pins.news(mirror("2.9-1", "2.15-1", "3-1")))
        self.assertEqual(lines[0], ("liburing 2.9-1 (bookworm, trixie): newer: 3-1, 2.15-1", True))
        self.assertEqual(lines[1], ("liburing-tests 2.15-1 (bookworm, trixie): newer: 3-1", True))
        self.assertEqual([good for _line, good in lines[2:]], [False] * len(lines[2:]))
        self.assertIn("has left the mirror", lines[2][0])


if __name__ == "__main__":
    unittest.main()
