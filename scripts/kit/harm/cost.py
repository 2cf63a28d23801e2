"""What the series costs: instructions and slab allocations of one send,
and bytes of what a request keeps.

selftests/harm/cost.c counts, in a guest of QEMU -icount, which gives the same figures again and
again. The same program runs on the kernel as it is and with the series.
"""

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..base import command, host
from ..build import bundle, static
from ..kernel import kernel as kernels
from ..guest import guest, initramfs, vm
from ..report import report
from . import mutant, record, watch
from .. import proof
from ..base.error import BuildFailed, Unusable
from ..kernel.kernel import Files
from ..base.progress import Progress
from ..variant import PLAIN, Builder, Flavour, Variant

HELP = "instructions, allocations and bytes of a send, before and after"
MUTANT = "allocation"                  # of mutants/: one kmalloc() more in each send

# What of a distribution's kernel matters here: its optimiser, its allocator,
# its checks of copies from user memory
FLAVOUR = Flavour("cost",
                  ("CONFIG_SLUB=y", "CONFIG_SLUB_STATS=y", "CONFIG_CC_OPTIMIZE_FOR_PERFORMANCE=y",
                   "CONFIG_HARDENED_USERCOPY=y", "CONFIG_CGROUPS=y", "CONFIG_MEMCG=y",
                   *(line for line in watch.FLAVOUR.lines if line.startswith("# "))))
# One instruction is a nanosecond; idle time passes at once, and chance is the same each time
MACHINE = vm.Machine(words=("-icount", "shift=0,sleep=off", "-seed", "1"), overall=3600.0,
                     silence=1200.0, boot=600.0)


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    flavour: Flavour
    abis: tuple[str, ...]
    runs: int
    requests: int                      # of a run, of which the median counts
    counted: int                       # the same for allocations; 0: not counted
    control: bool                      # whether to try the mutant


FULL = Scale(FLAVOUR, ("64", "32"), 5, 21, 21, True)
QUICK = Scale(PLAIN, ("64",), 3, 21, 0, False)

CONTROLS = {"none": "no control", "segment": "UDP_SEGMENT", "quic": "UDP_SEGMENT+TOS+PKTINFO",
            "large": "248 bytes", "memory": "memory of its own", "ring": "a buffer of a ring",
            "rights": "SCM_RIGHTS", "credentials": "SCM_CREDENTIALS"}
WAYS = {"straight": "straight through", "retry": "one retry"}
# The most that a message may cost with the series, as a ratio
BAR = 1.003
# A retry, and control for which memory is allocated, may not cost more than before
NO_MORE = 1.0


@dataclass(frozen=True)
class Case:
    """One kind of send, or of receive."""

    bits: str
    opcode: str
    control: str                       # of sendmsg; for send and recv, where their data is
    way: str

    def __str__(self) -> str:
        return f"{self.bits} bit {self.opcode}, {CONTROLS[self.control]}, {WAYS[self.way]}"


    @property
    def bar(self) -> float:
        """The most that it may cost."""
        return NO_MORE if self.way == "retry" or self.control == "large" else BAR


@dataclass(frozen=True)
class Cost:
    """What it took: a figure of each run, or how the send failed."""

    runs: tuple[int, ...] = ()
    fails: str = ""

    @property
    def figure(self) -> int | None:
        """The least of the runs, what is beyond is chance (cost.rst); None when the send fails."""
        return None if self.fails or not self.runs else min(self.runs)


Costs = Mapping[Case, Cost]


@dataclass(frozen=True)
class Measured:
    """All that was measured of one kernel; no allocations and no bytes with --quick."""

    instructions: Costs
    allocations: Costs
    size: int | None = None            # of struct io_async_msghdr


@dataclass(frozen=True)
class Pair:
    """One tree before and after."""

    release: str
    before: Measured
    after: Measured
    what: str = mutant.WITH

    def __str__(self) -> str:
        return self.release if self.what == mutant.WITH else f"{self.release} {self.what}"


def parse(lines: Sequence[str]) -> dict[str, dict[Case, Cost]]:
    """What cost.c printed, by unit. Raises Unusable with the line that says why not."""
    found: dict[str, dict[Case, Cost]] = {"instructions": {}, "allocations": {}}
    for line in lines:
        if not line.startswith("cost: "):
            continue
        words = line.split()[1:]
        if len(words) < 7 or words[0] not in found:
            raise Unusable(line)
        costs, case = found[words[0]], Case(*words[1:5])
        before = costs.get(case, Cost()).runs
        costs[case] = (Cost(before, words[6]) if words[5] == "fails"
                       else Cost((*before, int(words[5]))))
    return found


