"""User Mode Linux in QEMU's place: a kernel that is a program of this host, with the same root.

Its console, and all that it prints as a program, goes to the console's file; its second console,
for the results, is standard output. It runs in a PID namespace that ends with whoever started it,
so that no process of its own outlives it, and leaves its pid files in the guest's own folder.
"""

import functools
import os
import subprocess
from pathlib import Path

ENGINE = "uml"
FOLDER = "uml"                         # beside the console; the caller removes it
PLACES = ("/dev/shm", "/tmp")          # for the file that is the guest's memory; it loses its name
# A 6.12 whose own libc is glibc 2.36 ends with the first program that it starts, else
NO_RSEQ = "GLIBC_TUNABLES=glibc.pthread.rseq=0"
# $0 is the console's file. Not exec: the first process of a PID namespace ignores most signals, and
# UML sends some to itself.
SHELL = 'console=$0; "$@" 3>&1 >"$console" 2>&1 </dev/null; exit $?'


def words(image: Path, initrd: Path, console: Path, memory: str, arguments: str) -> list[str]:
    """The command that runs a kernel; its standard output is its results."""
    home = console.with_name(FOLDER)
    # reboot would start it again, hence poweroff; seccomp=auto is ptrace where there is no better
    return ["setpriv", "--pdeathsig", "KILL", *apart(), "env", NO_RSEQ,
            f"TMPDIR={place(int(memory))}", "sh", "-c", SHELL, str(console), str(image),
            f"mem={memory}M", f"initrd={initrd}", f"uml_dir={home}", "umid=guest",
            "con0=null,fd:1", "con1=null,fd:3", "results=tty1", "ending=poweroff", "panic=-1",
            "loglevel=5", "oops=panic", "seccomp=auto", "random.trust_cpu=on",
            "cryptomgr.notests", "rdinit=/init", *arguments.split()]


@functools.cache
def apart() -> tuple[str, ...]:
    """The words that run a program in a PID namespace of its own; none where that is forbidden."""
    plain = ("unshare", "--fork", "--pid", "--kill-child")
    for way in (plain, (*plain, "--user", "--map-root-user")):
        try:
            if subprocess.run([*way, "true"], capture_output=True, check=False).returncode == 0:
                return way
        except OSError:
            break
    return ()


def place(memory: int) -> str:
    """Where a guest's memory of so many MiB lies: in memory if that has room, else on disk."""
    for name in PLACES:
        try:
            there = os.statvfs(name)
        except OSError:
            continue
        if there.f_bavail * there.f_frsize >> 20 >= memory and not there.f_flag & os.ST_NOEXEC:
            return name
    return PLACES[-1]
