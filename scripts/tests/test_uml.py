"""User Mode Linux as an engine: how guests end and what is left; a shell script is the kernel."""

import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

from kit import verdict
from kit.base import ktap
from kit.base.arch import UML
from kit.base.version import parse
from kit.guest import guest, uml, vm
from kit.kernel.kernel import Files

BEGIN, END = 'echo "# kit: started 7.3.4 0.1" >&3; ', 'echo "# kit: done 0.9" >&3; '
PASSES = ('printf "TAP version 13\\n1..1\\n# selftests: io_uring: late_read\\n# TAP version 13\\n'
          '# 1..1\\n# ok 1 late_read.a.b\\nok 1 selftests: io_uring: late_read\\n" >&3; ')
OOPS = "Kernel panic - not syncing: Fatal exception"
WARNING = "WARNING: CPU: 0 PID: 1 at io_uring/net.c:1 io_send+0x1/0x2"
ASLEEP = f"9{os.getpid()}.4"           # seconds: tells these sleepers from others


def asleep() -> list[int]:
    """The processes that the scripts left behind."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes() == f"sleep\0{ASLEEP}\0".encode():
                found.append(int(path.parent.name))
        except OSError:
            pass
    return found


def gone(seconds: float = 10) -> bool:
    """Whether none of them is left in time."""
    until = time.monotonic() + seconds
    while asleep() and time.monotonic() < until:
        time.sleep(0.05)
    return not asleep()


class Guests(unittest.TestCase):
    """Boots scripts."""

    def setUp(self) -> None:
        work = tempfile.TemporaryDirectory()
        self.addCleanup(work.cleanup)
        self.home = Path(work.name)
        (self.home / "base").write_bytes(b"base")

    def plain(self, script: str, machine: vm.Machine = vm.USUAL) -> vm.Boot:
        """A guest whose kernel is this script."""
        image = self.home / "linux"
        image.write_text(f"#!/bin/sh\n{script}\n")
        image.chmod(0o755)
        files = Files(image, arch=UML)
        base = self.home / "base"
        return vm.Boot(vm.accelerator(files, base), files, base, self.home, machine=machine)

    def outcome(self, script: str, machine: vm.Machine = vm.USUAL) -> tuple[str, str]:
        """What became of it."""
        run = guest.job(self.plain(script, machine), ":")
        return verdict.outcome(ktap.parse(run.lines), run)


class Outcomes(Guests):
    """Told apart as those of QEMU are."""

    def test_passed(self) -> None:
        self.assertEqual(self.outcome(BEGIN + PASSES + END), ("passed", ""))

    def test_warned(self) -> None:
        script = f"{BEGIN}{PASSES}echo '{WARNING}'; {END}"
        self.assertEqual(self.outcome(script), ("warned", WARNING))

    def test_panicked(self) -> None:
        script = f"{BEGIN}echo '{OOPS}'; exit 134"
        self.assertEqual(self.outcome(script), ("panicked", "Fatal exception"))

    def test_did_not_boot(self) -> None:
        for script, why in ((f"echo '{OOPS}'; exit 134", "Fatal exception"),
                            ("echo out of memory >&2; exit 1", "UML ended with 1")):
            self.assertEqual(self.outcome(script), ("did-not-boot", why))

    def test_no_program_of_this_host(self) -> None:
        plain = self.plain("")
        plain.files.image.write_bytes(b"\x7fELF" + bytes(60))
        run = guest.job(plain, ":")
        self.assertEqual(verdict.outcome([], run)[0], "did-not-boot")
        self.assertRegex(run.ended, "UML ended with 12[67]")
        self.assertIn("linux", run.console)

    def test_hung(self) -> None:
        short = vm.Machine(silence=0.5, boot=0.5)
        self.assertEqual(self.outcome(f"{BEGIN}sleep {ASLEEP}", short), ("hung", "no sign of life"))
        self.assertEqual(self.outcome(f"sleep {ASLEEP}", short)[0], "did-not-boot")
        self.assertTrue(gone())

    def test_ended_early(self) -> None:
        self.assertEqual(self.outcome(BEGIN), ("hung", "the guest ended early"))


class Ends(Guests):
    """Nothing is left of it, whatever happens."""

    def test_no_process_that_left_its_group(self) -> None:
        if not uml.apart():
            self.skipTest("no PID namespaces here")
        run = guest.job(self.plain(f"setsid sleep {ASLEEP} & {BEGIN}{END}"), ":")
        self.assertEqual(run.ended, "")
        self.assertTrue(gone())

    def test_nor_when_the_command_is_killed(self) -> None:
        if not uml.apart():
            self.skipTest("no PID namespaces here")
        plain = self.plain(f"setsid sleep {ASLEEP} & {BEGIN} sleep {ASLEEP}")
        program = ("import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path;"
                   "from kit.guest import vm; from kit.base.arch import UML;"
                   "from kit.kernel.kernel import Files; h = Path(sys.argv[2]);"
                   "vm.boot(vm.Boot('uml', Files(h / 'linux', arch=UML), h / 'base', h, print))")
        for number in (signal.SIGTERM, signal.SIGKILL):
            argv = [sys.executable, "-uc", program, str(Path(__file__).parents[1]), str(self.home)]
            with subprocess.Popen(argv, stdout=subprocess.PIPE, start_new_session=True) as process:
                assert process.stdout
                self.assertIn(b"started", process.stdout.readline())
                until = time.monotonic() + 10
                while len(asleep()) < 2 and time.monotonic() < until:
                    time.sleep(0.05)
                there = len(asleep())
                os.kill(process.pid, number)
            self.assertGreaterEqual(there, 2)
            self.assertTrue(gone(), number)
        self.assertTrue(plain.console.exists())

    def test_no_file(self) -> None:
        pid = 'for word; do case $word in uml_dir=*) mkdir -p "${word#*=}/guest";; esac; done; '
        guest.job(self.plain(f"{pid}{BEGIN}{END}"), ":")
        names = sorted(path.name for path in self.home.iterdir())
        self.assertEqual(names, ["base", "console.log", "linux"])


class Words(unittest.TestCase):
    """The command line."""

    def test_arguments(self) -> None:
        words = uml.words(Path("/k/linux"), Path("/r/initrd.cpio"), Path("/r/console.log"), "256",
                          "a=b c")
        kernel = words[words.index("/k/linux"):]
        for word in ("mem=256M", "initrd=/r/initrd.cpio", "uml_dir=/r/uml", "ending=poweroff"):
            self.assertIn(word, kernel)
        self.assertEqual(kernel[-2:], ["a=b", "c"])
        self.assertEqual(words[:3], ["setpriv", "--pdeathsig", "KILL"])

    def test_memory_where_there_is_room(self) -> None:
        def stat(name: str) -> os.statvfs_result:
            blocks = (64 << 20 if name == "/dev/shm" else 1 << 40) // 4096
            return os.statvfs_result((4096, 4096, blocks, blocks, blocks, 1, 1, 1, 0, 255))

        with mock.patch.object(os, "statvfs", stat):
            self.assertEqual((uml.place(32), uml.place(256)), ("/dev/shm", "/tmp"))


if __name__ == "__main__":
    unittest.main()
