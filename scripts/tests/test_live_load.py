"""kit/live_load.py: why a module was not loaded, in one line, and what the tests say beforehand."""

import subprocess
import sys
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path
from unittest import mock

from kit import live_load
from kit.base.error import Unusable
from kit.base.paths import REPOSITORY
from tests.test_live_run import CASE

FREE = "[none] integrity confidentiality\n"


class Why(unittest.TestCase):
    """One line for each refusal."""

    def test_another_kernel(self) -> None:
        """The version magic does not match."""
        said = live_load.why("insmod: ERROR: could not insert module x.ko: Invalid module format\n",
                             ["[1.0] uring_msg_cure: version magic '6.1.0-57 SMP' should be "
                              "'6.1.0-58 SMP'"], FREE, "6.1.0-58")
        self.assertIn("for another kernel than 6.1.0-58", said)
        self.assertIn("version magic", said)

    def test_lockdown(self) -> None:
        """An unsigned module, by either word that the kernel has for it."""
        for word, state in (("Key was rejected by service", FREE),
                            ("Operation not permitted", "none [integrity] x")):
            said = live_load.why(f"insmod: ERROR: could not insert module x.ko: {word}\n", [],
                                 state, "6.1")
            self.assertIn("signed modules alone", said)

    def test_the_module_itself(self) -> None:
        """Its own line, the last one."""
        said = live_load.why("insmod: ERROR: could not insert module x.ko: Operation not "
                             "supported\n",
                             ["[1.0] other", "[2.0] uring_msg_cure: a probe does nothing in this "
                              "kernel"], FREE, "6.1")
        self.assertEqual(said, "a probe does nothing in this kernel")

    def test_without_a_word(self) -> None:
        """What insmod said is better than nothing."""
        self.assertEqual(
            live_load.why("insmod: ERROR: x: No such file or directory", [], "", "6.1"),
            "No such file or directory")


class Verdict(unittest.TestCase):
    """What the tests say before anything is loaded."""

    def test_hit(self) -> None:
        """A failure of what the module cures."""
        self.assertEqual(live_load.verdict([CASE, replace(CASE, outcome="pass")]), "cure")

    def test_fixed(self) -> None:
        """late-read is nothing that it could cure."""
        cases = [replace(CASE, outcome="pass"), replace(CASE, defect="late-read")]
        self.assertEqual(live_load.verdict(cases), live_load.NOTHING)

    def test_not_to_be_told(self) -> None:
        """Skips are no passes."""
        self.assertEqual(live_load.verdict([replace(CASE, outcome="skip",
                                                    reason="io_uring is not allowed here")]),
                         "io_uring is not allowed here")


class Possible(unittest.TestCase):
    """What is told before a minute is spent on tests."""

    def said(self, modules: bool, symbols: str | None, user: int = 0) -> str:
        """Why nothing can be loaded; "" where it can."""
        with tempfile.TemporaryDirectory() as work:
            top = Path(work)
            if modules:
                (top / "modules").touch()
            if symbols is not None:
                (top / "kallsyms").write_text(symbols)
            with mock.patch.multiple(live_load, LOADED=top / "x", MODULES=top / "modules",
                                     SYMBOLS=top / "kallsyms"), \
                    mock.patch("os.geteuid", return_value=user):
                try:
                    live_load.possible()
                except Unusable as bad:
                    return str(bad)
        return ""

    def test_can(self) -> None:
        """With modules and kretprobes, also where a kernel does not tell its symbols."""
        self.assertEqual(self.said(True, "0 T printk\n0 T register_kretprobe\n"), "")
        self.assertEqual(self.said(True, None), "")

    def test_cannot(self) -> None:
        """One line for each."""
        self.assertIn("no modules (CONFIG_MODULES)", self.said(False, ""))
        self.assertIn("no kretprobes", self.said(True, "0 T register_kretprobes\n0 T printk\n"))
        self.assertIn("needs root", self.said(True, None, 1000))


class Commands(unittest.TestCase):
    """scripts/live where the module is not loaded, or is."""

    def said(self, loaded: bool, *words: str) -> tuple[int, str, str]:
        """The exit status, and what it wrote."""
        with tempfile.TemporaryDirectory() as work:
            place = Path(work, "uring_msg_cure")
            if loaded:
                (place / "counters").mkdir(parents=True)
                (place / "counters/eaten_data").write_text("3\n")
            program = ("import runpy, sys; from pathlib import Path; from kit import live_load;"
                       "live_load.LOADED = Path(sys.argv[1]); sys.argv = sys.argv[2:];"
                       "runpy.run_path(sys.argv[0], run_name='__main__')")
            scripts = REPOSITORY / "scripts"
            done = subprocess.run(
                [sys.executable, "-Bc", program, place, scripts / "live", *words], cwd=scripts,
                capture_output=True, text=True, check=False)
            return done.returncode, done.stdout, done.stderr

    def test_status(self) -> None:
        """1 where it is not loaded: nothing was wrong with the words."""
        self.assertEqual(self.said(False, "status"), (1, "uring_msg_cure is not loaded\n", ""))
        self.assertEqual(self.said(True, "status"), (0, "eaten_data         3\n", ""))

    def test_nothing_to_unload(self) -> None:
        """3."""
        self.assertEqual(self.said(False, "unload"),
                         (3, "", "live: uring_msg_cure is not loaded\n"))

    def test_load(self) -> None:
        """A file that is not there, and a module that is."""
        self.assertEqual(self.said(False, "load", "--untested", "--module", "/no/x.ko"),
                         (2, "", "live: /no/x.ko: no such module; scripts/live build makes one\n"))
        self.assertEqual(self.said(True, "load", "--untested", "--module", __file__),
                         (3, "", "live: uring_msg_cure is loaded already: scripts/live status\n"))


if __name__ == "__main__":
    unittest.main()
