"""What selftests/bench measured: its JSON, and a table of it.

The JSON is described in selftests/bench/bench.h.
"""

import json
import statistics
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .base import command
from .build import bundle
from .base.error import Unusable, Usage

PROGRESS = "bench: run "                   # how its lines of progress begin
PATIENCE = 30                              # seconds in which nic.sh puts the card back as it was


@dataclass(frozen=True)
class Run:
    """One run: what went out in that time, and what it took."""

    messages: int
    bytes: int
    seconds: float
    cpu: float
    copied: float | None                   # share of the sends; None: the kernel does not tell
    busy: int
    error: str | None

    @property
    def good(self) -> bool:
        """Whether it counts."""
        return self.error is None and self.bytes > 0 and self.seconds > 0


@dataclass(frozen=True)
class Spread:
    """Median, least and most of some runs."""

    median: float
    least: float
    most: float


@dataclass(frozen=True)
class Row:
    """All runs of one sender with messages of one size."""

    sender: str
    segments: int
    bytes: int
    runs: tuple[Run, ...]

    def spread(self, measure: Callable[[Run], float]) -> Spread | None:
        """Of what a function makes of each good run; None when there is no such run."""
        values = [measure(run) for run in self.runs if run.good]
        return Spread(statistics.median(values), min(values), max(values)) if values else None

    @property
    def rate(self) -> Spread | None:
        """Megabytes a second."""
        return self.spread(lambda run: run.bytes / run.seconds / 1e6)

    @property
    def cpu(self) -> Spread | None:
        """CPU seconds per gigabyte."""
        return self.spread(lambda run: run.cpu / run.bytes * 1e9)

    @property
    def copied(self) -> float | None:
        """The median share that was copied; None when that is not told."""
        shares = [run.copied for run in self.runs if run.good and run.copied is not None]
        return statistics.median(shares) if shares else None

    @property
    def trouble(self) -> str:
        """What went wrong, in a few words; empty when nothing did."""
        errors = [run.error for run in self.runs if run.error is not None]
        busy = sum(run.busy for run in self.runs)
        words = [f"{len(errors)} of {len(self.runs)} runs: {errors[0]}"] if errors else []
        words += [f"refused {busy} times (-EAGAIN, -ENOBUFS)"] if busy else []
        return "; ".join(words)


@dataclass(frozen=True)
class Measured:
    """All that one run of it has measured."""

    kernel: str
    machine: str
    bits: int
    device: str
    family: str
    in_flight: int
    sndbuf: int
    seconds: float
    left_out: tuple[tuple[str, str], ...]  # sender, why
    rows: tuple[Row, ...]
    answer: str

    @property
    def senders(self) -> list[str]:
        """In the order in which they stand."""
        return list(dict.fromkeys(row.sender for row in self.rows))


def parse(text: str, name: str) -> Measured:
    """What `bench --json` printed, maybe behind comments of nic.sh.

    Raises Usage, naming the file, if it is not.
    """
    body = "".join(line for line in text.splitlines(True) if not line.startswith("#"))
    if not body.strip():
        raise Usage(f"{name}: empty; give a file that scripts/bench left")
    try:
        data = json.loads(body)
        return _measured(data)
    except json.JSONDecodeError as bad:
        raise Usage(f"{name}: no JSON (line {bad.lineno}: {bad.msg}); give a file that "
                    "scripts/bench left") from bad
    except KeyError as lacks:
        raise Usage(f"{name}: lacks {lacks}; give a file that scripts/bench left") from lacks
    except (TypeError, ValueError, AttributeError, OverflowError, RecursionError) as bad:
        raise Usage(f"{name}: not what bench --json prints ({bad}); give a file that scripts/bench "
                    "left") from bad


def _measured(data: dict[str, Any]) -> Measured:
    rows = tuple(Row(str(row["sender"]), int(row["segments"]), int(row["bytes"]),
                     tuple(_run(run) for run in row["runs"])) for row in data["rows"])
    if not rows or any(row.segments < 1 for row in rows):
        raise ValueError("no row, or one without segments")
    return Measured(str(data["kernel"]), str(data["machine"]), int(data["bits"]),
                    str(data["device"]), str(data["family"]), int(data["in_flight"]),
                    int(data["sndbuf"]), float(data["seconds"]),
                    tuple((str(one["sender"]), str(one["why"])) for one in data["left_out"]), rows,
                    str(data["answer"]))


