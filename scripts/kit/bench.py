"""What selftests/bench measured: its JSON, a table of it, and a plot of throughput and CPU time over segments.

The JSON is described in selftests/bench/bench.h.
"""

import json
import re
import statistics
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .base import command, host
from .build import bundle
from .base.error import Unusable, Usage

PROGRESS = "bench: run "                   # how its lines of progress begin
PATIENCE = 30                              # seconds in which nic.sh puts the card back as it was

# Okabe and Ito's colours, which colour-blind readers tell apart, less the yellow that is lost on white; gnuplot's marks
STYLES = {
    "sendmsg": ("#000000", 7), "sendmsg_zc": ("#d55e00", 5), "sendmsg_zc_fixed": ("#0072b2", 9),
    "sys_sendmsg": ("#009e73", 6), "sys_sendmmsg": ("#cc79a7", 4), "udpgso_bench_tx": ("#e69f00", 8),
    "udpgso_bench_tx_z": ("#56b4e9", 10), "io_uring_zerocopy_tx": ("#777777", 12),
}
OWN = ("sendmsg", "sendmsg_zc", "sendmsg_zc_fixed")
DODGE = 0.022                              # by which error bars of the same size stand apart, as a part of x


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
    """What `bench --json` printed, maybe behind comments of nic.sh. Raises Usage, naming the file, if it is not."""
    body = "".join(line for line in text.splitlines(True) if not line.startswith("#"))
    if not body.strip():
        raise Usage(f"{name}: empty; give a file that scripts/bench left")
    try:
        data = json.loads(body)
        return _measured(data)
    except json.JSONDecodeError as bad:
        raise Usage(f"{name}: no JSON (line {bad.lineno}: {bad.msg}); give a file that scripts/bench left") from bad
    except KeyError as lacks:
        raise Usage(f"{name}: lacks {lacks}; give a file that scripts/bench left") from lacks
    except (TypeError, ValueError, AttributeError, OverflowError, RecursionError) as bad:
        raise Usage(f"{name}: not what bench --json prints ({bad}); give a file that scripts/bench left") from bad


def _measured(data: dict[str, Any]) -> Measured:
    rows = tuple(Row(str(row["sender"]), int(row["segments"]), int(row["bytes"]),
                     tuple(_run(run) for run in row["runs"])) for row in data["rows"])
    if not rows or any(row.segments < 1 for row in rows):
        raise ValueError("no row, or one without segments")
    return Measured(str(data["kernel"]), str(data["machine"]), int(data["bits"]), str(data["device"]),
                    str(data["family"]), int(data["in_flight"]), int(data["sndbuf"]), float(data["seconds"]),
                    tuple((str(one["sender"]), str(one["why"])) for one in data["left_out"]), rows,
                    str(data["answer"]))


def _run(data: dict[str, Any]) -> Run:
    copied, error = data["copied"], data["error"]
    return Run(int(data["messages"]), int(data["bytes"]), float(data["seconds"]), float(data["cpu"]),
               None if copied is None else float(copied), int(data["busy"]), None if error is None else str(error))


def read(path: Path) -> Measured:
    """The file that scripts/bench left. Raises Usage when it cannot be read or is something else."""
    try:
        return parse(path.read_text(), str(path))
    except OSError as bad:
        raise Usage(f"{path}: {bad.strerror}") from bad
    except UnicodeDecodeError as bad:
        raise Usage(f"{path}: no text; give a file that scripts/bench left") from bad


# -- the table --------------------------------------------------------------------------------------------------------

HEAD = ("segments", "bytes", "sender", "messages/s", "MB/s", "least..most", "CPU s/GB", "least..most", "copied", "")
WORDS = (2, 5, 7, 9)                       # columns that begin at the left


def table(measured: Measured) -> str:
    """A line for each sender and size, and the answer."""
    lines = [_cells(row) for row in measured.rows]
    widths = [max(len(line[index]) for line in [HEAD, *lines]) for index in range(len(HEAD))]
    runs = max(len(row.runs) for row in measured.rows)
    out = [f"kernel {measured.kernel} {measured.machine}, {measured.bits} bit, {measured.family}, "
           f"{measured.in_flight} sends in flight, SO_SNDBUF {measured.sndbuf}, {runs} x {measured.seconds:g} s",
           f"device {measured.device}",
           *(f"left out: {sender}: {why}" for sender, why in measured.left_out), "", _line(HEAD, widths)]
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
    return (str(row.segments), str(row.bytes), row.sender, f"{messages.median:.0f}" if messages else "-",
            f"{rate.median:.0f}" if rate else "-", f"{rate.least:.0f}..{rate.most:.0f}" if rate else "",
            f"{cpu.median:.3f}" if cpu else "-", f"{cpu.least:.3f}..{cpu.most:.3f}" if cpu else "",
            f"{copied:.0%}" if copied is not None else "-", row.trouble)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) if index in WORDS else cell.rjust(width)
                     for index, (cell, width) in enumerate(zip(cells, widths))).rstrip()


# -- the plot ---------------------------------------------------------------------------------------------------------

