"""Room for the registers of this host's processor in a User Mode Linux before 6.13.

It keeps them for each of its processes in 2696 bytes (HOST_FP_SIZE of arch/x86/um/user-offsets.c),
which is what AVX-512 needs, and the host takes all of them back or none. AMX needs 8192 more, and
the first program would be killed. More room does no harm elsewhere: the host uses what it needs.
The registers are on the kernel's stack at times: CONFIG_KERNEL_STACK_ORDER of Kconfig.fragment.uml.
"""

from pathlib import Path

SOURCE = "arch/x86/um/user-offsets.c"
NARROW, WIDE = "HOST_FP_SIZE, 2696)", "HOST_FP_SIZE, 16384)"


def widen(tree: Path, work: Path) -> None:
    """Gives a work tree the tree's own SOURCE, with room for more; only if its text differs.

    Since 6.13 the size is found at the start, and the file stays as it is.
    """
    text = (tree / SOURCE).read_text().replace(NARROW, WIDE)
    there = work / SOURCE
    if there.is_file() and there.read_text() == text:
        return
    there.parent.mkdir(parents=True, exist_ok=True)
    there.unlink(missing_ok=True)          # it may be a hard link to the tree's
    there.write_text(text)
