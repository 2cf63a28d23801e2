"""[PATCH v2 3/18]: what is in front of a subject, as cover letter and `series` have it.

Tested by test_applied.
"""

import re
from pathlib import Path

from . import patch

_SUBJECT = re.compile(r"^Subject: (.*(?:\n[ \t].*)*)", re.M)
_LETTER = re.compile(r"^Subject: \[(PATCH(?: \S+)*? v\d+) 0/(\d+)\]", re.M)
_FIRST = re.compile(r"^Subject: \[(PATCH(?: \S+)*?) 0/(\d+)\]", re.M)
WIDTH = 78                             # where git folds a header


def prefixes(folder: Path) -> dict[Path, str]:
    """Patch -> "PATCH v2 3/18"; empty where the cover letter has no version: no numbers there.

    Of buffers/, which is as old as numbers are, the first version has them, too.
    """
    letter = folder / "cover-letter.txt"
    form = _FIRST if folder.name == "buffers" else _LETTER
    match = form.search(patch.read(letter)) if letter.is_file() else None
    if not match:
        return {}
    listed = patch.series(folder)
    return {one.path: f"{match[1]} {number}/{len(listed)}" for number, one in enumerate(listed, 1)}


def letter(folder: Path, text: str) -> str:
    """A cover letter with the number of patches in `series`; as it is where it has no version."""
    count = len(patch.series(folder))
    return _LETTER.sub(lambda found: f"Subject: [{found[1]} 0/{count}]", text, count=1)


def numbered(text: str, prefix: str = "PATCH") -> str:
    """A patch with this in front of its subject, folded as git does."""
    match = _SUBJECT.search(text)
    if not match:
        return text
    subject = re.sub(r"^\[PATCH[^]]*\] ", "", re.sub(r"\n[ \t]+", " ", match[1]))
    line = f"Subject: [{prefix}] {subject}"
    if len(line) > WIDTH:
        fold = line.rindex(" ", 0, WIDTH)
        line = line[:fold] + "\n" + line[fold:]
    return text[:match.start()] + line + text[match.end():]
