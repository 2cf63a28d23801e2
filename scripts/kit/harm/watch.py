"""Debug kernels, guests that run them, and what these have caught in the end.

The net is all that looks for trouble there: KASAN, kmemleak, lockdep and the like.
"""

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from .. import proof
from ..base import splat
from ..base.arch import AMD64, UML
from ..build import bundle, static
from ..guest import guest, initramfs, vm
from ..kernel.kernel import Kernel
from ..guest.program import Files as Content
from ..base.progress import Progress
from ..variant import Builder, Flavour
from ..guest.vm import Run
from ..series.tree import Tree

PROGRAMS = ("fault", "fault_32")
# What looks for harm, what only makes its reports readable,
# and what a guest without devices can do without
FLAVOUR = Flavour("debug", (
    "# CONFIG_SLUB_TINY is not set", "# CONFIG_SLOB is not set", "CONFIG_SLUB=y",
    "CONFIG_DEBUG_FS=y", "CONFIG_DEBUG_KERNEL=y",
    "CONFIG_KASAN=y", "CONFIG_KASAN_GENERIC=y", "CONFIG_KASAN_INLINE=y",
    "CONFIG_DEBUG_KMEMLEAK=y", "# CONFIG_DEBUG_KMEMLEAK_AUTO_SCAN is not set",
    "CONFIG_DEBUG_ATOMIC_SLEEP=y", "CONFIG_DETECT_HUNG_TASK=y", "CONFIG_PROVE_LOCKING=y",
    "CONFIG_DEBUG_OBJECTS=y", "CONFIG_DEBUG_OBJECTS_FREE=y",
    "CONFIG_DEBUG_OBJECTS_PERCPU_COUNTER=y", "CONFIG_DEBUG_OBJECTS_RCU_HEAD=y",
    "CONFIG_DEBUG_OBJECTS_TIMERS=y", "CONFIG_DEBUG_OBJECTS_WORK=y", "CONFIG_UBSAN=y",
    "CONFIG_UBSAN_BOOL=y", "CONFIG_UBSAN_BOUNDS=y", "CONFIG_UBSAN_ENUM=y", "CONFIG_UBSAN_SHIFT=y",
    "CONFIG_DEBUG_LIST=y", "CONFIG_DEBUG_NET=y", "CONFIG_DEBUG_NOTIFIERS=y", "CONFIG_DEBUG_SG=y",
    "CONFIG_DEBUG_VM=y", "CONFIG_FORTIFY_SOURCE=y", "CONFIG_HARDENED_USERCOPY=y",
    "CONFIG_NET_NS_REFCNT_TRACKER=y", "CONFIG_PAGE_POISONING=y", "CONFIG_SLUB_DEBUG=y",
    "CONFIG_SLUB_DEBUG_ON=y", "CONFIG_CGROUPS=y", "CONFIG_MEMCG=y",
    "CONFIG_FAILSLAB=y", "CONFIG_FAIL_PAGE_ALLOC=y", "CONFIG_FAULT_INJECTION=y",
    "CONFIG_FAULT_INJECTION_DEBUG_FS=y", "CONFIG_FAULT_INJECTION_USERCOPY=y",
    "CONFIG_DEBUG_SECTION_MISMATCH=y",    # a function that is called once has a name in traces, too
    "CONFIG_KERNEL_GZIP=y",
    "# CONFIG_CPU_FREQ is not set", "# CONFIG_HID_SUPPORT is not set",
    "# CONFIG_INET_DIAG is not set",
    "# CONFIG_INPUT is not set", "# CONFIG_IO_URING_BPF is not set", "# CONFIG_IPV6_SIT is not set",
    "# CONFIG_LEGACY_PTYS is not set", "# CONFIG_MICROCODE is not set",
    "# CONFIG_NETDEVICES is not set",
    "# CONFIG_NETWORK_FILESYSTEMS is not set", "# CONFIG_PCI is not set",
    "# CONFIG_RD_BZIP2 is not set",
    "# CONFIG_RD_LZ4 is not set", "# CONFIG_RD_LZMA is not set", "# CONFIG_RD_LZO is not set",
    "# CONFIG_RD_XZ is not set", "# CONFIG_RD_ZSTD is not set", "# CONFIG_SERIO is not set",
    "# CONFIG_UNIX98_PTYS is not set", "# CONFIG_VT is not set", "# CONFIG_WIRELESS is not set",
    "# CONFIG_X86_INTEL_PSTATE is not set"))
# The same as User Mode Linux, which does without what it has not. There kmemleak's scan reads
# memory that is not mapped, and the kernel panics (7.3.4). Without frame pointers all of a trace
# there is a guess
HOSTED = replace(FLAVOUR, lines=(*(line for line in FLAVOUR.lines if line not in (
    "CONFIG_KASAN_INLINE=y", "CONFIG_KERNEL_GZIP=y") and "KMEMLEAK" not in line),
    "CONFIG_KASAN_OUTLINE=y", "CONFIG_FRAME_POINTER=y"))
# A guest that ends at the first warning, within limits for a kernel like that on a busy host. TCG
# does the string instructions a byte at a time, and such a kernel fills much memory: without these
# features it takes eight at a time. With page tables of five levels KASAN now and then takes a good
# access for a bad one while such a guest boots.
MACHINE = vm.Machine(arguments="panic_on_warn=1 page_poison=1 printk.devkmsg=on no5lvl",
                     overall=7200.0, silence=1800.0, boot=900.0,
                     words=("-cpu", "max,cx16=off,erms=off,fsrm=off"))
