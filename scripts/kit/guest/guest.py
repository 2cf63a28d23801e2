"""The guests that one row of the matrix takes: one, with or without both ports of a NIC, or two on a wire."""

import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from ..kernel import module
from . import initramfs, nic, program, ssh, vm
from ..base.error import Unusable
from ..kernel.kernel import Files
from .nic import Nic, NoDriver, Ports
from .vm import Run

Lines = Sequence[tuple[float, str]]
T = TypeVar("T")


def run(accelerator: str, files: Files, base: Path, request: str, through: Nic | None, home: Path,
        seen: Callable[[str], None], machine: vm.Machine = vm.USUAL) -> Run:
    """Boots a kernel, tested as the request says, with consoles in its results folder; vm.boot() has the rest."""
    def boot(initrd: bytes, ports: Ports) -> Run:
        done = vm.boot(accelerator, files.image, base, initrd, home / "console.log", seen, ports=ports,
                       machine=replace(machine, arch=files.arch))
        done.lines[:0] = [(0.0, f"# nic: {note}") for note in ports.notes]
        return done

    return between(accelerator, files, base, through, home, boot, request)


def between(accelerator: str, files: Files, base: Path, through: Nic | None, home: Path,
            boot: Callable[[bytes, Ports], T], request: str = "", more: program.Files | None = None) -> T:
    """Calls boot(initramfs of its own, ports) for a guest with a NIC or none; the peer of an ssh way runs meanwhile."""
    if not through:
        return boot(initramfs.of_kernel(files.modules, request, (*module.QDISCS, *files.also), more), Ports())
    if not through.ssh:
        return boot(_own(through, "netns", files, request, more), through.ports())
    local, remote = ssh.pair()
    peer = home / "peer"
    peer.mkdir(exist_ok=True)
    ours, theirs = socket.socketpair()
    with ours, theirs, vm.beside(accelerator, files.image, base, _own(through, "peer", files, "", remote),
                                 peer / "console.log", through.port(nic.REMOTE_MAC, theirs.fileno())):
        return boot(_own(through, "ssh", files, request, {**local, **(more or {})}),
                    through.port(nic.LOCAL_MAC, ours.fileno()))


def job(accelerator: str, files: Files, base: Path, script: str, home: Path, seen: Callable[[str], None], *,
        machine: vm.Machine = vm.USUAL, more: program.Files | None = None,
        modules: Sequence[str] = module.QDISCS) -> Run:
    """Boots a kernel and runs there a script of busybox's shell, with the base's /bundle and these files at hand.

    Both streams of the script are the lines of results; its console is left in `home`.
    """
    own = initramfs.of_kernel(files.modules, "", modules, {**(more or {}), "job": script.encode()})
    return vm.boot(accelerator, files.image, base, own, home / "console.log", seen,
                   machine=replace(machine, arch=files.arch))


def whole(done: Run, label: str, home: Path) -> list[str]:
    """The lines of a guest that ran to its end. Raises Unusable for another, naming `home`."""
    lines = [line for _, line in done.lines]
    if done.ended or not any("# kit: done" in line for line in lines):
        raise Unusable(f"{label}: the guest did not come to its end ({done.ended or 'it died'}): {home}")
    return lines


def _own(through: Nic, way: str, files: Files, request: str, more: program.Files | None = None) -> bytes:
    """The initramfs of one guest; ports.sh says what the ways are."""
    said = {"way": way, "model": through.model.name, "local_mac": nic.LOCAL_MAC, "remote_mac": nic.REMOTE_MAC,
            "mtu": str(nic.MTU), "broken": through.model.broken}
    text = "".join(f"{key}={value}\n" for key, value in said.items())
    return initramfs.of_kernel(files.modules, request, (*module.QDISCS, *through.modules),
                               {"ports": text.encode(), **(more or {})})


def info(lines: Lines) -> str:
    """What a log says of the NIC: our notes, and the first line "# nic: ..." that nic.sh printed in it."""
    notes = [line for _, line in lines if line.startswith("# nic: ")]
    said = [line.removeprefix("# ") for _, line in lines if line.startswith("# # nic: ")]
    return "; ".join(line.removeprefix("# nic: ") for line in [*notes, *said[:1]])


def check(lines: Lines, files: Files) -> None:
    """Raises NoDriver or Unusable when a guest says that it has no NIC, or no peer behind it."""
    said = next((line.partition(": no ")[2] for _, line in lines if re.match(r"# kit: no (NIC|peer): ", line)), "")
    what, _, why = said.partition(": ")
    if what == "NIC" and not files.config:
        raise NoDriver(why)
    if what:
        raise Unusable(f"{why}; see {'peer/*.log' if what == 'peer' else 'console.log'}")
