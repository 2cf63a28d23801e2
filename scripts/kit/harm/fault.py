"""Fault injection: each allocation and each copy from user memory that a send takes fails once,
in a debug kernel.

selftests/harm/fault.c does it and says what came of each; which of them the series has brought is
told by the traces that the kernel prints for each.
"""

import argparse
import re
import time
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..guest import vm
from ..report import report
from . import debug, mutant, record, watch
from .. import proof
from ..kernel.kernel import Kernel
from ..base.progress import Progress
from ..series.tree import Tree
from ..variant import Builder

HELP = "what happens to a send when each of its allocations and copies fails in turn"
# Slab and copies are struck wherever they may, and say where; pages are not, they come when a slab
# is used up, as chance has it. loglevel 6 shows which kind it was.
MACHINE = replace(watch.STEADY, arguments=f"{watch.STEADY.arguments} loglevel=6")
SETUP = """
cd /sys/kernel/debug
echo N >failslab/ignore-gfp-wait
echo 10 >fail_page_alloc/min-order
for kind in failslab fail_usercopy; do echo 2 >$kind/verbose; done
cd /
"""
PROGRAM = "fault.c"
# Mutant -> who has to catch it, and as what, once something fails
NET = {"unchecked": ("HARDENED_USERCOPY", "usercopy: .*null address"),
       "leak-on-error": ("kmemleak", "unreferenced object"),
       "lost-files": (PROGRAM, "WRONG sent, but no file came")}
# Takes the control of a send: what a copy of it from user memory that fails comes to. A part of it
# copies for 32-bit programs, here and in sendmsg(2)
CONTROL, COMPAT = "io_sendmsg_copy_control", "cmsghdr_from_user_compat_to_kern"
COPY = "EFAULT"
# Hold files of SCM_RIGHTS, give them to AF_UNIX, and hold the id of MSG_ZEROCOPY
FILES, HELD, UBUF = "io_sendmsg_hold_files", "scm_fp_held", "io_send_hold_ubuf"


@dataclass(frozen=True)
class Memory:
    """Memory that the series wants, and what a send comes to for want of it."""

    function: str                      # that is new with the series
    fix: str
    where: str                         # the function that allocates
    inside: str                        # and one that it is called from: `function` itself
                                       # may have been made a part of that one
    came: str


MEMORY = (Memory(CONTROL, "late-read", CONTROL, CONTROL, "ENOMEM"),
          Memory(FILES, "late-file", "scm_fp_copy", CONTROL, "ENOMEM"),
          Memory(HELD, "late-file", "scm_fp_dup", "__scm_send", "ENOMEM"),
          Memory(UBUF, "repeated-id", "__alloc_skb", UBUF, "ENOBUFS"))
FIXES = frozenset(one.fix for one in MEMORY)
# What a send carries, as fault.c has it -> what wants memory for that, of MEMORY
CARRIED = {"small": (), "middle": (CONTROL,), "large": (CONTROL,),
           "file": (FILES, HELD), "files": (CONTROL, FILES, HELD), "zerocopy": (UBUF,)}
BY_ZC = ("small", "middle", "large")   # sendmsg_zc carries these alone
BARE = ("zerocopy",)                   # without control
COURSES = ("straight", "poll-first", "link", "worker", "full", "worker-full", "cancelled")
QUICK = ("full", "poll-first")         # what mutants and --quick try,
QUICK_CARRIED = ("large", "files", "zerocopy")         # with these
# Frames that every trace of a kind has, inside of whoever wanted to allocate or copy
_PLUMBING = re.compile(
    r"show_stack|dump_stack|_*should_fail|fail_dump|_*k[mvz]*alloc|_*kmem_cache_alloc|krealloc"
    r"|slab_|_*kmem_alloc|kmemdup|memdup|_*new_slab|allocate_slab|_*alloc_(?:pages|frozen)"
    r"|_*get_free_page|prepare_alloc|_*inline_copy|_*copy_(?:from|to)_|_*refill_objects"
    r"|get_from_partial|alloc_slab|stack_depot|kasan|mem_pool|_*create_object|kmemleak|fill_pool")


