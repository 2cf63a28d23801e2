"""How two kernels compare in a suite of tests: what came of each run,
and which differences are no chance."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..report import report

CHANCE = 0.01                          # a difference that chance brings less often than this is one
BAD = ("fail", "timeout", "crash")
VERDICTS = ("same", "flaky", "better", "worse")


@dataclass(frozen=True)
class Outcome:
    """What came of one run of a test: "pass", "skip", "fail", "timeout", or "crash",
    which is the kernel's."""

    name: str
    word: str
    seconds: float = 0.0
    said: str = ""                     # its last words, unless it passed


@dataclass
class Runs:
    """All the results of one kernel in a suite."""

    outcomes: list[Outcome] = field(default_factory=list)
    splats: list[str] = field(default_factory=list)

    @staticmethod
    def read(data: dict[str, Any]) -> "Runs":
        """From what asdict() made of it."""
        return Runs([Outcome(**one) for one in data["outcomes"]], data["splats"])

    def counts(self) -> dict[str, Counter[str]]:
        """Test -> how often each word came, in the order in which they ran first."""
        found: dict[str, Counter[str]] = {}
        for one in self.outcomes:
            found.setdefault(one.name, Counter())[one.word] += 1
        return found

    def said(self, name: str) -> str:
        """The last words of a test that did not pass; "" when it always did."""
        return next((one.said for one in self.outcomes
                     if one.name == name and one.word != "pass" and one.said), "")


@dataclass(frozen=True)
class Row:
    """How one test compares: "same", "better", "worse", or "flaky": not all runs agree."""

    name: str
    before: Counter[str]
    after: Counter[str]

    @property
    def verdict(self) -> str:
        """The word for it; differences that may well be chance do not count."""
        if self.before.keys() == self.after.keys() and len(self.before) == 1:
            return "same"
        for word in self.before | self.after:
            for ours, theirs in ((self.before, self.after), (self.after, self.before)):
                if chance(ours[word], ours.total(), theirs[word], theirs.total()) < CHANCE:
                    return "better" if share(self.after) < share(self.before) else "worse"
        return "flaky"


def chance(ours: int, of: int, theirs: int, whole: int) -> float:
    """Fisher's exact test: how often chance alone gives `ours` of `of`, or more,
    when both sides have that many."""
    hits = ours + theirs
    ways = sum(math.comb(of, count) * math.comb(whole, hits - count)
               for count in range(ours, min(of, hits) + 1))
    return ways / math.comb(of + whole, hits)


def share(counts: Counter[str]) -> float:
    """How much of the runs ended badly."""
    return sum(counts[word] for word in BAD) / max(counts.total(), 1)


def compare(before: Runs, after: Runs) -> list[Row]:
    """A row for each test that both kernels ran."""
    theirs = after.counts()
    return [Row(name, counts, theirs[name])
            for name, counts in before.counts().items() if name in theirs]


@dataclass(frozen=True)
class Pair:
    """Two kernels in one suite, named as the table has them, such as "7.3.4, 64 bit"."""

    name: str
    before: Runs
    after: Runs

    @property
    def rows(self) -> list[Row]:
        """A row for each test."""
        return compare(self.before, self.after)

    @property
    def complaints(self) -> list[str]:
        """What only the kernel after complained of."""
        return sorted(set(self.after.splats) - set(self.before.splats))

    @property
    def harm(self) -> bool:
        """Whether the kernel after is worse in anything."""
        return bool(self.complaints) or any(row.verdict == "worse" for row in self.rows)


def tally(counts: Counter[str]) -> str:
    """Such as "9 pass 1 fail"."""
    return " ".join(f"{number} {word}"
                    for word, number in sorted(counts.items(), key=lambda each: -each[1]))


def text(head: str, pairs: Sequence[Pair]) -> str:
    """The table: totals of both kernels for each pair, then each test that is not the same,
    and new complaints."""
    lines = [[head, "tests", "runs", "pass", "skip", *BAD, *VERDICTS]]
    details = []
    for pair in pairs:
        before, after = (Counter(one.word for one in runs.outcomes)
                         for runs in (pair.before, pair.after))
        rows = pair.rows
        verdicts = Counter(row.verdict for row in rows)
        lines.append([f"  {pair.name}", str(len(rows)), *(both(counts) for counts in (
            (before.total(), after.total()),
            *((before[word], after[word]) for word in ("pass", "skip", *BAD)))),
            *(str(verdicts[word]) for word in VERDICTS)])
        for row in rows:
            if row.verdict != "same":
                said = pair.after.said(row.name) or pair.before.said(row.name)
                details.append(f"  {pair.name}: {row.name}: {row.verdict}: {tally(row.before)} -> "
                               f"{tally(row.after)}"
                               + (f" ({said[:60]})" if said else ""))
        details += [f"  {pair.name}: the kernel complains: {line}" for line in pair.complaints]
    return "\n".join([*report.aligned(lines), *details]) + "\n"


def both(counts: tuple[int, int]) -> str:
    """Two figures of one kind, as one where they agree."""
    return str(counts[0]) if counts[0] == counts[1] else f"{counts[0]}->{counts[1]}"


def as_data(pair: Pair) -> dict[str, Any]:
    """All of a pair, for JSON."""
    return {"name": pair.name, "complaints": {"before": sorted(set(pair.before.splats)),
                                              "after": sorted(set(pair.after.splats))},
            "tests": [{"test": row.name, "verdict": row.verdict, "before": dict(row.before),
                       "after": dict(row.after), "said": {"before": pair.before.said(row.name),
                                                          "after": pair.after.said(row.name)},
                       "seconds": max(one.seconds for one in pair.after.outcomes
                                      if one.name == row.name)}
                      for row in pair.rows]}
