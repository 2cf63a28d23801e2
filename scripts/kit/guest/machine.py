"""What a guest is given besides its kernel, in a user's words:
memory, CPUs, more of the kernel's command line."""

import os
import re
import shlex
from dataclasses import dataclass, replace

from . import vm
from ..base.arch import Architecture
from ..base.error import Usage

ENOUGH = "256"                         # MiB, without a NIC; elsewhere nobody has tried
LEAST = 128                            # MiB; below this the kernel and its initramfs do not fit
CPUS = {"arm64": 8}                    # as many as QEMU's board has; others have at least
                                       # as many as MOST
MOST = 64
ROOM = 1000    # characters: with ours it must fit in the 2048 that most kernels take


@dataclass(frozen=True)
class Wish:
    """The options --memory, --cpus and --append; "" for what was not given."""

    memory: str = ""
    cpus: str = ""
    append: str = ""

    @property
    def words(self) -> str:
        """The same as words of a command line, each with a blank behind it."""
        return "".join(f"--{name} {shlex.quote(value)} "
                       for name, value in vars(self).items() if value)

    def machine(self, arch: Architecture, nic: bool = False) -> vm.Machine:
        """The guest that is wished for. Raises Usage for what cannot be had."""
        usual = replace(vm.USUAL, arguments=_arguments(self.append))
        enough = ENOUGH if arch.native and not nic else usual.memory
        return replace(usual, memory=_memory(self.memory) if self.memory else enough,
                       cpus=_cpus(self.cpus, arch) if self.cpus else usual.cpus)


def _memory(text: str) -> str:
    match = re.fullmatch(r"([0-9]{1,9})([MG]?)", text)
    if not match:
        raise Usage(f"--memory {text}: give MiB, or a number with M or G behind it, such as 2G")
    found = int(match[1]) * (1024 if match[2] == "G" else 1)
    here = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
    if not LEAST <= found <= here:
        raise Usage(f"--memory {text}: at least {LEAST} MiB, and at most the {here} MiB that this "
                    "host has")
    return str(found)


def _cpus(text: str, arch: Architecture) -> int:
    most = CPUS.get(arch.name, MOST)
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= most:
        raise Usage(f"--cpus {text}: give a number from 1 to {most}")
    return int(text)


def _arguments(text: str) -> str:
    if not text.isprintable():
        raise Usage("--append: a kernel's command line is one line of printable characters")
    if len(text) > ROOM:
        raise Usage(f"--append: {len(text)} characters; at most {ROOM} fit in a kernel's command "
                    "line")
    if taken := re.search(r"(?<!\S)(console|results|rdinit)=", text):
        raise Usage(f"--append: {taken[1]}= is what the guest itself is run with")
    return text
