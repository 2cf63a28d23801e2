"""What a kernel's configuration tells before it boots: what prevents a run, what is skipped.

Kconfig.fragment has what a kernel needs. Here is what comes of each option that is missing, but for
those of NICs, which nic.Nic.lacking() looks at.
"""

from pathlib import Path

from ..build import fragment
from . import module
from ..base.arch import AMD64, Architecture

# Without these a guest cannot report anything
NEEDED = {
    "CONFIG_BLK_DEV_INITRD": "support for an initrd",
    "CONFIG_BINFMT_ELF": "ELF programs",
    "CONFIG_BINFMT_SCRIPT": "scripts as programs",
    "CONFIG_64BIT": "64-bit programs",
    "CONFIG_NET": "networking",
    "CONFIG_INET": "IPv4",
    "CONFIG_IO_URING": "io_uring",
}
COMPAT = "32-bit programs cannot run"
UNSURE = "the tests may fail for it"
NOTHING = ""                           # as root in a guest no case is lost
LOSS = {
    "CONFIG_NET_NS": "nearly all cases are skipped",
    "CONFIG_NET_SCHED": "most cases are skipped",
    "CONFIG_IPV6": "cases with IPv6 are skipped",
    "CONFIG_PACKET": "cases with packet sockets are skipped",
    **dict.fromkeys(("CONFIG_BPF_SYSCALL", "CONFIG_CGROUPS", "CONFIG_CGROUP_BPF"),
                    "rewritten_name is skipped"),
    "CONFIG_PRINTK": "console.log stays empty",
    **dict.fromkeys(("CONFIG_ADVISE_SYSCALLS", "CONFIG_EPOLL", "CONFIG_EVENTFD", "CONFIG_FUTEX",
                     "CONFIG_HIGH_RES_TIMERS", "CONFIG_MULTIUSER", "CONFIG_NAMESPACES",
                     "CONFIG_POSIX_TIMERS", "CONFIG_PROC_FS", "CONFIG_SERIAL_8250", "CONFIG_SHMEM",
                     "CONFIG_SYSFS", "CONFIG_TTY", "CONFIG_UNIX"), UNSURE),
    **dict.fromkeys(("CONFIG_BUG", "CONFIG_DEVTMPFS", "CONFIG_KALLSYMS", "CONFIG_RD_GZIP",
                     "CONFIG_SMP", "CONFIG_TMPFS", "CONFIG_USER_NS"), NOTHING),
    # Not on all architectures; without it threads of 32-bit programs are ended at times
    "CONFIG_COMPAT_32BIT_TIME": NOTHING,
}
QDISC = "CONFIG_NET_SCH_TBF"           # the first of module.QDISCS; each of them will do


def refusal(config: Path, arch: Architecture = AMD64) -> str:
    """Why a kernel with this configuration cannot be tested in a guest at all; "" when it can."""
    has = fragment.options(config)
    return next((f"a kernel without {purpose} cannot be tested here; build it with {option}=y"
                 for option, purpose in {**arch.needed, **NEEDED}.items()
                 if has.get(option) != "y"), "")


def notes(config: Path, modules: Path | None, elsewhere: str,
          arch: Architecture = AMD64) -> list[str]:
    """What will be skipped or cannot run, and why, each in a few words;
    empty for a kernel that has all.

    `modules` is a folder that module.gather() filled, `elsewhere` says where a module that is not
    in it may be.
    """
    has = fragment.options(config)
    lost: dict[str, list[str]] = {}
    for option, loss in (LOSS | ({arch.compat: COMPAT} if arch.compat else {})).items():
        if loss and has.get(option) != "y":
            state = ("built as a module, which is not loaded" if has.get(option) == "m"
                     else "not set")
            lost.setdefault(f"{state}: {loss}", []).append(option)
    found = [f"{', '.join(options)} {text}" for text, options in lost.items()]
    return found + _queues(has, module.names(modules) if modules else set(), elsewhere)


def _queues(has: dict[str, str], there: set[str], elsewhere: str) -> list[str]:
    """The tests make a sender wait with the first of the queueing disciplines that there is."""
    states = {name: has.get(f"CONFIG_NET_{name.upper()}", "") for name in module.QDISCS}
    works = [name
             for name, value in states.items() if value == "y" or value == "m" and name in there]
    if module.QDISCS[0] in works or has.get("CONFIG_NET_SCHED") != "y":
        return []
    then = f"{works[0]} takes its place" if works else LOSS["CONFIG_NET_SCHED"]
    missing = [name for name, value in states.items() if value == "m" and name not in works]
    if states[module.QDISCS[0]] == "m" or missing and not works:
        return [f"{', '.join(missing)} not at hand ({elsewhere}): {then}"]
    return [f"{QDISC} not set: {then}"]
