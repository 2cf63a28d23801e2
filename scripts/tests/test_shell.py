"""A shell in a guest, with a shell of this host in QEMU's place."""

import contextlib
import io
import os
import pty
import subprocess
import sys
import tempfile
import termios
import unittest
from pathlib import Path
from unittest import mock

from kit.guest import guest, shell, vm
from kit.base.arch import AMD64
from kit.base.error import Unusable, Usage
from kit.kernel.kernel import Files, Kernel
from kit.guest.machine import Wish

KERNEL = Kernel("6.1.5", "debian:6.1.5", "debian", None, "linux-image-6.1.5-amd64")


class Words(unittest.TestCase):
    """What cannot be opened."""

    def test_running(self) -> None:
        with self.assertRaisesRegex(Usage, "running: it is this host's"):
            shell.run("running", "amd64", Wish(), "", False)

    def test_more_than_one(self) -> None:
        with mock.patch.object(shell, "Kernels") as kernels, self.assertRaisesRegex(
                Usage, "default: 2 kernels; name one, such as debian:6.1.5"):
            kernels.return_value.resolve.return_value = [KERNEL, KERNEL]
            shell.run("default", "amd64", Wish(), "", False)

    def test_bad_options(self) -> None:
        for options, words in ((("m68k", Wish(), ""), "no such architecture"),
                               (("amd64", Wish("1"), ""), "--memory 1"),
                               (("amd64", Wish(), "e9"), "no NIC e9"),
                               (("arm64", Wish(), "e1000e"), "--nic: not with --arch arm64")):
            with self.assertRaisesRegex(Usage, words):
                shell.run("debian:6.1", *options, False)


class Piped(unittest.TestCase):
    """Commands on standard input."""

    def go(self, *lines: str, ended: str = "") -> tuple[int, str]:
        """What a guest that says these lines gives and prints."""
        def between(*_args: object, more: dict[str, bytes], **_others: object) -> vm.Run:
            self.assertEqual(more["script"], b"uname\n")
            plain, _, boot = _args
            assert callable(boot)
            done: vm.Run = boot(plain)
            return done

        def booted(plain: vm.Boot) -> vm.Run:
            for line in lines:
                plain.seen(line)
            return vm.Run([], "", ended, 1.0)

        out = io.StringIO()
        stdin = mock.Mock(buffer=io.BytesIO(b"uname\n"))
        with (tempfile.TemporaryDirectory() as name, contextlib.redirect_stdout(out),
              mock.patch.object(sys, "stdin", stdin),
              mock.patch.object(guest, "between", between), mock.patch.object(vm, "boot", booted)):
            status = shell._piped(vm.Boot("tcg", Files(Path()), Path(), Path(name)), None, False)
        return status, out.getvalue()

    def test_status_is_that_of_the_commands(self) -> None:
        self.assertEqual(self.go("# kit: started 6.1.5 1.0", "Linux",
                                 "# kit: exit 7", "# kit: done 2.0"),
                         (7, "Linux\n"))

    def test_guest_that_dies(self) -> None:
        with self.assertRaisesRegex(Unusable, r"the guest did not come to its end \(silence\)"):
            self.go("Linux", ended="silence")
        with self.assertRaisesRegex(Unusable, r"the guest did not come to its end \(it died\)"):
            self.go("Linux")


class Attended(unittest.TestCase):
    """On a terminal."""

    def test_terminal_is_left_as_it_was(self) -> None:
        outer, inner = pty.openpty()
        self.addCleanup(os.close, outer)
        before = termios.tcgetattr(inner)
        program = ("import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; from "
                   "unittest import mock;from kit.guest import vm; vm._argv = "
                   "mock.Mock(return_value=['sh', '-c', 'stty raw -echo; exit 5']);from "
                   "kit.kernel.kernel import Files; w = Path(sys.argv[2]); (w / "
                   "'b').touch();sys.exit(vm.attended(vm.Boot('tcg', Files(w), w / 'b', w)))")
        with tempfile.TemporaryDirectory() as name:
            done = subprocess.run([sys.executable, "-c", program, Path(__file__).parents[1], name],
                                  stdin=inner, check=False)
            self.assertEqual([path.name for path in Path(name).iterdir()], ["b"])
        self.assertEqual((done.returncode, termios.tcgetattr(inner)), (5, before))
        os.close(inner)

    def test_killed_command_leaves_a_guest_that_gives_the_terminal_back(self) -> None:
        with tempfile.TemporaryDirectory() as name, mock.patch.object(subprocess, "Popen") as popen:
            work = Path(name)
            (work / "base").touch()
            vm.attended(vm.Boot("tcg", Files(work / "vmlinuz"), work / "base", work))
        self.assertEqual(popen.call_args.args[0][:3], ["setpriv", "--pdeathsig", "TERM"])

    def test_script_says_how_to_use_it(self) -> None:
        text = shell._attended(KERNEL)
        said = subprocess.run(["sh", "-n"], input=text, text=True, capture_output=True, check=False)
        self.assertEqual((said.returncode, said.stderr), (0, ""))
        self.assertIn("# 6.1.5: the test programs are here", text)
        self.assertIn("Ctrl-D ends the guest, Ctrl-A X ends it", text)

    def test_gdb(self) -> None:
        with contextlib.redirect_stderr(io.StringIO()) as said:
            machine = shell._stopped(Wish(append="x").machine(AMD64), Path("/tmp/q"), KERNEL)
        self.assertEqual(machine.words, ("-S", "-gdb", "unix:/tmp/q/gdb,server=on,wait=off"))
        self.assertEqual(machine.arguments, "nokaslr x")
        self.assertIn("gdb -ex 'target remote /tmp/q/gdb' vmlinux; vmlinux is in the package "
                      "linux-image-6.1.5-amd64-dbg\n", said.getvalue())

    def test_console_is_shown(self) -> None:
        with tempfile.TemporaryDirectory() as name, contextlib.redirect_stderr(
                io.StringIO()) as said:
            console = Path(name) / "console.log"
            with shell._echoed(console, "\r\n"):
                with console.open("a") as file:
                    file.write("[ 1.0] BUG: one\r\n")
            self.assertEqual(said.getvalue(), "[ 1.0] BUG: one\r\n")


if __name__ == "__main__":
    unittest.main()
