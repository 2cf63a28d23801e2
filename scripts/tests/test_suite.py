"""Tests of suite: what came of a test, when two kernels differ, and what is told of it."""

import contextlib
import io
import json
import tempfile
import unittest
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from unittest import mock

from kit.harm import comparison, suite
from kit.harm.comparison import Outcome, Pair, Row, Runs
from kit.harm.suite import Test
from kit.kernel.kernel import Files
from kit.variant import PLAIN

DATA = Path(__file__).with_name("data")
TESTS = {name: Test(name, f"./{name}.t")
         for name in ("nop", "recv", "statx", "poll-many", "killed", "exit", "later")}


def runs(**words: str) -> Runs:
    """A kernel in which each test gave these words, one run each, such as nop="pass pass"."""
    return Runs([Outcome(name, word, 1.0, "" if word == "pass" else f"{name}: says why")
                 for name, all_ in words.items() for word in all_.split()])


def row(before: str, after: str) -> str:
    """The verdict on a test with these words."""
    return Row("test", Counter(before.split()), Counter(after.split())).verdict


class Lines(unittest.TestCase):
    """What the guest says."""

    found = suite.parse((DATA / "suite.log").read_text().splitlines(), TESTS)

    def test_words(self) -> None:
        self.assertEqual([(one.name, one.word) for one in self.found],
                         [("nop", "pass"), ("recv", "fail"), ("statx", "skip"),
                          ("poll-many", "timeout"), ("killed", "fail"), ("exit", "crash")])

    def test_seconds_and_last_words(self) -> None:
        self.assertEqual((self.found[0].seconds, self.found[0].said), (0.4, ""))
        self.assertEqual(self.found[1].said, "cqe 0 != 5; test_inet_send() failed")

    def test_another_status_says_skip(self) -> None:
        lines = ["# suite: begin a", "# suite: end a 4 1.0 2.0"]
        self.assertEqual(suite.parse(lines, {"a": Test("a", "a", skip=4)})[0].word, "skip")
        self.assertEqual(suite.parse(lines, {"a": Test("a", "a")})[0].word, "fail")

    def test_the_list(self) -> None:
        self.assertEqual(suite.listed([Test("a", "cd b && ./a", 5), Test("c", "./c")]),
                         b"a\t5\tcd b && ./a\nc\t60\t./c\n")

    def test_complaints_of_a_kernel(self) -> None:
        console = ("[    1.000000] Linux\n"
                   "[    2.500000][ T12] WARNING: CPU: 0 PID: 77 at net/core/sock.c:300 "
                   "x+0x10/0x20\n[    3.000000] BUG: unable to handle page fault for address: "
                   "ffff888003c0f000\n")
        self.assertEqual(suite.splats(console),
                         ["WARNING: CPU: N PID: N at net/core/sock.c:N x+N/N",
                          "BUG: unable to handle page fault for address: N"])


class Verdict(unittest.TestCase):
    """When two kernels differ."""

    def test_the_same(self) -> None:
        self.assertEqual(row("pass", "pass pass"), "same")
        self.assertEqual(row("fail fail", "fail"), "same")

    def test_once_may_be_chance(self) -> None:
        self.assertEqual(row("pass", "fail"), "flaky")
        self.assertEqual(row("pass " * 20, "pass " * 18 + "fail fail"), "flaky")

    def test_always(self) -> None:
        self.assertEqual(row("pass " * 11, "fail " * 11), "worse")
        self.assertEqual(row("timeout " * 11, "pass " * 11), "better")
        self.assertEqual(row("pass " * 11, "skip " * 11), "worse")

    def test_from_one_evil_to_another(self) -> None:
        self.assertEqual(row("fail " * 11, "crash " * 11), "worse")

    def test_chance(self) -> None:
        self.assertEqual(comparison.chance(1, 1, 0, 1), 0.5)
        self.assertAlmostEqual(comparison.chance(11, 11, 0, 11), 1 / 705432)
        self.assertEqual(comparison.chance(0, 5, 5, 5), 1.0)
        self.assertAlmostEqual(sum(comparison.chance(n, 4, 4 - n, 5)
                                   - (comparison.chance(n + 1, 4, 3 - n, 5) if n < 4 else 0)
                                   for n in range(5)), 1.0)


