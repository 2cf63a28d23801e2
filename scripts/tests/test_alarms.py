"""The bound on the rate of false alarms, and which runs count as one."""

import tempfile
import unittest
from dataclasses import replace
from pathlib import Path

from kit.series import fixes
from kit.harm import alarms
from kit.harm.alarms import Listener
from kit.harm.tally import Round, Tally, bound, table
from kit.base.error import Unusable, Usage
from kit.kernel.kernel import Kernel
from kit.base.version import parse

KERNEL = Kernel("7.3.4-cloud", "debian:7.3.4", "debian", parse("7.3.4"))
NAMES = ("late_read", "zerocopy_32")
RUN = ("# selftests: io_uring: late_read", "# 1..2",
       "# #  RUN           late_read.zc_retry.after_submit ...",
       "# late-read: 7.3.4 sendmsg_zc udp4 UDP_SEGMENT, 64 bit: 700 bytes instead of 1472",
       "# not ok 1 late_read.zc_retry.after_submit",
       "# #  RUN           late_read.reference_zc_retry.after_submit ...",
       "# ok 2 late_read.reference_zc_retry.after_submit",
       "not ok 1 selftests: io_uring: late_read # exit=1",
       "# selftests: io_uring: zerocopy_32", "# 1..1", "# #  RUN           zerocopy.zc.fails ...",
       "# ok 1 zerocopy.zc.fails # SKIP no sendmsg_zc: nothing to do",
       "ok 2 selftests: io_uring: zerocopy_32")
SKIPPED = ["zerocopy.zc.fails 32"]


class Bound(unittest.TestCase):
    def test_none(self) -> None:
        """Without an alarm it is 1 - 0.05 ** (1 / n), which the rule of three says in short."""
        self.assertAlmostEqual(bound(1000, 0), 1 - 0.05 ** 0.001, 9)
        self.assertAlmostEqual(bound(1000, 0), 3 / 1000, 4)
        self.assertAlmostEqual(bound(1, 0), 0.95, 9)

    def test_some(self) -> None:
        """From tables of Clopper and Pearson."""
        self.assertAlmostEqual(bound(10, 1), 0.3942, 4)
        self.assertAlmostEqual(bound(20, 3), 0.3437, 4)
        self.assertAlmostEqual(bound(1000, 1), 0.00473, 5)

    def test_all(self) -> None:
        self.assertEqual(bound(5, 5), 1.0)


