"""kit/live_load.py: why a module was not loaded, in one line, and what the tests say beforehand."""

import unittest
from dataclasses import replace

from kit import live_load
from tests.test_live_run import CASE

FREE = "[none] integrity confidentiality\n"


class Why(unittest.TestCase):
    """One line for each refusal."""

    def test_another_kernel(self) -> None:
        """The version magic does not match."""
        said = live_load.why("insmod: ERROR: could not insert module x.ko: Invalid module format\n",
                             ["[1.0] uring_msg_cure: version magic '6.1.0-57 SMP' should be '6.1.0-58 SMP'"], FREE, "6.1.0-58")
        self.assertIn("for another kernel than 6.1.0-58", said)
        self.assertIn("version magic", said)

    def test_lockdown(self) -> None:
        """An unsigned module, by either word that the kernel has for it."""
        for word, state in (("Key was rejected by service", FREE), ("Operation not permitted", "none [integrity] x")):
            said = live_load.why(f"insmod: ERROR: could not insert module x.ko: {word}\n", [], state, "6.1")
            self.assertIn("signed modules alone", said)

    def test_the_module_itself(self) -> None:
        """Its own line, the last one."""
        said = live_load.why("insmod: ERROR: could not insert module x.ko: Operation not supported\n",
                             ["[1.0] other", "[2.0] uring_msg_cure: a probe does nothing in this kernel"], FREE, "6.1")
        self.assertEqual(said, "a probe does nothing in this kernel")

    def test_without_a_word(self) -> None:
        """What insmod said is better than nothing."""
        self.assertEqual(live_load.why("insmod: ERROR: x: No such file or directory", [], "", "6.1"),
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
        self.assertEqual(live_load.verdict([replace(CASE, outcome="skip", reason="io_uring is not allowed here")]),
                         "io_uring is not allowed here")


if __name__ == "__main__":
    unittest.main()
