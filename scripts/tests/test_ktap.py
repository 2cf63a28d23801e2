"""The KTAP reader against real logs of three frames, and against what can go wrong in one.

data/*.log came out of guests, nic.log of one with an e1000e, summary.log of run_kselftest.sh -s,
no-32.log of a kernel that takes no 32-bit programs, late-failure.log of a program with the harness
of 7.3; *.expected holds one line per case. data/forms/ has one log as it looks after several
engines and consoles. fleets/cases.awk reads all of them in test_export.py.
After a deliberate change of the reader: python3 -m kit.test_ktap --write, then read the difference.
"""

import re
import sys
import unittest
from collections.abc import Iterator
from pathlib import Path

from kit.base import ktap

DATA = Path(__file__).with_name("data")
FRAMES = ("6.1", "6.12", "7.3")
PROGRAMS = ("repeated_control", "late_read_32", "zerocopy")
LOGS: dict[str, tuple[str, ...]] = {**{f"frame-{frame}": PROGRAMS for frame in FRAMES},
                                    "nic": ("nic.sh", "nic_32.sh"), "summary": (), "no-32": (),
                                    "late-failure": ()}
FORMS = ("ansi", "iso-prefix", "lava-3digits", "printk-caller", "split-middle", "tail-glued")
# What engines and terminals put before and behind a line
PREFIXES = (
    ("", "\r"), ("", "\r\r"), ("\x1b[0m\x1b[1;32m", "\x1b[K\x1b[0m\r"), ("\x1b(B", "\x1b[?2004h"),
    ("2026-11-29T15:00:01.001 ", ""), ("2026-11-29T15:00:01.001234Z ", "\r"),
    ("2026-11-29 15:00:01,001 ", ""), ("[2026-11-29T15:00:01+01:00] ", ""),
    ("[     0.100] ", ""), ("[12.34] ", "\r"), ("2026-11-29T15:00:01 [    0.100] ", ""),
    ("[   12.345678] ", ""), ("<6>[   12.345678][    T1] ", "\r"),
    ("[Sun Nov 29 15:00:01 2026] ", ""), ("Nov  9 15:00:01 host kernel: ", ""),
    ("Nov 29 15:00:01 host run.sh[77]: ", "\r"), ("<6>", ""))
MESSAGES = ("[   12.345678] e1000e: link is up", "<6>[   12.345678][   T12] lo: x",
            "[   12.345678] a\n[   12.345679] b", "[Mon Nov  9 15:00:01 2026] lo: x")
# Of those that never get into a line
WHOLE = ("<6>lo: x", "Nov  9 15:00:01 host kernel: lo: x", "[Mon Nov  9 15:00:01 2026] lo: x")


def told(cases: list[ktap.Case]) -> str:
    """One line per case."""
    return "".join(
        f"{case.status} {case.program} {case.abi} {case.name}: {case.reason}".rstrip(": ") + "\n"
        for case in cases)


def log(frame: str) -> list[str]:
    """The lines of a golden log."""
    return (DATA / f"frame-{frame}.log").read_text().splitlines()


def form(name: str) -> list[str]:
    """The lines of one form of data/forms."""
    return (DATA / "forms" / f"{name}.log").read_text().splitlines()


def whole() -> list[str]:
    """A log with each kind of line that means something."""
    return [line.removesuffix("\n") for line in """\
TAP version 13
1..3
# timeout set to 180
# selftests: io_uring: lost_pointer
# TAP version 13
# 1..4
# #  RUN           lost_pointer.udp4.retry ...
# #            OK  lost_pointer.udp4.retry
# ok 1 lost_pointer.udp4.retry
# #  RUN           lost_pointer.zc.retry ...
# #      SKIP      no sendmsg_zc: nothing to do
# ok 2 lost_pointer.zc.retry # SKIP no sendmsg_zc: nothing to do
# #  RUN           lost_pointer.late.retry ...
# # x.c:7:retry:Expected 1 (1) == 2 (2)
# not ok 3 lost_pointer.late.retry #  td
# #  RUN           lost_pointer.killed.retry ...
not ok 1 selftests: io_uring: lost_pointer # exit=137
# timeout set to 180
# selftests: io_uring: late_read_32
# 1..1
# #  RUN           late_read.zc.after ...
# # late-read: 7.3.4 sendmsg_zc, 32 bit: 700 bytes instead of 1472
# not ok 1 late_read.zc.after
not ok 2 selftests: io_uring: late_read_32 # exit=1
# selftests: io_uring: zerocopy
ok 3 selftests: io_uring: zerocopy # SKIP
""".splitlines()]


