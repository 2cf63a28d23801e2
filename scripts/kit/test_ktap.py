"""The KTAP reader against real logs of three frames, and against what can go wrong in one.

testdata/*.log came out of guests, nic.log of one with an e1000e; *.expected holds one line per case.
After a deliberate change of the reader: python3 -m kit.test_ktap --write, then read the difference.
"""

import re
import sys
import unittest
from pathlib import Path

from kit import ktap

DATA = Path(__file__).with_name("testdata")
FRAMES = ("6.1", "6.12", "7.3")
PROGRAMS = ("repeated_control", "late_read_32", "zerocopy")
LOGS: dict[str, tuple[str, ...]] = {**{f"frame-{frame}": PROGRAMS for frame in FRAMES}, "nic": ("nic.sh", "nic_32.sh")}


def told(cases: list[ktap.Case]) -> str:
    """One line per case."""
    return "".join(f"{case.status} {case.program} {case.abi} {case.name}: {case.reason}".rstrip(": ") + "\n"
                   for case in cases)


def log(frame: str) -> list[str]:
    """The lines of a golden log."""
    return (DATA / f"frame-{frame}.log").read_text().splitlines()


class Golden(unittest.TestCase):
    def test_logs(self) -> None:
        for name, programs in LOGS.items():
            with self.subTest(log=name):
                self.assertEqual(told(ktap.parse((DATA / f"{name}.log").read_text().splitlines(), programs)),
                                 (DATA / f"{name}.expected").read_text())

    def test_needs_no_header_and_no_plan_above(self) -> None:
        for frame in FRAMES:
            bare = [line for line in log(frame) if not re.match(r"TAP version|\d+\.\.\d+|# timeout|# kit", line)]
            self.assertEqual(ktap.parse(bare), ktap.parse(log(frame)))

    def test_kernel_messages_between_lines(self) -> None:
        for frame in FRAMES:
            mixed = []
            for number, line in enumerate(log(frame)):
                noise = f"[   {number}.123456] tbf: quantum too big"
                # A message without a newline ends up before a line of ours.
                mixed += [f"{noise}{line}"] if re.match("# ok|ok", line) else [noise, line]
            self.assertEqual(ktap.parse(mixed), ktap.parse(log(frame)))

    def test_cut_anywhere_loses_no_case_in_silence(self) -> None:
        whole = ktap.parse(log("7.3"), PROGRAMS)
        for end in range(5, len(log("7.3")), 7):
            cut = ktap.parse(log("7.3")[:end], PROGRAMS)
            self.assertEqual({case.program for case in cut}, {case.program for case in whole})
            if end < len(log("7.3")) - 3:
                self.assertIn("error", {case.status for case in cut}, f"cut at {end}")
            good = {(case.program, case.name) for case in whole if case.status == "pass"}
            self.assertLessEqual({(case.program, case.name) for case in cut if case.status == "pass"}, good)


class Trouble(unittest.TestCase):
    def one(self, *lines: str) -> list[tuple[str, str, str]]:
        text = ["# selftests: io_uring: late_read", *lines]
        return [(case.status, case.name, case.reason) for case in ktap.parse(text)]

    def test_killed_in_the_middle(self) -> None:
        self.assertEqual(self.one("# TAP version 13", "# 1..3", "# #  RUN           f.v.a ...", "# ok 1 f.v.a",
                                  "# #  RUN           f.v.b ...",
                                  "not ok 1 selftests: io_uring: late_read # exit=139"),
                         [("pass", "f.v.a", ""),
                          ("error", "f.v.b", "no result: exit=139"),
                          ("error", "case 3 of 3", "no result: exit=139")])

    def test_timeout(self) -> None:
        self.assertEqual(self.one("# 1..1", "not ok 1 selftests: io_uring: late_read # TIMEOUT 45 seconds"),
                         [("error", "case 1 of 1", "no result: TIMEOUT 45 seconds")])

    def test_plain_ok_without_a_case_is_no_pass(self) -> None:
        self.assertEqual(self.one("ok 1 selftests: io_uring: late_read"),
                         [("error", "late_read", "ran no test case")])

    def test_skipped_program(self) -> None:
        self.assertEqual(self.one("# no liburing", "ok 1 selftests: io_uring: late_read # SKIP"),
                         [("skip", "late_read", "no liburing")])

    def test_program_that_fails_behind_its_last_case(self) -> None:
        self.assertEqual(self.one("# 1..1", "# ok 1 f.v.a", "not ok 1 selftests: io_uring: late_read # exit=134"),
                         [("pass", "f.v.a", ""),
                          ("error", "late_read", "all cases passed, the program did not: exit=134")])

    def test_skip_after_a_failed_expectation_is_a_failure(self) -> None:
        self.assertEqual(self.one("# 1..1", "# #  RUN           f.v.a ...", "# # x.c:7:a:Expected 1 (1) == 2 (2)",
                                  "# #      SKIP      later", "# ok 1 f.v.a # SKIP later",
                                  "ok 1 selftests: io_uring: late_read"),
                         [("fail", "f.v.a", "failed, then skipped: x.c:7:a:Expected 1 (1) == 2 (2)"),
                          ])

    def test_missing_program(self) -> None:
        self.assertEqual(told(ktap.parse(["TAP version 13"], ["late_read_32"])),
                         "error late_read 32 late_read: never started\n")

    def test_names_of_scripts(self) -> None:
        self.assertEqual([ktap.split_abi(name) for name in ("nic.sh", "nic_32.sh", "late_read", "late_read_32")],
                         [("nic", "64"), ("nic", "32"), ("late_read", "64"), ("late_read", "32")])
        self.assertEqual(told(ktap.parse([], ["nic_32.sh"])), "error nic 32 nic: never started\n")

    def test_what_a_nic_says_of_the_sends(self) -> None:
        cases = {case.name: case.note for case in ktap.parse((DATA / "nic.log").read_text().splitlines())
                 if case.abi == "64"}
        self.assertEqual(cases["lost_pointer.udp4_zc_quic.retry"],
                         "sends 8, all retried, without a copy 8, datagrams lost 0")
        self.assertIn("cut by the stack, without a copy: 16 of 16", cases["delivery.udp4_zc_software.at_once"])

    def test_what_a_case_is_about(self) -> None:
        for program, name, about in (("late_read", "late_read.udp4.after", "late-read"),
                                     ("zerocopy", "zerocopy.udp4.send", "zerocopy"),
                                     ("nic", "wrong_length.udp4_zc.retry", "wrong-length"),
                                     ("nic", "zero_copy.udp4_zc.report", "not-zero-copy"),
                                     ("nic", "system_call.udp4.sendmsg", "system-call"), ("nic", "nic", "nic")):
            self.assertEqual(ktap.subject(program, name), about)

    def test_seconds(self) -> None:
        cases = ktap.parse([(1.0, "# selftests: io_uring: a"), (1.5, "# #  RUN           f.b ..."),
                            (3.5, "# ok 1 f.b"), (3.6, "ok 1 selftests: io_uring: a")])
        self.assertEqual([case.seconds for case in cases], [2.0])


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        for name, programs in LOGS.items():
            (DATA / f"{name}.expected").write_text(
                told(ktap.parse((DATA / f"{name}.log").read_text().splitlines(), programs)))
    else:
        unittest.main()
