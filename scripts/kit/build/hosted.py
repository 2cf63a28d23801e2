"""What an older User Mode Linux has wrong in its own code, and cannot be used without.

Before 6.13 it keeps the registers of each of its processes in 2696 bytes, which is what AVX-512
needs, and the host takes all of them back or none. AMX needs 8192 more, and the first program would
be killed. More room does no harm elsewhere: the host uses what it needs. The registers are on the
kernel's stack at times: CONFIG_KERNEL_STACK_ORDER of Kconfig.fragment.uml.

Before 5.18 it looks at the flags of whoever creates a thread, not at those of the thread. So those
of io_uring (PF_IO_WORKER; SQPOLL and io-wq) do not run their function but go on in user space as
their creator does, and a SIGKILL then finds no end.
"""

from pathlib import Path

# File -> a text of it, and what has to stand there instead. Later ones have not got it
EDITS = {"arch/x86/um/user-offsets.c": ("HOST_FP_SIZE, 2696)", "HOST_FP_SIZE, 16384)"),
         "arch/um/kernel/process.c": ("kthread = current->flags &", "kthread = p->flags &")}


def mend(tree: Path, work: Path) -> None:
    """Gives a work tree the tree's own files with EDITS; writes one only if its text differs."""
    for name, (old, new) in EDITS.items():
        text = (tree / name).read_text().replace(old, new)
        there = work / name
        if there.is_file() and there.read_text() == text:
            continue
        there.parent.mkdir(parents=True, exist_ok=True)
        there.unlink(missing_ok=True)      # it may be a hard link to the tree's
        there.write_text(text)