def interrupted(lines: list[str], message: str) -> Iterator[tuple[str, list[str]]]:
    """The log with a message of the kernel at each place in each line, and what that place is."""
    for number, line in enumerate(lines):
        for place in range(len(line) + 1):
            cut = f"{line[:place]}{message}\n{line[place:]}"
            yield f"{line[:place]}|{line[place:]}", [*lines[:number], *cut.split("\n"),
                                                     *lines[number + 1:]]


class Forms(unittest.TestCase):
    """A log says the same, whatever console and engine it came through."""

    def test_recorded(self) -> None:
        base = ktap.parse(form("base"))
        self.assertGreater(len(base), 40)
        for name in FORMS:
            self.assertEqual(told(ktap.parse(form(name))), told(base), name)

    def test_a_message_of_the_kernel_anywhere(self) -> None:
        base = told(ktap.parse(whole()))
        self.assertEqual(base.count("\n"), 6)
        for message in MESSAGES:
            for place, lines in interrupted(whole(), message):
                self.assertEqual(told(ktap.parse(lines)), base, place)

    def test_a_message_on_a_line_of_its_own(self) -> None:
        base = told(ktap.parse(whole()))
        for message in WHOLE:
            lines = [line for each in whole() for line in (each, message)]
            self.assertEqual(told(ktap.parse(lines)), base, message)

    def test_prefixes_and_ends_of_line(self) -> None:
        base = told(ktap.parse(whole()))
        for before, behind in PREFIXES:
            lines = [f"{before}{line}{behind}" for line in whole()]
            self.assertEqual(told(ktap.parse(lines)), base, (before, behind))

    def test_two_lines_in_one(self) -> None:
        lines = [line for line in whole() if not re.match(r"# #  ", line)]
        glued = "\n".join(lines).replace("retry\n# not ok 3", "retry # not ok 3").replace(
            "# #  RUN", " # #  RUN").replace("after\nnot ok 2", "afternot ok 2").splitlines()
        self.assertEqual(told(ktap.parse(glued)), told(ktap.parse(lines)))

    def test_something_without_a_time_in_a_result(self) -> None:
        log = ["# selftests: io_uring: a", "# 1..1", "# #  RUN           f.v.t ...",
               "# ok 1 f.e1000e: link is up", "v.t", "ok 1 selftests: io_uring: a"]
        self.assertEqual(told(ktap.parse(log)), "pass a 64 f.v.t\n")


class Golden(unittest.TestCase):
    def test_logs(self) -> None:
        for name, programs in LOGS.items():
            with self.subTest(log=name):
                self.assertEqual(
                    told(ktap.parse((DATA / f"{name}.log").read_text().splitlines(), programs)),
                    (DATA / f"{name}.expected").read_text())

    def test_needs_no_header_and_no_plan_above(self) -> None:
        for frame in FRAMES:
            bare = [line for line in log(frame)
                    if not re.match(r"TAP version|\d+\.\.\d+|# timeout|# kit", line)]
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
            self.assertLessEqual(
                {(case.program, case.name) for case in cut if case.status == "pass"}, good)


