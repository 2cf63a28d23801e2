"""What breaks the rules of the layout and is not allowed in layout.toml.

An import that goes up, a module without a test, a long file, a long function, a wide line. Each is
named; what is allowed, and why, stands in layout.toml, where an entry that nothing needs is wrong,
too. No wide line is allowed.
"""

import ast
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .base.error import Unusable
from .layout import APART, FLOORS, TESTS, VERBS, House

FILE, FUNCTION, COLUMNS = 350, 50, 100         # lines of a file and a function, columns of a line
ALLOWED = Path(__file__).with_name("layout.toml")


@dataclass(frozen=True)
class Finding:
    """One break of a rule: the table and key of layout.toml, how much, and a line for the user.

    Wide lines, "lines", have no table.
    """

    rule: str
    key: str
    amount: int
    text: str


Allowed = dict[str, tuple[int, str]]   # key -> how much, and the reason


def check(house: House, path: Path = ALLOWED, sources: Iterable[Path] = ()) -> list[str]:
    """What is not allowed, a line each: breaks of a rule, and entries of the table that are stale.

    `sources` are files of C, of which files and functions are measured. Raises Unusable when the
    table cannot be read.
    """
    covered, table = _table(path)
    stems = {file.path.stem for file in house.files.values() if file.floor not in (TESTS, VERBS)}
    wrong = [f"{path.name}: [covered] {stem}: there is no such module; take it out"
             for stem in covered if stem not in stems]
    for finding in [*findings(house, covered), *_c_sizes(sources)]:
        most, _reason = table.get(finding.rule, {}).pop(finding.key, (0, ""))
        if finding.amount > most:
            wrong.append(finding.text + (f"; {path.name} allows {most}" if most else ""))
    return wrong + [f"{path.name}: [{rule}] {key}: nothing needs it; take it out"
                    for rule, keys in table.items() for key in keys]


def findings(house: House, covered: Mapping[str, str]) -> list[Finding]:
    """All breaks of a rule. `covered` is module -> the test that has it in it, or "check NAME"."""
    return [*_places(house), *_ups(house), *_untested(house, covered), *_sizes(house)]


def _places(house: House) -> Iterator[Finding]:
    for floor in house.floors:
        if floor not in FLOORS:
            yield Finding("up", floor, 1, f"kit/{floor}: no place among {', '.join(FLOORS)}; "
                          "give it one in kit/layout.py")


def _ups(house: House) -> Iterator[Finding]:
    for name, others in house.arrows.items():
        file = house.files[name]
        for other in (house.files[other] for other in others):
            if why := _against(file.floor, other.floor):
                yield Finding("up", f"{file.short} -> {other.short}", 1,
                              f"{file.path}: imports {other.path}: {why}")


def _against(floor: str, other: str) -> str:
    """Why one floor must not import from another; "" where it may, or where one has no place."""
    if other == TESTS:
        return "" if floor == TESTS else "only a test imports a test"
    if other in APART.get(floor, ()):
        return f"{floor} does without {other}"
    if {floor, other} <= set(FLOORS) and FLOORS.index(floor) < FLOORS.index(other):
        return f"{floor} is below {other}"
    return ""


def _untested(house: House, covered: Mapping[str, str]) -> Iterator[Finding]:
    tests = {file.path.stem: file for file in house.on(TESTS)}
    for floor in (floor for floor in house.floors if floor != VERBS):
        for file in house.on(floor):
            stem, own = file.path.stem, f"test_{file.path.stem}"
            said = re.search(r"^Tested by (test_\w+)", ast.get_docstring(file.tree) or "", re.M)
            test = own if own in tests else said[1] if said else covered.get(stem, "")
            wrong = ""
            if re.match(r"check \w", test):
                wrong = "" if _has_check(house, test) else f"scripts/check has no {test}"
            elif not test:
                wrong = (f"no {own}.py, and neither 'Tested by test_...' in its docstring nor "
                         "[covered] in layout.toml says which test has it in it")
            elif test not in tests:
                wrong = f"{test}, which is to test it, does not exist"
            elif file.name not in house.reached(tests[test].name):
                wrong = f"{test}, which is to test it, does not import it"
            elif test == own and stem in covered:
                wrong = "has a test of its own; take it out of [covered] in layout.toml"
            if wrong:
                yield Finding("covered", stem, 1, f"{file.path}: {wrong}")


def _has_check(house: House, test: str) -> bool:
    """Whether scripts/check has a check of that name, "check stock", or of that family."""
    verb = house.files.get("check")
    return bool(verb and re.search(rf'"{re.escape(test.removeprefix("check "))}["-]', verb.text))


def _sizes(house: House) -> Iterator[Finding]:
    for file in house.files.values():
        key, lines = file.path.name, len(file.lines)
        if lines > FILE:
            yield Finding("files", key, lines, f"{file.path}: {lines} lines, {FILE} are the most")
        for name, length in file.functions():
            if length > FUNCTION:
                yield Finding("functions", f"{key} {name}", length,
                              f"{file.path}: {name}() has {length} lines, not {FUNCTION} at most")
        if wide := [number for number, line in enumerate(file.lines, 1) if len(line) > COLUMNS]:
            yield Finding("lines", key, len(wide),
                          f"{file.path}:{wide[-1]}: {len(wide)} lines have more than {COLUMNS} "
                          "columns, this is the last one")


def _c_sizes(sources: Iterable[Path]) -> Iterator[Finding]:
    """Long files of C, and long functions: from the line with "{" alone to the one with "}"."""
    for path in sources:
        lines = path.read_text().splitlines()
        if len(lines) > FILE:
            yield Finding("files", path.name, len(lines),
                          f"{path}: {len(lines)} lines, {FILE} are the most")
        name, start = "", 0
        for number, line in enumerate(lines, 1):
            if found := re.match(r"(?:\w[\w *]*[ *])?(\w+)\(", line):
                name = found[1]
            if line == "{":
                start = number
            elif line == "}" and start and number - start + 1 > FUNCTION:
                length = number - start + 1
                yield Finding("functions", f"{path.name} {name}", length,
                              f"{path}: {name}() has {length} lines, not {FUNCTION} at most")


def _table(path: Path) -> tuple[dict[str, str], dict[str, Allowed]]:
    """What layout.toml says: the tests of modules that have none, and rule -> what is allowed."""
    try:
        data = tomllib.loads(path.read_text())
        if unknown := data.keys() - {"covered", "up", "files", "functions"}:
            raise ValueError(f"no such table: {', '.join(sorted(unknown))}")
        table = {rule: {key: _entry(rule, key, value) for key, value in data.get(rule, {}).items()}
                 for rule in ("up", "files", "functions")}
        return dict(data.get("covered", {})), {**table, "covered": {}}
    except OSError as bad:
        raise Unusable(f"{path}: {bad.strerror}") from bad
    except (ValueError, AttributeError, TypeError) as bad:
        raise Unusable(f"{path}: {bad}") from bad


def _entry(rule: str, key: str, value: Any) -> tuple[int, str]:
    """A number and a reason; [up] has the reason alone."""
    pair = [1, value] if rule == "up" else value
    most, reason = pair if isinstance(pair, list) and len(pair) == 2 else (None, None)
    if not isinstance(most, int) or not isinstance(reason, str) or not reason.strip():
        raise ValueError(f"[{rule}] {key}: give a number and a reason")
    return most, reason