# A line of a trace, which in User Mode Linux begins with the address; "?" stands before a guess
_FRAME = re.compile(r"^(?:\[[^]]*\])* +(?:\[<[0-9a-f]+>\] )?(\w[\w.]*)\+0x[0-9a-f]+/0x", re.M)


@dataclass(frozen=True)
class Point:
    """One point that was made to fail: what came of the send,
    and the kernel's trace, innermost function first."""

    way: str                           # such as "64 sendmsg large full"
    number: int
    came: str                          # "sent", an errno, or "enter-" and the errno
                                       # of io_uring_enter(2)
    kind: str = ""                     # such as "failslab"; "" for an allocation
                                       # that does without a warning
    frames: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """The function that wanted it; "" where the kernel does not tell."""
        return next((frame for frame in self.frames if not _PLUMBING.match(frame)), "")

    @property
    def called(self) -> tuple[str, ...]:
        """Its frames without what the compiler has put behind a name."""
        return tuple(frame.partition(".")[0] for frame in self.frames)

    @property
    def copy(self) -> bool:
        """Whether it was the copy of control from user memory."""
        return CONTROL in self.called and self.kind == "fail_usercopy"

    @property
    def memory(self) -> Memory | None:
        """What memory of the series it was; nothing inside of allocating that is it."""
        if self.kind != "failslab":
            return None
        return next((one for one in MEMORY if one.inside in self.called and
                     one.where == self.where.partition(".")[0]), None)

    @property
    def ours(self) -> str:
        """The function of the series that wanted it, or what did for that function; or ""."""
        if self.copy:
            return next(name for name in self.called if name in (COMPAT, CONTROL))
        return self.memory.function if self.memory else ""

    @property
    def due(self) -> str:
        """What it has to come to; "" for what is not of the series."""
        return COPY if self.copy else self.memory.came if self.memory else ""


@dataclass(frozen=True)
class Told:
    """All that the programs of one guest have told."""

    points: tuple[Point, ...]
    totals: dict[str, int]             # way -> how many points it has
    wrong: tuple[str, ...]


def ways(abis: Sequence[str] = ("64", "32"), courses: Sequence[str] = COURSES,
         carried: Iterable[str] = CARRIED) -> list[str]:
    """The ways that fault.c tries, named as it names them."""
    return [f"{abi} {op} {what} {course}" for abi in abis for what in carried
            for op in ("sendmsg", "sendmsg_zc") if op == "sendmsg" or what in BY_ZC
            for course in courses]


def parse(lines: Iterable[str], console: str) -> Told:
    """What the programs told, with the traces of the console beside it."""
    traces = _traces(console)
    points, totals, wrong = [], {}, []
    for line in lines:
        word = line.removeprefix("fault: ")
        if match := re.fullmatch(r"(\d+ \S+ \S+ \S+) of (\d+)", word):
            totals[match[1]] = int(match[2])
        elif match := re.fullmatch(
                r"(\d+ \S+ \S+ \S+) (\d+) ((?:enter-)?[A-Z0-9]+|enter-short|sent)", word):
            kind, frames = traces.get((match[1], int(match[2])), ("", ()))
            points.append(Point(match[1], int(match[2]), match[3], kind, frames))
        elif word != line:
            wrong.append(word)
    return Told(tuple(points), totals, tuple(wrong))


def _traces(console: str) -> dict[tuple[str, int], tuple[str, tuple[str, ...]]]:
    """(way, number) -> kind and frames of the trace behind the line by which fault.c announces it.

    Traces of fault.c's own reading and writing of fail-nth,
    which may be struck as well, are not it.
    """
    found: dict[tuple[str, int], tuple[str, tuple[str, ...]]] = {}
    for part in re.split(r"^.*?(?=fault: \d+ \S+ \S+ \S+ \d+$)", console.replace("\r", ""),
                         flags=re.M)[1:]:
        head = re.match(r"fault: (\d+ \S+ \S+ \S+) (\d+)$", part, re.M)
        for trace in re.split(r"^.*?(?=name \w+, interval)", part, flags=re.M)[1:]:
            lines = trace.partition("</TASK>")[0]
            frames = tuple(_FRAME.findall(lines))
            if head and not any(frame.startswith("proc_fail_nth") for frame in frames):
                found[head[1], int(head[2])] = (trace.split()[1].rstrip(","), frames)
                break
    return found


