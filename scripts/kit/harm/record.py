"""The result of a part of scripts/harm: printed, and kept in its folder and in Documentation.

What is kept is bound to the text that it is of, as proofs are: Documentation/harm/texts.json has
for each part the trees, and a hash of each patch that was on them. Tested by test_evidence.
"""

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .. import evidence, proof
from ..base.error import Unusable
from ..base.paths import REPOSITORY
from . import mutant

HOME = REPOSITORY / "Documentation/harm"
TEXTS = "texts.json"
# What is about the series, and so of one text of it
OF_SERIES = ("cost", "coverage", "debug", "fault", "fuzz", "liburing", "ltp", "memory", "messages",
             "neighbours", "races")


def leave(part: str, home: Path, text: str, data: Any, keep: bool) -> None:
    """Prints the table of a part, and leaves it as <part>.txt in its folder,
    what is behind it as <part>.json.

    With `keep` the table goes to Documentation/harm as well.
    """
    print(text, end="", flush=True)
    for folder in (home, *([HOME] if keep else [])):
        (folder / f"{part}.txt").write_text(text)
    (home / f"{part}.json").write_text(json.dumps(data, indent=1) + "\n")


def texts(words: Iterable[str], buffers: bool) -> list[evidence.Record]:
    """What is on these trees when they have their series; with `buffers` also what is on top."""
    found = []
    for tree in map(proof.find, words):
        applied = mutant.main_variants(tree, buffers)[-1].applied
        found.append(evidence.Record("", tree.release, time.strftime("%Y-%m-%d"),
                                     patches={one.slug: evidence.hashed(one) for one in applied},
                                     buffers=buffers))
    return found


def bind(part: str, of: Sequence[evidence.Record], home: Path = HOME) -> None:
    """Keeps what text the table of a part is of."""
    kept = {**bound(home), part: of}
    data = {name: [{key: asdict(one)[key] for key in ("release", "date", "buffers", "patches")}
                   for one in kept[name]] for name in sorted(kept)}
    (home / TEXTS).write_text(json.dumps(data, indent=1) + "\n")


def bound(home: Path = HOME) -> dict[str, Sequence[evidence.Record]]:
    """Part -> what its table is of. Raises Unusable when the file is broken."""
    path = home / TEXTS
    try:
        data = json.loads(path.read_text()) if path.exists() else {}
        return {part: [evidence.Record("", **one) for one in of] for part, of in data.items()}
    except (OSError, ValueError, TypeError, AttributeError) as bad:
        raise Unusable(f"{path}: {bad}; git has it as it was") from bad


def table(kept: dict[str, Sequence[evidence.Record]]) -> str:
    """Documentation/harm/texts.inc: of each part that is about the series, which text it was run
    with, and whether that is the text of today."""
    out = [".. made by scripts/tables from Documentation/harm/texts.json", "",
           ".. list-table::", "   :header-rows: 1", "",
           "   * - Part", "     - Tree", "     - Date", "     - Patches"]
    for part in sorted({*OF_SERIES, *kept}):
        rows = [(f"{one.release}{' with buffers/' if one.buffers else ''}", one.date, _said(one))
                for one in kept.get(part, ())] or [("not said", "before 2026-12", "not said")]
        for row in rows:
            out += [f"   * - ``{part}``", *(f"     - {cell}" for cell in row)]
    return "\n".join([*out, ""])


def _said(one: evidence.Record) -> str:
    other = one.other_patches()
    return f"other ones today: {', '.join(other)}" if other else "as they are today"
