"""The warnings that patches add: which lines of a build count, and which objects are built."""

import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from kit.series import objects
from kit.base.error import BuildFailed

SOURCES = ("io_uring/net.c", "net/socket.c")
MAKE = """#!/bin/sh
echo "$@" >"$O"
cat <<'END' >&2
%s
END
exit %d
"""
SAID = """\
../io_uring/net.c:401:7: warning: unused variable 'a' [-Wunused-variable]
../io_uring/net.c:402:7: warning: unused variable 'a' [-Wunused-variable]
../net/socket.c:9: error: that sparse gives
../mm/slab.c:3:1: warning: of others
  LD net/socket.o"""


class Warnings(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = Path(folder.name)
        self.words = self.home / "words"
        self.enterContext(mock.patch.dict(os.environ, {
            "PATH": f"{self.home}:{os.environ['PATH']}", "O": str(self.words)}))
        self.make(SAID)

    def make(self, said: str, status: int = 0) -> None:
        """Puts a make in front that says this."""
        path = self.home / "make"
        path.write_text(MAKE % (said, status))
        path.chmod(0o755)

    def seen(self, off: tuple[str, ...] = ()) -> set[str]:
        """The warnings in a setup of x86_64 without these options."""
        made = objects.Setup("one", "x86_64", off=off)
        return objects._warnings(self.home, self.home / "out", made, (), SOURCES)

    def test_patches_shift_lines_and_others_have_warnings(self) -> None:
        self.assertEqual(self.seen(), {
            "../io_uring/net.c: warning: unused variable 'a' [-Wunused-variable]",
            "../net/socket.c: error: that sparse gives"})
        self.assertTrue(self.words.read_text().endswith("W=1 io_uring/net.o net/socket.o\n"))

    def test_what_a_configuration_does_not_have(self) -> None:
        for off, built in (("IO_URING", "net/socket.o"), ("NET", "io_uring/opdef.o")):
            self.seen(off=(off,))
            self.assertTrue(self.words.read_text().endswith(f"W=1 {built}\n"), off)

    def test_nothing_to_build_does_not_build_all(self) -> None:
        self.assertEqual(self.seen(off=("IO_URING", "NET")), set())
        self.assertFalse(self.words.exists())

    def test_an_object_that_does_not_compile(self) -> None:
        self.make("io_uring/net.c:1: error: expected ;", 2)
        with self.assertRaisesRegex(BuildFailed, "one: .*expected ;"):
            self.seen()


if __name__ == "__main__":
    unittest.main()