class Table(unittest.TestCase):
    """What is told."""

    fine = Pair("7.3.4, 64 bit", runs(nop="pass", recv="pass pass", statx="skip"),
                runs(nop="pass", recv="pass pass", statx="skip"))
    bad = Pair("6.1.192, 32 bit", runs(nop="pass", recv="pass " * 11, poll="pass pass"),
               runs(nop="pass", recv="fail " * 11, poll="pass timeout"))

    def test_text(self) -> None:
        self.assertEqual(comparison.text("liburing 2.15", [self.fine, self.bad]),
                         (DATA / "suite.expected").read_text())

    def test_a_new_complaint_is_harm(self) -> None:
        before, after = runs(nop="pass"), runs(nop="pass")
        after.splats.append("WARNING: at net/socket.c:N")
        self.assertTrue(Pair("", before, after).harm)
        self.assertFalse(Pair("", after, before).harm)
        self.assertIn("the kernel complains: WARNING",
                      comparison.text("", [Pair("7.3.4", before, after)]))

    def finish(self, pairs: list[Pair], controls: list[Pair]) -> tuple[bool, str]:
        """What finish() gives and prints; its JSON is read back."""
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(
                io.StringIO()) as out:
            good = suite.finish("liburing", "liburing 2.15", Path(folder), pairs, controls, False)
            self.assertEqual(Path(folder, "liburing.txt").read_text(), out.getvalue())
            data = json.loads(Path(folder, "liburing.json").read_text())
        self.assertEqual([each["name"] for each in data["pairs"]], [pair.name for pair in pairs])
        return good, out.getvalue()

    def test_good(self) -> None:
        self.assertEqual(self.finish([self.fine], [self.bad])[0], True)

    def test_harm(self) -> None:
        self.assertEqual(self.finish([self.fine, self.bad], [])[0], False)

    def test_a_control_that_is_not_shown(self) -> None:
        good, said = self.finish([self.fine], [self.fine])
        self.assertFalse(good)
        self.assertIn("control, 7.3.4, 64 bit: NOT SHOWN by any test", said)


class Kept(unittest.TestCase):
    """A pair that an earlier call left is not run again."""

    def test_no_kernel_is_built(self) -> None:
        def kernel() -> Files:
            raise AssertionError("it is built")

        pair = Table.bad
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "runs.json").write_text(
                json.dumps([asdict(pair.before), asdict(pair.after)]))
            again = suite.Suite([], {}, mock.Mock()).pair(pair.name, kernel, kernel,
                                                          Path(folder), ["nop"])
        self.assertEqual(again, pair)


class All(unittest.TestCase):
    """Each tree and ABI, and one control."""

    def test_order(self) -> None:
        asked: list[tuple[str, list[str], str]] = []

        def pair(name: str, _before: object, _after: object, home: Path, names: list[str]) -> Pair:
            asked.append((name, names, home.name))
            return Pair(name, Runs(), Runs())

        def plan(_tree: object, abi: str, _progress: object) -> suite.Plan:
            return suite.Plan(mock.Mock(pair=pair), [f"nop{abi}"] * 2, [f"nop{abi}"])

        with mock.patch.object(suite, "Bench", lambda word, _flavour: mock.Mock(
                tree=mock.Mock(release=f"{word}.9"))):
            pairs, controls = suite.compare_all(["7.3", "6.1"], PLAIN, ("64", "32"), "mistake",
                                                Path("/home"), plan)
        self.assertEqual(asked, [("7.3.9, 64 bit", ["nop64", "nop64"], "7.3.9-64"),
                                 ("7.3.9, 64 bit, mistake", ["nop64"], "mistake"),
                                 ("7.3.9, 32 bit", ["nop32", "nop32"], "7.3.9-32"),
                                 ("6.1.9, 64 bit", ["nop64", "nop64"], "6.1.9-64"),
                                 ("6.1.9, 32 bit", ["nop32", "nop32"], "6.1.9-32")])
        self.assertEqual((len(pairs), len(controls)), (4, 1))


if __name__ == "__main__":
    unittest.main()
