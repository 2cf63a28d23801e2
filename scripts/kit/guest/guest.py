"""The guests that one row of the matrix takes: one, with or without both ports of a NIC,
or two on a wire."""

import re
import shutil
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from ..kernel import module
from . import initramfs, nic, program, ssh, vm
from ..base import ktap
from ..base.error import Unusable
from ..base.progress import Progress
from ..kernel.kernel import Files
from .nic import Nic, NoDriver
from .vm import Boot, Run

Lines = Sequence[tuple[float, str]]
T = TypeVar("T")
DONE = "# kit: done"                   # the last line of a guest that came to its end


def run(plain: Boot, requests: Sequence[str], through: Nic | None) -> Run:
    """Boots a guest for each request, all at once, tested as it says, with a NIC or none.

    What they said is told as one guest's, and their consoles are in one file.
    """
    if len(requests) == 1:
        return _run(plain, requests[0], through)
    homes = [plain.home / f"guest-{number}" for number in range(len(requests))]
    try:
        for home in homes:
            home.mkdir(exist_ok=True)
        with ThreadPoolExecutor(len(requests)) as pool:
            done = joined(list(pool.map(
                lambda home, request: _run(replace(plain, home=home), request, through),
                homes, requests)))
        plain.console.write_text(done.console)
    finally:
        for home in homes:
            shutil.rmtree(home, ignore_errors=True)
    return done


def joined(runs: Sequence[Run]) -> Run:
    """Guests of one kernel as one, which has not come to its end if one of them has not."""
    bad = [one for one in runs if not _complete(one)]
    lines = [each for one in runs for each in one.lines if not (bad and DONE in each[1])]
    return Run(lines, "".join(one.console for one in runs), bad[0].ended if bad else "",
               max(one.seconds for one in runs))


def _complete(run: Run) -> bool:
    return not run.ended and any(DONE in line for _, line in run.lines)


def _run(plain: Boot, request: str, through: Nic | None) -> Run:
    def boot(whole: Boot) -> Run:
        done = vm.boot(whole)
        done.lines[:0] = [(0.0, f"# nic: {note}") for note in whole.ports.notes]
        return done

    return between(plain, through, boot, request)


def told(progress: Progress, label: str,
         word: Callable[[str], str] = ktap.started) -> Callable[[str], None]:
    """What a Boot calls for each line: what word() finds there is told of `label`."""
    def seen(line: str) -> None:
        if found := word(line):
            progress.phase(label, f"testing: {found}")
    return seen


def between(plain: Boot, through: Nic | None, boot: Callable[[Boot], T], request: str = "",
            more: program.Files | None = None) -> T:
    """Calls boot() for a guest with its own initramfs and a NIC or none;
    the peer of an ssh way runs meanwhile."""
    files = plain.files
    if not through:
        return boot(replace(plain, own=initramfs.of_kernel(files.modules, request,
                                                           (*module.QDISCS, *files.also), more)))
    if not through.ssh:
        return boot(replace(plain, own=_own(through, "netns", files, request, more),
                            ports=through.ports()))
    local, remote = ssh.pair()
    peer = plain.home / "peer"
    peer.mkdir(exist_ok=True)
    ours, theirs = socket.socketpair()
    with ours, theirs, vm.beside(Boot(plain.engine, files, plain.base, peer,
                                      own=_own(through, "peer", files, "", remote),
                                      ports=through.port(nic.REMOTE_MAC, theirs.fileno()))):
        return boot(replace(plain,
                            own=_own(through, "ssh", files, request, {**local, **(more or {})}),
                            ports=through.port(nic.LOCAL_MAC, ours.fileno())))


def job(plain: Boot, script: str, more: program.Files | None = None,
        modules: Sequence[str] = module.QDISCS) -> Run:
    """Boots a guest and runs there a script of busybox's shell,
    with the base's /bundle and these files at hand.

    Both streams of the script are the lines of results.
    """
    return vm.boot(replace(plain, own=initramfs.of_kernel(plain.files.modules, "", modules,
                                                          {**(more or {}),
                                                           "job": script.encode()})))


def whole(done: Run, label: str, home: Path) -> list[str]:
    """The lines of a guest that ran to its end. Raises Unusable for another, naming `home`."""
    if not _complete(done):
        raise Unusable(f"{label}: the guest did not come to its end ({done.ended or 'it died'}): "
                       f"{home}")
    return [line for _, line in done.lines]


def _own(through: Nic, way: str, files: Files, request: str,
         more: program.Files | None = None) -> bytes:
    """The initramfs of one guest; ports.sh says what the ways are."""
    said = {"way": way, "model": through.model.name, "local_mac": nic.LOCAL_MAC,
            "remote_mac": nic.REMOTE_MAC, "mtu": str(nic.MTU), "broken": through.model.broken}
    text = "".join(f"{key}={value}\n" for key, value in said.items())
    return initramfs.of_kernel(files.modules, request, (*module.QDISCS, *through.modules),
                               {"ports": text.encode(), **(more or {})})


def info(lines: Lines) -> str:
    """What a log says of the NIC: our notes, and the first line "# nic:
    ..." that nic.sh printed in it."""
    notes = [line for _, line in lines if line.startswith("# nic: ")]
    said = [line.removeprefix("# ") for _, line in lines if line.startswith("# # nic: ")]
    return "; ".join(line.removeprefix("# nic: ") for line in [*notes, *said[:1]])


def check(lines: Lines, files: Files) -> None:
    """Raises NoDriver or Unusable when a guest says that it has no NIC, or no peer behind it."""
    said = next((line.partition(": no ")[2]
                 for _, line in lines if re.match(r"# kit: no (NIC|peer): ", line)), "")
    what, _, why = said.partition(": ")
    if what == "NIC" and not files.config:
        raise NoDriver(why)
    if what:
        raise Unusable(f"{why}; see {'peer/*.log' if what == 'peer' else 'console.log'}")
