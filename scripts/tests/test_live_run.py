"""kit/live_run.py: one guest's lines taken apart, and what a case is with the module loaded."""

import tempfile
import unittest
from dataclasses import replace
from pathlib import Path

from kit import live_run
from kit.base import version
from kit.guest.vm import Run
from kit.kernel.kernel import Kernel
from kit.report import excerpt
from kit.report.result import CaseResult, KernelResult, status

CASE = CaseResult("6.1.0-57-cloud", "6.1.192", "", "32", "wrong-length",
                  "wrong_length.sendmsg_retry.retry", "fail", "fail", "known", "open", "-EINVAL",
                  0.1, "scripts/qa run")


class Lines(unittest.TestCase):
    """What a guest said before and after."""

    def test_both_halves(self) -> None:
        """The mark parts them; counters and the end are told."""
        said = ["ok 1 a", "# live: loaded", "ok 1 b", "# live: counter eaten_data 12",
                "# live: counter covers sendmsg send", "# live: unloaded"]
        parts = live_run.halves([(float(place), line) for place, line in enumerate(said)])
        self.assertEqual([line for _, line in parts.before], ["ok 1 a"])
        self.assertEqual([line for _, line in parts.after][1], "ok 1 b")
        self.assertEqual(parts.counters, {"eaten_data": "12", "covers": "sendmsg send"})
        self.assertTrue(parts.unloaded)
        self.assertEqual(parts.refused, "")

    def test_refused(self) -> None:
        """A module that was not loaded leaves no second half, and says why."""
        parts = live_run.halves([(0.0, "ok 1 a"),
                                 (1.0, "# live: refused [ 2.1] uring_msg_cure: no")])
        self.assertEqual((len(parts.before), parts.after), (2, []))
        self.assertEqual(parts.refused, "[ 2.1] uring_msg_cure: no")


class Rows(unittest.TestCase):
    """Both rows of a kernel."""

    def test_not_loaded(self) -> None:
        """A module that is refused is no pass: the exit status is 3."""
        said = ["# kit: started 6.1", "# live: refused uring_msg_cure: no", "# kit: done 3.0"]
        done = Run([(float(place), line) for place, line in enumerate(said)], "", "", 3.0)
        first = KernelResult("6.1", "6.1.192", "", "", "debian", "tcg", "not-run", "", 0.0, "")
        kernel = Kernel("6.1", "debian:6.1", "debian", version.parse("6.1.192"))
        rows = live_run._judged(kernel, done, ["late_read"], first,
                                replace(first, kernel="6.1+cure"))
        self.assertEqual((rows[1].outcome, rows[1].reason),
                         ("not-run", "the module was not loaded: uring_msg_cure: no"))
        self.assertEqual(status(rows[1:], False), 3)


class Logs(unittest.TestCase):
    """What the report names is there."""

    def test_both_halves(self) -> None:
        """Each row's folder has its own lines and what the kernel said from then on."""
        said = ["# kit: started 6.1", "ok 1 a", live_run.MARK + "loaded", "not ok 1 b",
                live_run.MARK + "unloaded", "# kit: done 3.0"]
        done = Run([(float(place), line) for place, line in enumerate(said)],
                   "[1.0] early\n[2.0] uring_msg_cure: loaded\n[3.0] late\n", "", 3.0)
        first = KernelResult("6.1", "6.1.192", "", "", "debian", "tcg", "failed", "", 0.0, "")
        rows = [first, replace(first, kernel="6.1+cure")]
        with tempfile.TemporaryDirectory() as work:
            live_run._leave(Path(work), rows, done)
            for row, own, other in zip(rows, ("ok 1 a", "not ok 1 b"), ("not ok 1 b", "ok 1 a")):
                for name in (excerpt.log(row), excerpt.console(row)):
                    self.assertTrue(Path(work, name).is_file(), name)
                lines = Path(work, row.kernel, "ktap.log").read_text().splitlines()
                self.assertIn(own, lines)
                self.assertNotIn(other, lines)
            self.assertNotIn("early", Path(work, "6.1+cure/console.log").read_text())


class Cases(unittest.TestCase):
    """The verdict with the module loaded."""

    def test_cured(self) -> None:
        """What was predicted to fail and passes is a pass, not a surprise."""
        self.assertEqual(
            live_run.cured(replace(CASE, outcome="pass", verdict="NEWLY FIXED")).verdict, "pass")

    def test_not_cured(self) -> None:
        """What the module is for and still fails is a surprise; what it is not for is not."""
        self.assertEqual(live_run.cured(CASE).verdict, "REGRESSION")
        self.assertEqual(live_run.cured(replace(CASE, defect="late-read")).verdict, "known")

    def test_the_row_of_a_kernel_that_has_it(self) -> None:
        """Whether it was named as that before or not."""
        for label in ("6.1.0-9", f"6.1.0-9{live_run.SUFFIX}"):
            row = KernelResult(label, "6.1.192", "", "", "running", "", "failed", "", 1.0, "",
                               cases=[replace(CASE, outcome="pass", verdict="NEWLY FIXED"), CASE])
            found = live_run.treated(row)
            self.assertEqual([found.kernel, *(case.kernel for case in found.cases)],
                             [f"6.1.0-9{live_run.SUFFIX}"] * 3)
            self.assertEqual([case.verdict for case in found.cases], ["pass", "REGRESSION"])

    def test_counters_are_told(self) -> None:
        """A line for each kernel that has them."""
        row = KernelResult("6.1+cure", "6.1.192", "", "", "debian", "tcg", "passed", "", 1.0, "",
                           nic_info="eaten_data 12")
        self.assertEqual(live_run.counted([row, replace(row, kernel="6.1")]),
                         "6.1+cure: eaten_data 12\n")


if __name__ == "__main__":
    unittest.main()
