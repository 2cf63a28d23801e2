"""What a message through io_uring can end with: the rows of selftests/errors, on this kernel
and in guests.

Documentation/errors.rst says what to do about each row, Documentation/errors.txt what each kernel
gave. Both are held against the program's own table, so that neither can be stale.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .base import command
from .build import static
from .kernel import module
from .guest import guest, initramfs, vm
from .report import report
from .build.bundle import SELFTEST
from .base.error import Unusable
from .kernel.kernel import Kernel
from .base.paths import REPOSITORY

HOME = SELFTEST.with_name("errors")
PAGE = REPOSITORY / "Documentation/errors.rst"
RECORD = REPOSITORY / "Documentation/errors.txt"
PROGRAMS = {"64": "errors", "32": "errors_32"}
SHOWN, FAILED, CANNOT = "yes", "FAIL", "-"         # cells; others are what this kernel gives by
                                                   # both roads
NOBODY = "none"                                    # of the defects
_HEAD = ("row", "by", "io_uring", "call")


@dataclass(frozen=True)
class Row:
    """A row of the program's table; ring and call are "-EFAULT" or a length."""

    name: str
    road: str
    ring: str
    call: str
    defect: str


@dataclass(frozen=True)
class Cell:
    """What a kernel gave for a row: a word of the table,
    and the reason where it is CANNOT or FAILED."""

    word: str
    why: str = ""


Column = dict[str, Cell]                           # row -> cell


def rows(home: Path = HOME) -> list[Row]:
    """The program's table, in its order, as read from its source.

    Raises Unusable when that cannot be read.
    """
    texts = {path.stem: path.read_text() for path in sorted(home.glob("errors*.c"))}
    order = re.findall(r"(\w+)_rows\b",
                       texts.get("errors", "").partition("tables[]")[2].partition("};")[0])
    known = dict(line for text in texts.values()
                 for line in re.findall(r"^#define (\w+)\s+\(?(\d+)\b", text, re.M))
    known |= dict(re.findall(r"^#define (\w+)\s+(\d+)", (home / "errors.h").read_text(), re.M))
    found = []
    for group in order:
        text = next((text for text in texts.values() if f"struct row {group}_rows[] = {{" in text),
                    "")
        for body in text.partition(f"{group}_rows[] = {{")[2].split(".name = ")[1:]:
            field = {"name": body, **dict(re.findall(r"\.(\w+) = ([^\n]+),\n", body))}
            field["name"] = body.partition(",")[0]
            found.append(Row(_quoted(field["name"]), _quoted(field["road"]),
                             _number(field["ring"], known), _number(field["call"], known),
                             _quoted(field.get("defect", f'"{NOBODY}"'))))
    if not found:
        raise Unusable(f"{home}: no rows in its tables")
    return found


def _quoted(text: str) -> str:
    return text.strip().strip('"')


def _number(text: str, known: Mapping[str, str]) -> str:
    """C's "-EFAULT", "2 * PART" or "ABI_32 ? -ENOMEM :
    -ENOBUFS" (64 bit) as the program prints it."""
    text = text.rpartition(": ")[2].strip()
    if re.fullmatch(r"-E[A-Z0-9]+", text):
        return text
    if text == "INT_MIN":
        return str(-(1 << 31))
    product = 1
    for factor in text.split("*"):
        factor = factor.strip()
        product *= int(known.get(factor, factor))
    return str(product)


def run(kernel: Kernel, home: Path) -> dict[str, Column]:
    """Runs the program on a kernel, for each ABI that it runs programs of; ABI -> what it gave.

    `home` keeps the logs. Raises Unusable when a guest does not come to its end.
    """
    built = static.build(HOME.name)
    home.mkdir(parents=True, exist_ok=True)
    script = "".join(f"echo '# abi {abi}'; {{0}}/{name}\n" for abi, name in PROGRAMS.items())
    if kernel.origin == "running":
        said = command.run(["sh", "-c", script.replace("{0}", str(built)) + ":"], "errors",
                           limit=600)
        lines = said.splitlines()
    else:
        files = kernel.obtain()
        base = initramfs.base(built, kernel.arch)
        done = guest.job(vm.Boot(vm.accelerator(files, base), files, base, home),
                         script.replace("{0}", "/bundle"), modules=(*module.QDISCS, *module.ERRORS))
        lines = guest.whole(done, kernel.label, home)
    (home / "ktap.log").write_text("".join(f"{line}\n" for line in lines))
    parts = re.split(r"^# abi (\d\d)$", "\n".join(lines), flags=re.M)
    columns = {abi: column(text.splitlines()) for abi, text in zip(parts[1::2], parts[2::2])}
    missing = [row.name for row in rows() if row.name not in columns.get("64", {})]
    if missing:
        raise Unusable(f"{kernel.label}: errors did not come to its end, {missing[0]} is missing: "
                       f"{home}/ktap.log")
    return {abi: each for abi, each in columns.items() if each}


