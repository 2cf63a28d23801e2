"""One guest, in QEMU or as User Mode Linux: boots it, collects what it says,
and ends it whatever happens.

The guest has no disk, and no network but the ports of a NIC that it is given. Its console goes to a
file, its results, on a port of their own, come over standard output, so that each line is seen when
it is written.
"""

import contextlib
import os
import selectors
import shutil
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..base import cache, command, progress
from . import initramfs, uml
from ..base.arch import UML
from ..kernel import pvh
from ..kernel.kernel import Files
from .nic import Ports
from .qemu import PROGRAM


@dataclass(frozen=True)
class Machine:
    """What a guest has, and how long it may take."""

    memory: str = "512"                # MiB
    cpus: int = 1
    arguments: str = ""                # more of the kernel's command line
    overall: float = 900.0             # seconds one guest may take
    silence: float = 240.0             # seconds without a byte on either port;
                                       # above kselftest's timeout
    boot: float = 90.0                 # the same until the first line of results
    words: tuple[str, ...] = ()        # more of QEMU's command line


USUAL = Machine()


@dataclass(frozen=True)
class Boot:
    """A guest to be: the engine that runs it, its kernel and root, what it has,
    and where what it says goes."""

    engine: str                        # "kvm", "tcg" or "uml"
    files: Files
    base: Path                         # the part of its initramfs that all guests share
    home: Path                         # the folder for its console.log
    seen: Callable[[str], None] = lambda line: None    # called for each line of results
    machine: Machine = USUAL
    own: bytes = b""                   # the part of its initramfs that no other guest has
    ports: Ports = Ports()

    @property
    def console(self) -> Path:
        """The file that the guest's console is written to as it comes."""
        return self.home / "console.log"


@dataclass
class Run:
    """What came from a guest: its results as (seconds since start, line), and how it ended."""

    lines: list[tuple[float, str]]
    console: str
    ended: str                # "" by itself, else "silence", "overall" or QEMU's own complaint
    seconds: float


def accelerator(files: Files, base: Path) -> str:
    """What runs a guest of this kernel: "uml" if it is one, "kvm" if that really works
    on this host, else "tcg".

    Asked once per boot of the host and version of QEMU, then remembered.
    """
    if files.arch == UML:
        return uml.ENGINE
    if not files.arch.native or not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    version = command.run([PROGRAM, "--version"], PROGRAM)
    host_boot = Path("/proc/sys/kernel/random/boot_id").read_bytes()

    def probe(into: Path) -> None:
        progress.step("trying KVM")
        run = boot(Boot("kvm", files, base, into, machine=Machine(overall=20),
                        own=initramfs.of_kernel(None, "")))
        works = any("# kit: done" in line for _, line in run.lines)
        (into / "accelerator").write_text("kvm" if works else "tcg")
        (into / "why").write_text(run.ended)

    return ((cache.folder(f"kvm/{cache.digest(version, host_boot)}", probe) / "accelerator")
            .read_text())


def boot(guest: Boot) -> Run:
    """Runs a guest until it ends or runs out of time."""
    started = time.monotonic()
    try:
        with _initrd(guest) as initrd:
            return _watch(_argv(guest, initrd, "stdio,id=results,signal=off"), guest, started)
    except OSError as bad:
        raise cache.unusable(guest.console, bad) from bad


def attended(guest: Boot) -> int:
    """Runs a kernel as boot() does, its results and this process's terminal being one;
    gives QEMU's exit status.

    There is no time limit: whoever sits there ends it. The terminal is left as it was found.
    """
    # Keys such as Ctrl-C are the guest's; the multiplexer keeps Ctrl-A for itself
    with _initrd(guest) as initrd:
        argv = _argv(guest, initrd, "stdio,id=results,mux=on,signal=off")
        # On SIGTERM QEMU gives the terminal back; on the usual SIGKILL it cannot,
        # nor can we when killed
        argv = ["TERM" if word == "KILL" else word for word in argv]
        before = termios.tcgetattr(0) if os.isatty(0) else None
        qemu = subprocess.Popen(argv, pass_fds=guest.ports.descriptors)
        try:
            return qemu.wait()
        finally:
            qemu.kill()
            qemu.wait()
            if before:
                with contextlib.suppress(termios.error):           # it may have hung up
                    termios.tcsetattr(0, termios.TCSADRAIN, before)


