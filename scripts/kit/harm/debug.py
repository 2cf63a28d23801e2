"""Debug kernels: the selftest in kernels that look for leaks, races and misuse of memory, before
and after the series.

A net that has never caught anything may have a hole, so it has to catch bugs put in on purpose.
"""

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..base import ktap
from ..series import fixes
from ..build import bundle, fragment
from ..report import report, result
from . import mutant, record, watch
from .. import proof, verdict
from ..kernel.kernel import Kernel
from ..base.paths import FRAGMENT
from ..base.progress import Progress
from ..variant import Builder, Variant
from ..series.tree import Tree
from ..guest.vm import Run
# scripts/check takes these from here

HELP = ("the selftest in kernels with KASAN, kmemleak, lockdep and the like, and bugs that these "
        "have to catch")
# Mutant -> who has to catch it, and as what, while nothing but ordinary sends take place
NET = {"leak": ("kmemleak", "unreferenced object"),
       "use-after-free": ("KASAN", "KASAN: .*use-after-free"),
       "double-free": ("KASAN", "KASAN: (double-free|.*invalid-free)")}


ENGINES = {"qemu": "", "uml": ", User Mode Linux"}


@dataclass(frozen=True)
class Seen:
    """What one guest saw: the cases of the selftest, the programs' exits,
    and what the net caught."""

    variant: Variant
    run: Run
    cases: tuple[result.CaseResult, ...] = ()
    outcome: str = "passed"
    abis: tuple[str, ...] = ("64", "32")

    @property
    def reports(self) -> list[str]:
        """What the net caught."""
        return watch.caught(self.run)

    @property
    def exits(self) -> dict[str, int]:
        """The exit status of each program of selftests/harm that ran."""
        return watch.ended(line for _, line in self.run.lines)

    def count(self, *outcomes: str) -> int:
        """How many cases ended with one of these outcomes."""
        return sum(case.outcome in outcomes for case in self.cases)

    @property
    def odd(self) -> list[result.CaseResult]:
        """The cases that are not as the code of the kernel says."""
        return [case for case in self.cases if case.verdict not in ("pass", "known", "skip") or
                self.variant.cured and proof.fault(case)]

    @property
    def well(self) -> bool:
        """Whether there was no harm, and each case came out as the code of the kernel says."""
        programs = not self.variant.cured or not any(self.exits.values())
        return (self.outcome in ("passed", "failed") and not self.reports and not self.odd and
                {case.abi for case in self.cases} >= set(self.abis) and
                len(self.exits) == len(self.abis) and programs)


def selftest(guests: watch.Guests, kernel: Kernel, variant: Variant, home: Path) -> Seen:
    """Runs the whole selftest, all ABIs, and the sends of fault.c in a debug kernel."""
    chosen = [name for name in bundle.on_loopback(guests.bundle)
              if ktap.split_abi(name)[1] in kernel.abis]
    rest = watch.exits("rest", watch.programs(kernel))
    script = f"sh /bundle/run_kselftest.sh {bundle.request(chosen)}\n{rest}"
    run = guests.run(kernel, watch.watched(script), home, watch.STEADY, told=ktap.started)
    cases = ktap.parse(run.lines, chosen)
    defects = fixes.load()
    judged = tuple(verdict.judge(case, kernel, defects, "scripts/harm debug") for case in cases)
    return Seen(variant, run, judged, verdict.outcome(cases, run)[0], kernel.abis)


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
    record.leave("debug", home, "\n".join(table(one) for one in kept), kept, options.record)
    return all(row["well"] for one in kept for row in (*one["kernels"], *one["mutants"]))


def _quick(tree: Tree, home: Path) -> bool:
    """The sends of fault.c in a debug kernel; where none has been built yet,
    whether one could be."""
    series = mutant.series_of(tree)
    kernel = Builder(tree, watch.FLAVOUR).kernel(series)
    if not watch.built(kernel):
        with tempfile.TemporaryDirectory() as out:
            fragment.configure(FRAGMENT, tree.home, Path(out), more=watch.FLAVOUR.lines)
        tried = [*mutant.mutants(tree, NET, series)]
        print(f"debug: no debug kernel of {tree.release} has been built here, `scripts/harm debug` "
              f"does; its options take, {len(tried)} mutants apply")
        return True
    with Progress() as progress:
        done = watch.Guests(progress).run(kernel, watch.watched(watch.exits("rest large")), home,
                                          watch.STEADY)
    seen = Seen(series, done)
    print(f"debug: {tree.release} {mutant.WITH}: "
          f"{sum(line.startswith('fault: ') for _, line in done.lines)} ways to send, exits "
          f"{seen.exits}, {len(seen.reports)} reports", *seen.reports, sep="\n")
    return (not seen.reports and not any(seen.exits.values())
            and set(seen.exits) == set(watch.PROGRAMS))


def _tree(guests: watch.Guests, tree: Tree, home: Path, engine: str,
          buffers: bool) -> dict[str, Any]:
    """All of one tree on one engine, as it goes to debug.json."""
    builder = watch.builder(tree, engine)
    kernels = []
    for variant in mutant.main_variants(tree, buffers):
        kernel = builder.kernel(variant)
        seen = selftest(guests, kernel, variant, home / kernel.label)
        kernels.append({"name": variant.name, "well": seen.well, "outcome": seen.outcome,
                        "passed": seen.count("pass"), "failed": seen.count("fail", "error"),
                        "skipped": seen.count("skip"),
                        "odd": [f"{case.abi} {case.test}: {case.outcome}, {case.reason}"
                                for case in seen.odd],
                        "exits": seen.exits, "reports": seen.reports,
                        "seconds": round(seen.run.seconds)})
    caught_ = []
    net = watch.net(NET, engine)
    for variant in mutant.mutants(tree, net, mutant.series_of(tree)):
        kernel = builder.kernel(variant)
        rest = watch.exits("rest large", watch.programs(kernel))
        found = mutant.hunt(guests, kernel, variant.name, net[variant.name], rest,
                            home / kernel.label)
        caught_.append(mutant.entry(found))
    return {"release": tree.release, "engine": engine, "date": time.strftime("%Y-%m-%d"),
            "kernels": kernels, "mutants": caught_}


def table(kept: dict[str, Any]) -> str:
    """What came of one tree: a row for each kernel and each mutant;
    beneath it what is not as it should be."""
    title = f"{kept['release']}, debug kernel{ENGINES[kept.get('engine', 'qemu')]}"
    rows = [[title, "passed", "failed", "skipped", "reports", "time", ""]]
    details = []
    for one in kept["kernels"]:
        rows.append([f"  {one['name']}", str(one["passed"]), str(one["failed"]),
                     str(one["skipped"]), str(len(one["reports"])), f"{one['seconds']} s",
                     "no harm, cases as its code says" if one["well"] else "NOT AS IT SHOULD BE"])
        if not one["well"]:
            details += [f"  {one['name']}: {one['outcome']}, exits {one['exits']}",
                        *(f"    {line}" for line in one["odd"][:5]),
                        *(f"    {line}" for text in one["reports"][:3]
                          for line in text.splitlines())]
    return "\n".join([*report.aligned(rows), *mutant.mutant_lines(kept), *details]) + "\n"


def outcomes(words: Iterable[str]) -> str:
    """Words with how often each came, most first."""
    return ", ".join(f"{count} {word}" for word, count in Counter(words).most_common())
