"""Debug kernels: the selftest in kernels that look for leaks, races and misuse of memory, before and after the series.

A net that has never caught anything may have a hole, so it has to catch bugs put in on purpose.
"""

import argparse
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..base import ktap, splat
from ..series import fixes, tree as trees
from ..build import bundle, fragment, static
from ..guest import guest, initramfs, vm
from ..report import report, result
from . import record
from .. import proof, verdict
from ..base.error import Unusable
from ..kernel.kernel import Kernel
from ..base.paths import FRAGMENT
from ..series.patch import Patch
from ..guest.program import Files as Content
from ..base.progress import Progress
from ..proof import Flavour, Variant
from ..series.tree import Tree
from ..guest.vm import Run

HELP = "the selftest in kernels with KASAN, kmemleak, lockdep and the like, and bugs that these have to catch"
MUTANTS = Path(__file__).with_name("mutants")
PROGRAMS = ("fault", "fault_32")
WITH = "with the series"
# Mutant -> who has to catch it, and as what, while nothing but ordinary sends take place
NET = {"leak": ("kmemleak", "unreferenced object"), "use-after-free": ("KASAN", "KASAN: .*use-after-free"),
       "double-free": ("KASAN", "KASAN: (double-free|.*invalid-free)")}

# What looks for harm, what only makes its reports readable, and what a guest without devices can do without
FLAVOUR = Flavour("debug", (
    "# CONFIG_SLUB_TINY is not set", "# CONFIG_SLOB is not set", "CONFIG_SLUB=y",
    "CONFIG_DEBUG_FS=y", "CONFIG_DEBUG_KERNEL=y",
    "CONFIG_KASAN=y", "CONFIG_KASAN_GENERIC=y", "CONFIG_KASAN_INLINE=y",
    "CONFIG_DEBUG_KMEMLEAK=y", "# CONFIG_DEBUG_KMEMLEAK_AUTO_SCAN is not set",
    "CONFIG_DEBUG_ATOMIC_SLEEP=y", "CONFIG_DETECT_HUNG_TASK=y", "CONFIG_PROVE_LOCKING=y",
    "CONFIG_DEBUG_OBJECTS=y", "CONFIG_DEBUG_OBJECTS_FREE=y", "CONFIG_DEBUG_OBJECTS_PERCPU_COUNTER=y",
    "CONFIG_DEBUG_OBJECTS_RCU_HEAD=y", "CONFIG_DEBUG_OBJECTS_TIMERS=y", "CONFIG_DEBUG_OBJECTS_WORK=y",
    "CONFIG_UBSAN=y", "CONFIG_UBSAN_BOOL=y", "CONFIG_UBSAN_BOUNDS=y", "CONFIG_UBSAN_ENUM=y", "CONFIG_UBSAN_SHIFT=y",
    "CONFIG_DEBUG_LIST=y", "CONFIG_DEBUG_NET=y", "CONFIG_DEBUG_NOTIFIERS=y", "CONFIG_DEBUG_SG=y", "CONFIG_DEBUG_VM=y",
    "CONFIG_FORTIFY_SOURCE=y", "CONFIG_HARDENED_USERCOPY=y", "CONFIG_NET_NS_REFCNT_TRACKER=y",
    "CONFIG_PAGE_POISONING=y", "CONFIG_SLUB_DEBUG=y", "CONFIG_SLUB_DEBUG_ON=y",
    "CONFIG_CGROUPS=y", "CONFIG_MEMCG=y",
    "CONFIG_FAILSLAB=y", "CONFIG_FAIL_PAGE_ALLOC=y", "CONFIG_FAULT_INJECTION=y", "CONFIG_FAULT_INJECTION_DEBUG_FS=y",
    "CONFIG_FAULT_INJECTION_USERCOPY=y",
    "CONFIG_DEBUG_SECTION_MISMATCH=y",         # a function that is called once has a name in traces, too
    "CONFIG_KERNEL_GZIP=y",
    "# CONFIG_CPU_FREQ is not set", "# CONFIG_HID_SUPPORT is not set", "# CONFIG_INET_DIAG is not set",
    "# CONFIG_INPUT is not set", "# CONFIG_IO_URING_BPF is not set", "# CONFIG_IPV6_SIT is not set",
    "# CONFIG_LEGACY_PTYS is not set", "# CONFIG_MICROCODE is not set", "# CONFIG_NETDEVICES is not set",
    "# CONFIG_NETWORK_FILESYSTEMS is not set", "# CONFIG_PCI is not set", "# CONFIG_RD_BZIP2 is not set",
    "# CONFIG_RD_LZ4 is not set", "# CONFIG_RD_LZMA is not set", "# CONFIG_RD_LZO is not set",
    "# CONFIG_RD_XZ is not set", "# CONFIG_RD_ZSTD is not set", "# CONFIG_SERIO is not set",
    "# CONFIG_UNIX98_PTYS is not set", "# CONFIG_VT is not set", "# CONFIG_WIRELESS is not set",
    "# CONFIG_X86_INTEL_PSTATE is not set"))

