"""scripts/check: what each check asks for, and that help, Makefile
and README name the same words."""

import contextlib
import io
import re
import unittest
from unittest import mock

from kit.base import command, host
from kit.base.error import BuildFailed, Unusable, Usage
from kit.base.paths import REPOSITORY
from kit.checks import lint, runs
from kit.checks.base import Check, Skip
from tests.verbs import script


def failing(bad: Exception) -> Check:
    """A check that raises."""
    def run() -> str:
        raise bad
    return Check(run)


class Performing(unittest.TestCase):
    def setUp(self) -> None:
        self.check = script("check")
        self.needed: list[tuple[str, ...]] = []
        self.enterContext(mock.patch.object(host, "need", self.needed.append))
        checks = {"good": Check(lambda: None, ("gcc",)), "told": Check(lambda: "2 skipped"),
                  "skip": failing(Skip("no card")), "bad": failing(BuildFailed("a.c:1")),
                  "cannot": failing(Unusable("no net")),
                  "far": Check(lambda: None, (), lambda: "a source")}
        self.enterContext(mock.patch.object(self.check, "CHECKS", checks))

    def all(self, *names: str, install: bool = True) -> tuple[int, str]:
        with contextlib.redirect_stdout(io.StringIO()) as out:
            status: int = self.check.check_all(names, install)
        return status, re.sub(" +", " ", out.getvalue())

    def test_each_outcome_is_told_and_counted(self) -> None:
        self.assertEqual(self.all("good", "told", "skip", "bad", "cannot"), (1, (
            "good 0 s ok\ntold 0 s ok: 2 skipped\nskip 0 s SKIP: no card\nbad 0 s FAIL: a.c:1\n"
            "cannot 0 s COULD NOT RUN: no net\nbad: FAIL: a.c:1\ncannot: COULD NOT RUN: no net\n"
            "2 passed, 2 failed, 1 skipped\n")))
        self.assertEqual(self.all("good", "skip")[0], 0)

    def test_a_check_asks_for_its_own_packages(self) -> None:
        self.all("told", "good")
        self.assertEqual(self.needed, [(), ("gcc",)])

    def test_minutes_that_are_none(self) -> None:
        for minutes in ("0", "-3", "nan"):
            with self.assertRaisesRegex(Usage, f"--within {minutes}: give minutes from 1 up"):
                self.check.main(["fresh", "--within", minutes])

    def test_nothing_is_installed_where_that_was_said(self) -> None:
        with mock.patch.object(host, "missing", list):
            self.assertEqual(self.all("good", "told", "far", install=False), (0, (
                "good 0 s SKIP: needs gcc\ntold 0 s ok: 2 skipped\nfar 0 s SKIP: needs a source\n"
                "1 passed, 0 failed, 2 skipped\n")))
        self.assertEqual(self.needed, [])


class Words(unittest.TestCase):
    def test_makefile_help_and_readme_agree(self) -> None:
        makefile, readme = ((REPOSITORY / name).read_text() for name in ("Makefile", "README.md"))
        targets = re.findall(r"^([a-z]+):", makefile, re.M)
        told = re.findall(r"echo 'make ([a-z]+) ", makefile.partition("\nqa:")[0])
        self.assertEqual(sorted(targets), sorted({*told, "help"}))
        for word in ("unit", "test", "lint", "check", "qa"):
            self.assertIn(f"make {word}", readme)
        for word in ("fresh", "pins", "lint"):
            self.assertIn(f"\n  {word} ", script("check").parser().format_help())

    def test_what_is_rare_is_run_when_it_is_named_alone(self) -> None:
        check = script("check")
        self.assertLessEqual(set(check.RARE), set(check.CHECKS))
        with mock.patch.object(check, "check_all", return_value=0) as run:
            check.main([])
            self.assertEqual(set(check.CHECKS) - set(run.call_args[0][0]), set(check.RARE))
            check.main(["engines"])
            self.assertEqual(run.call_args[0][0], ["engines"])

    def test_unit_tests_need_no_package_of_the_kernel_s_programs(self) -> None:
        checks: dict[str, Check] = script("check").CHECKS
        for name in ("tables", "shell", "types", "documentation", "archives"):
            self.assertFalse(
                {"gcc", "qemu-system-x86", "liburing-dev"}.intersection(checks[name].packages),
                name)


class Unit(unittest.TestCase):
    """The unit tests are run by a program of their own, which is read."""

    def given(self, said: str) -> str:
        with mock.patch.object(command, "run",
                               return_value=said), contextlib.redirect_stdout(io.StringIO()):
            return lint.unit()

    def test_which_failed(self) -> None:
        with self.assertRaisesRegex(BuildFailed, "^unittest: test_x, test_y$"):
            self.given("\n=====\nFAIL: test_x (tests.test_a.A.test_x)\n---\n"
                       "ERROR: test_y (tests.test_a.A.test_y)\nRan 2 tests\n\n"
                       "FAILED (failures=1, errors=1)\n")

    def test_what_was_skipped(self) -> None:
        self.assertEqual(self.given("test_x ... skipped 'needs git'\n\nRan 1 test\n\n"
                                    "OK (skipped=1)\n"),
                         "1 skipped: needs git")


class Runs(unittest.TestCase):
    """What scripts/qa found is told by its exit status: what could not run has not failed."""

    def given(self, status: int) -> None:
        said = ("kernel  version\nk  6.1\n\nk\n  ran-nothing: no io_uring here\n\n1 kernel\n"
                f"exit status {status}\n")
        with mock.patch.object(command, "run", return_value=said), \
                contextlib.redirect_stdout(io.StringIO()):
            runs.qa("running")

    def test_status(self) -> None:
        self.given(0)
        for status, error in ((1, BuildFailed), (3, Unusable), (2, BuildFailed)):
            with self.subTest(status), self.assertRaisesRegex(error, "scripts/qa: ran-nothing: "
                                                              "no io_uring here"):
                self.given(status)


if __name__ == "__main__":
    unittest.main()