def missed(told: Told, tried: Sequence[str], fixes: Collection[str] = FIXES) -> list[str]:
    """What of these fixes was not made to fail, or came to something else: a sentence for each ABI,
    opcode and what is carried where some course should have.

    Now and then a point has another number than in the send before, as when a slab is used up, so a
    course alone may pass over one. `tried`: ways.
    """
    found = [f"{way}: did not come to its end" for way in tried if way not in told.totals]
    for group in dict.fromkeys(way.rpartition(" ")[0] for way in tried):
        points = [point for point in told.points if point.way.rpartition(" ")[0] == group]
        carried = group.split()[2]
        if carried not in BARE and not any(point.copy for point in points):
            found.append(f"{group}: no copy of the fix failed")
        found += sorted({f"{group}: {point.ours} ({point.kind}) that failed came to {point.came}, "
                         f"not to {point.due}" for point in points
                         if point.due not in ("", point.came)})
        for one in MEMORY:
            struck = sum(point.memory == one for point in points)
            if bool(struck) != (one.fix in fixes and one.function in CARRIED[carried]):
                found.append(f"{group}: {struck} allocations of {one.function} failed")
    return found


def options(parser: argparse.ArgumentParser) -> None:
    """The options of this part alone."""
    watch.options(parser)


def run(options: argparse.Namespace, home: Path) -> bool:
    """Does this part; gives whether no harm was found."""
    if options.quick:
        return all([_quick(proof.find(word), home) for word in options.trees[:1]])
    kept = []
    with Progress() as progress:
        guests = watch.Guests(progress)
        for tree in map(proof.find, options.trees):
            kept += [_tree(guests, tree, home, engine, options.buffers)
                     for engine in watch.engines(options.engine)]
    record.leave("fault", home, "\n".join(table(one) for one in kept), kept, options.record)
    return all(one["well"] and all(found["well"] for found in one["mutants"]) for one in kept)


def _tree(guests: watch.Guests, tree: Tree, home: Path, engine: str,
          buffers: bool) -> dict[str, Any]:
    """All of one tree on one engine, as it goes to fault.json."""
    builder = watch.builder(tree, engine)
    series = mutant.main_variants(tree, buffers)[-1]
    kernel = builder.kernel(series)
    script = SETUP + watch.exits("nth", watch.programs(kernel))
    done = guests.run(kernel, watch.watched(script), home / kernel.label, MACHINE, told=_way)
    told = parse((line for _, line in done.lines), done.console)
    bad = [*told.wrong, *missed(told, ways(kernel.abis), _fixes(kernel)), *watch.caught(done)]
    mutants = [mutant.entry(_hunted(guests, builder.kernel(variant), variant.name, home))
               for variant in mutant.mutants(
                   tree, mutant.possible(watch.net(NET, engine), series), series)]
    return {"release": tree.release, "engine": engine, "series": series.name,
            "abis": kernel.abis, "date": time.strftime("%Y-%m-%d"), "well": not bad, "bad": bad,
            "seconds": round(done.seconds), "totals": told.totals, "mutants": mutants,
            "points": [{"way": one.way, "number": one.number, "came": one.came, "kind": one.kind,
                        "where": one.where, "ours": one.ours}
                       for one in told.points]}