def _run(data: dict[str, Any]) -> Run:
    copied, error = data["copied"], data["error"]
    return Run(int(data["messages"]), int(data["bytes"]), float(data["seconds"]),
               float(data["cpu"]), None if copied is None else float(copied), int(data["busy"]),
               None if error is None else str(error))


def read(path: Path) -> Measured:
    """The file that scripts/bench left.

    Raises Usage when it cannot be read or is something else.
    """
    try:
        return parse(path.read_text(), str(path))
    except OSError as bad:
        raise Usage(f"{path}: {bad.strerror}") from bad
    except UnicodeDecodeError as bad:
        raise Usage(f"{path}: no text; give a file that scripts/bench left") from bad


# -- the table -------------------------------------------------------------------------------------

HEAD = ("segments", "bytes", "sender", "messages/s", "MB/s", "least..most", "CPU s/GB",
        "least..most", "copied", "")
WORDS = (2, 5, 7, 9)                       # columns that begin at the left


def table(measured: Measured) -> str:
    """A line for each sender and size, and the answer."""
    lines = [_cells(row) for row in measured.rows]
    widths = [max(len(line[index]) for line in [HEAD, *lines]) for index in range(len(HEAD))]
    runs = max(len(row.runs) for row in measured.rows)
    out = [f"kernel {measured.kernel} {measured.machine}, {measured.bits} bit, {measured.family}, "
           f"{measured.in_flight} sends in flight, SO_SNDBUF {measured.sndbuf}, {runs} x "
           f"{measured.seconds:g} s", f"device {measured.device}",
           *(f"left out: {sender}: {why}" for sender, why in measured.left_out), "",
           _line(HEAD, widths)]
    before = measured.rows[0].segments
    for row, cells in zip(measured.rows, lines):
        if row.segments != before:
            out.append("")
        before = row.segments
        out.append(_line(cells, widths))
    return "\n".join([*out, "", measured.answer]) + "\n"


def _cells(row: Row) -> tuple[str, ...]:
    messages = row.spread(lambda run: run.messages / run.seconds)
    rate, cpu, copied = row.rate, row.cpu, row.copied
    return (str(row.segments), str(row.bytes), row.sender,
            f"{messages.median:.0f}" if messages else "-", f"{rate.median:.0f}" if rate else "-",
            f"{rate.least:.0f}..{rate.most:.0f}" if rate else "",
            f"{cpu.median:.3f}" if cpu else "-", f"{cpu.least:.3f}..{cpu.most:.3f}" if cpu else "",
            f"{copied:.0%}" if copied is not None else "-", row.trouble)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) if index in WORDS else cell.rjust(width)
                     for index, (cell, width) in enumerate(zip(cells, widths))).rstrip()


# -- a run -----------------------------------------------------------------------------------------

def measure(words: Sequence[str],
            say: Callable[[str], None] = lambda line: print(line, file=sys.stderr)) -> str:
    """Runs `bench --json` with these options, over NETIF if that is set; gives what it printed.

    Its lines of progress go to `say`. Raises Usage or Unusable with the line in which it complains.
    """
    program = bundle.build() / bundle.NIC_COLLECTION / "nic.sh"
    return listen([str(program), "bench", "--json", *words], say)


def listen(argv: Sequence[str], say: Callable[[str], None]) -> str:
    """Runs a program that does as bench does: see measure()."""
    process = command.start(argv)
    assert process.stdout and process.stderr
    printed: list[bytes] = []
    stdout = process.stdout
    reader = threading.Thread(target=lambda: printed.append(stdout.read()), daemon=True)
    reader.start()
    complaint = ""
    try:
        for raw in process.stderr:
            line = raw.decode(errors="replace").rstrip()
            if line.startswith(PROGRESS):
                say(line)
            elif line:
                complaint = line.removeprefix("nic: ").removeprefix("bench: ")
        process.wait()
    except KeyboardInterrupt:
        process.terminate()                # so that nic.sh puts the card back as it was
        raise
    finally:
        command.end(process, PATIENCE)
        reader.join(PATIENCE)
        process.stderr.close()
        stdout.close()
    if process.returncode == 130:
        raise KeyboardInterrupt
    if process.returncode:
        kind = Usage if process.returncode == 2 else Unusable
        raise kind(complaint or f"bench ended with status {process.returncode} and no word")
    return b"".join(printed).decode(errors="replace")