# Its clock counts instructions, so that no time limit in the guest depends on how busy the host is,
# and waiting is free
STEADY = replace(MACHINE, words=(*MACHINE.words, "-icount", "shift=0,sleep=off"))
# kmemleak takes nothing for lost that is younger than five seconds, nor what it has seen but once
_WATCH = """
if ! grep -q "User Mode Linux" /proc/cpuinfo; then
	sleep 6
	for _ in 1 2; do echo scan >/sys/kernel/debug/kmemleak || echo "# net: no kmemleak"; done
	echo "# net: leaks"
	cat /sys/kernel/debug/kmemleak
fi
echo "# net: tainted $(cat /proc/sys/kernel/tainted)"
grep -q '^ *debug_locks: *1' /proc/lockdep_stats || echo "# net: no lockdep"
echo "# net: end"
"""


def options(parser: argparse.ArgumentParser) -> None:
    """The options of the parts that run debug kernels."""
    parser.add_argument("--engine", choices=("qemu", "uml", "both"), default="qemu",
                        help="what runs the kernels; uml, User Mode Linux, is quick and has "
                             "64-bit programs alone, both: one after the other (default: qemu)")
    parser.add_argument("--buffers", action="store_true",
                        help="also with the fixes about provided buffers on top of the series")


def engines(word: str) -> tuple[str, ...]:
    """Those that --engine asks for, the quick one first."""
    return ("uml", "qemu") if word == "both" else (word,)


def builder(tree: Tree, engine: str = "qemu") -> Builder:
    """What builds the debug kernels of a tree."""
    if engine == "uml":
        return Builder(tree, HOSTED, UML)
    return Builder(tree, FLAVOUR, AMD64)


def net(every: Mapping[str, tuple[str, str]], engine: str) -> dict[str, tuple[str, str]]:
    """Of mutants and who is there for each, those that somebody catches on this engine."""
    return {name: by for name, by in every.items() if engine != "uml" or by[0] != "kmemleak"}


def programs(kernel: Kernel, names: Iterable[str] = PROGRAMS) -> tuple[str, ...]:
    """Those that a kernel runs, of the 64-bit ones and the 32-bit ones behind them."""
    return tuple(name for name in names
                 if ("32" if name.endswith("_32") else "64") in kernel.abis)


def watched(script: str) -> str:
    """A script for guest.job() that ends with a look at what kmemleak and others have seen;
    caught() reads it."""
    return f"{script}\n{_WATCH}"


def caught(run: Run) -> list[str]:
    """What the net of a debug kernel caught while a watched() script ran:
    reports, each of a few lines.

    That the net was not there, or the script did not come to its end, is one, too.
    """
    lines = [line for _, line in run.lines]
    found = [*splat.reports(run.console), *leaks(lines)]
    found += [line.removeprefix("# net: ") for line in lines if line.startswith("# net: no ")]
    taint = next((line.split()[-1] for line in lines if line.startswith("# net: tainted ")), "0")
    if taint != "0" and not found:
        found.append(f"tainted: {taint}, and nothing says why")
    if "# net: end" not in lines and not found:
        found.append(f"the guest did not come to its end: {run.ended or 'it ended early'}")
    return found


def leaks(lines: Sequence[str]) -> list[str]:
    """What kmemleak reported, an object each, of the results of a watched() script."""
    found: list[str] = []
    inside = False
    for line in lines:
        if line.startswith("# net: "):
            inside = line == "# net: leaks"
        elif inside and line.startswith("unreferenced object"):
            found.append(line)
        elif inside and found:
            found[-1] += f"\n{line}"
    return found


class Guests:
    """Where guests run: the bundle, the programs, the accelerator,
    and a line that tells what is going on."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        progress.phase("programs", "building")
        self.bundle, self._programs = bundle.build(), static.build("harm")
        progress.done("programs", "ready")

    def content(self, *names: str) -> Content:
        """The programs as files at the top of the guest."""
        return {name: self._programs / name for name in names}

    def run(self, kernel: Kernel, script: str, home: Path, machine: vm.Machine = MACHINE,
            names: Sequence[str] = PROGRAMS, told: Callable[[str], str] = lambda line: "") -> Run:
        """Obtains a kernel and runs a script in it; told() makes of a line what to say of it,
        "" for nothing."""
        label = kernel.label
        home.mkdir(parents=True, exist_ok=True)
        self._progress.phase(label, "build")
        files = kernel.obtain()
        base = initramfs.base(self.bundle)
        self._progress.phase(label, "boot")
        done = guest.job(vm.Boot(vm.accelerator(files, base), files, base, home,
                                 guest.told(self._progress, label, told), machine),
                         script, self.content(*names))
        (home / "lines.log").write_text("".join(f"{second:8.1f} {line}\n"
                                                for second, line in done.lines))
        found = caught(done) if _WATCH in script else splat.reports(done.console)
        (home / "caught.txt").write_text("\n\n".join(found) + "\n")
        self._progress.done(label, f"{len(found)} reports of trouble" if found else "quiet",
                            good=not found)
        return done


def exits(words: str, names: Iterable[str] = PROGRAMS) -> str:
    """Shell that runs each program with these words and tells its exit status,
    which ended() reads."""
    return "\n".join(f'/{name} {words}; echo "# exit {name} $?"' for name in names)


def ended(lines: Iterable[str]) -> dict[str, int]:
    """The exit status of each program that exits() ran."""
    return {word[2]: int(word[3])
            for word in (line.split() for line in lines if line.startswith("# exit "))}


def built(kernel: Kernel) -> bool:
    """Whether a kernel of a builder has been built before,
    so that it is there again in a minute."""
    return Path(kernel.word).is_file()
