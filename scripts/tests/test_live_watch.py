"""live/watch/uring-msg-watch: one line and its exit status where it cannot watch."""

import subprocess
import tempfile
import unittest
from pathlib import Path

from kit.base.paths import REPOSITORY

WATCH = REPOSITORY / "live/watch/uring-msg-watch"


class Refusals(unittest.TestCase):
    """What is missing, with programs of ours in the place of the host's."""

    def test_help(self) -> None:
        """One line, with nothing installed."""
        done = subprocess.run(["/bin/sh", WATCH, "--help"], env={"PATH": ""}, text=True,
                              capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stdout.count("\n"), done.stderr), (0, 1, ""))
        self.assertRegex(done.stdout, r"^uring-msg-watch \[-f text\|json\] \[SECONDS\]: ")

    def said(self, words: list[str], programs: dict[str, str]) -> tuple[int, str]:
        """The exit status and what it said, where there are only these programs and dirname."""
        with tempfile.TemporaryDirectory() as work:
            for name, text in {"dirname": "echo /nowhere", **programs}.items():
                Path(work, name).write_text(f"#!/bin/sh\n{text}\n")
                Path(work, name).chmod(0o755)
            done = subprocess.run(["/bin/sh", WATCH, *words], env={"PATH": work}, text=True,
                                  capture_output=True, check=False)
            return done.returncode, done.stderr

    def test_wrong_words(self) -> None:
        """Exit status 2."""
        for words in (["-f", "xml"], ["-f"], ["--nonsense"], ["soon"], ["1", "2"]):
            status, said = self.said(words, {})
            self.assertEqual((status, said.count("\n")), (2, 1), said)

    def test_without_bpftrace(self) -> None:
        """What to install."""
        self.assertEqual(self.said([], {}),
                         (3, "uring-msg-watch: bpftrace is missing: apt-get install bpftrace\n"))

    def test_without_privilege(self) -> None:
        """Root is needed."""
        self.assertEqual(self.said([], {"bpftrace": "exit 0", "id": "echo 1000"}),
                         (3, "uring-msg-watch: watching the kernel needs root\n"))

    def test_without_a_place(self) -> None:
        """A kernel without BTF, or without the functions;
        where this one has both, the script is missed."""
        status, said = self.said([], {"bpftrace": "exit 0", "id": "echo 0", "grep": "exit 1"})
        self.assertEqual((status, said.count("\n")), (3, 1), said)


class Script(unittest.TestCase):
    """uring-msg-watch.bt, as far as it can be read without bpftrace."""

    def test_nothing_is_deleted_that_may_not_be_there(self) -> None:
        """bpftrace 0.23 prints three lines for each time: thousands, before the table."""
        around: list[str] = []
        before, deletes = "", 0
        for line in map(str.strip, WATCH.with_suffix(".bt").read_text().splitlines()):
            if line.startswith("}"):
                around.pop()
            if line.endswith("{"):
                around.append(before if line == "{" else line)
            if line.startswith("delete("):
                deletes += 1
                self.assertTrue(any(each.startswith(("if (", "/@")) for each in around), line)
            before = line
        self.assertEqual((deletes, around), (4, []))


if __name__ == "__main__":
    unittest.main()
