"""A plot of what selftests/bench measured: throughput and CPU time over segments, by gnuplot.

Tested by test_bench.
"""

import re
import tempfile
from pathlib import Path

from .base import command, host
from .base.error import Unusable, Usage
from .bench import Measured, Spread

# Okabe and Ito's colours, which colour-blind readers tell apart, less the yellow that is lost on
# white; gnuplot's marks
STYLES = {
    "sendmsg": ("#000000", 7), "sendmsg_zc": ("#d55e00", 5), "sendmsg_zc_fixed": ("#0072b2", 9),
    "sys_sendmsg": ("#009e73", 6), "sys_sendmmsg": ("#cc79a7", 4),
    "udpgso_bench_tx": ("#e69f00", 8), "udpgso_bench_tx_z": ("#56b4e9", 10),
    "io_uring_zerocopy_tx": ("#777777", 12),
}
OWN = ("sendmsg", "sendmsg_zc", "sendmsg_zc_fixed")
DODGE = 0.022              # by which error bars of the same size stand apart, as a part of x

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
    title = (f"UDP sends on Linux {measured.kernel} {measured.machine}, {measured.bits} bit, "
             f"{measured.family}",
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
    tics = [f'"{float(mark):g}" {mark}' for mark in marks if least <= float(mark) <= most]
    return {"least": f"{least:.6g}", "most": f"{most:.6g}", "decades": ", ".join(tics)}


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
            values = (each * scale for each in (spread.median, spread.least, spread.most))
            points.append(f"{row.segments * shift:.4f} "
                          + " ".join(f"{each:.6g}" for each in values))
    return points


def _curve(block: str, sender: str, number: int) -> str:
    colour, mark = STYLES.get(sender) or list(STYLES.values())[number % len(STYLES)]
    dash = "1" if sender in OWN else '"-"'
    return (f'{block} using 1:2:3:4 with yerrorlines lc rgb "{colour}" lw 1.6 pt {mark} ps 0.85 '
            f'dt {dash} title "{plain(sender)}"')
