"""What the logs of a results folder say of a case and of a kernel."""

import tempfile
import unittest
from dataclasses import replace
from pathlib import Path

from kit.report import excerpt
from kit.report.excerpt import Excerpts
from kit.report.folder import Folder
from kit.report.result import KernelResult

DATA = Path(__file__).parent / "data"


def results() -> dict[str, KernelResult]:
    return {result.folder: result for result in Folder.read(DATA / "run-new").results}


class Cases(unittest.TestCase):
    def test_the_lines_of_a_case(self) -> None:
        result = results()["6.1.0-56-cloud+virtio-net"]
        logs = Excerpts(DATA / "run-new")
        self.assertEqual(logs.case(result, result.cases[2]), """\
#  RUN           late_read.udp4_zc_link.after_submit ...
# late-read: send 7: datagram of 736 bytes instead of 1472; no released kernel has the fix yet
# verdict.h:33:after_submit:Expected 0 (0) != !wrong (0)
#          FAIL  late_read.udp4_zc_link.after_submit
not ok 3 late_read.udp4_zc_link.after_submit
""")

    def test_both_abis(self) -> None:
        result = results()["6.1.0-56-cloud"]
        logs = Excerpts(DATA / "run-new")
        wrong = [case for case in result.cases if case.defect == "wrong-length"]
        self.assertEqual([(case.abi, "-EINVAL" in logs.case(result, case)) for case in wrong],
                         [("64", False), ("32", True)])

    def test_a_case_that_did_not_end_and_one_that_did_not_begin(self) -> None:
        result = results()["7.3.4+deb13-cloud"]
        logs = Excerpts(DATA / "run-new")
        self.assertEqual(logs.case(result, result.cases[1]), "#  RUN           "
                         "late_read.udp4_sendmsg_link.after_submit ...\n")
        self.assertIn("1..2\n", logs.case(result, result.cases[2]))

    def test_real_logs(self) -> None:
        """Each case that the frame's log has is found in it."""
        for name in ("frame-6.1", "frame-6.12", "frame-7.3", "nic"):
            with tempfile.TemporaryDirectory() as work:
                home = Path(work) / "k"
                home.mkdir()
                (home / excerpt.CASES).write_text((DATA / f"{name}.log").read_text())
                base = results()["6.1.0-56-cloud"]
                result, logs = replace(base, kernel="k"), Excerpts(Path(work))
                failed = [line.split(" ", 4)
                          for line in (DATA / f"{name}.expected").read_text().splitlines()
                          if line.startswith("fail ")]
                for _, program, abi, test, reason in failed:
                    case = replace(base.cases[0], abi=abi, test=test.removesuffix(":"),
                                   command=f"x --program {program} --abi {abi}")
                    said = logs.case(result, case)
                    self.assertIn(reason.removeprefix("failed, then skipped: "), said)
                    self.assertLess(said.count("\n"), 40)

    def test_no_log(self) -> None:
        result = results()["6.1.0-56-cloud"]
        logs = Excerpts(Path("/nonexistent"))
        self.assertEqual((logs.case(result, result.cases[0]), logs.console(result)), ("", ""))
        for name in ("../run-new/6.1.0-56-cloud", "\0", "\ud800", "x" * 300):
            other = replace(result, kernel=name)
            self.assertEqual(Excerpts(DATA / "run-new").case(other, result.cases[0]), "")


class Console(unittest.TestCase):
    def test_from_the_first_sign_on(self) -> None:
        told = Excerpts(DATA / "run-new").console(results()["7.3.4+deb13-cloud"])
        self.assertIn("BUG: kernel NULL pointer dereference", told)
        self.assertTrue(told.endswith("Fatal exception\n"))

    def test_which_file(self) -> None:
        found = results()
        self.assertEqual([excerpt.log(found[name])
                          for name in ("6.1.0-56+igb", "6.12.117+deb13-cloud")],
                         ["", "6.12.117+deb13-cloud/console.log"])
        panicked = found["7.3.4+deb13-cloud"]
        self.assertEqual([excerpt.log(panicked, case).partition("/")[2] for case in panicked.cases],
                         ["ktap.log", "console.log", "console.log"])


class Shortened(unittest.TestCase):
    def test_limit(self) -> None:
        text = "a" * 20000 + "z" * 20000
        short = excerpt.shortened(text, excerpt.LIMIT)
        self.assertEqual((len(short), short[0], short[-1]), (16384, "a", "z"))
        self.assertEqual(excerpt.shortened("abc", 3), "abc")


if __name__ == "__main__":
    unittest.main()