class Trouble(unittest.TestCase):
    def one(self, *lines: str) -> list[tuple[str, str, str]]:
        text = ["# selftests: io_uring: late_read", *lines]
        return [(case.status, case.name, case.reason) for case in ktap.parse(text)]

    def test_killed_in_the_middle(self) -> None:
        self.assertEqual(self.one("# TAP version 13", "# 1..3", "# #  RUN           f.v.a ...",
                                  "# ok 1 f.v.a", "# #  RUN           f.v.b ...",
                                  "not ok 1 selftests: io_uring: late_read # exit=139"),
                         [("pass", "f.v.a", ""),
                          ("error", "f.v.b", "no result: exit=139"),
                          ("error", "case 3 of 3", "no result: exit=139")])

    def test_timeout(self) -> None:
        self.assertEqual(self.one("# 1..1", "not ok 1 selftests: io_uring: late_read # TIMEOUT 45 "
                                  "seconds"),
                         [("error", "case 1 of 1", "no result: TIMEOUT 45 seconds")])

    def test_plain_ok_without_a_case_is_no_pass(self) -> None:
        self.assertEqual(self.one("ok 1 selftests: io_uring: late_read"),
                         [("error", "late_read", ktap.NOTHING)])
        self.assertEqual(self.one("# # hello", "ok 1 selftests: io_uring: late_read"),
                         [("error", "late_read", "hello")])
        self.assertEqual(self.one("# TAP version 13", "ok 1 selftests: io_uring: late_read"),
                         [("error", "late_read", "ran no test case")])

    def test_skipped_program(self) -> None:
        self.assertEqual(self.one("# no liburing", "ok 1 selftests: io_uring: late_read # SKIP"),
                         [("skip", "late_read", "no liburing")])

    def test_program_that_fails_behind_its_last_case(self) -> None:
        self.assertEqual(self.one("# 1..1", "# ok 1 f.v.a",
                                  "not ok 1 selftests: io_uring: late_read # exit=134"),
                         [("pass", "f.v.a", ""),
                          ("error", "late_read",
                           "all cases passed, the program did not: exit=134")])

    def test_skip_after_a_failed_expectation_is_a_failure(self) -> None:
        self.assertEqual(self.one("# 1..1", "# #  RUN           f.v.a ...",
                                  "# # x.c:7:a:Expected 1 (1) == 2 (2)",
                                  "# #      SKIP      later", "# ok 1 f.v.a # SKIP later",
                                  "ok 1 selftests: io_uring: late_read"),
                         [("fail", "f.v.a",
                           "failed, then skipped: x.c:7:a:Expected 1 (1) == 2 (2)"),
                          ])

    def test_missing_program(self) -> None:
        self.assertEqual(told(ktap.parse(["TAP version 13"], ["late_read_32"])),
                         "error late_read 32 late_read: never started\n")

    def test_names_of_scripts(self) -> None:
        self.assertEqual([ktap.split_abi(name)
                          for name in ("nic.sh", "nic_32.sh", "late_read", "late_read_32")],
                         [("nic", "64"), ("nic", "32"), ("late_read", "64"), ("late_read", "32")])
        self.assertEqual(told(ktap.parse([], ["nic_32.sh"])), "error nic 32 nic: never started\n")

    def test_what_a_nic_says_of_the_sends(self) -> None:
        cases = {case.name: case.note
                 for case in ktap.parse((DATA / "nic.log").read_text().splitlines())
                 if case.abi == "64"}
        self.assertEqual(cases["lost_pointer.udp4_zc_quic.retry"],
                         "sends 8, all retried, without a copy 8, datagrams lost 0")
        self.assertIn("cut by the stack, without a copy: 16 of 16",
                      cases["delivery.udp4_zc_software.at_once"])

    def test_a_program_is_started(self) -> None:
        """The header of a program, and nothing else."""
        self.assertEqual(ktap.started("# selftests: io_uring: late_read_32"), "late_read_32")
        for line in ("ok 1 selftests: io_uring: late_read", "# selftests: io_uring: late_read ok",
                     "TAP version 13"):
            self.assertEqual(ktap.started(line), "", line)

    def test_what_a_case_is_about(self) -> None:
        for program, name, about in (("late_read", "late_read.udp4.after", "late-read"),
                                     ("zerocopy", "zerocopy.udp4.send", "zerocopy"),
                                     ("nic", "wrong_length.udp4_zc.retry", "wrong-length"),
                                     ("nic", "zero_copy.udp4_zc.report", "not-zero-copy"),
                                     ("nic", "system_call.udp4.sendmsg", "system-call"),
                                     ("nic", "nic", "nic"),
                                     ("short_send", "cut_control.tcp.short_send", "cut-control")):
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
