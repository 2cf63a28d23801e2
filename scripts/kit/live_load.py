"""The module live/cure on the host that this runs on: tried, loaded, looked at, taken out."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from . import live_run
from .base import command
from .base.error import Failure, Unusable, Usage
from .live_root import NAME
from .report import result

LOADED = Path("/sys/module") / NAME
MODULES = Path("/proc/modules")
SYMBOLS = Path("/proc/kallsyms")
LOCKDOWN = Path("/sys/kernel/security/lockdown")
NOTHING = "nothing to cure"
MISSING = f"{NAME} is not loaded"


class Refused(Failure):
    """The kernel did not take the module (exit status 1)."""


def verdict(cases: Sequence[result.CaseResult]) -> str:
    """What the tests say before anything is loaded: NOTHING, "cure", or why neither can be said."""
    own = [case for case in cases if case.defect in live_run.CURED and not case.reference]
    if any(case.outcome == "fail" for case in own):
        return "cure"
    if not any(case.outcome == "pass" for case in own):
        reasons = (case.reason for case in own if case.reason)
        return next(reasons, "no test of a defect could run here")
    return NOTHING


def possible() -> None:
    """Raises Unusable, with one line, where nothing can be loaded whatever the tests say."""
    if loaded():
        raise Unusable(f"{NAME} is loaded already: scripts/live status")
    if not MODULES.exists():
        raise Unusable("this kernel takes no modules (CONFIG_MODULES): it cannot be cured while it "
                       "runs")
    symbols = _read(SYMBOLS)
    if symbols and " register_kretprobe\n" not in symbols:
        raise Unusable("this kernel has no kretprobes (CONFIG_KPROBES): it cannot be cured while "
                       "it runs")
    if os.geteuid() != 0:
        raise Unusable("loading a module needs root")


def insert(module: Path, parameters: Sequence[str] = ()) -> None:
    """Loads the module. Raises Refused, Unusable or Usage with the one line that says why not."""
    if not module.is_file():
        raise Usage(f"{module}: no such module; scripts/live build makes one")
    possible()
    try:
        done = subprocess.run(["insmod", module, *parameters], capture_output=True, text=True,
                              check=False)
    except FileNotFoundError as bad:
        raise Unusable("insmod is missing: apt-get install kmod") from bad
    if done.returncode:
        raise Refused(why(done.stderr, _messages(), _read(LOCKDOWN), os.uname().release))


def why(said: str, messages: Sequence[str], lockdown: str, release: str) -> str:
    """One line for a module that was not loaded, from what insmod and the kernel said."""
    own = [line.partition(f"{NAME}: ")[2] for line in messages if f"{NAME}: " in line]
    reason = said.strip().rpartition(": ")[2] or "insmod failed"
    locked = lockdown and "[none]" not in lockdown and "Operation not permitted" in said
    if locked or "Required key" in said or "Key was rejected" in said:
        return (f"the kernel takes signed modules alone ({reason}; secure boot or lockdown): sign "
                f"{NAME}.ko with a key that this machine trusts, see Documentation/live.rst")
    if "Invalid module format" in said or "Exec format" in said:
        return (f"the module is for another kernel than {release} ({own[-1] if own else reason}): "
                "scripts/live build running")
    if "Unknown symbol" in said:
        return ("this kernel lacks what the module needs, kprobes most likely "
                f"({own[-1] if own else reason})")
    return own[-1] if own else reason


def loaded() -> bool:
    """Whether this kernel has the module."""
    return LOADED.exists()


def remove() -> None:
    """Takes the module out. Raises Unusable where it is not there, Refused where it stays."""
    if not loaded():
        raise Unusable(MISSING)
    command.run(["rmmod", NAME], f"rmmod {NAME}", error=Refused)


def status() -> dict[str, str]:
    """The counters of the loaded module, for anyone."""
    return {file.name: _read(file).strip() for file in sorted((LOADED / "counters").iterdir())}


def _messages() -> list[str]:
    done = subprocess.run(["dmesg"], capture_output=True, text=True, errors="replace", check=False)
    return done.stdout.splitlines()[-20:]


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
