"""Ends of a guest: time limits and interruption, with a shell in QEMU's place."""

import tempfile
import threading
import time
import unittest
from pathlib import Path

from kit import verdict
from kit.base import command
from kit.guest import guest, vm
from kit.kernel.kernel import Files


class Ends(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.home = Path(self.folder.name)

    def tearDown(self) -> None:
        self.folder.cleanup()

    def watch(self, script: str, machine: vm.Machine = vm.USUAL) -> vm.Run:
        return vm._watch(["sh", "-c", script],
                         vm.Boot("tcg", Files(Path()), Path(), self.home, machine=machine),
                         time.monotonic())

    def test_lines_come_whole(self) -> None:
        run = self.watch("printf 'one\\r\\ntw'; sleep 0.2; printf 'o\\nrest'")
        self.assertEqual(([line for _, line in run.lines], run.ended), (["one", "two", "rest"], ""))

    def test_failure_of_qemu(self) -> None:
        self.assertEqual(self.watch("echo no such machine >&2; exit 1").ended,
                         "QEMU ended with 1: no such machine")

    def test_silence(self) -> None:
        short = vm.Machine(silence=0.3, boot=0.3)
        self.assertEqual(self.watch("echo x; sleep 60", short).ended, "silence")

    def test_overall(self) -> None:
        self.assertEqual(self.watch("while :; do echo x; sleep 0.1; done", vm.Machine(overall=0.5))
                         .ended, "overall")

    def test_interrupted_is_no_result(self) -> None:
        threading.Timer(0.3, command.stop).start()
        self.addCleanup(setattr, command, "_stopped", False)
        started = time.monotonic()
        with self.assertRaises(KeyboardInterrupt):
            self.watch("sleep 60")
        self.assertLess(time.monotonic() - started, 10)


class Joined(unittest.TestCase):
    """Guests of one kernel, told as one."""

    def one(self, *lines: str, ended: str = "") -> vm.Run:
        return vm.Run([(1.0, line) for line in lines], "console\n", ended, 2.0)

    def test_whole(self) -> None:
        both = guest.joined([self.one("# kit: started", "a", "# kit: done"),
                             self.one("# kit: started", "b", "# kit: done")])
        self.assertEqual(verdict.outcome([], both)[0], "ran-nothing")
        self.assertEqual([line for _, line in both.lines if len(line) == 1], ["a", "b"])
        self.assertEqual((both.console, both.seconds), ("console\n" * 2, 2.0))

    def test_one_that_hung_is_not_hidden_by_the_other(self) -> None:
        good = self.one("# kit: started", "a", "# kit: done")
        for bad in (self.one("# kit: started", ended="silence"), self.one("# kit: started")):
            for runs in ((good, bad), (bad, good)):
                self.assertEqual(verdict.outcome([], guest.joined(runs))[0], "hung")


if __name__ == "__main__":
    unittest.main()
