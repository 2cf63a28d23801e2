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
from kit.base.error import Usage
from kit.base.paths import REPOSITORY

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

    def test_a_file_in_the_way_is_named(self) -> None:
        """Without a name of a file it is a mistake of ours, shown as one; a full disk is none."""
        process = self.start("open('/nowhere/x')")
        self.assertEqual(process.communicate()[1], "thing: /nowhere/x: No such file or directory\n")
        self.assertEqual(process.returncode, 3)
        process = self.start("raise OSError(28, 'No space left on device')")
        self.assertEqual(process.communicate()[1], "thing: No space left on device\n")
        process = self.start("raise OSError(22, 'Invalid argument')")
        self.assertIn("Traceback", process.communicate()[1])

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


class Words(unittest.TestCase):
    """What is wrong with a command line."""

    def parser(self) -> cli.Parser:
        """A command with an option and two verbs."""
        top = cli.Parser(prog="scripts/thing")
        top.add_argument("--loud", action="store_true")
        verbs = top.verbs("verb")
        verbs.add_parser("make").add_argument("name", metavar="NAME")
        verbs.add_parser("show").add_argument("-n", type=int)
        return top

    def test_one_line_that_names_the_help(self) -> None:
        """That of the verb, where there is one; an unknown option is no missing verb."""
        for words, said in (
                ("--nonsense", "unrecognized arguments: --nonsense; see scripts/thing --help"),
                ("", "give one of make, show; see scripts/thing --help"),
                ("--loud", "give one of make, show; see scripts/thing --help"),
                ("make",
                 "the following arguments are required: NAME; see scripts/thing make --help"),
                ("make x --loud", "unrecognized arguments: --loud; see scripts/thing make --help"),
                ("show -n x",
                 "argument -n: invalid int value: 'x'; see scripts/thing show --help")):
            with self.subTest(words), self.assertRaises(Usage) as caught:
                self.parser().parse_args(words.split())
            self.assertEqual(str(caught.exception), said)

    def test_what_is_right(self) -> None:
        """No word is lost."""
        given = self.parser().parse_args(["--loud", "show", "-n", "3"])
        self.assertEqual((given.loud, given.verb, given.n), (True, "show", 3))

    def test_every_command(self) -> None:
        """Each script, asked for something that it does not know."""
        names = [path for path in (REPOSITORY / "scripts").iterdir()
                 if path.is_file() and os.access(path, os.X_OK)]
        self.assertGreater(len(names), 9)
        for path in names:
            words = ["x", "--into", "y", "--nonsense"] if path.name == "ramdisk" else ["--nonsense"]
            done = subprocess.run([sys.executable, "-B", path, *words], capture_output=True,
                                  text=True, check=False)
            with self.subTest(path.name):
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                said = (rf"\A{path.name}: unrecognized arguments: --nonsense; "
                        rf"see scripts/{path.name}( run)? --help\n\Z")
                self.assertRegex(done.stderr, said)


if __name__ == "__main__":
    unittest.main()
