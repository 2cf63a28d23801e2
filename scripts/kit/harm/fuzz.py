"""Differential fuzzing: control buffers made by chance, sent by sendmsg(2) and by io_uring, and
what came of both.

selftests/harm/fuzz.c does it. With the series a kernel must show no difference at all; as it is,
the fuzzer must find the defects that the series is for by itself, or its net has a hole. The
programs that it prints to show a difference are compiled and tried on both kernels.
"""

import argparse
import json
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ..base import command, splat
from ..build import bundle, cross, liburing, source, static
from ..guest import guest, initramfs, vm
from ..report import report
from . import mutant, record
from .. import proof
from ..base.arch import AMD64
from ..base.error import BuildFailed, Unusable, Usage
from ..kernel.kernel import Kernel
from ..base.progress import Progress
from ..series.tree import Tree
from ..variant import Builder

HELP = "random control buffers: does a send through io_uring do what sendmsg(2) does"
PROGRAMS = {"64": "fuzz", "32": "fuzz_32"}
# What it has to find by itself: defect -> in programs of which ABIs
FINDS = {"late-read": ("64", "32"), "wrong-length": ("32",)}
MACHINE = vm.Machine(overall=7200.0)
HUNT = 3000                            # buffers in which a seed has to find what there is
ENOUGH = 60                            # differences after which it gives up
CHECKED = 5000                         # buffers in which the fault of --self-check has to be found
_END = re.compile(r"# exit (\S+) (\d+)$")


@dataclass(frozen=True)
class Plan:
    """How much is tried."""

    buffers: int                       # through a kernel with the series, half of them in each ABI
    seeds: tuple[int, ...]             # with which a kernel as it is gets hunted
    seed: int


QUICK = 4000


@dataclass(frozen=True)
class Found:
    """One defect, as one seed found it."""

    name: str
    buffer: int                        # the first that showed it, from 1
    sends: int                         # through io_uring until then
    times: int
    before: int                        # bytes of its control buffer
    after: int                         # the same when it had been made smaller


@dataclass(frozen=True)
class Ran:
    """What one run of the program has told."""

    kernel: str
    bits: str
    seed: int
    seconds: float
    buffers: int                       # that went through sendmsg(2) and then through io_uring
    accepted: int                      # by sendmsg(2)
    sends: int                         # through io_uring
    waited: int                        # of these: not complete before a full socket had room again
    retried: int                       # of these: issued in vain before
    differences: int
    sorts: dict[str, tuple[int, int]]  # valid, nearly, garbage: how many, and accepted
    kinds: dict[str, dict[str, int]]
    ways: dict[str, int]
    found: tuple[Found, ...]


@dataclass
class Told:
    """All that the programs of one guest have told."""

    runs: list[Ran] = field(default_factory=list)
    programs: dict[str, str] = field(default_factory=dict)   # NAME-BITS.c -> source text
    ends: dict[str, int] = field(default_factory=dict)       # what was run -> its exit status
    notes: list[str] = field(default_factory=list)           # lines about differences


@dataclass
class Pair:
    """One tree before and after."""

    release: str
    expected: Sequence[str]            # defects that the tree has, of those in FINDS
    before: Told = field(default_factory=Told)
    after: Told = field(default_factory=Told)


def parse(lines: Iterable[str]) -> Told:
    """What the programs printed. Raises Unusable for a summary that is broken."""
    told = Told()
    name, text = "", list[str]()
    for line in lines:
        if name:
            if line == "---- end":
                told.programs.setdefault(name, "\n".join(text) + "\n")
                name = ""
            else:
                text.append(line)
        elif match := re.fullmatch(r"---- (\S+\.c)", line):
            name, text = match[1], []
        elif line.startswith('{"program": "fuzz"'):
            told.runs.append(_ran(line))
        elif match := _END.fullmatch(line):
            told.ends[match[1]] = int(match[2])
        elif re.match(r"(# |fuzz: (?!\d+ of ))", line) and not line.startswith("# kit: "):
            told.notes.append(line)
    return told