# A guest that ends at the first warning, within limits for a kernel like that on a busy host. TCG does the string
# instructions a byte at a time, and such a kernel fills much memory: without these features it takes eight at a time.
# With page tables of five levels KASAN now and then takes a good access for a bad one while such a guest boots.
MACHINE = vm.Machine(arguments="panic_on_warn=1 page_poison=1 printk.devkmsg=on no5lvl", overall=7200.0, silence=1800.0,
                     boot=900.0, words=("-cpu", "max,cx16=off,erms=off,fsrm=off"))
# Its clock counts instructions, so that no time limit in the guest depends on how busy the host is, and waiting is free
STEADY = replace(MACHINE, words=(*MACHINE.words, "-icount", "shift=0,sleep=off"))
# kmemleak takes nothing for lost that is younger than five seconds, nor what it has seen but once
_WATCH = """
sleep 6
for _ in 1 2; do echo scan >/sys/kernel/debug/kmemleak || echo "# net: no kmemleak"; done
echo "# net: leaks"
cat /sys/kernel/debug/kmemleak
echo "# net: tainted $(cat /proc/sys/kernel/tainted)"
grep -q '^ *debug_locks: *1' /proc/lockdep_stats || echo "# net: no lockdep"
echo "# net: end"
"""


def watched(script: str) -> str:
    """A script for guest.job() that ends with a look at what kmemleak and others have seen; caught() reads it."""
    return f"{script}\n{_WATCH}"


def caught(run: Run) -> list[str]:
    """What the net of a debug kernel caught while a watched() script ran: reports, each of a few lines.

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


def mutants(tree: Tree, names: Iterable[str], series: Variant) -> list[Variant]:
    """The series with one bug put in on top, by name. Raises Unusable where no patch puts it in."""
    return [replace(series, name=name, applied=(*series.applied, _mutant(tree, name, series))) for name in names]


def _mutant(tree: Tree, name: str, series: Variant) -> Patch:
    for path in sorted(MUTANTS.glob(f"*/{name}.patch"), reverse=True):
        with trees.scratch(tree) as copies:
            proof.arrange(copies, tree, series)
            if copies.apply(Patch(path)):
                return Patch(path)
    raise Unusable(f"{tree.release}: none of {MUTANTS.name}/*/{name}.patch applies on its series")


def main_variants(tree: Tree) -> list[Variant]:
    """The tree as it is, and with its series."""
    return [one for one in proof.variants(tree, each=False) if not one.removed]


def series_of(tree: Tree) -> Variant:
    """The tree with its series. Raises Unusable where there is none to put on it."""
    for one in main_variants(tree):
        if one.name == WITH:
            return one
    raise Unusable(f"{tree.release}: lacks nothing, so there is no series to try")


@dataclass(frozen=True)
class Seen:
    """What one guest saw: the cases of the selftest, the programs' exits, and what the net caught."""

    variant: Variant
    run: Run
    cases: tuple[result.CaseResult, ...] = ()
    outcome: str = "passed"

    @property
    def reports(self) -> list[str]:
        """What the net caught."""
        return caught(self.run)

    @property
    def exits(self) -> dict[str, int]:
        """The exit status of each program of selftests/harm that ran."""
        return ended(line for _, line in self.run.lines)

    def count(self, *outcomes: str) -> int:
        """How many cases ended with one of these outcomes."""
        return sum(case.outcome in outcomes for case in self.cases)

    @property
    def odd(self) -> list[result.CaseResult]:
        """The cases that are not as the code of the kernel says."""
        return [case for case in self.cases if case.verdict not in ("pass", "known", "skip") or
                self.variant.cured and case.outcome == "fail"]

    @property
    def well(self) -> bool:
        """Whether there was no harm, and each case came out as the code of the kernel says."""
        programs = not self.variant.cured or not any(self.exits.values())
        return (self.outcome in ("passed", "failed") and not self.reports and not self.odd and
                {case.abi for case in self.cases} >= {"64", "32"} and set(self.exits) == set(PROGRAMS) and programs)


