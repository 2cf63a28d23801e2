"""What alarms.py has seen so far: the runs of each kernel, kept in a file, and a table of them.

Tested by test_alarms.
"""

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..base.error import Usage
from ..kernel.kernel import Kernel
from ..report import report

CONFIDENCE = 0.95


@dataclass
class Round:
    """One run: when it began, how long it took, how busy the host was, and what was odd in it."""

    started: str                       # UTC, as RFC 3339 has it
    seconds: float
    load: float                        # the host's load average over one minute, at its end
    odd: list[str] = field(default_factory=list)       # a line for each case not as predicted
    skipped: list[str] = field(default_factory=list)   # what the first run had not skipped
    ran: list[str] = field(default_factory=list)       # what the first run had skipped


@dataclass
class Tally:
    """All runs of one kernel so far."""

    kernel: str
    version: str
    selftest: str                      # which one: the name of its bundle in the cache
    first: list[str] | None = None     # the cases that the first run skipped
    rounds: list[Round] = field(default_factory=list)
    control: bool | None = None        # whether a run without a queue was odd; None: there was none

    @staticmethod
    def read(path: Path, kernel: Kernel, selftest: str) -> "Tally":
        """What a file holds, or a new one.

        Raises Usage when it is broken, or of another kernel or selftest.
        """
        name = "running" if kernel.origin == "running" else kernel.label
        new = Tally(name, str(kernel.version or "unknown"), selftest)
        if not path.exists():
            return new
        try:
            data: dict[str, Any] = json.loads(path.read_text())
            data["rounds"] = [Round(**each) for each in data["rounds"]]
            found = Tally(**data)
        except (OSError, ValueError, TypeError, KeyError) as bad:
            raise Usage(f"{path}: broken ({bad}); remove it, or give another folder") from bad
        if (found.version, found.selftest) != (new.version, new.selftest):
            raise Usage(f"{path}: has runs of another kernel or selftest; give another folder")
        return found

    def write(self, path: Path) -> None:
        """Keeps it, all or nothing."""
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(self), indent=1) + "\n")
        partial.rename(path)

    def alarms(self) -> list[Round]:
        """The runs that raised one: a case not as predicted, or not the usual cases skipped."""
        skips = [(*each.skipped, "/", *each.ran) for each in self.rounds]
        usual = Counter(skips).most_common(1)
        return [each for each, skip in zip(self.rounds, skips) if each.odd or skip != usual[0][0]]


def bound(runs: int, alarms: int, confidence: float = CONFIDENCE) -> float:
    """The largest rate of alarms that so few of them leave possible.

    By Clopper and Pearson, one-sided: the p at which as few or fewer in `runs` have the probability
    1 - confidence; without any alarm it is about 3 / runs.
    """
    if alarms >= runs:
        return 1.0

    def as_few(rate: float) -> float:
        return sum(math.exp(math.lgamma(runs + 1) - math.lgamma(k + 1) - math.lgamma(runs - k + 1)
                            + k * math.log(rate) + (runs - k) * math.log1p(-rate))
                   for k in range(alarms + 1))

    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if as_few(middle) > 1 - confidence else (low, middle)
    return high


def table(tallies: Sequence[Tally]) -> str:
    """A line for each kernel, and beneath what each alarm was."""
    rows = [["kernel", "version", "runs", "false alarms", "at most (95 %)", "seconds a run", "load",
             "control"]]
    details = []
    for tally in tallies:
        runs, alarms = len(tally.rounds), tally.alarms()
        if not runs:
            rows.append([tally.kernel, tally.version, "0", *"-----"])
            continue
        rows.append([tally.kernel, tally.version, str(runs), str(len(alarms)),
                     f"{bound(runs, len(alarms)):.2%}",
                     f"{sum(each.seconds for each in tally.rounds) / runs:.1f}",
                     f"{sum(each.load for each in tally.rounds) / runs:.1f}",
                     {True: "seen", False: "NOT SEEN", None: "-"}[tally.control]])
        for each in alarms:
            said = [*each.odd, *(f"{name} bit: skipped" for name in each.skipped),
                    *(f"{name} bit: not skipped" for name in each.ran)]
            details += [f"{tally.kernel}, run of {each.started}: {line}" for line in said[:5]]
    return "\n".join([*report.aligned(rows), *([""] if details else []), *details]) + "\n"