@contextlib.contextmanager
def beside(guest: Boot) -> Iterator[None]:
    """Runs a second guest while the block runs; its results go
    to the file `results.log` beside its console."""
    with _initrd(guest) as initrd:
        results = f"file,id=results,path={guest.home / 'results.log'}"
        qemu = command.start(_argv(guest, initrd, results), stderr=subprocess.STDOUT,
                             descriptors=guest.ports.descriptors)
        assert qemu.stdout
        with qemu.stdout:
            try:
                yield
            finally:
                command.end(qemu)


@contextlib.contextmanager
def _initrd(guest: Boot) -> Iterator[Path]:
    """The guest's initramfs beside its console for as long as the block runs."""
    initrd = guest.home / "initrd.cpio"
    try:
        initrd.write_bytes(guest.base.read_bytes() + guest.own)
        yield initrd
    finally:
        initrd.unlink(missing_ok=True)
        shutil.rmtree(guest.home / uml.FOLDER, ignore_errors=True)


def _argv(guest: Boot, initrd: Path, results: str) -> list[str]:
    if guest.engine == uml.ENGINE:
        return uml.words(guest.files.image, initrd, guest.console, guest.machine.memory,
                         guest.machine.arguments)
    arch, machine, ports = guest.files.arch, guest.machine, guest.ports
    image = pvh.startable(guest.files.image) if arch.native else guest.files.image
    # The kernel's own delays and checks that no test needs are left out:
    # under TCG they cost seconds.
    arguments = (f"console={arch.console} results={arch.results} panic=-1 loglevel=5 oops=panic "
                 f"mitigations=off {arch.arguments} random.trust_cpu=on cryptomgr.notests "
                 "rdinit=/init")
    return [*ports.around, "setpriv", "--pdeathsig", "KILL",
            *(ports.qemu if arch.native else (arch.qemu,)), *arch.machine, "-accel", guest.engine,
            "-cpu", arch.cpu if guest.engine == "tcg" else "host", "-smp", str(machine.cpus), "-m",
            machine.memory, *machine.words, "-nodefaults", "-display", "none", "-no-reboot",
            "-kernel", str(image), "-initrd", str(initrd), "-append",
            f"{arguments} {machine.arguments}".rstrip(), *ports.arguments, "-chardev",
            f"file,id=console,path={guest.console}", "-chardev", results, *arch.serial]


def _watch(argv: list[str], guest: Boot, started: float) -> Run:
    console, machine = guest.console, guest.machine
    lines: list[tuple[float, str]] = []
    ended = ""
    rest = b""
    size, heard = 0, time.monotonic()
    qemu = command.start(argv, descriptors=guest.ports.descriptors)
    assert qemu.stdout and qemu.stderr
    with qemu.stdout as results, qemu.stderr as errors:
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(results, selectors.EVENT_READ)
                while not ended:
                    now = time.monotonic()
                    if selector.select(0.5):
                        data = os.read(results.fileno(), 65536)
                        if not data:
                            break
                        heard = now
                        *whole, rest = (rest + data).split(b"\n")
                        for line in whole:
                            text = line.decode(errors="replace").rstrip("\r")
                            lines.append((time.monotonic() - started, text))
                            guest.seen(text)
                    grown = console.stat().st_size if console.exists() else 0
                    if grown != size:
                        size, heard = grown, now
                    if now - started > machine.overall:
                        ended = "overall"
                    elif now - heard > (machine.silence if lines else machine.boot):
                        ended = "silence"
        finally:
            command.end(qemu, 0 if ended else 2)
        complaint = errors.read().decode(errors="replace").strip().splitlines()
    if rest:
        lines.append((time.monotonic() - started, rest.decode(errors="replace")))
    if not ended and qemu.returncode:
        ended = (f"{'UML' if guest.engine == uml.ENGINE else 'QEMU'} ended with {qemu.returncode}"
                 + (f": {complaint[-1]}" if complaint else ""))
    text = console.read_text(errors="replace") if console.exists() else ""
    return Run(lines, text, ended, time.monotonic() - started)