def _ran(line: str) -> Ran:
    try:
        data = json.loads(line)
        return Ran(data["kernel"], str(data["bits"]), data["seed"], data["seconds"],
                   data["buffers"], data["accepted"], data["sends"], data["waited"],
                   data["retried"], data["differences"],
                   {sort: (data[sort][0], data[sort][1])
                    for sort in ("valid", "nearly", "garbage")},
                   data["kinds"], data["ways"],
                   tuple(Found(one["name"], one["buffer"], one["sends"], one["found"],
                               one["from"], one["to"])
                         for one in data["defects"]))
    except (ValueError, KeyError, TypeError, IndexError) as bad:
        raise Unusable(f"fuzz: not a summary: {line[:200]}") from bad


# -- what is run -----------------------------------------------------------------------------------

def hunt(plan: Plan) -> str:
    """Shell for a kernel as it is."""
    words = f"--json --count {HUNT} --enough {ENOUGH}"
    return "".join(f"/{program} --seed {seed} {words}\n" for seed in plan.seeds
                   for program in PROGRAMS.values())


def crowd(plan: Plan) -> str:
    """Shell for a kernel with the series."""
    lines = [f"/{program} --self-check --seed {plan.seed} --count {CHECKED} >/tmp/check; rc=$?; "
             f"tail -n 1 /tmp/check; echo \"# exit check-{bits} $rc\""
             for bits, program in PROGRAMS.items()]
    lines += [f"/{program} --seed {plan.seed} --count {plan.buffers // 2} --json; echo \"# exit "
              f"{program} $?\"" for program in PROGRAMS.values()]
    return "\n".join(lines) + "\n"


def show(programs: Iterable[str]) -> str:
    """Shell that runs reproducers."""
    return "".join(f"/{name}; echo \"# exit {name} $?\"\n" for name in programs)


def compiled(name: str, text: str, into: Path) -> Path:
    """A static program of a reproducer NAME-BITS.c, as NAME-BITS in a folder.

    Raises BuildFailed.
    """
    stem, bits = name.removesuffix(".c"), name.removesuffix(".c").rpartition("-")[2]
    prefix = liburing.prefix(bits)
    into.mkdir(parents=True, exist_ok=True)
    (into / name).write_text(text)
    command.run([*cross.compiler(AMD64, bits).split(), "-O2", "-Wall", "-Wextra", "-Werror",
                 "-static", "-isystem", source.frame() / "usr/include", f"-I{prefix}/include",
                 f"-L{prefix}/lib", into / name, "-luring", "-o", into / stem], f"compiling {name}",
                error=BuildFailed)
    return into / stem


