"""What is worse, better or merely other between two runs, and which kernels are compared."""

import unittest
from dataclasses import replace
from pathlib import Path

from kit.report import compare
from kit.report.folder import Folder
from kit.report.result import CaseResult, KernelResult, Verdict

DATA = Path(__file__).parent / "data"
COMMAND = "scripts/qa run --kernels k"


def row(*cases: tuple[str, Verdict], kernel: str = "k", version: str = "6.1.86",
        program: str = "late_read", **fields: str) -> KernelResult:
    result = KernelResult(kernel, version, "", "", "debian", "tcg", "failed", "", 1.0, COMMAND,
                          nic=fields.get("nic", ""))
    result.cases = [CaseResult(kernel, version, "", "64", "other", name, "fail", "", verdict, "",
                               "why", 0.1, f"{COMMAND} --program {program} --abi 64")
                    for name, verdict in cases]
    return result


class Kinds(unittest.TestCase):
    def test_each(self) -> None:
        for kind, pairs in {
                "worse": ("pass REGRESSION", "pass known", "pass skip", "pass error",
                          "known REGRESSION", "skip REGRESSION", "error REGRESSION", "known error",
                          "skip error", "absent REGRESSION", "absent error"),
                "better": ("REGRESSION pass", "known pass", "skip pass", "error pass",
                           "error known", "error skip"),
                "changed": ("skip known", "known skip", "REGRESSION known", "REGRESSION fail",
                            "pass absent", "REGRESSION skip", "absent pass")}.items():
            for pair in pairs:
                self.assertEqual(compare.kind(*pair.split()), kind, pair)
        self.assertEqual(compare.kind("known", "NEWLY FIXED"), "better")
        self.assertEqual(compare.kind("NEWLY FIXED", "known"), "worse")
        self.assertEqual(compare.kind("pass", "NEWLY FIXED"), "changed")
        self.assertIsNone(compare.kind("known", "known"))


class Runs(unittest.TestCase):
    def lines(self, new: list[KernelResult], old: list[KernelResult]) -> tuple[list[str], int]:
        whole = compare.compare(new, old)
        return [change.line for change in whole.changes], whole.status

    def test_golden(self) -> None:
        """scripts/qa report run-new --against run-old, in data."""
        new, old = (Folder.read(DATA / name).results for name in ("run-new", "run-old"))
        whole = compare.compare(new, old)
        self.assertEqual("".join(compare.text(whole)), (DATA / "run-new.changes").read_text())
        self.assertEqual(whole.status, 1)

    def test_worse_comes_first(self) -> None:
        lines, status = self.lines([row(("a", "pass"), ("b", "REGRESSION"))],
                                   [row(("a", "known"), ("b", "pass"))])
        command = f"{COMMAND} --program late_read --abi 64"
        self.assertEqual(lines, [f"worse: k 64 bit b: was pass, is REGRESSION: why; {command}",
                                 f"better: k 64 bit a: was known, is pass; {command}"])
        self.assertEqual(status, 1)

    def test_the_same(self) -> None:
        self.assertEqual(self.lines([row(("a", "known"))], [row(("a", "known"))]), ([], 0))

    def test_new_and_gone_cases(self) -> None:
        self.assertEqual(self.lines([row(("a", "pass"), ("b", "known"))], [row(("a", "pass"))]),
                         ([], 0))
        lines, status = self.lines([row(("a", "pass"))], [row(("a", "pass"), ("b", "pass"))])
        self.assertEqual((lines[0].partition("; ")[0], status),
                         ("changed: k 64 bit b: was pass, is absent", 0))
        self.assertEqual(self.lines([row(("b", "REGRESSION"))], [row()])[1], 1)

    def test_a_program_that_was_not_asked_for(self) -> None:
        self.assertEqual(self.lines([row(("a", "pass"))], [row(("a", "pass"), program="zerocopy")]),
                         ([], 0))

    def test_a_kernel_that_does_not_boot_is_one_line(self) -> None:
        dead = replace(row(("late_read", "error")), outcome="did-not-boot",
                       reason="nothing on\nthe console")
        alive = row(("a", "pass"), ("b", "pass"))
        self.assertEqual(self.lines([dead], [alive]),
                         (["worse: k: was failed, is did-not-boot: nothing on the console; "
                           f"{COMMAND}"], 1))
        lines, status = self.lines([alive], [dead])
        self.assertEqual((lines[0], status),
                         (f"better: k: was did-not-boot, is failed; {COMMAND}", 0))
        lacks = replace(row(), outcome="not-run", reason="no driver")
        self.assertEqual(self.lines([lacks], [alive])[1], 0)

    def test_a_kernel_that_warns_is_worse(self) -> None:
        quiet = replace(row(("a", "pass")), outcome="passed")
        line = "WARNING: CPU: 0 PID: 77 at x.c:1 x+0x1/0x2"
        warned = replace(quiet, outcome="warned", reason=line, warnings=[line])
        self.assertEqual(self.lines([warned], [quiet]),
                         ([f"worse: k: was passed, is warned: {line}; {COMMAND}"], 1))
        self.assertEqual(self.lines([quiet], [warned]),
                         ([f"better: k: was warned, is passed; {COMMAND}"], 0))
        again = replace(warned, warnings=[line.replace("77", "78")])
        self.assertEqual(self.lines([again], [warned]), ([], 0))
        lines, status = self.lines([replace(warned, warnings=[line, "BUG: KASAN: x"])], [warned])
        self.assertEqual((lines, status),
                         ([f"worse: k: was warned, is warned: BUG: KASAN: x; {COMMAND}"], 1))
        # it does not hide what became of the cases, and is seen where they failed
        failed = replace(row(("a", "known")), warnings=[line])
        lines, status = self.lines([failed], [quiet])
        self.assertEqual([each.partition(": was")[0] for each in lines],
                         ["worse: k", "worse: k 64 bit a"])
        nothing = replace(quiet, outcome="ran-nothing", reason="refused")
        self.assertEqual(self.lines([nothing], [warned])[1], 1)

    def test_an_update_is_compared_with_what_it_replaces(self) -> None:
        new, old = row(("a", "known"), kernel="6.1.0-51", version="6.1.90"), row(
            ("a", "pass"), kernel="6.1.0-50")
        lines, status = self.lines([new], [old])
        self.assertTrue(lines[0].startswith("worse: 6.1.0-51 64 bit a: was pass (6.1.0-50), "
                                            "is known: why; "))
        self.assertEqual(status, 1)

    def test_no_guess_between_two(self) -> None:
        old = [row(("a", "pass"), kernel="6.1.0-50"), row(("a", "pass"), kernel="6.1.0-49")]
        self.assertEqual(self.lines([row(("a", "known"), kernel="6.1.0-51")], old), ([], 3))
        for other in (row(kernel="6.1.0-50-cloud"), row(kernel="x", version="6.6.1"),
                      row(kernel="x", nic="igb"), row(kernel="x", version="unknown")):
            self.assertEqual(self.lines([row(("a", "known"), kernel="6.1.0-51")], [other]), ([], 3))

    def test_the_nic_is_told_apart(self) -> None:
        whole = compare.compare([row(("a", "pass"), nic="igb")], [row(("a", "pass"))])
        self.assertEqual((whole.only_new, whole.only_old), (["k+igb"], ["k"]))


if __name__ == "__main__":
    unittest.main()