def harm(pair: Pair) -> list[str]:
    """A line for each bar that is not met. What fails before has no figure to compare with."""
    found = []
    for case, before in pair.before.instructions.items():
        after = pair.after.instructions.get(case, Cost(fails="not measured"))
        ratio = _ratio(before, after)
        if after.fails:
            found.append(f"{case}: fails with the series: {after.fails}")
        elif ratio and ratio > case.bar:
            found.append(f"{case}: {ratio:.4f} times the instructions, {case.bar:.3f} is the most")
    for case, before in pair.before.allocations.items():
        after = pair.after.allocations.get(case, Cost(fails="not measured"))
        if before.figure is not None and (after.figure is None or after.figure > before.figure):
            found.append(f"{case}: {_cell(after)} allocations, {before.figure} before")
    return [f"{pair}: {line}" for line in found]


def _ratio(before: Cost, after: Cost | None) -> float | None:
    """After by before; None where one of them has no figure."""
    return after.figure / before.figure if before.figure and after and after.figure else None


def _cell(cost: Cost | None) -> str:
    if not cost:
        return "-"
    return f"fails ({cost.fails})" if cost.figure is None else str(cost.figure)


def _spread(cost: Cost) -> str:
    return (f"{min(cost.runs)}..{max(cost.runs)}" if cost.figure is not None and len(cost.runs) > 1
            else "")


def text(pairs: Sequence[Pair]) -> str:
    """For each tree a table of the cases, and the bytes."""
    out = []
    for pair in pairs:
        rows = [[f"Linux {pair}", "control", "", "bits", "before", "runs", "after", "runs", "ratio",
                 "allocations"]]
        for case, before in pair.before.instructions.items():
            after = pair.after.instructions.get(case, Cost())
            ratio = _ratio(before, after)
            slabs = [_cell(kernel.allocations.get(case)) for kernel in (pair.before, pair.after)]
            rows.append([case.opcode, CONTROLS[case.control], WAYS[case.way], case.bits,
                         _cell(before), _spread(before), _cell(after), _spread(after),
                         f"{ratio:.4f}" if ratio else "-",
                         " -> ".join(slabs) if pair.after.allocations else ""])
        out += [*report.aligned(rows), ""]
        if pair.before.size and pair.after.size:
            out += [f"struct io_async_msghdr: {pair.before.size} bytes before, {pair.after.size} "
                    "after", ""]
    return "\n".join(out)


# -- the plot --------------------------------------------------------------------------------------

SCRIPT = """\
set terminal svg noenhanced size 1000,{height} font "sans-serif,14" background "#ffffff"
set multiplot title "Instructions of one send: what the series changes" layout {count},1
set style data histogram
set style histogram clustered gap 1
set style fill solid border -1
set boxwidth 0.9
set border 3
set xtics nomirror scale 0 rotate by -30 font ",11"
set lmargin 10
set rmargin 22
set bmargin 10
set ytics nomirror
set grid ytics lc rgb "#dddddd" lt 1
set xzeroaxis lt -1
set ylabel "change (%)"
set yrange [*:{most}]
set key outside top center horizontal
{plots}
unset multiplot
"""
COLOURS = {"64": "#0072b2", "32": "#e69f00"}


def script(pairs: Sequence[Pair]) -> str:
    """The script for gnuplot, which writes an SVG; a send that failed before has no box."""
    blocks: list[str] = []
    plots: list[str] = []
    most = BAR * 100 - 100
    for number, pair in enumerate(pairs):
        rows: dict[str, dict[str, str]] = {}
        for case, before in pair.before.instructions.items():
            ratio = _ratio(before, pair.after.instructions.get(case))
            name = f"{case.opcode}, {CONTROLS[case.control]}, {case.way}"
            rows.setdefault(name, {})[case.bits] = f"{ratio * 100 - 100:.3f}" if ratio else "NaN"
            most = max(most, ratio * 100 - 100 if ratio else 0)
        blocks += [f"$pair{number} << END",
                   *(f'"{name}" {row.get("64", "NaN")} {row.get("32", "NaN")}'
                     for name, row in rows.items()), "END"]
        curves = ", ".join(f'$pair{number} using {column}:xtic(1) title "{bits} bit" lc rgb '
                           f'"{colour}"' for column, (bits, colour) in enumerate(COLOURS.items(), 2)
                           if any(row.get(bits, "NaN") != "NaN" for row in rows.values()))
        plots += [f'set title "Linux {pair}"', f"plot {curves}"]
    blocks.append(SCRIPT.format(height=520 * len(pairs), count=len(pairs),
                                most=f"{most * 1.1:.3f}", plots="\n".join(plots)))
    return "\n".join(blocks)


def plot(pairs: Sequence[Pair], path: Path) -> None:
    """Draws the change of each case into an SVG file, by gnuplot. Raises Unusable."""
    host.need(("gnuplot-nox",))
    with tempfile.TemporaryDirectory() as work:
        made = Path(work, "plot.gp")
        made.write_text(script(pairs))
        path.write_text(command.run(["gnuplot", made], "gnuplot"))


# -- a run -----------------------------------------------------------------------------------------

def options(parser: argparse.ArgumentParser) -> None:
    """The option of this part alone."""
    parser.add_argument("--buffers", action="store_true",
                        help="also with the fixes about provided buffers on top of the series")


