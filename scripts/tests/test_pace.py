"""The comparison with an older tree: pairs, medians, and which tree that is."""

import subprocess
import tempfile
import unittest
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

from kit import pace
from kit.base.error import Unusable, Usage
from kit.base.paths import REPOSITORY
from kit.pace import Pair, Row

ROW = Row("a row", ("qa", "old"), ("qa", "new"), 0.5)


class Pace(unittest.TestCase):
    """Measures made-up times, and scripts."""

    def setUp(self) -> None:
        work = tempfile.TemporaryDirectory()
        self.addCleanup(work.cleanup)
        self.home = Path(work.name)

    def script(self, text: str) -> None:
        """Makes of the folder a tree whose scripts/qa is this."""
        (self.home / "scripts").mkdir(exist_ok=True)
        qa = self.home / "scripts/qa"
        qa.write_text(f"#!/bin/sh\n{text}\n")
        qa.chmod(0o755)

    def test_turns_and_the_first_that_does_not_count(self) -> None:
        order: list[str] = []
        times = iter([99.0, 99.0, 2.0, 10.0, 10.0, 4.0])

        def run(home: Path, words: Sequence[str]) -> float:
            self.assertEqual(words, ROW.new if home == REPOSITORY else ROW.old)
            order.append(words[1])
            return next(times)

        said: list[str] = []
        pairs = pace.measure(ROW, self.home, 2, said.append, run)
        self.assertEqual(pairs, [Pair(10.0, 2.0), Pair(10.0, 4.0)])
        self.assertEqual(order, ["old", "new", "new", "old", "old", "new"])
        self.assertEqual(said[1], "a row: pair 2 of 2: 10.0 s, 4.0 s")

    def test_table(self) -> None:
        told = pace.table("119c7c5", [(ROW, [Pair(10, 2), Pair(20, 5), Pair(12, 6)])])
        self.assertRegex(told, r"a row +3 +12.0 s +5.0 s +0.42 +0.20-0.50 +0.50\n\(20.*: 119c7c5\)")

    def test_a_run_that_fails_is_no_measurement(self) -> None:
        self.script("echo 'qa: no such kernel' >&2; exit 2")
        with self.assertRaisesRegex(Unusable, "scripts/qa old: qa: no such kernel"):
            pace.timed(self.home, ROW.old)
        self.script('[ "$1 $2" = "old --results" ] && sleep 0.1')
        self.assertGreater(pace.timed(self.home, ROW.old), 0.1)

    def test_which_tree(self) -> None:
        with self.assertRaisesRegex(Usage, "--against 0000: neither a tree nor a commit"):
            pace.tree("0000", self.home)
        with self.assertRaisesRegex(Usage, "that is this tree itself"):
            pace.tree(str(REPOSITORY), self.home)
        self.script(":")
        self.assertEqual(pace.tree(str(self.home), self.home / "none"), self.home.resolve())

    def test_a_commit(self) -> None:
        repository = self.home / "repository"
        repository.mkdir()
        for words in (["init", "-q"], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q",
                                       "--allow-empty", "-m", "empty"]):
            subprocess.run(["git", *words], cwd=repository, check=True)
        (self.home / "into").mkdir()
        with mock.patch.object(pace, "REPOSITORY", repository):
            self.assertEqual(pace.tree("HEAD", self.home / "into"), self.home / "into")
        self.assertEqual(list((self.home / "into").iterdir()), [])


if __name__ == "__main__":
    unittest.main()