SCRIPT = """\
set terminal svg noenhanced size 1000,920 font "sans-serif,15" background "#ffffff"
set multiplot title "{title}" layout 2,1 margins 0.10,0.73,0.08,0.87 spacing 0,0.13
set logscale x 2
set xrange [{low}:{high}]
set xtics ({tics}) nomirror
set xlabel "segments of a message (1: no GSO)"
set grid ytics lc rgb "#dddddd" lt 1
set border 3
set bars 0.5
set key at screen 0.745,0.87 left top Left reverse samplen 2.5 spacing 1.25 noenhanced
set ytics nomirror
set yrange [0:*]
set ylabel "throughput (GB/s)"
plot {rate}
unset key
set logscale y 10
set yrange [{least}:{most}]
set ytics ({decades})
set ylabel "CPU time (s/GB, logarithmic)"
plot {cpu}
unset multiplot
"""


def plot(measured: Measured, path: Path) -> None:
    """Draws throughput and CPU time over segments into an SVG file, by gnuplot. Raises Unusable."""
    host.need(("gnuplot-nox",))
    with tempfile.TemporaryDirectory() as work:
        made = Path(work, "plot.gp")
        made.write_text(script(measured))
        drawn = command.run(["gnuplot", made], "gnuplot")
    try:
        path.write_text(drawn)
    except OSError as bad:
        raise Unusable(f"{path}: {bad.strerror}") from bad


def script(measured: Measured) -> str:
    """The script for gnuplot, which writes the SVG to its standard output."""
    segments = sorted({row.segments for row in measured.rows})
    blocks: list[str] = []
    curves: dict[str, list[str]] = {"rate": [], "cpu": []}
    for number, sender in enumerate(measured.senders):
        for measure, scale in (("rate", 1e-3), ("cpu", 1.0)):
            points = _points(measured, sender, measure, scale, number)
            if not points:
                continue
            block = f"${measure}{number}"
            blocks += [f"{block} << END", *points, "END"]
            curves[measure].append(_curve(block, sender, number))
    if not curves["rate"]:
        raise Usage("nothing to plot: no run without an error")
    title = (f"UDP sends on Linux {measured.kernel} {measured.machine}, {measured.bits} bit, {measured.family}",
             *_broken(measured.device, 95), "median, least and most of the runs of each sender")
    return "\n".join(blocks) + "\n" + SCRIPT.format(
        title="\\n".join(map(plain, title)), low=segments[0] / 1.25, high=segments[-1] * 1.25,
        tics=", ".join(f'"{number}" {number}' for number in segments), **_logarithmic(measured),
        rate=", \\\n     ".join(curves["rate"]), cpu=", \\\n     ".join(curves["cpu"]))


def _logarithmic(measured: Measured) -> dict[str, str]:
    """Range and tics of the axis of CPU time: 1, 2 and 5 of each decade."""
    spreads = [cpu for row in measured.rows if (cpu := row.cpu) and cpu.least > 0]
    least = min((spread.least for spread in spreads), default=1.0) / 1.3
    most = max((spread.most for spread in spreads), default=1.0) * 1.3
    marks = (f"{digit}e{decade}" for decade in range(-9, 10) for digit in (1, 2, 5))
    return {"least": f"{least:.6g}", "most": f"{most:.6g}",
            "decades": ", ".join(f'"{float(mark):g}" {mark}' for mark in marks if least <= float(mark) <= most)}


def plain(text: str) -> str:
    """Text without what means something to gnuplot between double quotes."""
    return re.sub(r"[^\w .,:;()/%+=#@-]", "?", text, flags=re.ASCII)


def _broken(text: str, width: int) -> list[str]:
    """Cut into two lines at most, at a blank."""
    if len(text) <= width:
        return [text]
    head = text[:width].rpartition(" ")[0] or text[:width]
    tail = text[len(head):].strip()
    return [head, tail if len(tail) <= width else tail[:width - 3] + "..."]


def _points(measured: Measured, sender: str, measure: str, scale: float, number: int) -> list[str]:
    """Lines of x, median, least and most; each sender a little beside the others."""
    shift = 1 + DODGE * (number - (len(measured.senders) - 1) / 2)
    points = []
    for row in sorted(measured.rows, key=lambda row: row.segments):
        spread: Spread | None = getattr(row, measure) if row.sender == sender else None
        if spread and spread.least > 0:
            points.append(f"{row.segments * shift:.4f} {spread.median * scale:.6g} {spread.least * scale:.6g} "
                          f"{spread.most * scale:.6g}")
    return points


def _curve(block: str, sender: str, number: int) -> str:
    colour, mark = STYLES.get(sender) or list(STYLES.values())[number % len(STYLES)]
    dash = "1" if sender in OWN else '"-"'
    return (f'{block} using 1:2:3:4 with yerrorlines lc rgb "{colour}" lw 1.6 pt {mark} ps 0.85 dt {dash} '
            f'title "{plain(sender)}"')


# -- a run ------------------------------------------------------------------------------------------------------------

def measure(words: Sequence[str], say: Callable[[str], None] = lambda line: print(line, file=sys.stderr)) -> str:
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