def _quick(tree: Tree, home: Path) -> bool:
    """Two courses with faults in a debug kernel; where none has been built yet, all of them without
    in a plain one."""
    series = mutant.series_of(tree)
    kernel = Builder(tree, watch.FLAVOUR).kernel(series)
    with Progress() as progress:
        guests = watch.Guests(progress)
        if not watch.built(kernel):
            done = guests.run(Builder(tree).kernel(series), watch.exits("rest"),
                              home, vm.USUAL)
            good = Counter(line
                           for _, line in done.lines if re.match(r"fault: .* rest$", line)).total()
            print(f"fault: no debug kernel of {tree.release} has been built here, `scripts/harm "
                  f"fault` does; {good} of {len(ways())} ways to send work without faults")
            return good == len(ways())
        done = guests.run(kernel, watch.watched(_few(kernel)), home, MACHINE, told=_way)
    told = parse((line for _, line in done.lines), done.console)
    bad = [*told.wrong, *missed(told, ways(kernel.abis, QUICK, QUICK_CARRIED), _fixes(kernel)),
           *watch.caught(done)]
    ours = sum(bool(one.ours) for one in told.points)
    print(f"fault: {tree.release}: {len(told.points)} points failed, {ours} of them of the fixes",
          *bad, sep="\n")
    return not bad


def _fixes(kernel: Kernel) -> frozenset[str]:
    """Those of the fixes that a kernel has: not each series brings each of them."""
    return FIXES - {slug for slug, _ in kernel.present or ()}


def _few(kernel: Kernel) -> str:
    """What strikes the fixes on both ways to take the control, and little else."""
    names = watch.programs(kernel)
    return SETUP + "\n".join(watch.exits(f"nth {what} {course}", names)
                             for what in QUICK_CARRIED for course in QUICK)


def _hunted(guests: watch.Guests, kernel: Kernel, name: str, home: Path) -> mutant.Catch:
    """Whether a mutant was caught, by the kernel or by the program."""
    who, pattern = NET[name]
    script, home = _few(kernel), home / kernel.label
    if who != PROGRAM:
        return mutant.hunt(guests, kernel, name, NET[name], script, home, MACHINE)
    done = guests.run(kernel, watch.watched(script), home, MACHINE)
    told = parse((line for _, line in done.lines), done.console)
    found = next((line for line in told.wrong if re.search(pattern, line)), "")
    return mutant.Catch(name, who, found, round(done.seconds, 1))


def _way(line: str) -> str:
    return (line.removeprefix("fault: ").partition(" of ")[0]
            if re.match(r"fault: .* of \d+$", line) else "")


def table(kept: dict[str, Any]) -> str:
    """What came of one tree: points of each way and what they came to, the fix's own, the mutants,
    what was wrong."""
    heads = [f"{abi} {op}" for abi in kept.get("abis", ("64", "32"))
             for op in ("sendmsg", "sendmsg_zc")]
    title = f"{kept['release']} {kept.get('series', mutant.WITH)}"
    title += debug.ENGINES[kept.get("engine", "qemu")]
    rows = [[f"{title}: points that failed", *heads]]
    for what in CARRIED:
        for course in COURSES:
            rows.append([f"  {what}, {course}",
                         *(str(kept["totals"].get(f"{head} {what} {course}", "-"))
                           for head in heads)])
    sites: dict[str, Counter[str]] = {}
    for point in kept["points"]:
        if point["ours"]:
            sites.setdefault(f"{point['ours']} ({point['kind']}), {point['way'][:2]} bit",
                             Counter())[point["came"]] += 1
    came = Counter(point["came"] for point in kept["points"])
    quiet = ("no leak, no other report" if kept.get("engine", "qemu") == "qemu" else
             "no report (of leaks there is none)")
    end = (f"{quiet}, and each next send was delivered" if kept["well"]
           else "NOT AS IT SHOULD BE:")
    lines = [*report.aligned(rows),
             f"  {len(kept['points'])} points in {kept['seconds']} s; they came to "
             + debug.outcomes(came.elements()),
             "  of these in the fixes:",
             *(f"    {site}: {debug.outcomes(sites[site].elements())}" for site in sorted(sites)),
             *mutant.mutant_lines(kept),
             f"  {end}",
             *(f"    {line}" for text in kept["bad"][:10] for line in text.splitlines())]
    return "\n".join(lines) + "\n"