class Guests:
    """Where guests run: the bundle, the programs, the accelerator, and a line that tells what is going on."""

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
        """Obtains a kernel and runs a script in it; told() makes of a line what to say of it, "" for nothing."""
        label = kernel.label
        home.mkdir(parents=True, exist_ok=True)
        self._progress.phase(label, "build")
        files = kernel.obtain()
        base = initramfs.base(self.bundle)
        self._progress.phase(label, "boot")
        done = guest.job(vm.Boot(vm.accelerator(files, base), files, base, home,
                                 guest.told(self._progress, label, told), machine),
                         script, self.content(*names))
        (home / "lines.log").write_text("".join(f"{second:8.1f} {line}\n" for second, line in done.lines))
        found = caught(done) if _WATCH in script else splat.reports(done.console)
        (home / "caught.txt").write_text("\n\n".join(found) + "\n")
        self._progress.done(label, f"{len(found)} reports of trouble" if found else "quiet", good=not found)
        return done


def exits(words: str, names: Iterable[str] = PROGRAMS) -> str:
    """Shell that runs each program with these words and tells its exit status, which ended() reads."""
    return "\n".join(f'/{name} {words}; echo "# exit {name} $?"' for name in names)


def ended(lines: Iterable[str]) -> dict[str, int]:
    """The exit status of each program that exits() ran."""
    return {word[2]: int(word[3]) for word in (line.split() for line in lines if line.startswith("# exit "))}


def selftest(guests: Guests, kernel: Kernel, variant: Variant, home: Path) -> Seen:
    """Runs the whole selftest, both ABIs, and the sends of fault.c in a debug kernel."""
    chosen = bundle.on_loopback(guests.bundle)
    words = bundle.request(chosen)
    run = guests.run(kernel, watched(f"sh /bundle/run_kselftest.sh {words}\n{exits('rest')}"), home, STEADY,
                   told=ktap.started)
    cases = ktap.parse(run.lines, chosen)
    defects = fixes.load()
    judged = tuple(verdict.judge(case, kernel, defects, "scripts/harm debug") for case in cases)
    return Seen(variant, run, judged, verdict.outcome(cases, run)[0])


@dataclass(frozen=True)
class Catch:
    """Whether a mutant was caught by the one who has to."""

    name: str
    by: str
    report: str                        # what it said; "" when the mutant survived
    seconds: float


def hunt(guests: Guests, kernel: Kernel, name: str, by: tuple[str, str], script: str, home: Path,
         machine: vm.Machine = STEADY, names: Sequence[str] = PROGRAMS) -> Catch:
    """Runs a script in the kernel with a mutant in it. Only a report about io_uring counts."""
    run = guests.run(kernel, watched(script), home, machine, names)
    who, pattern = by
    report_ = next((one for one in caught(run) if re.search(pattern, one) and re.search(r"\bio_\w+\+0x", one)), "")
    return Catch(name, who, report_, round(run.seconds, 1))


def options(_parser: argparse.ArgumentParser) -> None:
    """None but those that each part has."""


def run(options: argparse.Namespace, home: Path) -> bool:
    """Does this part; gives whether no harm was found."""
    if options.quick:
        return all([_quick(proof.find(word), home) for word in options.trees[:1]])
    kept = []
    with Progress() as progress:
        guests = Guests(progress)
        for word in options.trees:
            kept.append(_tree(guests, proof.find(word), home))
    record.leave("debug", home, "\n".join(table(one) for one in kept), kept, options.record)
    return all(row["well"] for one in kept for row in (*one["kernels"], *one["mutants"]))


def built(kernel: Kernel) -> bool:
    """Whether a kernel of a builder has been built before, so that it is there again in a minute."""
    return Path(kernel.word).is_file()


