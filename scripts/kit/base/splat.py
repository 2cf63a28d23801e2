"""What a kernel says when something is wrong with it: warnings, bugs, stalls, panics.

All that reads a kernel's log asks here. The patterns are the kernel's own words (5.10 to 7.3), in
kernel/panic.c, lib/bug.c, kernel/locking/lockdep.c, kernel/hung_task.c, kernel/watchdog.c,
kernel/rcu/tree_stall.h, mm/. "WARNING: " alone is none of them: workqueues, the clock and
mitigations use it for advice.
"""

import re
from collections.abc import Iterable, Sequence

LIMIT = 20                             # lines of warnings that a result keeps
_EXCERPT = 60                          # lines of a report, at most
_PANIC = "Kernel panic - "
# What stands before a message: its level, its time, who printed it (CONFIG_PRINTK_CALLER)
_PREFIX = re.compile(r"^(?:<\d+>)?\[ *\d+\.\d+\](?: ?\[ *[TC]\d+\])? ?")
# Lockdep's and RCU's warnings, which are no WARN()
_LOCKS = (r"possible |inconsistent lock state|suspicious RCU usage|Nested lock was not taken"
          r"|bad (?:unlock balance|contention) detected|held lock freed|chain_key collision"
          r"|lock held when returning to user|\S+ still has locks held"
          r"|\S+-safe -> \S+-unsafe lock order")
# After any of these a kernel stops, or would if it were not told to go on
_FATAL = (r"Kernel panic - not syncing|\bOops: |\bOops - |kernel BUG at "
          r"|general protection fault[:,]|Unable to handle kernel|BUG: unable to handle"
          r"|BUG: kernel NULL pointer|\[#\d+\]")
SPLAT = re.compile(
    rf"{_FATAL}|WARNING: (?:CPU: \d+ PID: \d+ at |(?:\S+:\d+ )?at .+, CPU#\d|{_LOCKS})"
    r"|\bBUG: |\bBUG \S+ \(|UBSAN: |ODEBUG: |refcount_t: |DEBUG_LOCKS_WARN_ON"
    r"|INFO: (?:task .* blocked|rcu|trying to register|possible |inconsistent |suspicious RCU)"
    r"|self-detected stall|detected (?:expedited )?stalls? on|hard LOCKUP"
    r"|list_(?:add|del) corruption"
    r"|usercopy: Kernel memory|Object already free|kmemleak: .*(?:disabled|new suspected)"
    r"|unregister_netdevice: waiting for|RTNL: assertion failed|KERNEL: assertion"
    r"|ref_tracker: .* users at")
_DEADLY = re.compile(_FATAL)
# What a User Mode Linux says before its first program dies (arch/um/os-Linux/skas/process.c, up to
# 6.12): it has room for 2696 bytes of registers (HOST_FP_SIZE), and AMX alone takes 8192 more.
_REGISTERS = "ptrace set fp regs failed"
_NO_ROOM = ("this User Mode Linux is too old for this processor, whose registers (AMX) it has no "
            "room for: use QEMU, a newer one, or one that is built here")
_END = re.compile(r"---\[ end|^=====+$|^Kernel panic")


def plain(line: str) -> str:
    """A line without what stands before its message."""
    return _PREFIX.sub("", line.rstrip())


def reports(log: str) -> list[str]:
    """The reports of trouble in a kernel's log, each with the lines that follow it."""
    found: list[str] = []
    lines = [plain(line) for line in log.splitlines()]
    number = 0
    while number < len(lines):
        if not SPLAT.search(lines[number]):
            number += 1
            continue
        begin = number
        number += 1
        while number < min(begin + _EXCERPT, len(lines)) and not _ends(lines[begin:number + 1]):
            number += 1
        # A panic is what a report leads to, unless it is all that there is
        if not found or not lines[begin].startswith(_PANIC):
            found.append("\n".join(filter(None, lines[begin:number])))
    return found


def _ends(said: Sequence[str]) -> bool:
    """Whether the last of these lines is none of the report any more.

    BUG() of User Mode Linux leaves the trace to the panic.
    """
    if said[-1].startswith(_PANIC) and not any("Call Trace" in line for line in said):
        return False
    return bool(_END.search(said[-1]))


def lines(log: str) -> list[str]:
    """The telling lines of a kernel's log, each once: LIMIT at most, and how many more there are.

    What a kernel died of is none of them: panic() has that.
    """
    said = log.splitlines()
    if panic(log):
        said = said[:first(said, fatal=True)]
    found = list(dict.fromkeys(line for line in map(plain, said) if SPLAT.search(line)))
    more = len(found) - LIMIT
    return [*found[:LIMIT], f"and {more} more"] if more > 0 else found


def panic(log: str) -> str:
    """Why a kernel panicked: the oops that led to it, else the panic's own words; "" for none."""
    died = re.search(rf"{_PANIC}not syncing: (.*)", log)
    if not died:
        return ""
    if _REGISTERS in log:
        return _NO_ROOM
    oops = next((line for line in map(plain, log.splitlines()) if _DEADLY.search(line)), "")
    return oops if oops and not oops.startswith(_PANIC) else died[1]


def first(log: Sequence[str], fatal: bool = False) -> int | None:
    """The number of the first line that tells of trouble; `fatal`: of what a kernel dies of."""
    signs = _DEADLY if fatal else SPLAT
    return next((number for number, line in enumerate(log) if signs.search(line)), None)


def alike(lines: Iterable[str]) -> list[str]:
    """Lines without times, addresses and other numbers, so that two runs can be compared."""
    return [re.sub(r"0x[0-9a-f]+|\b[0-9a-f]{8,}\b|\d+", "N", plain(line).strip())
            for line in lines]
