"""Fault injection: each allocation and each copy from user memory that a send takes fails once, in a debug kernel.

selftests/harm/fault.c does it and says what came of each; which of them the fix for late-read has brought is told by
the traces that the kernel prints, or does not print, for each.
"""

import argparse
import re
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..guest import vm
from ..report import report
from . import debug, record
from .. import proof
from ..kernel.kernel import Kernel
from ..base.progress import Progress
from ..series.tree import Tree

HELP = "what becomes of a send when one of its allocations or copies fails, one after the other"
# Slab and copies are struck wherever they may, and say where; pages are not, they come when a slab is used up, as
# chance has it. loglevel 6 shows which kind it was.
MACHINE = replace(debug.STEADY, arguments=f"{debug.STEADY.arguments} loglevel=6")
SETUP = """
cd /sys/kernel/debug
echo N >failslab/ignore-gfp-wait
echo 10 >fail_page_alloc/min-order
for kind in failslab fail_usercopy; do echo 2 >$kind/verbose; done
cd /
"""
# Mutant -> who has to catch it, and as what, once something fails
NET = {"unchecked": ("HARDENED_USERCOPY", "usercopy: .*null address"),
       "leak-on-error": ("kmemleak", "unreferenced object")}
OURS = re.compile(r"^(io_copy_control|cmsghdr_from_user_compat_to_kern)\b")
_AHEAD = 4                             # points at most from that allocation to the copy: kmemleak's, memcg's
COURSES = ("straight", "poll-first", "link", "worker", "full", "worker-full", "cancelled")
QUICK = ("full", "poll-first")         # what mutants and --quick try, with large control
# Frames that every trace of a kind has, inside of whoever wanted to allocate or copy
_PLUMBING = re.compile(
    r"dump_stack|_*should_fail|fail_dump|_*k[mvz]*alloc|_*kmem_cache_alloc|krealloc|slab_|_*kmem_alloc|kmemdup|memdup"
    r"|_*new_slab|allocate_slab|_*alloc_(?:pages|frozen)|_*get_free_page|prepare_alloc|_*inline_copy"
    r"|_*copy_(?:from|to)_|_*refill_objects|get_from_partial|alloc_slab|stack_depot|kasan|mem_pool|_*create_object"
    r"|kmemleak|fill_pool")


@dataclass(frozen=True)
class Point:
    """One point that was made to fail: what came of the send, and the kernel's trace, innermost function first."""

    way: str                           # such as "64 sendmsg large full"
    number: int
    came: str                          # "sent", an errno, or "enter-" and the errno of io_uring_enter(2)
    kind: str = ""                     # such as "failslab"; "" for an allocation that does without a warning
    frames: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """The function that wanted it; "" where the kernel does not tell."""
        return next((frame for frame in self.frames if not _PLUMBING.match(frame)), "")

    @property
    def ours(self) -> str:
        """The function of the fix in whose copy it was, or ""."""
        return next((match[1] for frame in self.frames if (match := OURS.match(frame))), "")


@dataclass(frozen=True)
class Told:
    """All that the programs of one guest have told."""

    points: tuple[Point, ...]
    totals: dict[str, int]             # way -> how many points it has
    wrong: tuple[str, ...]


def ways() -> list[str]:
    """All ways that fault.c tries, named as it names them."""
    return [f"{abi} {op} {size} {course}" for abi in ("64", "32") for op in ("sendmsg", "sendmsg_zc")
            for size in ("small", "large") for course in COURSES]


def parse(lines: Iterable[str], console: str) -> Told:
    """What the programs told, with the traces of the console beside it."""
    traces = _traces(console)
    points, totals, wrong = [], {}, []
    for line in lines:
        word = line.removeprefix("fault: ")
        if match := re.fullmatch(r"(\d+ \S+ \S+ \S+) of (\d+)", word):
            totals[match[1]] = int(match[2])
        elif match := re.fullmatch(r"(\d+ \S+ \S+ \S+) (\d+) ((?:enter-)?[A-Z0-9]+|enter-short|sent)", word):
            kind, frames = traces.get((match[1], int(match[2])), ("", ()))
            points.append(Point(match[1], int(match[2]), match[3], kind, frames))
        elif word != line:
            wrong.append(word)
    return Told(tuple(points), totals, tuple(wrong))


