"""What the host has, and how it is asked."""

import os
import shutil
import subprocess
import unittest
from unittest import mock

from kit.base import host
from kit.base.error import Unusable


class Packages(unittest.TestCase):
    def answer(self, said: str) -> None:
        done = subprocess.CompletedProcess([], 1, said, "")
        self.enterContext(mock.patch.object(subprocess, "run", return_value=done))

    def test_missing(self) -> None:
        self.answer("gcc installed\nmypy deinstall\nrpm-common installed\n")
        self.assertEqual(host.missing(("gcc", "mypy", "rpm", "gcc", "rpm")), ["mypy", "rpm"])
        self.assertEqual(host.missing(()), [])

    def test_named_to_who_may_not_install(self) -> None:
        self.answer("gcc installed\n")
        with mock.patch.object(os, "geteuid", return_value=1000):
            host.need(("gcc",))
            with self.assertRaisesRegex(Unusable,
                                        "missing packages; as root: apt-get install rpm$"):
                host.need(("gcc", "rpm"))

    def test_no_debian(self) -> None:
        with mock.patch.object(subprocess, "run", side_effect=FileNotFoundError):
            with self.assertRaisesRegex(Unusable, "no dpkg here .* it needs rpm"):
                host.missing(("rpm",))


class Programs(unittest.TestCase):
    @unittest.skipUnless(os.uname().machine == "x86_64" and shutil.which("sh"),
                         "needs an x86-64 host")
    def test_32_bit(self) -> None:
        self.assertIn(host.runs_32_bit.__wrapped__(), (True, False))
        with mock.patch.object(subprocess, "run", side_effect=OSError):
            self.assertFalse(host.runs_32_bit.__wrapped__())


if __name__ == "__main__":
    unittest.main()
