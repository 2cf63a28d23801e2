"""What is said to refuse io_uring on a host."""

import tempfile
import unittest
from pathlib import Path

from kit.base import refusal

EPERM = ("io_uring is not allowed here (Operation not permitted): sysctl "
         "kernel.io_uring_disabled=0, or run outside the container that filters it")
ENOSYS = ("no ring (Function not implemented): build the kernel with CONFIG_IO_URING, or allow "
          "io_uring_setup(2) in the seccomp filter")


class Why(unittest.TestCase):
    def said(self, reason: str, seccomp: str, disabled: str = "") -> str:
        with tempfile.TemporaryDirectory() as name:
            proc = Path(name)
            (proc / "self").mkdir()
            (proc / "self/status").write_text(f"Name:\tx\nSeccomp:\t{seccomp}\n"
                                              "Seccomp_filters:\t1\n")
            if disabled:
                (proc / "sys/kernel").mkdir(parents=True)
                (proc / "sys/kernel/io_uring_disabled").write_text(f"{disabled}\n")
            return refusal.why(reason, proc)

    def test_a_filter(self) -> None:
        for reason, error in ((EPERM, "Operation not permitted"),
                              (ENOSYS, "Function not implemented")):
            for disabled in ("", "0", "1"):
                self.assertRegex(self.said(reason, "2", disabled),
                                 r"^a seccomp filter refuses io_uring_setup\(2\) "
                                 rf"\({error}\): run outside .*")

    def test_the_sysctl(self) -> None:
        self.assertRegex(self.said(EPERM, "2", "2"),
                         r"^kernel\.io_uring_disabled=2 forbids io_uring to all \(Op.*sysctl")
        self.assertRegex(self.said(EPERM, "0", "1"),
                         "^kernel.io_uring_disabled=1 forbids io_uring to who has not")

    def test_nothing_tells_more(self) -> None:
        self.assertEqual(self.said(EPERM, "0", "0"), EPERM)
        self.assertEqual(self.said(ENOSYS, "0"), ENOSYS)
        self.assertEqual(refusal.why(EPERM, Path("/nonexistent")), EPERM)

    def test_another_reason(self) -> None:
        self.assertEqual(self.said("lo is not up", "2", "2"), "lo is not up")


if __name__ == "__main__":
    unittest.main()
