"""What is handed to other engines: fleets/cases.awk beside the KTAP reader,
and what write() refuses."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from kit.base import ktap
from kit import ramdisk
from kit.base.error import Usage
from kit.kernel.kernel import Files
from tests.test_ktap import DATA, FORMS, LOGS, MESSAGES, PREFIXES, WHOLE, form, interrupted, whole

AWKS = [awk.split() for awk in ("mawk", "gawk", "busybox awk") if shutil.which(awk.split()[0])]


def by_awk(awk: list[str], lines: list[str], *more: str) -> list[str]:
    """What cases.awk prints for a log."""
    log = "".join(f"{line}\n" for line in lines)
    return subprocess.run([*awk, *more, "-f", str(ramdisk.FLEETS / "cases.awk")], input=log,
                          capture_output=True, text=True, check=True).stdout.splitlines()


def by_kit(lines: list[str]) -> list[str]:
    """The same lines, without the reason, from the reader that scripts/qa has."""
    return [f"case {case.program}{'_32' if case.abi == '32' else ''}."
            f"{re.sub(r'[^A-Za-z0-9_.-]', '_', case.name)} {case.status}"
            for case in ktap.parse(lines)]


@unittest.skipUnless(AWKS, "needs an awk")
class Cases(unittest.TestCase):
    def same(self, lines: list[str]) -> None:
        """Both readers say the same."""
        for awk in AWKS:
            self.assertEqual([" ".join(line.split(" ")[:3]) for line in by_awk(awk, lines)],
                             by_kit(lines), awk)

    def test_whole_logs(self) -> None:
        for name in LOGS:
            with self.subTest(log=name):
                self.same((DATA / f"{name}.log").read_text().splitlines())

    def test_forms(self) -> None:
        """The table of test_ktap.py: the same cases whatever the log came through."""
        base = by_awk(AWKS[0], form("base"))
        for name in FORMS:
            with self.subTest(form=name):
                self.same(form(name))
                self.assertEqual(by_awk(AWKS[0], form(name)), base)

    def test_a_message_of_the_kernel_anywhere(self) -> None:
        """One log with all of them would be another: each is read by itself, by one awk in turn."""
        base = by_awk(AWKS[0], whole())
        self.same(whole())
        for number, (place, lines) in enumerate(interrupted(whole(), MESSAGES[1])):
            if number % 3 == 0:
                self.assertEqual(by_awk(AWKS[number % len(AWKS)], lines), base, place)

    def test_a_message_on_a_line_of_its_own(self) -> None:
        base = by_awk(AWKS[0], whole())
        for awk in AWKS:
            for message in WHOLE:
                lines = [line for each in whole() for line in (each, message)]
                self.assertEqual(by_awk(awk, lines), base, (awk, message))

    def test_prefixes_and_ends_of_line(self) -> None:
        base = by_awk(AWKS[0], whole())
        for awk in AWKS:
            for before, behind in PREFIXES:
                self.assertEqual(by_awk(awk, [f"{before}{line}{behind}" for line in whole()]), base,
                                 (awk, before))

    def test_cut_anywhere(self) -> None:
        lines = (DATA / "frame-7.3.log").read_text().splitlines()
        for end in range(0, len(lines), 23):
            with self.subTest(end=end):
                self.same(lines[:end])

    def test_messages_of_the_kernel_between_and_before(self) -> None:
        lines = (DATA / "frame-6.12.log").read_text().splitlines()
        mixed = [text for line in lines
                 for text in ("[   12.345678] lo: entered", f"[    1.000001] x {line}"
                              if line.startswith("# ok") else line)]
        self.same(mixed)

    def test_killed_in_the_middle(self) -> None:
        log = ["1..2", "# selftests: io_uring: late_read", "# TAP version 13", "# 1..3",
               "# #  RUN           a.b.c ...",
               "# ok 1 a.b.c", "# #  RUN           a.b.d ...",
               "not ok 1 selftests: io_uring: late_read # exit=137"]
        self.same(log)
        self.assertEqual(by_awk(AWKS[0], log),
                         ["case late_read.a.b.c pass",
                          "case late_read.a.b.d error no result: exit=137",
                          "case late_read.case_3_of_3 error no result: exit=137",
                          "case run_kselftest.program_2 error never started"])

    def test_reason_and_echo(self) -> None:
        log = ["# selftests: io_uring: late_read", "# 1..2", "# # late-read: 7.3 sendmsg:  odd",
               "# not ok 1 a.b.c",
               "# ok 2 a.b.d # SKIP no such thing",
               "not ok 1 selftests: io_uring: late_read # exit=1"]
        self.assertEqual(by_awk(AWKS[0], log),
                         ["case late_read.a.b.c fail late-read: 7.3 sendmsg: odd",
                          "case late_read.a.b.d skip no such thing"])
        self.assertEqual([line for line in by_awk(AWKS[0], log, "-v", "echo=1")
                          if not line.startswith("case ")], log)


class Autopkgtest(unittest.TestCase):
    """fleets/autopkgtest/kernel.sh, with a scripts/qa that ends as it is told."""

    def ended(self, status: int, results: bool) -> tuple[int, bool]:
        """Its exit status, and whether it left junit.xml."""
        with tempfile.TemporaryDirectory() as work:
            qa = Path(work, "scripts/qa")
            qa.parent.mkdir()
            left = 'mkdir -p "$5/k"; echo "{}" >"$5/k/results.json"' if results else ":"
            qa.write_text(f'#!/bin/sh\n[ "$1" = run ] || {{ echo "<testsuites/>"; exit 0; }}\n'
                          f'{left}\nexit {status}\n')
            qa.chmod(0o755)
            done = subprocess.run(["sh", ramdisk.FLEETS / "autopkgtest/kernel.sh"], cwd=work,
                                  check=False,
                                  env={"PATH": os.defpath, "AUTOPKGTEST_ARTIFACTS": f"{work}/kept"})
            return done.returncode, Path(work, "kept/junit.xml").exists()

    def test_status(self) -> None:
        for status, results, ended in ((0, True, (0, True)), (1, True, (1, True)),
                                       (3, True, (77, True)),
                                       (3, False, (77, False)), (2, False, (2, False))):
            self.assertEqual(self.ended(status, results), ended, (status, results))


class Tmt(unittest.TestCase):
    """fleets/tmt/selftest.sh, with a bundle whose runner prints a log."""

    def whole(self, *lines: str) -> str:
        """The result for all of them."""
        with tempfile.TemporaryDirectory() as work:
            runner = Path(work, "bundle/run_kselftest.sh")
            runner.parent.mkdir()
            runner.write_text("cat <<'END'\n" + "".join(f"{line}\n" for line in lines) + "END\n")
            subprocess.run(["tar", "-cf", "bundle.tar", "bundle"], cwd=work, check=True)
            subprocess.run(["sh", ramdisk.FLEETS / "tmt/selftest.sh"], check=True,
                           capture_output=True, env={"PATH": os.defpath, "TMT_TEST_DATA": work,
                                                     "BUNDLE": f"{work}/bundle.tar"})
            found = re.search(r"- name: /\n  result: (\w+)", Path(work, "results.yaml").read_text())
            return found[1] if found else ""

    def test_whole(self) -> None:
        start, end = ("# selftests: io_uring: late_read",
                      "# 1..2"), "ok 1 selftests: io_uring: late_read"
        passes, skips = ("# ok 1 late_read.zc.after",
                         "# ok 2 late_read.udp.after # SKIP io_uring is not allowed here")
        self.assertEqual(self.whole(*start, passes, skips, end), "pass")
        self.assertEqual(self.whole(*start, "# ok 1 late_read.reference_zc.after", skips, end),
                         "skip")
        self.assertEqual(self.whole(*start, f"# not {passes[2:]}", skips, end), "fail")
        self.assertEqual(self.whole(*start, passes, end), "error")


class Write(unittest.TestCase):
    def test_overwrites_nothing(self) -> None:
        with tempfile.TemporaryDirectory() as work:
            Path(work, "initrd.cpio").touch()
            with self.assertRaisesRegex(Usage, "initrd.cpio: exists"):
                ramdisk.write(Files(Path(work, "bzImage")), Path(work), Path(work))

    def test_all_that_runs_on_loopback(self) -> None:
        with tempfile.TemporaryDirectory() as work:
            Path(work, "kselftest-list.txt").write_text("io_uring:late_read\nnic:nic.sh\n"
                                                        "nic:nic_32.sh\n")
            self.assertEqual(ramdisk.request(Path(work)), "-t io_uring:late_read")
