"""The guest of one kernel with a shell in it: on this terminal,
or for the commands that come on standard input."""

import contextlib
import math
import os
import re
import shlex
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from ..base import arch, host
from ..build import bundle
from . import guest, initramfs, nic, program, ssh, vm
from ..base.error import Unusable, Usage
from ..kernel.kernel import Kernel, Kernels
from .machine import Wish
from ..base.progress import Progress, told

HOME = f"/bundle/{bundle.COLLECTION}"
# What the first process of the guest sources as /job. The shell leads a session,
# or Ctrl-C would reach nobody.
ATTENDED = """stty -F "/dev/$results" sane {size}
export TERM={term} PS1={prompt} HOME={home}
cd {home}
cat <<'END'
{greeting}
END
setsid sh -c 'exec sh -i <>"/dev/$0" >&0 2>&1' "$results"
"""
PIPED = f"""cd {HOME}
sh /script
echo "# kit: exit $?"
"""
GREETING = """
# {label}: the test programs are here, each runs by itself:
#   ./late_read              all its cases; -l lists them, -r NAME runs one; late_read_32 is the
#                            32-bit build
#   sh ../run_kselftest.sh -t io_uring:late_read    as scripts/qa runs it
# Ctrl-D ends the guest, Ctrl-A X ends it when it hangs. Warnings of the kernel are printed in
# between."""


def run(word: str, arch_name: str, wish: Wish, through: str, gdb: bool) -> int:
    """Boots the kernel of a word; gives the exit status.

    Raises Usage when the word stands for more than one.
    """
    chosen = arch.named(arch_name)
    machine = wish.machine(chosen, bool(through))
    found = nic.named(through) if through else None
    if found and not chosen.native:
        raise Usage(f"--nic: not with --arch {chosen.name}; only amd64 guests have NICs")
    offer = Kernels(arch=chosen)
    kernels = offer.resolve([word])
    if len(kernels) > 1:
        raise Usage(f"{word}: {len(kernels)} kernels; name one, such as {kernels[0].word}")
    kernel = kernels[0]
    if kernel.origin == "running":
        raise Usage("running: it is this host's, so its shell is this one; make -C "
                    "selftests/io_uring builds the programs")
    if kernel.origin == "uml" and (found or gdb or wish.cpus or os.isatty(0)):
        raise Usage(f"{word}: User Mode Linux has neither a NIC nor a second CPU nor this "
                    "terminal, and gdb runs it as any other program; commands on standard input do")
    if found and not found.model.cloud:
        kernel = offer.generic(kernel)
    host.need((*host.RUN, chosen.emulator, *(nic.PACKAGES if found else ()),
               *(ssh.PACKAGES if found and found.ssh else ())))
    with tempfile.TemporaryDirectory(prefix="qa-shell-") as name:
        home = Path(name)
        plain = _ready(kernel, home)
        if found and (lacking := found.lacking(plain.files.config, plain.files.modules)):
            raise nic.NoDriver(lacking)
        if gdb:
            machine = _stopped(machine, home, kernel)
        if not os.isatty(0):
            return _piped(replace(plain, machine=machine), found, gdb)
        with _echoed(plain.console, "\r\n"):
            ended = guest.between(replace(plain, machine=machine), found, vm.attended,
                                  more={"job": _attended(kernel).encode()})
        return 0 if ended == 0 else 3


def _ready(kernel: Kernel, home: Path) -> vm.Boot:
    with Progress() as progress:
        with told(partial(progress.phase, kernel.label)):
            files = kernel.obtain()
        with told(partial(progress.phase, "selftest")):
            built = bundle.build(arch=kernel.arch)
            base = initramfs.base(built, kernel.arch)
        with told(partial(progress.phase, kernel.label)):
            accelerator = vm.accelerator(files, base)
        progress.note(f"{kernel.label}: booting ({accelerator.upper()})")
    return vm.Boot(accelerator, files, base, home)


def _attended(kernel: Kernel) -> str:
    columns, rows = shutil.get_terminal_size()
    term = re.sub(r"[^\w.+-]", "", os.environ.get("TERM", "")) or "vt100"
    return ATTENDED.format(size=f"rows {rows} cols {columns}", term=term, home=HOME,
                           prompt=shlex.quote(f"{kernel.label}:\\w # "),
                           greeting=GREETING.format(label=kernel.label))


def _piped(plain: vm.Boot, through: nic.Nic | None, gdb: bool) -> int:
    """Runs what comes on standard input in the guest; gives the exit status of that."""
    patient = replace(plain.machine, overall=math.inf, silence=math.inf,
                      boot=math.inf if gdb else plain.machine.boot)
    status = None

    def seen(line: str) -> None:
        nonlocal status
        if match := re.fullmatch(r"# kit: exit (\d+)", line):
            status = int(match[1])
        elif not line.startswith(("# kit: started ", "# kit: done ")):
            print(line, flush=True)

    more: program.Files = {"job": PIPED.encode(), "script": sys.stdin.buffer.read()}
    with _echoed(plain.console, "\n"):
        done = guest.between(replace(plain, machine=patient, seen=seen), through, vm.boot,
                             more=more)
    if status is None:
        raise Unusable(f"the guest did not come to its end ({done.ended or 'it died'})")
    return status


def _stopped(machine: vm.Machine, home: Path, kernel: Kernel) -> vm.Machine:
    """The same guest, that waits for gdb; says how to reach it."""
    socket = home / "gdb"
    symbols = Path(kernel.word) / "vmlinux"
    if not symbols.is_file():
        symbols = Path("vmlinux")
        where = (f"; vmlinux is in the package {kernel.package}-dbg"
                 if kernel.origin == "debian" else "")
    else:
        where = ""
    print(f"qa: the guest waits for: gdb -ex 'target remote {socket}' {symbols}{where}\n"
          "qa: then: hbreak start_kernel, continue", file=sys.stderr, flush=True)
    return replace(machine,
                   words=(*machine.words, "-S", "-gdb", f"unix:{socket},server=on,wait=off"),
                   arguments=f"nokaslr {machine.arguments}".rstrip())


@contextlib.contextmanager
def _echoed(console: Path, end: str) -> Iterator[None]:
    """Shows on standard error what a guest's console says, for as long as the block runs."""
    over = threading.Event()
    console.touch()

    def follow() -> None:
        with console.open(errors="replace") as file:
            while True:
                last = over.is_set()
                for line in file:
                    print(line.rstrip("\r\n"), end=end, file=sys.stderr, flush=True)
                if last:
                    return
                over.wait(0.2)

    follower = threading.Thread(target=follow, daemon=True)
    follower.start()
    try:
        yield
    finally:
        over.set()
        follower.join()
