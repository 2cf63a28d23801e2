"""Races: sends that wait while their socket, ring, task or memory goes away, in kernels that look
for misuse of memory.

selftests/harm/race.c does it and tells what is wrong; kmemleak, KASAN and lockdep tell the rest.
Bugs put in on purpose, the tree as it is and a dropped completion show that this net has no hole.
"""

import argparse
import json
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ..base import command, splat
from ..report import report
from . import mutant, record, watch
from .. import proof
from .suite import CLOCK, SLOW
from .debug import NET
from .watch import FLAVOUR, Guests
from ..base.error import Usage
from ..kernel.kernel import Kernel
from ..base.progress import Progress
from ..variant import Builder, Variant
from ..series.tree import Tree
from ..guest.vm import Machine, Run

HELP = ("sends that wait while they are closed, cancelled, killed, or their control is unmapped, "
        "in debug kernels")
PROGRAMS = ("race", "race_32")
SECONDS = 300                          # each program, in each kernel
MUTANT_SECONDS = 60
QUICK_SECONDS = 10
ROUNDS = 100000
COUNTS = ("lives", "rounds", "sends", "whole", "part", "cancelled", "failed", "spoilt", "abandoned",
          "refused", "odd")
# What shows in a tree as it is, and must not with the series
UNSTABLE = ("refused", "odd")


def script(seconds: int, rounds: int, seed: int) -> str:
    """Shell for a guest: the self-check, then each program; their exit statuses are told."""
    run = f"--seconds {seconds} --rounds {rounds} --seed {seed}"
    return f'/race --self-check; echo "# exit self-check $?"\n{watch.exits(run, PROGRAMS)}'


def counts(lines: Sequence[str]) -> dict[str, dict[str, int]]:
    """What each program that came to its end counted, by its bits."""
    found = {}
    for line in lines:
        if line.startswith('{"bits": '):
            data: dict[str, int] = json.loads(line)
            found[str(data["bits"])] = data
    return found


def judge(name: str, run: Run, reports: Sequence[str], cured: bool) -> dict[str, Any]:
    """One kernel as it goes to races.json; `well` says whether all is as it should be."""
    lines = [line for _, line in run.lines]
    seen, ended = counts(lines), watch.ended(lines)
    unstable = sum(data[key] for data in seen.values() for key in UNSTABLE)
    wrong = [line for line in lines if line.startswith("race: --seed")]
    whole = set(ended) == {"self-check", *PROGRAMS} and not any(ended.values())
    return {"name": name,
            "well": whole and not reports and (not unstable if cured else bool(unstable)),
            "counts": seen, "exits": ended, "wrong": wrong, "reports": list(reports),
            "seconds": round(run.seconds)}


def table(kept: dict[str, Any]) -> str:
    """What came of one tree: a row for each kernel and ABI, a line for each mutant, and what is not
    as it should be."""
    rows = [[kept["kernel"], "bits", *COUNTS, "reports", ""]]
    details = []
    for one in kept["kernels"]:
        said = "" if one["well"] else "NOT AS IT SHOULD BE"
        for bits, data in one["counts"].items():
            rows.append([f"  {one['name']}", bits, *(str(data[key]) for key in COUNTS),
                         str(len(one["reports"])), said])
        if not one["counts"]:
            rows.append([f"  {one['name']}", *"-" * (len(COUNTS) + 1),
                         str(len(one["reports"])), said])
        if not one["well"]:
            details += [f"  {one['name']}: exits {one['exits']}",
                        *(f"    {line}" for line in one["wrong"]),
                        *(f"    {line}" for text in one["reports"][:3]
                          for line in text.splitlines())]
    return "\n".join([*report.aligned(rows), *mutant.mutant_lines(kept), *details]) + "\n"


def options(parser: argparse.ArgumentParser) -> None:
    """How long, and from which seed."""
    parser.add_argument("--seconds", type=int, default=SECONDS, metavar="N",
                        help="of each program in each kernel, of which there are two (default: "
                        f"{SECONDS})")
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N",
                        help=f"of each program in each kernel at most (default: {ROUNDS})")
    parser.add_argument("--seed", type=int, default=1, metavar="N",
                        help="of the first life (default: 1)")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1, metavar="N",
                        help="trees at once (default: as many as there are cores)")


def run(options: argparse.Namespace, home: Path) -> bool:
    """Does this part; gives whether no harm was found."""
    if min(options.seconds, options.rounds, options.jobs) < 1 or options.seed < 0:
        raise Usage("--seconds, --rounds and --jobs: more than 0; --seed: 0 or more")
    trees = [proof.find(word) for word in options.trees]
    with Progress() as progress:
        guests = Guests(progress)
        if options.quick:
            kept = [_quick(guests, trees[0], home)]
        else:
            kept = command.together(options.jobs,
                                    [partial(_tree, guests, tree, home, options) for tree in trees])
    record.leave("races", home, "\n".join(table(one) for one in kept), kept, options.record)
    return all(row["well"] for one in kept for row in (*one["kernels"], *one["mutants"]))


def _quick(guests: Guests, tree: Tree, home: Path) -> dict[str, Any]:
    """The series in a kernel without debugging, for a short time."""
    series = mutant.series_of(tree)
    kernel = Builder(tree).kernel(series)
    done = guests.run(kernel, script(QUICK_SECONDS, ROUNDS, 1), home / kernel.label,
                      _machine(2 * QUICK_SECONDS), PROGRAMS)
    one = judge(series.name, done, splat.reports(done.console), True)
    return {"kernel": tree.release, "kernels": [one], "mutants": []}


def _tree(guests: Guests, tree: Tree, home: Path, options: argparse.Namespace) -> dict[str, Any]:
    builder = Builder(tree, FLAVOUR)
    series = mutant.series_of(tree)
    kernels = []
    for variant in reversed(mutant.main_variants(tree)):
        done = _race(guests, builder.kernel(variant), home,
                     script(options.seconds, options.rounds, options.seed), 2 * options.seconds)
        kernels.append(judge(variant.name, done, watch.caught(done), variant.cured))
    mutants = [_mutant(guests, builder.kernel(variant), variant, home, options.seed)
               for variant in mutant.mutants(tree, NET, series)]
    return {"kernel": f"{tree.release}, debug kernel", "date": time.strftime("%Y-%m-%d"),
            "kernels": kernels, "mutants": mutants}


def _race(guests: Guests, kernel: Kernel, home: Path, text: str, seconds: int) -> Run:
    """Runs it in a debug kernel."""
    return guests.run(kernel, watch.watched(text), home / kernel.label, _machine(seconds), PROGRAMS)


def _machine(seconds: int) -> Machine:
    """One with time enough for boot, and for the last round when the host is busy;
    its seconds are so many instructions.

    Such a kernel may take its clock for one that is ten times as slow as it is, and race for a
    tenth of the time.
    """
    return replace(watch.MACHINE, words=(*watch.MACHINE.words, *CLOCK),
                   overall=watch.MACHINE.overall + SLOW * seconds)


def _mutant(guests: Guests, kernel: Kernel, variant: Variant, home: Path,
            seed: int) -> dict[str, Any]:
    """A bug put in on purpose, which the one who has to must catch while it races."""
    return mutant.entry(mutant.hunt(guests, kernel, variant.name, NET[variant.name],
                                    script(MUTANT_SECONDS, ROUNDS, seed), home / kernel.label,
                                    _machine(2 * MUTANT_SECONDS), PROGRAMS))