def column(lines: Sequence[str]) -> Column:
    """What the program's KTAP says of each row."""
    cells: Column = {}
    said = ""
    for line in lines:
        match = re.match(r"(ok|not ok) \d+ (\w+)(?: # SKIP (.*))?", line)
        if not match:
            said = line.removeprefix("# ")
            continue
        result, name, why = match[1], match[2], match[3]
        if result == "not ok":
            cells[name] = Cell(FAILED, said)
        elif why is None:
            cells[name] = Cell(SHOWN)
        elif same := re.fullmatch(r"not in this kernel: (\S+) by both", why):
            cells[name] = Cell(same[1])
        else:
            cells[name] = Cell(CANNOT, why)
    return cells


def merged(columns: Mapping[str, Column]) -> Column:
    """What a kernel gave in 64 bit, and as "32:yes" what 32-bit programs alone can be asked."""
    small = columns.get("32", {})
    alone = {name: Cell(f"32:{cell.word}") for name, cell in small.items() if cell.word != CANNOT}
    return {name: alone.get(name, cell) if cell.word == CANNOT else cell
            for name, cell in columns["64"].items()}


def table(given: Mapping[str, Mapping[str, Column]]) -> str:
    """Documentation/errors.txt: a column for each kernel in 64 bit,
    what 32 bit has otherwise, and reasons."""
    every = rows()
    whole = {kernel: merged(columns) for kernel, columns in given.items()}
    out = report.aligned([[*_HEAD, *given], *(
        [row.name, row.road, row.ring, row.call,
         *(cells[row.name].word for cells in whole.values())]
        for row in every)])
    for kernel, columns in given.items():
        notes = [f"{name}: {cell.why}" for name, cell in whole[kernel].items() if cell.why]
        small = columns.get("32")
        if small is None:
            notes.append("32 bit: this kernel runs no such programs")
        else:
            notes += [f"32 bit, {name}: {cell.why or cell.word}" for name, cell in small.items()
                      if cell.word not in (columns["64"][name].word,
                                           whole[kernel][name].word.removeprefix("32:"))]
        out += ["", kernel, *(f"  {note}" for note in notes)]
    return "\n".join(out) + "\n"


def recorded(text: str) -> tuple[list[tuple[str, ...]], dict[str, dict[str, str]]]:
    """The rows (name, by, io_uring, call) of a recorded table, and kernel -> row -> word."""
    lines = [line.split() for line in text.partition("\n\n")[0].splitlines()]
    kernels = lines[0][len(_HEAD):]
    return ([tuple(line[:len(_HEAD)]) for line in lines[1:]],
            {kernel: {line[0]: line[len(_HEAD) + place] for line in lines[1:]}
             for place, kernel in enumerate(kernels)})


def of_branch(text: str, version: str) -> dict[str, str]:
    """Of a recorded table that kernel, or one of its branch, as 6.18.44 and 6.18.15 are; none:
    nothing is expected."""
    kernels = recorded(text)[1]
    branch = version.split(".")[:2]
    near = [kernel for kernel in kernels if kernel.split(".")[:2] == branch]
    return kernels[version if version in kernels else near[0]] if near else {}


def stale(page: str, record: str, every: Sequence[Row]) -> str:
    """The first thing in which the page or the recorded table
    is not about the program's rows; "" for none."""
    told = documented(page)
    names = [row.name for row in every]
    for name in told:
        if name not in names:
            return f"{PAGE.name}: the program has no row {name}"
    for row in every:
        if row.name not in told:
            return f"{PAGE.name}: says nothing of the row {row.name}"
        title, defect = told[row.name]
        if (row.ring.startswith("-E") != title.startswith("-E") or row.ring.startswith("-E")
            and row.ring not in title):
            return f"{PAGE.name}: {row.name} gives {row.ring} and stands below {title!r}"
        if defect != row.defect:
            return f"{PAGE.name}: {row.name} is {row.defect}, not {defect}"
    if recorded(record)[0] != [(row.name, row.road, row.ring, row.call) for row in every]:
        return f"{RECORD.name}: not about the rows of the program; run scripts/errors --record"
    return ""


def documented(page: str) -> dict[str, tuple[str, str]]:
    """Row -> the title that it stands below on the page,
    and the defect that the page names, or NOBODY."""
    found = {}
    title = ""
    lines = page.splitlines()
    for number, line in enumerate(lines[:-1]):
        if re.fullmatch(r"-{4,}|={4,}", lines[number + 1]):
            title = line.replace("``", "")
        match = re.fullmatch(r"   \* - ``(\w+)``", line)
        if match:
            what = re.match(r"     - (?:\*\*([\w-]+)\*\*|None)", lines[number + 1])
            found[match[1]] = (title, (what[1] or NOBODY) if what else "?")
    return found


def changed(now: Column, then: Mapping[str, str]) -> str:
    """The first row of which a kernel gives something else than was recorded; "" for none.

    What one of the two hosts could not show is no difference.
    """
    for name, cell in now.items():
        if cell.word == FAILED:
            return f"{name}: {cell.why}"
        if CANNOT not in (cell.word, then.get(name, CANNOT)) and cell.word != then[name]:
            return f"{name}: {cell.word}, recorded: {then[name]}"
    return ""
