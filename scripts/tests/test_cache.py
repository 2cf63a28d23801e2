"""Folders that are made once: whole or not at all."""

import errno
import os
import tempfile
import threading
import unittest
from pathlib import Path
from unittest import mock

from kit.base import cache
from kit.base.error import Unusable


class Folders(unittest.TestCase):
    def setUp(self) -> None:
        self.home = tempfile.TemporaryDirectory()
        self.env = mock.patch.dict(os.environ, XDG_CACHE_HOME=self.home.name)
        self.env.start()
        self.made = 0

    def tearDown(self) -> None:
        self.env.stop()
        self.home.cleanup()

    def make(self, into: Path) -> None:
        self.made += 1
        (into / "deep").mkdir()
        (into / "deep/file").write_text("content")

    def test_once(self) -> None:
        first = cache.folder("a/b", self.make)
        self.assertEqual(cache.folder("a/b", self.make), first)
        self.assertEqual(self.made, 1)

    def test_damage_is_noticed(self) -> None:
        file = cache.folder("a", self.make) / "deep/file"
        file.write_text("cont")
        cache.folder("a", self.make)
        file.unlink()
        cache.folder("a", self.make)
        self.assertEqual((self.made, file.read_text()), (3, "content"))

    def test_failure_leaves_nothing(self) -> None:
        def half(into: Path) -> None:
            self.make(into)
            raise Unusable("stop")
        with self.assertRaises(Unusable):
            cache.folder("a", half)
        self.assertFalse(any(path.name.startswith("a") for path in cache.root().iterdir()))

    def test_full_disk_is_one_line(self) -> None:
        def full(_into: Path) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        with self.assertRaisesRegex(Unusable, "disk full"):
            cache.folder("a", full)

    def test_two_at_once(self) -> None:
        threads = [threading.Thread(target=cache.folder, args=("a", self.make)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(self.made, 1)

    def test_digest_sees_names_and_bytes(self) -> None:
        folder = cache.folder("a", self.make)
        before = cache.digest(folder)
        self.assertEqual(before, cache.digest(folder))
        (folder / "deep/file").rename(folder / "deep/other")
        self.assertNotEqual(before, cache.digest(folder))
        self.assertNotEqual(cache.digest("ab", "c"), cache.digest("a", "bc"))


if __name__ == "__main__":
    unittest.main()
