"""How long this tree takes for what an older one of this project does as well, run side by side.

A pair is one run of each, one right after the other, and every other pair begins with the older:
what else the host does then meets both. The first run of each is not counted. What is told is the
ratio of the medians, and the least and the greatest ratio of a pair.
"""

import datetime
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .base import command
from .base.error import Unusable, Usage
from .base.paths import REPOSITORY
from .report import report

OLDER = "119c7c5"


@dataclass(frozen=True)
class Row:
    """Something that both can do, as words of a command in scripts/; what is wanted of the time."""

    what: str
    old: tuple[str, ...]
    new: tuple[str, ...]
    wanted: float


PROVE, QA = ("series", "prove", "7.3"), ("qa", "run", "--kernels")
ROWS = {
    "built": Row("proof of 7.3, built before: UML, 64 bit", PROVE, (*PROVE, "--engine", "uml"),
                 0.15),
    "built-both": Row("the same, UML for 64 and QEMU for 32 bit",
                      PROVE, (*PROVE, "--engine", "auto"), 0.45),
    "stock": Row("stock 7.3, both ABIs, warm", (*QA, "debian:7.3"), (*QA, "debian:7.3"), 0.45),
    "stock-uml": Row("stock 7.2 in UML, 64 bit, beside it in QEMU",
                     (*QA, "debian:7.2", "--abi", "64"), (*QA, "uml:7.2"), 0.45),
    "default": Row("make qa, warm", (*QA, "default"), (*QA, "default"), 0.5),
}


@dataclass(frozen=True)
class Pair:
    """The seconds that the older tree and this one took."""

    old: float
    new: float


def tree(word: str, into: Path) -> Path:
    """The older tree: a path as it is, a commit as a copy. Raises Usage for what is neither."""
    if (Path(word) / "scripts/qa").is_file():
        found = Path(word).resolve()
        if found == REPOSITORY.resolve():
            raise Usage(f"--against {word}: that is this tree itself")
        return found
    packed = into / "tree.tar"
    try:
        command.run(["git", "archive", "-o", packed, word], "git archive", cwd=REPOSITORY)
        command.run(["tar", "-xf", packed, "-C", into], "unpacking")
    except Unusable as bad:
        raise Usage(f"--against {word}: neither a tree nor a commit of this one ({bad})") from bad
    packed.unlink()
    return into


def timed(home: Path, words: Sequence[str]) -> float:
    """The seconds of one run. Raises Unusable for one that did not end well."""
    with tempfile.TemporaryDirectory() as results:
        argv = [str(home / "scripts" / words[0]), *words[1:], "--results", f"{results}/r"]
        started = time.monotonic()
        process = command.start(argv, cwd=home, stderr=subprocess.STDOUT)
        try:
            said = process.communicate()[0].decode(errors="replace")
        finally:
            command.end(process)
        seconds = time.monotonic() - started
    if process.returncode:
        raise Unusable(f"{' '.join(argv[:-2])}: {command.telling_line(said)}")
    return seconds


def measure(row: Row, older: Path, pairs: int, told: Callable[[str], None],
            run: Callable[[Path, Sequence[str]], float] = timed) -> list[Pair]:
    """So many pairs of a row."""
    found = []
    for number in range(pairs + 1):
        turns = [(older, row.old), (REPOSITORY, row.new)]
        if number % 2:
            turns.reverse()
        seconds = {home: run(home, words) for home, words in turns}
        if number:
            found.append(Pair(seconds[older], seconds[REPOSITORY]))
            told(f"{row.what}: pair {number} of {pairs}: "
                 f"{found[-1].old:.1f} s, {found[-1].new:.1f} s")
    return found


def table(against: str, measured: Sequence[tuple[Row, Sequence[Pair]]]) -> str:
    """The table, with the date and the host."""
    rows = [["what", "pairs", "before", "now", "ratio", "of a pair", "wanted"]]
    for row, pairs in measured:
        old = statistics.median(pair.old for pair in pairs)
        new = statistics.median(pair.new for pair in pairs)
        ratios = [pair.new / pair.old for pair in pairs]
        rows.append([row.what, str(len(pairs)), f"{old:.1f} s", f"{new:.1f} s", f"{new / old:.2f}",
                     f"{min(ratios):.2f}-{max(ratios):.2f}", f"{row.wanted:.2f}"])
    today = datetime.date.today().isoformat()
    where = f"({today}, {os.cpu_count()} CPUs, Linux {os.uname().release}; before: {against})"
    return "\n".join([*report.aligned(rows), where]) + "\n"
