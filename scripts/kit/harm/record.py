"""The result of a part of scripts/harm: printed, and kept in its folder and in Documentation."""

import json
from pathlib import Path
from typing import Any

from ..base.paths import REPOSITORY

HOME = REPOSITORY / "Documentation/harm"


def leave(part: str, home: Path, text: str, data: Any, keep: bool) -> None:
    """Prints the table of a part, and leaves it as <part>.txt in its folder,
    what is behind it as <part>.json.

    With `keep` the table goes to Documentation/harm as well.
    """
    print(text, end="", flush=True)
    for folder in (home, *([HOME] if keep else [])):
        (folder / f"{part}.txt").write_text(text)
    (home / f"{part}.json").write_text(json.dumps(data, indent=1) + "\n")
