"""Tables of plain text, and what becomes of one that is too long for a line."""

import itertools
import textwrap
from collections.abc import Collection, Iterator, Sequence

WIDTH = 100                            # columns that a table has at most
NARROWEST = 6                          # of a cell that is folded
KEPT = "fix: "                         # and the release behind it


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines in which the words of each column stand beneath one another."""
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    return ["  ".join(word.ljust(width) for word, width in zip(row, widths)).rstrip()
            for row in rows]


def fitted(rows: Sequence[Sequence[str]], columns: Collection[int], most: int = WIDTH) -> list[str]:
    """As aligned(), with the words of cells beneath one another where a line is too long otherwise.

    Those of `columns` come first; all others but the last follow where that is not enough, and then
    what had better stay together.
    """
    best = aligned(rows)
    widest = max(len(word) for row in rows for word in row)
    every = range(len(rows[0]) - 1)
    for some, kept in ((columns, KEPT), (every, KEPT), (every, "")):
        for width in range(widest, NARROWEST - 1, -1):
            if max(map(len, best)) <= most:
                return best
            lines = aligned([line for row in rows for line in _folded(row, some, width, kept)])
            best = min(best, lines, key=lambda one: max(map(len, one)))
    return best


def _folded(row: Sequence[str], columns: Collection[int], width: int,
            kept: str) -> Iterator[list[str]]:
    """A row as the lines that it takes when these columns have this width, as far as words part."""
    whole = [word.replace(kept, kept.replace(" ", "\xa0")) if kept else word for word in row]
    cells = [textwrap.wrap(word, width, break_long_words=False) if place in columns else [word]
             for place, word in enumerate(whole)]
    for line in itertools.zip_longest(*cells, fillvalue=""):
        yield [word.replace("\xa0", " ") for word in line]