def run(options: argparse.Namespace, home: Path) -> bool:
    """Measures before and after, and a kernel that must be too dear; whether no harm was found."""
    trees = [proof.find(word) for word in options.trees[:1 if options.quick else None]]
    plan = QUICK if options.quick else FULL
    pairs: list[Pair] = []
    found: list[str] = []
    said: list[str] = []
    with Progress() as progress:
        for tree in trees:
            builder = Builder(tree, plan.flavour)
            series = mutant.series_of(tree)
            variants = [series]
            if options.buffers:
                variants.append(proof.buffers(tree, each=False)[-1])
            before = measure(builder.kernel(Variant("as it is")), plan, home, progress)
            for one in variants:
                after = measure(builder.kernel(one), plan, home, progress)
                pairs.append(Pair(tree.release, before, after, one.name))
                found += harm(pairs[-1])
            if plan.control and tree == trees[0]:
                worse = mutant.mutants(tree, [MUTANT], series)[0]
                caught = harm(Pair(tree.release, before,
                                   measure(builder.kernel(worse), plan, home, progress)))
                said.append(f"control: {tree.release} with one more allocation in each send: "
                            f"{len(caught)} bars broken")
                # It is in the way that sends with a msghdr take
                spoilt = [case for case in before.instructions if case.opcode.startswith("sendmsg")]
                found += [] if len(caught) >= len(spoilt) else [f"{said[-1]}, which are too few"]
    table = "\n".join([text(pairs), *said,
                       *(f"HARM: {line}" for line in found)]).rstrip("\n") + "\n"
    record.leave("cost", home, table, [_plain(pair) for pair in pairs], options.record)
    if not options.quick:
        plot(pairs, home / "cost.svg")
    return not found


def measure(kernel: kernels.Kernel, plan: Scale, home: Path, progress: Progress) -> Measured:
    """Builds and boots a kernel and counts there. Raises Unusable when that has no end."""
    into = home / kernel.label
    into.mkdir(parents=True, exist_ok=True)
    progress.phase(kernel.label, "build")
    files = kernel.obtain()
    programs = static.build("harm")
    names = [f"cost{'' if abi == '64' else '_32'}" for abi in plan.abis]
    job = ["echo 0 >/proc/sys/kernel/randomize_va_space",
           f"for i in $(seq {plan.runs}); do",
           *(f"/{name} instructions {plan.requests}" for name in names), "done",
           *(f"/{name} allocations {plan.counted}" for name in names if plan.counted)]
    progress.phase(kernel.label, "boot")

    def seen(line: str) -> None:
        progress.phase(kernel.label, f"test: {line}")

    done = guest.job(vm.Boot("tcg", files, initramfs.base(bundle.build()), into, seen, MACHINE),
                     "\n".join(job) + "\n", {name: programs / name for name in names})
    (into / "lines.log").write_text("".join(f"{line}\n" for _, line in done.lines))
    lines = guest.whole(done, kernel.label, into)
    costs = parse(lines)
    if any(len(cost.runs) != plan.runs and not cost.fails
           for cost in costs["instructions"].values()):
        raise Unusable(f"{kernel.label}: runs are missing: {into}")
    progress.done(kernel.label, f"{len(costs['instructions'])} figures")
    return Measured(costs["instructions"], costs["allocations"],
                    size(files) if plan.counted else None)


def size(files: Files) -> int:
    """Bytes of struct io_async_msghdr, of the tree as its build has left it."""
    assert files.config
    out = files.config.parent
    with tempfile.TemporaryDirectory() as work:
        Path(work, "Kbuild").write_text("obj-y := probe.o\n")
        # Older trees with the series have the control data behind the structure
        Path(work, "probe.c").write_text("#include <linux/io_uring_types.h>\n"
                                         f'#include "{out.with_suffix(".tree")}/io_uring/net.h"\n'
                                         "#ifndef IO_ASYNC_MSGHDR_SZ\n"
                                         "#define IO_ASYNC_MSGHDR_SZ sizeof(struct "
                                         "io_async_msghdr)\n#endif\n"
                                         "char probed[IO_ASYNC_MSGHDR_SZ];\n")
        command.run(["make", "-C", out.with_suffix(".tree"), f"O={out}", "ARCH=x86_64",
                     f"M={work}", "probe.o"],
                    "size of struct io_async_msghdr", error=BuildFailed)
        symbols = command.run(["nm", "-S", Path(work, "probe.o")], "nm")
    return int(next(line.split()[1] for line in symbols.splitlines() if line.endswith(" probed")),
               16)


def _plain(pair: Pair) -> dict[str, Any]:
    """A pair as it goes to cost.json."""
    made: dict[str, Any] = {"release": pair.release, "what": pair.what}
    for name, kernel in (("before", pair.before), ("after", pair.after)):
        made[name] = {"io_async_msghdr": kernel.size}
        for unit, costs in (("instructions", kernel.instructions),
                            ("allocations", kernel.allocations)):
            made[name][unit] = [{**asdict(case), **asdict(cost)} for case, cost in costs.items()]
    return made