class Hunter:
    """Boots kernels for the fuzzer."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        progress.phase("programs", "building")
        self._base, programs = initramfs.base(bundle.build()), static.build("harm")
        self._programs = {name: programs / name for name in PROGRAMS.values()}
        progress.done("programs", "ready")

    def run(self, kernel: Kernel, script: str, home: Path, more: Mapping[str, Path]) -> Told:
        """Boots a kernel for a script. Raises Unusable when that does not come to its end."""
        home.mkdir(parents=True, exist_ok=True)
        self._progress.phase(kernel.label, "build")
        files = kernel.obtain()
        self._progress.phase(kernel.label, "boot")

        def seen(line: str) -> None:
            if line.startswith("fuzz: "):
                self._progress.phase(kernel.label, f"test: {line.removeprefix('fuzz: ')}")

        done = guest.job(vm.Boot(vm.accelerator(files, self._base), files,
                                 self._base, home, seen, MACHINE), script,
                         {**self._programs, **more})
        (home / "lines.log").write_text("".join(f"{second:8.1f} {line}\n"
                                                for second, line in done.lines))
        told = parse(guest.whole(done, kernel.label, home))
        told.notes += splat.reports(done.console)
        self._progress.done(kernel.label, f"{sum(run.buffers for run in told.runs)} buffers, "
                            f"{sum(run.differences for run in told.runs)} differences")
        return told

    def tree(self, tree: Tree, plan: Plan, home: Path) -> Pair:
        """Both kernels of a tree: hunts in the first, compiles what it prints, tries
        that and the crowd in both."""
        builder = Builder(tree)
        series = mutant.series_of(tree)
        before, after = (builder.kernel(one) for one in mutant.main_variants(tree))
        pair = Pair(tree.release,
                    [one for one in FINDS if one in {patch.slug for patch in series.applied}])
        pair.before = self.run(before, hunt(plan), home / before.label, {})
        made = {path.name: path
                for path in (compiled(name, text, home / "reproducers" / tree.release)
                             for name, text in pair.before.programs.items())}
        pair.before.ends = self.run(before, show(made), home / f"{before.label}-reproducers",
                                    made).ends
        pair.after = self.run(after, show(made) + crowd(plan), home / after.label, made)
        return pair


# -- what came of it -------------------------------------------------------------------------------

def harm(pair: Pair, plan: Plan) -> list[str]:
    """A line for each thing that is not as it should be."""
    return [f"{pair.release}: {line}" for line in (*_harm_before(pair), *_harm_after(pair, plan))]


def _harm_before(pair: Pair) -> list[str]:
    found = []
    for name in pair.expected:
        for bits in FINDS[name]:
            if not _firsts(pair.before.runs, bits, name):
                found.append(f"as it is, {bits} bit: {name} was not found")
            elif pair.before.ends.get(f"{name}-{bits}") != 1:
                found.append(f"as it is: the program for {name}, {bits} bit, shows no difference")
    return found


def _harm_after(pair: Pair, plan: Plan) -> list[str]:
    found = []
    for bits, program in PROGRAMS.items():
        runs = [run for run in pair.after.runs if run.bits == bits]
        if sum(run.buffers for run in runs) < plan.buffers // 2 or program not in pair.after.ends:
            found.append(f"with the series, {bits} bit: it did not come to its end")
        elif pair.after.ends[program]:
            names = {one.name for run in runs for one in run.found}
            found.append(f"with the series, {bits} bit: {sum(run.differences for run in runs)} "
                         "differences: "
                         f"{', '.join(sorted(names)) or f'exit status {pair.after.ends[program]}'}")
        if pair.after.ends.get(f"check-{bits}") != 0:
            found.append(f"with the series, {bits} bit: a fault in the comparison was not found, "
                         "or not made small")
    for name in pair.before.programs:
        if pair.after.ends.get(name.removesuffix(".c")) != 0:
            found.append(f"with the series: the program {name} still shows a difference")
    found += [f"with the series: {note.splitlines()[0]}" for note in pair.after.notes
              if "self-check" not in note and not re.match(r"# (seed|0 differences)", note)]
    return found


def _firsts(runs: Iterable[Ran], bits: str, name: str) -> list[Found]:
    """A defect as each seed found it that did."""
    return [one for run in runs if run.bits == bits for one in run.found if one.name == name]


def text(pair: Pair) -> str:
    """Its tables: what the hunt found and how soon, what the series took,
    and through which sockets and ways."""
    rows = [[f"{pair.release} as it is", "seeds", "found by", "first in buffer", "after sends",
             "bytes of it, smaller"]]
    for bits in PROGRAMS:
        runs = [run for run in pair.before.runs if run.bits == bits]
        for name in sorted({one.name for run in runs for one in run.found}):
            firsts = _firsts(runs, bits, name)
            rows.append([f"  {name}, {bits} bit", str(len(runs)), str(len(firsts)),
                         _spread([one.buffer for one in firsts]),
                         _spread([one.sends for one in firsts]),
                         f"{_median(one.before for one in firsts)} -> "
                         f"{_median(one.after for one in firsts)}"])
    after = pair.after.runs
    out = [*report.aligned(rows), ""]
    rows = [[f"{pair.release} with the series", "seed", "buffers", "accepted", "sends", "waited",
             "issued again", "differences", "time"]]
    rows += [[f"  {run.bits} bit", str(run.seed),
              *map(str, (run.buffers, run.accepted, run.sends, run.waited,
                         run.retried, run.differences)), f"{run.seconds:.0f} s"]
             for run in after]
    out += [*report.aligned(rows), "", *_sorts(after), "", *_kinds(after), "", *_ways(after), ""]
    out += [f"  programs that show it, as it is and with the series: {name.removesuffix('.c')} "
            f"{_shown(pair.before, name)}, {_shown(pair.after, name)}"
            for name in sorted(pair.before.programs)]
    return "\n".join(line.rstrip() for line in out) + "\n"


def _shown(told: Told, name: str) -> str:
    return {0: "no difference", 1: "a difference"}.get(told.ends.get(name.removesuffix(".c"), 3),
                                                       "could not run")


def _spread(values: Sequence[int]) -> str:
    return f"{_median(values)} (most: {max(values)})"


def _median(values: Iterable[int]) -> str:
    return f"{statistics.median(values):g}"


def _sorts(runs: Sequence[Ran]) -> list[str]:
    rows = [["  buffers", "made", "accepted"]]
    for sort, name in (("valid", "valid"), ("nearly", "nearly valid"), ("garbage", "garbage")):
        rows.append([f"    {name}",
                     *(str(sum(run.sorts[sort][at] for run in runs)) for at in (0, 1))])
    return report.aligned(rows)


def _kinds(runs: Sequence[Ran]) -> list[str]:
    columns = ("buffers", "accepted", "sends", "waited", "retried")
    rows = [["  sockets", "buffers", "accepted", "sends", "waited", "issued again"]]
    for kind in runs[0].kinds if runs else ():
        rows.append([f"    {kind}",
                     *(str(sum(run.kinds[kind][column] for run in runs)) for column in columns)])
    return report.aligned(rows)


def _ways(runs: Sequence[Ran]) -> list[str]:
    if not runs:
        return []
    total = {way: sum(run.ways[way] for run in runs) for way in runs[0].ways}
    heads = list(dict.fromkeys(way.rpartition(", ")[0] for way in total))
    rows = [["  sends", *heads]]
    for by in dict.fromkeys(way.rpartition(", ")[2] for way in total):
        rows.append([f"    {by}", *(str(total[f"{head}, {by}"]) for head in heads)])
    return report.aligned(rows)


def _plain(pair: Pair) -> dict[str, Any]:
    """A pair as it goes to fuzz.json."""
    return {"release": pair.release,
            **{name: {"ends": told.ends, "notes": told.notes,
                      "runs": [{**vars(run), "found": [vars(one) for one in run.found]}
                               for run in told.runs]}
               for name, told in (("before", pair.before), ("after", pair.after))}}


def options(parser: argparse.ArgumentParser) -> None:
    """The options of this part alone."""
    parser.add_argument("--count", type=int, default=1000000, metavar="N",
                        help="control buffers for each kernel with the series (default: 1000000)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="which ones (default: 1)")
    parser.add_argument("--seeds", type=int, default=10, metavar="N",
                        help="seeds with which kernels as they are get hunted (default: 10)")
    parser.add_argument("-j", "--jobs", type=int, default=2, metavar="N",
                        help="trees at once (default: 2)")


def run(options: argparse.Namespace, home: Path) -> bool:
    """Does this part; gives whether no harm was found."""
    if min(options.count - 1, options.seeds, options.jobs) < 1 or options.seed < 0:
        raise Usage("--count: 2 or more; --seeds and --jobs: 1 or more; --seed: 0 or more")
    seeds = range(options.seed, options.seed + (2 if options.quick else options.seeds))
    plan = Plan(QUICK if options.quick else options.count, tuple(seeds), options.seed)
    trees = [proof.find(word) for word in options.trees[:1 if options.quick else None]]
    with Progress() as progress:
        hunter = Hunter(progress)
        pairs = command.together(options.jobs,
                                 [partial(hunter.tree, tree, plan, home) for tree in trees])
    bad = [line for pair in pairs for line in harm(pair, plan)]
    table = "\n".join([*(text(pair) for pair in pairs),
                       *(f"HARM: {line}" for line in bad)]).rstrip("\n") + "\n"
    record.leave("fuzz", home, table, [_plain(pair) for pair in pairs], options.record)
    return not bad
