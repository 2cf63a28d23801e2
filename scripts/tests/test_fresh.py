"""A run in a new Debian: what is typed there, what is made of what it says,
and that nothing of it stays."""

import contextlib
import io
import os
import re
import tempfile
import unittest
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from kit.base import host
from kit import fresh
from kit.base.error import Unusable, Usage
from kit.base.paths import REPOSITORY
from kit.fresh import Tally, Told


class Said(unittest.TestCase):
    def test_readme_says_what_is_typed(self) -> None:
        readme = (REPOSITORY / "README.md").read_text()
        lines = [line.partition("#")[0].strip() for line in re.findall(r"^    (.+)$", readme, re.M)]
        self.assertIn(fresh.INSTALL, lines)
        for path in fresh.PATHS:
            self.assertIn(path.partition(" KERNELS=")[0], lines)

    def test_checks_are_heard_and_the_count_is_kept_back(self) -> None:
        told = Told()
        for line, shown in (("tables                   0 s  ok\n", True),
                            ("unit   155 s  FAIL: unittest: FAILED\n", True),
                            ("7 mutants of scripts/harm apply, too\n", True),
                            ("card  3 s  SKIP: no veth\n", True),
                            ("types  3 s  ok: 2 skipped\n", True),
                            ("arm64  3 s  COULD NOT RUN: no\n", True),
                            ("7.3.4+deb13-cloud  7.3.4  pass  okay 15 s\n", True),
                            ("3 passed, 1 failed, 1 skipped\n", False)):
            self.assertEqual(told.hear(line), shown, line)
        self.assertEqual(told.checks,
                         {"tables": "ok", "unit": "FAIL", "card": "SKIP", "types": "ok",
                          "arm64": "COULD NOT RUN"})

    def test_what_counts_besides_its_checks(self) -> None:
        good, bad = {"tables": "ok"}, {"tables": "ok", "unit": "FAIL"}
        none: dict[str, str] = {}
        for status, checks, word, counted in ((0, none, "ok", True), (1, none, "FAIL", True),
                                              (0, good, "ok", False), (1, bad, "FAIL", False),
                                              (2, good, "FAIL", True), (0, bad, "ok", True),
                                              (None, good, "SKIP", True),
                                              (None, none, "SKIP", True)):
            told = Told(status, dict(checks))
            self.assertEqual(told.verdict()[0], word)
            self.assertEqual(told.counted(word), counted, (status, checks))

    def test_the_counting_line(self) -> None:
        self.assertEqual(str(Tally({"a": "ok", "b": "SKIP", "c": "FAIL", "d": "COULD NOT RUN"})),
                         "1 passed, 2 failed, 1 skipped")

    def test_what_failed_stands_beside_it(self) -> None:
        tally = Tally()
        for word, why in (("ok", ": 3 rows"), ("FAIL", ": exit status 2"), ("SKIP", ": no veth")):
            tally.add(word.lower(), word, why)
        self.assertEqual(tally.told(), "fail: FAIL: exit status 2\n1 passed, 1 failed, 1 skipped")
        told = Told()
        told.hear("unit   155 s  FAIL: unittest: FAILED\n")
        self.assertEqual(told.whys, {"unit": ": unittest: FAILED"})


class Runs(unittest.TestCase):
    def setUp(self) -> None:
        self.typed: list[tuple[str, str]] = []
        self.told: dict[str, Told] = {}

        @contextlib.contextmanager
        def made(release: str) -> Iterator[Path]:
            yield Path(release)

        def typing(home: Path, line: str, _deadline: float | None = None) -> Told:
            self.typed.append((home.name, line.partition(" && ")[2]))
            return self.told.get(self.typed[-1][1], Told(0))

        for name, there in (("made", made), ("_type", typing)):
            self.enterContext(mock.patch.object(fresh, name, there))
        # A cache of its own: in the user's, a real run may have the lock of a release, for an hour
        home = self.enterContext(tempfile.TemporaryDirectory())
        self.enterContext(mock.patch.dict(os.environ, {"XDG_CACHE_HOME": home}))
        self.enterContext(mock.patch("os.geteuid", return_value=0))
        self.enterContext(mock.patch.object(host, "need"))
        self.out = self.enterContext(contextlib.redirect_stdout(io.StringIO()))

    def test_both_lines_on_each_release(self) -> None:
        self.told["make check"] = Told(0, {"tables": "ok", "card": "SKIP"})
        tally = fresh.run(["bookworm", "trixie"])
        self.assertEqual(self.typed, [(release, line) for release in ("bookworm", "trixie")
                                      for line in (fresh.INSTALL, *fresh.PATHS)])
        self.assertEqual(str(tally), "4 passed, 0 failed, 2 skipped")

    def test_a_line_that_fails_counts(self) -> None:
        self.told[fresh.PATHS[0]] = Told(3)
        self.told["make check"] = Told(1, {"tables": "ok", "unit": "FAIL"})
        self.assertEqual(str(fresh.run(["bookworm"])), "1 passed, 2 failed, 0 skipped")
        self.assertIn("make qa KERNELS=debian:6.12  0 s  FAIL: exit status 3", self.out.getvalue())

    def test_without_the_packages_that_readme_names_nothing_goes_on(self) -> None:
        self.told[fresh.INSTALL] = Told(100)
        self.assertEqual(str(fresh.run(["bookworm"])), "0 passed, 1 failed, 0 skipped")
        self.assertEqual(len(self.typed), 1)

    def test_no_time_left(self) -> None:
        self.enterContext(mock.patch("time.monotonic", side_effect=range(0, 10**6, 100)))
        tally = fresh.run(["bookworm", "trixie"], seconds=1500)
        self.assertEqual({home for home, _line in self.typed}, {"bookworm"})
        self.assertEqual(tally.words["trixie"], "SKIP")

    def test_ended_when_the_time_is_over(self) -> None:
        self.told["make check"] = Told(None, {"tables": "ok"})
        self.assertEqual(str(fresh.run(["bookworm"])), "2 passed, 0 failed, 1 skipped")
        self.assertIn("SKIP: the time was over after tables", self.out.getvalue())

    def test_a_root_that_cannot_be_made_counts(self) -> None:
        with mock.patch.object(fresh, "made", side_effect=Unusable("debootstrap: no mirror")):
            self.assertEqual(str(fresh.run(["bookworm"])), "0 passed, 1 failed, 0 skipped")
        self.assertIn("fresh bookworm: COULD NOT RUN: debootstrap: no mirror", self.out.getvalue())

    def test_wrong_words(self) -> None:
        with self.assertRaisesRegex(Usage, "woody: no such release; there are bookworm, trixie"):
            fresh.run(["bookworm", "woody"])
        with mock.patch("os.geteuid",
                        return_value=1000), self.assertRaisesRegex(Unusable, "needs root"):
            fresh.run(["bookworm"])


if __name__ == "__main__":
    unittest.main()
