"""A results folder, read for a report: the results that are intact, and a line on each that is not.

The folder is what scripts/qa run leaves (Documentation/qa.rst, Results): a folder for each kernel
and NIC, with results.json in it. Folders of older versions are read; the fields that they lack are
empty.
"""

import functools
import json
import re
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from types import NoneType
from typing import Any, get_args

from . import result
from ..base.error import Usage
from ..base.ktap import NOT_ZERO_COPY
from .result import CaseResult, KernelResult

_OUTCOMES, _VERDICTS = get_args(result.Outcome), get_args(result.Verdict)
_COLUMNS = (*result.DEFECTS, NOT_ZERO_COPY, result.OTHER)
CONSOLE = "console.log"                # beside results.json: what the kernel said
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z|")
# What a field may be that is no text; `seconds` of a case may be absent
_TYPES: dict[tuple[type, str], tuple[type, ...]] = {
    (KernelResult, "seconds"): (int, float), (KernelResult, "complete"): (bool,),
    (KernelResult, "cases"): (list,), (KernelResult, "warnings"): (list,),
    (CaseResult, "seconds"): (int, float, NoneType)}
_FIELDS: dict[type, dict[str, tuple[tuple[type, ...], bool]]] = {
    kind: {each.name: (_TYPES.get((kind, each.name), (str,)),
                       each.default is MISSING and each.default_factory is MISSING)
           for each in fields(kind)}
    for kind in (KernelResult, CaseResult)}


@dataclass(frozen=True)
class Folder:
    """The results that could be read, oldest kernel first, and of the others a line each: which
    file, what is wrong."""

    path: Path
    results: list[KernelResult]
    broken: list[str]

    @property
    def shown(self) -> str:
        """Its path as a user types it: relative where it lies beneath the working directory."""
        path = self.path.absolute()
        return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)

    @staticmethod
    def read(path: Path) -> "Folder":
        """Reads a results folder. Raises Usage when it is none, or holds nothing that is whole."""
        if not path.is_dir():
            why = "is no folder" if path.exists() else "no such folder"
            raise Usage(f"{path}: {why}; give a folder that scripts/qa run left")
        results, broken = [], []
        memo: dict[Any, Any] = {}
        again = f"Run it with: scripts/qa run --resume {path}"
        for home in sorted(entry for entry in path.iterdir() if entry.is_dir()):
            file = home / "results.json"
            try:
                results.append(parse(file.read_text(), memo, home / CONSOLE))
            except FileNotFoundError:
                if (home / "command").exists():
                    broken.append(f"{file}: not there, it was interrupted; left out. {again}")
            except (OSError, ValueError) as bad:
                broken.append(f"{file}: {bad.strerror if isinstance(bad, OSError) else bad}; left "
                              f"out. {again}")
        if not results:
            more = f" ({broken[0]})" if broken else "; give a folder that scripts/qa run left"
            raise Usage(f"{path}: holds no results{more}")
        return Folder(path, sorted(results, key=result.age), broken)


def whole(path: Path) -> KernelResult | None:
    """What a results.json holds; None when it is absent or not whole."""
    try:
        return parse(path.read_text(), {}, path.with_name(CONSOLE))
    except (OSError, ValueError):
        return None


def parse(text: str, memo: dict[Any, Any], console: Path | None = None) -> KernelResult:
    """The result that a results.json holds. `memo` keeps strings that come again.

    `console` is what its kernel said: versions that did not look into it called a kernel that
    warned passed. Raises ValueError, saying what is wrong.
    """
    try:
        data = json.loads(text)
    except RecursionError as bad:
        raise ValueError("no results: nested too deeply") from bad
    except ValueError as bad:
        raise ValueError("empty" if not text.strip()
                         else f"half written or no JSON ({bad})") from bad
    if not isinstance(data, dict) or not isinstance(data.get("cases"), list):
        raise ValueError("no result of a kernel: it lacks the list cases")
    _check(KernelResult, tuple(data), tuple(map(type, data.values())))
    cases, data["cases"] = data["cases"], []
    whole = KernelResult(**data)
    if whole.outcome not in _OUTCOMES:
        raise ValueError(f"outcome {whole.outcome!r} is none that this version knows")
    if not _TIME.fullmatch(whole.started):
        raise ValueError(f"started {whole.started!r} is no time in UTC as RFC 3339 has it")
    for case in cases:
        if not isinstance(case, dict):
            raise ValueError("a case is no object")
        values = case.values()
        _check(CaseResult, tuple(case), tuple(map(type, values)))
        made = CaseResult(**dict(zip(case, map(memo.setdefault, values, values))))
        if (made.verdict not in _VERDICTS or made.defect not in _COLUMNS
            or made.abi not in ("64", "32")):
            raise ValueError(f"{made.test}: verdict {made.verdict!r}, defect {made.defect!r} or "
                             f"ABI {made.abi!r} is none that this version knows")
        whole.cases.append(made)
    if not all(isinstance(line, str) for line in whole.warnings):
        raise ValueError("field warnings is no list of lines")
    if "warnings" not in data:
        result.settle(whole, _said(console))
    return whole


def _said(console: Path | None) -> str:
    try:
        return console.read_text(errors="replace") if console else ""
    except OSError:                    # none was kept
        return ""


@functools.lru_cache(1000)             # there are few shapes, and many cases
def _check(kind: type, names: tuple[str, ...], types: tuple[type, ...]) -> None:
    for name, found in zip(names, types):
        may = _FIELDS[kind].get(name)
        if not may:
            raise ValueError(
                f"field {name!r} is none that this version knows; a newer one wrote it")
        if found not in may[0]:
            raise ValueError(f"field {name} is of type {found.__name__}")
    for name, (_types, needed) in _FIELDS[kind].items():
        if needed and name not in names:
            raise ValueError(f"lacks the field {name}")