def _traces(console: str) -> dict[tuple[str, int], tuple[str, tuple[str, ...]]]:
    """(way, number) -> kind and frames of the trace behind the line by which fault.c announces it.

    Traces of fault.c's own reading and writing of fail-nth, which may be struck as well, are not it.
    """
    found: dict[tuple[str, int], tuple[str, tuple[str, ...]]] = {}
    for part in re.split(r"^.*?(?=fault: \d+ \S+ \S+ \S+ \d+$)", console.replace("\r", ""), flags=re.M)[1:]:
        head = re.match(r"fault: (\d+ \S+ \S+ \S+) (\d+)$", part, re.M)
        for trace in re.split(r"^.*?(?=name \w+, interval)", part, flags=re.M)[1:]:
            lines = trace.partition("</TASK>")[0]
            frames = tuple(re.findall(r"^(?:\[[^]]*\])* +(\w[\w.]*)\+0x[0-9a-f]+/0x", lines, re.M))
            if head and not any(frame.startswith("proc_fail_nth") for frame in frames):
                found[head[1], int(head[2])] = (trace.split()[1].rstrip(","), frames)
                break
    return found


def refused(points: Sequence[Point]) -> list[Point]:
    """Of the points of one way those that were the allocation for its control.

    It is made with __GFP_NOWARN, so there is no trace, just ahead of the copy, and the send fails for want of it.
    """
    copies = [point.number for point in points if point.ours]
    errno = "ENOBUFS" if points and points[0].way.startswith("64") else "ENOMEM"
    return [point for point in points if not point.frames and point.came == errno and
            copies and 0 < min(copies) - point.number <= _AHEAD]


def missed(told: Told, courses: Sequence[str] = COURSES) -> list[str]:
    """What of the fix was not made to fail: a sentence for each ABI, opcode and size where some course should have.

    Now and then a point has another number than in the send before, as when a slab is used up, so a course alone may
    pass over one. `courses`: those that were tried.
    """
    tried = [way for way in ways() if way.split()[3] in courses]
    found = [f"{way}: did not come to its end" for way in tried if way not in told.totals]
    for group in sorted({way.rpartition(" ")[0] for way in ways()}):
        copies, wanted = [], []
        for course in courses:
            points = [point for point in told.points if point.way == f"{group} {course}"]
            copies += [point for point in points if point.ours]
            wanted += refused(points)
        if not copies:
            found.append(f"{group}: no copy of the fix failed")
        if any(point.came != "EFAULT" for point in copies):
            found.append(f"{group}: a copy that failed came to {', '.join({point.came for point in copies})}")
        if bool(wanted) != group.endswith("large"):
            found.append(f"{group}: {len(wanted)} allocations of the fix failed")
    return found


def options(_parser: argparse.ArgumentParser) -> None:
    """None but those that each part has."""


def run(options: argparse.Namespace, home: Path) -> bool:
    """Does this part; gives whether no harm was found."""
    if options.quick:
        return all([_quick(proof.find(word), home) for word in options.trees[:1]])
    kept = []
    with Progress() as progress:
        guests = debug.Guests(progress)
        for word in options.trees:
            kept.append(_tree(guests, proof.find(word), home))
    record.leave("fault", home, "\n".join(table(one) for one in kept), kept, options.record)
    return all(one["well"] and all(mutant["well"] for mutant in one["mutants"]) for one in kept)


