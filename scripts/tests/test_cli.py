"""How a command ends: its status, one line for an error, nothing left behind."""

import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from kit.base import cli

COMMAND = """
from kit.base import cli, command
from kit.base.error import Unusable, Usage

def main(argv):
{}

cli.run(main)
"""


class Ends(unittest.TestCase):
    def start(self, *lines: str) -> "subprocess.Popen[str]":
        """A command called thing, with this main()."""
        path = Path(self.enterContext(tempfile.TemporaryDirectory()), "thing")
        path.write_text(COMMAND.format("\n".join(f"    {line}" for line in lines)))
        found = {**os.environ, "PYTHONPATH": str(Path(cli.__file__).parents[2])}
        process = subprocess.Popen([sys.executable, path, "word"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, env=found)
        assert process.stdout and process.stderr
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.stdout.close)
        return process

    def test_the_status_of_main(self) -> None:
        process = self.start("return 7 if argv == ['word'] else 0")
        self.assertEqual((*process.communicate(), process.returncode), ("", "", 7))

    def test_an_error_is_one_line(self) -> None:
        for kind, status in (("Usage", 2), ("Unusable", 3)):
            process = self.start(f"raise {kind}('no such thing')")
            self.assertEqual(process.communicate()[1], "thing: no such thing\n")
            self.assertEqual(process.returncode, status)

    def test_a_signal_ends_what_was_started(self) -> None:
        process = self.start("child = command.start(['sleep', '60'])",
                             "print(child.pid, flush=True)", "child.wait()")
        assert process.stdout
        child = int(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(10), 130)
        self.assertEqual(process.communicate()[1], "")
        for _ in range(100):           # until whoever adopts it has waited for it
            stat = Path(f"/proc/{child}/stat")
            if not stat.exists() or stat.read_text().split()[2] == "Z":
                return
            time.sleep(0.05)
        self.fail("sleep goes on")

    def test_who_reads_stops(self) -> None:
        process = self.start("print('x' * 1000000)", "return 1")
        assert process.stdout
        process.stdout.close()
        self.assertEqual(process.wait(10), 0)
        assert process.stderr
        self.assertEqual(process.stderr.read(), "")


if __name__ == "__main__":
    unittest.main()