class Judge(unittest.TestCase):
    def test_as_predicted(self) -> None:
        self.assertEqual(alarms.judge(RUN, KERNEL, NAMES, fixes.load()), (SKIPPED, []))

    def test_missed(self) -> None:
        """A defect that does not show is not as predicted either."""
        lines = [line.replace("not ok 1 late", "ok 1 late") for line in RUN]
        skipped, odd = alarms.judge(lines, KERNEL, NAMES, fixes.load())
        self.assertEqual(skipped, SKIPPED)
        self.assertIn("late_read.zc_retry.after_submit 64 bit: NEWLY FIXED", odd[0])

    def test_never_started(self) -> None:
        _, odd = alarms.judge(RUN[:8], KERNEL, NAMES, fixes.load())
        self.assertEqual(odd, ["zerocopy 32 bit: error, error: never started"])


    def test_a_run_that_tried_nothing(self) -> None:
        """Where io_uring is refused all runs skip the same, and none would raise an alarm."""
        lines = ["# selftests: io_uring: late_read", "# 1..1",
                 "# ok 1 late_read.zc.after # SKIP io_uring is not allowed",
                 "ok 1 selftests: io_uring: late_read"]
        self.assertEqual(alarms.judge(lines, KERNEL, NAMES[:1], fixes.load())[1],
                         ["ran nothing: io_uring is not allowed"])

    def test_a_kernel_that_warns(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "k.json"
            tally = Tally("k", "7.3.4", "x", rounds=[Round("2026-01-01T00:00:00Z", 5.0, 3.0)])
            listener = Listener(tally, path, KERNEL, NAMES, fixes.load())
            listener.warned([])
            self.assertEqual(tally.alarms(), [])
            listener.warned(["BUG: KASAN: x"])
            self.assertEqual(tally.alarms()[0].odd, ["the kernel warned: BUG: KASAN: x"])
            self.assertIn("KASAN", path.read_text())


class Alarms(unittest.TestCase):
    def test_alarms(self) -> None:
        quiet = Round("2026-01-01T00:00:00Z", 5.0, 3.0)
        odd = replace(quiet, odd=["x"])
        skips = replace(quiet, skipped=["y"])
        self.assertEqual(Tally("7.3", "7.3.4", "b", [], [quiet, odd, quiet, skips]).alarms(),
                         [odd, skips])
        self.assertEqual(Tally("7.3", "7.3.4", "b").alarms(), [])

    def test_odd_first_run(self) -> None:
        """When it was the first run that skipped too much, it is the alarm, and not all others."""
        first = Round("2026-01-01T00:00:00Z", 5.0, 3.0)
        later = replace(first, ran=["z"])
        self.assertEqual(Tally("7.3", "7.3.4", "b", ["z"], [first, later, later]).alarms(), [first])


class Listening(unittest.TestCase):
    def setUp(self) -> None:
        work = tempfile.TemporaryDirectory()
        self.addCleanup(work.cleanup)
        self.path = Path(work.name, "7.3.4-cloud.json")

    def hear(self, *runs: tuple[str, ...], why: str = "no result") -> Tally:
        tally = Tally.read(self.path, KERNEL, "b")
        listener = Listener(tally, self.path, KERNEL, NAMES, fixes.load())
        for lines in runs:
            for line in lines:
                listener(line)
        listener.over(why, self.path.with_suffix(".log"))
        return Tally.read(self.path, KERNEL, "b")

    def test_adds_up(self) -> None:
        one = ("# alarms: run", *RUN)
        control = ("# alarms: control", *RUN[:8], "# alarms: end")
        for runs in (2, 4):
            tally = self.hear(one, control[:-1], one, control[-1:])
            self.assertEqual((len(tally.rounds), tally.first, tally.alarms(), tally.control),
                             (runs, SKIPPED, [], True))

    def test_control_not_seen(self) -> None:
        self.assertFalse(self.hear(("# alarms: run", *RUN),
                                   ("# alarms: control", *RUN, "# alarms: end")).control)

    def test_broke(self) -> None:
        """A guest that ends in the middle is an alarm of the run that was under way,
        and its lines are kept."""
        tally = self.hear(("# alarms: run", *RUN), ("# alarms: run", *RUN[:5]), why="panicked")
        self.assertEqual([each.odd for each in tally.alarms()],
                         [["did not end: panicked; see 7.3.4-cloud.log"]])
        self.assertIn("# not ok 1", self.path.with_suffix(".log").read_text())

    def test_did_not_boot(self) -> None:
        with self.assertRaisesRegex(Unusable, "7.3.4-cloud: ran nothing: no sign of life"):
            self.hear(("Linux version 7.3.4",), why="no sign of life")

    def test_another_kernel(self) -> None:
        self.hear(("# alarms: run", *RUN, "# alarms: control", "# alarms: end"))
        with self.assertRaisesRegex(Usage, "another kernel or selftest"):
            Tally.read(self.path, KERNEL, "c")
        self.path.write_text("{")
        with self.assertRaisesRegex(Usage, "broken"):
            Tally.read(self.path, KERNEL, "b")


class Table(unittest.TestCase):
    def test_table(self) -> None:
        quiet = Round("2026-01-01T00:00:00Z", 5.0, 3.0)
        tally = Tally("7.3.4-cloud", "7.3.4", "b", [],
                      [*[quiet] * 99, replace(quiet, odd=["late_read 64 bit: error"])], True)
        lines = table([tally, Tally("running", "6.18.1", "b")]).splitlines()
        self.assertEqual(lines[1].split(),
                         ["7.3.4-cloud", "7.3.4", "100", "1", "4.66%", "5.0", "3.0", "seen"])
        self.assertEqual(lines[2].split()[:3], ["running", "6.18.1", "0"])
        self.assertEqual(lines[-1],
                         "7.3.4-cloud, run of 2026-01-01T00:00:00Z: late_read 64 bit: error")


if __name__ == "__main__":
    unittest.main()
