"""Memory that waiting sends hold: none for control data that will be refused, before and
after the series."""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..guest import vm
from ..report import report
from . import debug, mutant, record, watch
from .. import proof
from ..base.error import Unusable
from ..base.progress import Progress
from ..series.tree import Tree
from ..variant import Builder

HELP = "memory held by waiting sends that have more control data than any socket takes"
MUTANT = "unlimited"                   # of mutants/: a copy is made whatever its length
NAMES = ("held", "held_32")

Row = dict[str, Any]


def options(_parser: argparse.ArgumentParser) -> None:
    """None but those that each part has."""


def run(options: argparse.Namespace, home: Path) -> bool:
    """Runs selftests/harm/held.c on each kernel; gives whether no harm was found,
    which a mutant has to be."""
    rows: list[Row] = []
    with Progress() as progress:
        guests = watch.Guests(progress)
        for tree in map(proof.find, options.trees[:1 if options.quick else None]):
            rows += _tree(guests, tree, home, options.quick)
    record.leave("memory", home, table(rows), rows, options.record)
    return all(row["well"] for row in rows)


def _tree(guests: watch.Guests, tree: Tree, home: Path, quick: bool) -> list[Row]:
    builder = Builder(tree)
    series = mutant.series_of(tree)
    wanted = [series] if quick else [*mutant.main_variants(tree),
                                     *mutant.mutants(tree, [MUTANT], series)]
    rows = []
    for variant in wanted:
        kernel = builder.kernel(variant)
        done = guests.run(kernel, watch.exits("", NAMES), home / kernel.label, vm.USUAL, NAMES)
        seen = debug.Seen(variant, done)
        if set(seen.exits) != set(NAMES) or 3 in seen.exits.values():
            raise Unusable(f"{kernel.label}: {NAMES[0]} did not come to its end: "
                           f"{home / kernel.label}")
        bad = any(seen.exits.values())
        rows.append({"kernel": f"{tree.release} {variant.name}",
                     "held": held([line for _, line in done.lines]), "harm": bad,
                     "well": bad == (variant.name == MUTANT)})
    return rows


def held(lines: Sequence[str]) -> list[int]:
    """KiB held: by sendmsg and sendmsg_zc in 64 bit, then in 32."""
    return [int(match[1]) for line in lines
            if (match := re.match(r"held: .*: (-?\d+) KiB held$", line))]


def table(rows: Sequence[Row]) -> str:
    """A line for each kernel."""
    head = ["MiB held by 60 waiting sends", "sendmsg", "sendmsg_zc", "32: sendmsg",
            "sendmsg_zc", ""]
    return "\n".join(report.aligned([head, *(
        [f"  {row['kernel']}", *(str(kib >> 10) for kib in row["held"]),
         "as it should be" if row["well"] else "HARM" if row["harm"] else "NOT CAUGHT"]
        for row in rows)])) + "\n"
