"""What runs of selftests/harm/messages.c came to, added up.

A run prints what it found in lines that begin with "# ", and ends with one object of JSON in a
line: its seed, the number of its first exchange, how many were done and what became of them.
Tested by test_messages.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..base.error import Unusable, Usage

Counts = dict[str, list[int]]          # name -> done, waited, issued again


@dataclass
class Total:
    """All runs of one kernel and ABI so far."""

    kernel: str
    program: str                       # a digest of what was run
    seed: int
    done: int = 0                      # also the number of the next exchange
    seconds: float = 0.0
    kinds: dict[str, Counts] = field(default_factory=dict)
    ways: Counts = field(default_factory=dict)
    slow: int = 0                      # not compared, as a timer of TCP's may have run
    designs: dict[str, int] = field(default_factory=dict)
    found: dict[str, list[int]] = field(default_factory=dict)    # name -> times, first, its seed
    notes: list[str] = field(default_factory=list)               # what was printed of differences
    checks: dict[str, int] = field(default_factory=dict)         # exit status of what has to hold
    missing: list[str] = field(default_factory=list)             # sockets that there are not

    def add(self, run: Mapping[str, Any]) -> None:
        """One run of the program, as its line of JSON has it. Raises Unusable for a broken one."""
        try:
            if run["seed"] != self.seed or run["first"] != self.done:
                return
            found = {name: [times, first, self.seed]
                     for name, (times, first) in run["found"].items()}
            self.take({**run, "found": found}, run["seconds"])
        except (KeyError, TypeError, ValueError, AttributeError) as bad:
            raise Unusable(f"messages: not a summary: {str(run)[:200]}") from bad

    def take(self, more: Mapping[str, Any], seconds: float) -> None:
        """Adds the figures of another, field -> what it has, that took so long."""
        self.done += more["done"]
        self.seconds += seconds
        self.slow += more["slow"]
        for kind, acts in more["kinds"].items():
            _add(self.kinds.setdefault(kind, {}), acts)
        _add(self.ways, more["ways"])
        for name, met in more["designs"].items():
            self.designs[name] = self.designs.get(name, 0) + met
        for name, (times, *first) in more["found"].items():
            self.found.setdefault(name, [0, *first])[0] += times

    @property
    def differences(self) -> int:
        """How often something differed, other than by design."""
        return sum(times for times, *_ in self.found.values())

    def write(self, path: Path) -> None:
        """Keeps it, all or nothing."""
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(self), indent=1) + "\n")
        partial.rename(path)


def _add(to: Counts, more: Mapping[str, Sequence[int]]) -> None:
    for name, counts in more.items():
        before = to.get(name, [0, 0, 0])
        to[name] = [mine + its for mine, its in zip(before, counts, strict=True)]


def together(totals: Sequence[Total]) -> Total:
    """Those of several seeds, lowest first, as one of the lowest. Seconds are those of a guest,
    on average; a check has held if it did for each seed."""
    one = Total(totals[0].kernel, totals[0].program, totals[0].seed)
    for each in totals:
        one.take(vars(each), each.seconds / len(totals))
        one.notes += each.notes
        one.missing += [name for name in each.missing if name not in one.missing]
    one.checks = {name: max(each.checks.get(name, 1) for each in totals)
                  for name in totals[0].checks}
    return one


def read(path: Path, new: Total) -> Total:
    """What a file holds, or the new one. Raises Usage when it is broken, or of something else."""
    if not path.exists():
        return new
    try:
        found = Total(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError) as bad:
        raise Usage(f"{path}: broken ({bad}); remove it, or give another folder") from bad
    if (found.kernel, found.program, found.seed) != (new.kernel, new.program, new.seed):
        raise Usage(f"{path}: has runs of another kernel, program or seed; give another folder")
    return found


class Listener:
    """Reads what the program prints, line by line; each of its runs is kept when it has ended."""

    def __init__(self, total: Total, path: Path, seen: Callable[[str], None]) -> None:
        self._total, self._path, self._seen = total, path, seen

    def __call__(self, line: str) -> None:
        if line.startswith('{"program": "messages"'):
            try:
                self._total.add(json.loads(line))
            except ValueError as bad:
                raise Unusable(f"messages: not a summary: {line[:200]}") from bad
            self._total.write(self._path)
            self._seen(f"{self._total.done} exchanges, {self._total.differences} differences")
        elif match := re.fullmatch(r"# exit (\S+) (\d+)", line):
            self._total.checks[match[1]] = int(match[2])
        elif match := re.match(r"# not here: ([^:]+): ", line):
            if match[1] not in self._total.missing:
                self._total.missing.append(match[1])
        elif line.startswith("# ") and not line.startswith(("# kit: ", "# seed ", "# by design")):
            self._total.notes.append(line)
        elif match := re.match(r"messages: (\d+) of ", line):
            self._seen(f"{self._total.done + int(match[1])} exchanges")
        elif line.startswith("messages: "):
            self._total.notes.append(line.removeprefix("messages: "))
