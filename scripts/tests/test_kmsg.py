"""What is taken from /dev/kmsg, and what is said where it cannot be read."""

import os
import tempfile
import unittest
from pathlib import Path

from kit.base import kmsg


class Messages(unittest.TestCase):
    def test_the_kernels_own(self) -> None:
        self.assertEqual(kmsg.message("4,1234,5678901,-;WARNING: CPU: 0 PID: 1 at x\n SUBSYSTEM=x\n"
                                      " DEVICE=y\n"),
                         "[    5.678901] WARNING: CPU: 0 PID: 1 at x")
        self.assertEqual(kmsg.message("6,1,99,-,caller=T1;x;y\n"), "[    0.000099] x;y")

    def test_not_what_a_program_wrote(self) -> None:
        """kselftest does; a program that wrote BUG: is no kernel that warned."""
        self.assertEqual(kmsg.message("12,1,99,-;BUG: no bug of the kernel\n"), "")

    def test_nonsense(self) -> None:
        for record in ("", ";", "x,y,z;w", "4,1;x", "4"):
            self.assertEqual(kmsg.message(record), "")


class Spans(unittest.TestCase):
    def test_not_there(self) -> None:
        span = kmsg.Span(Path("/nonexistent"))
        self.assertEqual((span.read(), span.unheard),
                         ("", "/nonexistent: No such file or directory"))

    def test_another_file(self) -> None:
        with tempfile.NamedTemporaryFile() as file:
            span = kmsg.Span(Path(file.name))
            self.assertEqual((span.read(), span.unheard),
                             ("", f"{file.name} is not the kernel's log here"))
        null = os.stat(os.devnull).st_rdev
        span = kmsg.Span(Path(os.devnull), (os.major(null), os.minor(null)))
        self.assertEqual((span.read(), span.unheard), ("", ""))

    def test_only_what_came_since(self) -> None:
        span = kmsg.Span()
        if span.unheard:
            self.skipTest(span.unheard)
        try:
            Path("/dev/kmsg").write_text("kit: a test writes this\n")
        except OSError as bad:
            span.read()
            self.skipTest(str(bad))
        self.assertNotIn("kit: a test", span.read())


if __name__ == "__main__":
    unittest.main()
