"""Results: the columns that there are, and the verdicts of a case."""

import unittest

from kit.base import version
from kit.series import fixes
from kit.report import result
from kit import verdict
from kit.kernel.kernel import Kernel
from kit.base.ktap import Case, Status


class Columns(unittest.TestCase):
    def test_every_defect_has_one(self) -> None:
        """Else its cases are predicted, and shown under what is about no defect."""
        self.assertEqual(set(fixes.load()) - set(result.DEFECTS), set())


class Verdicts(unittest.TestCase):
    def test_outcome_beside_prediction(self) -> None:
        kernel = Kernel("a", "debian:7.3.4", "debian", version.parse("7.3.4"))
        unknown = Kernel("a", "image", "image", None)
        retry, reference = "late_read.sendmsg_retry.after_submit", "late_read.reference_zc_link.a"
        rows: tuple[tuple[Kernel, str, Status, str], ...] = (
            (kernel, retry, "fail", "known"), (kernel, retry, "pass", "NEWLY FIXED"),
            (kernel, retry, "skip", "skip"), (kernel, retry, "error", "error"),
            (kernel, reference, "fail", "REGRESSION"), (kernel, reference, "pass", "pass"),
            (kernel, "lost_pointer.udp4_zc_quic.retry", "fail", "REGRESSION"),
            (unknown, retry, "fail", "fail"))
        for of, name, status, wanted in rows:
            case = Case(name.partition(".")[0], "64", name, status)
            with self.subTest(name=name, status=status):
                self.assertEqual(verdict.judge(case, of, fixes.load(), "").verdict, wanted)


if __name__ == "__main__":
    unittest.main()