def _tree(guests: debug.Guests, tree: Tree, home: Path) -> dict[str, Any]:
    """All of one tree, as it goes to fault.json."""
    builder = proof.Builder(tree, debug.FLAVOUR)
    series = debug.series_of(tree)
    script = SETUP + debug.exits("nth")
    kernel = builder.kernel(series)
    done = guests.run(kernel, debug.watched(script), home / kernel.label, MACHINE, told=_way)
    told = parse((line for _, line in done.lines), done.console)
    bad = [*told.wrong, *missed(told), *debug.caught(done)]
    wanted = {point for way in ways() for point in refused([one for one in told.points if one.way == way])}
    mutants = [debug.entry(_hunted(guests, builder.kernel(variant), variant.name, home))
               for variant in debug.mutants(tree, NET, series)]
    return {"release": tree.release, "date": time.strftime("%Y-%m-%d"), "well": not bad, "bad": bad,
            "seconds": round(done.seconds), "totals": told.totals, "mutants": mutants,
            "points": [{"way": one.way, "number": one.number, "came": one.came, "kind": one.kind, "where": one.where,
                        "ours": "io_copy_control" if one in wanted else one.ours} for one in told.points]}


def _quick(tree: Tree, home: Path) -> bool:
    """Two courses with faults in a debug kernel; where none has been built yet, all of them without in a plain one."""
    series = debug.series_of(tree)
    kernel = proof.Builder(tree, debug.FLAVOUR).kernel(series)
    with Progress() as progress:
        guests = debug.Guests(progress)
        if not debug.built(kernel):
            done = guests.run(proof.Builder(tree).kernel(series), debug.exits("rest"), home, vm.USUAL)
            good = Counter(line for _, line in done.lines if re.match(r"fault: .* rest$", line)).total()
            print(f"fault: no debug kernel of {tree.release} has been built here, `scripts/harm fault` does; "
                  f"{good} of {len(ways())} ways to send work without faults")
            return good == len(ways())
        done = guests.run(kernel, debug.watched(_few()), home, MACHINE, told=_way)
    told = parse((line for _, line in done.lines), done.console)
    bad = [*told.wrong, *(line for line in missed(told, QUICK) if " large" in line),
           *debug.caught(done)]
    ours = sum(bool(one.ours) for one in told.points)
    print(f"fault: {tree.release}: {len(told.points)} points failed, {ours} of them copies of the fix", *bad, sep="\n")
    return not bad


def _few() -> str:
    """What strikes the fix on both its ways to take the control, and little else."""
    return SETUP + "\n".join(debug.exits(f"nth large {course}") for course in QUICK)


def _hunted(guests: debug.Guests, kernel: Kernel, name: str, home: Path) -> debug.Catch:
    return debug.hunt(guests, kernel, name, NET[name], _few(), home / kernel.label, MACHINE)


def _way(line: str) -> str:
    return line.removeprefix("fault: ").partition(" of ")[0] if re.match(r"fault: .* of \d+$", line) else ""


def table(kept: dict[str, Any]) -> str:
    """What came of one tree: points of each way and what they came to, the fix's own, the mutants, what was wrong."""
    heads = [f"{abi} {op}" for abi in ("64", "32") for op in ("sendmsg", "sendmsg_zc")]
    rows = [[f"{kept['release']}: points that failed", *heads]]
    for size in ("small", "large"):
        for course in COURSES:
            rows.append([f"  {size}, {course}",
                         *(str(kept["totals"].get(f"{head} {size} {course}", "-")) for head in heads)])
    sites: dict[str, Counter[str]] = {}
    for point in kept["points"]:
        if point["ours"]:
            what = point["kind"] or "kmalloc"
            sites.setdefault(f"{point['ours']} ({what}), {point['way'][:2]} bit", Counter())[point["came"]] += 1
    came = Counter(point["came"] for point in kept["points"])
    end = "no leak, no other report, and each next send was delivered" if kept["well"] else "NOT AS IT SHOULD BE:"
    lines = [*report.aligned(rows), f"  {len(kept['points'])} points in {kept['seconds']} s; they came to "
             + debug.outcomes(came.elements()),
             "  of these in the fix:",
             *(f"    {site}: {debug.outcomes(sites[site].elements())}" for site in sorted(sites)),
             *debug.mutant_lines(kept),
             f"  {end}", *(f"    {line}" for text in kept["bad"][:10] for line in text.splitlines())]
    return "\n".join(lines) + "\n"