def _quick(tree: Tree, home: Path) -> bool:
    """The sends of fault.c in a debug kernel; where none has been built yet, whether one could be."""
    series = series_of(tree)
    kernel = proof.Builder(tree, FLAVOUR).kernel(series)
    if not built(kernel):
        with tempfile.TemporaryDirectory() as out:
            fragment.configure(FRAGMENT, tree.home, Path(out), more=FLAVOUR.lines)
        tried = [*mutants(tree, NET, series)]
        print(f"debug: no debug kernel of {tree.release} has been built here, `scripts/harm debug` does; "
              f"its options take, {len(tried)} mutants apply")
        return True
    with Progress() as progress:
        done = Guests(progress).run(kernel, watched(exits("rest large")), home, STEADY)
    seen = Seen(series, done)
    print(f"debug: {tree.release} {WITH}: {sum(line.startswith('fault: ') for _, line in done.lines)} ways to send, "
          f"exits {seen.exits}, {len(seen.reports)} reports", *seen.reports, sep="\n")
    return not seen.reports and not any(seen.exits.values()) and set(seen.exits) == set(PROGRAMS)


def _tree(guests: Guests, tree: Tree, home: Path) -> dict[str, Any]:
    """All of one tree, as it goes to debug.json."""
    builder = proof.Builder(tree, FLAVOUR)
    kernels = []
    for variant in main_variants(tree):
        kernel = builder.kernel(variant)
        seen = selftest(guests, kernel, variant, home / kernel.label)
        kernels.append({"name": variant.name, "well": seen.well, "outcome": seen.outcome,
                        "passed": seen.count("pass"), "failed": seen.count("fail", "error"),
                        "skipped": seen.count("skip"), "odd": [f"{case.abi} {case.test}: {case.outcome}, {case.reason}"
                                                               for case in seen.odd],
                        "exits": seen.exits, "reports": seen.reports, "seconds": round(seen.run.seconds)})
    caught_ = []
    for variant in mutants(tree, NET, series_of(tree)):
        kernel = builder.kernel(variant)
        found = hunt(guests, kernel, variant.name, NET[variant.name], exits("rest large"), home / kernel.label)
        caught_.append(entry(found))
    return {"release": tree.release, "date": time.strftime("%Y-%m-%d"), "kernels": kernels, "mutants": caught_}


def entry(found: Catch) -> dict[str, Any]:
    """A mutant as it goes to a JSON file."""
    return {"name": found.name, "well": bool(found.report), "by": found.by, "report": found.report,
            "seconds": found.seconds}


def table(kept: dict[str, Any]) -> str:
    """What came of one tree: a row for each kernel and each mutant; beneath it what is not as it should be."""
    rows = [[f"{kept['release']}, debug kernel", "passed", "failed", "skipped", "reports", "time", ""]]
    details = []
    for one in kept["kernels"]:
        rows.append([f"  {one['name']}", str(one["passed"]), str(one["failed"]), str(one["skipped"]),
                     str(len(one["reports"])), f"{one['seconds']} s",
                     "no harm, cases as its code says" if one["well"] else "NOT AS IT SHOULD BE"])
        if not one["well"]:
            details += [f"  {one['name']}: {one['outcome']}, exits {one['exits']}",
                        *(f"    {line}" for line in one["odd"][:5]),
                        *(f"    {line}" for text in one["reports"][:3] for line in text.splitlines())]
    return "\n".join([*report.aligned(rows), *mutant_lines(kept), *details]) + "\n"


def mutant_lines(kept: dict[str, Any]) -> list[str]:
    """A line for each mutant: who caught it, with the first line of the report, or that it survived."""
    rows = [[f"  {one['name']} put in", f"caught by {one['by']}" if one["well"] else "SURVIVED",
             f"{one['seconds']:.0f} s", gist(one["report"])] for one in kept["mutants"]]
    return report.aligned(rows) if rows else []


def gist(text: str) -> str:
    """A report in a line: its first, and the first function of io_uring that it names, without addresses."""
    first = re.sub(r"\+0x[0-9a-f]+/0x[0-9a-f]+|0x[0-9a-f]{8,}", "", text.partition("\n")[0])
    where = re.search(r"\b(io_\w+)[\w.]*\+0x", text)
    return " ".join(first.split()) + (f" ({where[1]})" if where and where[1] not in first else "")


def outcomes(words: Iterable[str]) -> str:
    """Words with how often each came, most first."""
    return ", ".join(f"{count} {word}" for word, count in Counter(words).most_common())
