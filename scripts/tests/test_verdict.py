"""What a kernel came to: its outcome, of its cases and of what it said."""

import unittest
from dataclasses import replace

from kit import verdict
from kit.base.ktap import Case, Status
from kit.guest.vm import Run
from kit.report import result
from tests.test_report import case


class Outcomes(unittest.TestCase):
    start, done = "# kit: started 6.1 2.0", "# kit: done 9"
    warning = "[ 1.0] WARNING: CPU: 0 PID: 77 at io_uring/net.c:1500 io_sendmsg_zc+0x1/0x2"

    def outcome(self, lines: list[str], console: str = "", ended: str = "",
                status: Status = "pass") -> result.Outcome:
        run = Run([(0.0, line) for line in lines], console, ended, 1.0)
        return verdict.outcome([case(status)], run)[0]

    def test_each(self) -> None:
        start, done, panic = self.start, self.done, "[ 1.0] Kernel panic - not syncing: x"
        self.assertEqual(self.outcome([start, done]), "passed")
        self.assertEqual(self.outcome([], panic), "did-not-boot")
        self.assertEqual(self.outcome([], "", "silence"), "did-not-boot")
        self.assertEqual(self.outcome([start], panic), "panicked")
        self.assertEqual(self.outcome([start], "", "silence"), "hung")
        self.assertEqual(self.outcome([start]), "hung")
        self.assertEqual(verdict.outcome([], None)[0], "ran-nothing")
        self.assertEqual(verdict.outcome([case("skip")], None)[0], "ran-nothing")
        self.assertEqual(verdict.outcome([case("pass"), case("fail")], None)[0], "failed")

    def test_a_warning_is_no_pass(self) -> None:
        self.assertEqual(self.outcome([self.start, self.done], self.warning), "warned")
        self.assertEqual(self.outcome([self.start, self.done], self.warning, status="fail"),
                         "failed")
        self.assertEqual(self.outcome([self.start, self.done], self.warning, status="skip"),
                         "ran-nothing")
        self.assertEqual(self.outcome([self.start], self.warning, "silence"), "hung")
        self.assertEqual(verdict.outcome([case("pass")], None, self.warning),
                         ("warned", self.warning.partition("] ")[2]))

    def test_a_run_of_control_cases_ran_nothing(self) -> None:
        reference = case("pass", name="system_call.reference")
        refused = "io_uring is not allowed here"
        skipped = [replace(case("skip", abi), reason=refused) for abi in ("64", "32")]
        other = Case("bad_control", "64", "bad_control.len_short.zc", "skip", refused)
        self.assertEqual(verdict.outcome([reference, *skipped, other], None),
                         ("ran-nothing", refused))
        self.assertEqual(verdict.outcome([reference], None),
                         ("ran-nothing", result.ONLY_REFERENCES))
        # a program about no defect counts where it alone was asked for
        self.assertEqual(verdict.outcome([*skipped, replace(other, status="pass")], None)[0],
                         "ran-nothing")
        self.assertEqual(verdict.outcome([replace(other, status="pass", reason="")], None)[0],
                         "passed")
        self.assertEqual(verdict.outcome([reference, skipped[0], case("pass", "32")], None)[0],
                         "passed")
        self.assertEqual(verdict.outcome([replace(reference, status="fail"), *skipped], None)[0],
                         "failed")

    def test_through_a_nic(self) -> None:
        cases = [Case("nic", "64", "system_call.udp4.reference", "pass"),
                 Case("nic", "64", "delivery.udp4.plain", "pass"),
                 Case("nic", "64", "late_read.zc.after", "skip")]
        self.assertEqual(verdict.outcome(cases, None)[0], "ran-nothing")
        cases.append(Case("nic", "64", "zero_copy.udp4_zc.report", "fail"))
        self.assertEqual(verdict.outcome(cases, None)[0], "failed")


if __name__ == "__main__":
    unittest.main()
