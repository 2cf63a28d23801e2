"""Mutants: a series with one bug put in on purpose,
and whether it was caught by the one who has to.

A net that has never caught anything may have a hole.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..guest import vm
from ..report import report
from ..series import tree as trees
from .. import proof
from ..base.error import Unusable
from ..kernel.kernel import Kernel
from ..series.patch import Patch
from ..variant import Variant, arrange
from ..series.tree import Tree
from . import watch

MUTANTS = Path(__file__).with_name("mutants")
WITH = "with the series"
# Mutants that break a fix which not every series has
OF = {"lost-files": "late-file"}


def mutants(tree: Tree, names: Iterable[str], series: Variant) -> list[Variant]:
    """The series with one bug put in on top, by name. Raises Unusable where no patch puts it in."""
    return [replace(series, name=name, applied=(*series.applied, _mutant(tree, name, series)))
            for name in names]


def possible(names: Iterable[str], series: Variant) -> list[str]:
    """Those of the mutants for which the series has what they break."""
    slugs = {one.slug for one in series.applied}
    return [name for name in names if name not in OF or OF[name] in slugs]


def _mutant(tree: Tree, name: str, series: Variant) -> Patch:
    for path in sorted(MUTANTS.glob(f"*/{name}.patch"), reverse=True):
        with trees.scratch(tree) as copies:
            arrange(copies, tree, series)
            if copies.apply(Patch(path)):
                return Patch(path)
    raise Unusable(f"{tree.release}: none of {MUTANTS.name}/*/{name}.patch applies on its series")


def main_variants(tree: Tree, buffers: bool = False) -> list[Variant]:
    """The tree as it is, and with its series; with `buffers` also with the fixes on top of it."""
    found = [one for one in proof.variants(tree, each=False) if not one.removed]
    return [*found, *(proof.buffers(tree, each=False)[-1:] if buffers else [])]


def series_of(tree: Tree) -> Variant:
    """The tree with its series. Raises Unusable where there is none to put on it."""
    for one in main_variants(tree):
        if one.name == WITH:
            return one
    raise Unusable(f"{tree.release}: lacks nothing, so there is no series to try")


@dataclass(frozen=True)
class Catch:
    """Whether a mutant was caught by the one who has to."""

    name: str
    by: str
    report: str                        # what it said; "" when the mutant survived
    seconds: float


def hunt(guests: watch.Guests, kernel: Kernel, name: str, by: tuple[str, str], script: str,
         home: Path, machine: vm.Machine = watch.STEADY,
         names: Sequence[str] = watch.PROGRAMS) -> Catch:
    """Runs a script in the kernel with a mutant in it. Only a report about io_uring counts."""
    run = guests.run(kernel, watch.watched(script), home, machine, names)
    who, pattern = by
    report_ = next((one for one in watch.caught(run)
                    if re.search(pattern, one) and re.search(r"\bio_\w+\+0x", one)), "")
    return Catch(name, who, report_, round(run.seconds, 1))


def entry(found: Catch) -> dict[str, Any]:
    """A mutant as it goes to a JSON file."""
    return {"name": found.name, "well": bool(found.report), "by": found.by, "report": found.report,
            "seconds": found.seconds}


def mutant_lines(kept: dict[str, Any]) -> list[str]:
    """A line for each mutant: who caught it, with the first line of the report,
    or that it survived."""
    rows = [[f"  {one['name']} put in", f"caught by {one['by']}" if one["well"] else "SURVIVED",
             f"{one['seconds']:.0f} s", gist(one["report"])] for one in kept["mutants"]]
    return report.aligned(rows) if rows else []


def gist(text: str) -> str:
    """A report in a line: its first, and the first function of io_uring that it names,
    without addresses."""
    first = re.sub(r"\+0x[0-9a-f]+/0x[0-9a-f]+|0x[0-9a-f]{8,}", "", text.partition("\n")[0])
    where = re.search(r"\b(io_\w+)[\w.]*\+0x", text)
    return " ".join(first.split()) + (f" ({where[1]})" if where and where[1] not in first else "")
