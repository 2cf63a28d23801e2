"""How scripts/ is laid out: its folders as floors, its modules, and who imports whom.

Imports are read, not run. One that a program puts together while it runs, as scripts/harm does
for its parts, is not seen.
"""

import ast
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from .base.error import Unusable

TOP, VERBS, TESTS = "top", "verbs", "tests"
# From the ground up: a module imports from its own floor and from those before it
FLOORS = ("base", "series", "build", "kernel", "guest", "report", TOP, "harm", "checks", VERBS)
# Floors that one does without although they are below it: reading a result builds and boots nothing
APART = {"report": ("build", "kernel", "guest")}
WIDTH = 100


@dataclass(frozen=True)
class File:
    """One Python file, by its path below scripts/."""

    path: PurePosixPath
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """What imports call it, such as "kit.base.arch"."""
        return ".".join(self.path.with_suffix("").parts).removesuffix(".__init__")

    @property
    def floor(self) -> str:
        """Its folder in kit, TOP in kit itself, or VERBS or TESTS."""
        if self.path.name.startswith("test_") or self.path.parts[0] == TESTS:
            return TESTS
        if len(self.path.parts) == 1:
            return VERBS
        return self.path.parts[1] if len(self.path.parts) > 2 else TOP

    @property
    def short(self) -> str:
        """Its name with its floor, "base.arch"; of a verb, and in kit itself, the name alone."""
        return self.path.stem if self.floor in (TOP, VERBS) else f"{self.floor}.{self.path.stem}"

    @cached_property
    def lines(self) -> list[str]:
        """Its lines."""
        return self.text.splitlines()

    def functions(self) -> Iterator[tuple[str, int]]:
        """Its functions, one in a class as Class.function, with their lengths from `def` on."""
        waiting: list[tuple[str, ast.AST]] = [("", self.tree)]
        for before, node in waiting:
            for child in ast.iter_child_nodes(node):
                name = before
                if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                    name = f"{before}.{child.name}".lstrip(".")
                if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield name, (child.end_lineno or child.lineno) - child.lineno + 1
                waiting.append((name, child))

    def imports(self) -> Iterator[str]:
        """The dotted names that it imports: `from .base import arch` in kit is kit.base.arch."""
        package = self.name if self.path.stem == "__init__" else self.name.rpartition(".")[0]
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (each.name for each in node.names)
            elif isinstance(node, ast.ImportFrom):
                parts = package.split(".")
                above = parts[:len(parts) - node.level + 1] if node.level else []
                before = [*above, *([node.module] if node.module else [])]
                yield from (".".join([*before, each.name]) for each in node.names)


class House:
    """All Python files of scripts/ by their dotted names, and who imports whom."""

    def __init__(self, files: Mapping[str, File]) -> None:
        self.files = files

    def on(self, floor: str) -> list[File]:
        """The files of a floor by their names, without those that make a folder a package."""
        found = [file for file in self.files.values() if file.floor == floor]
        return sorted((file for file in found if file.path.stem != "__init__"),
                      key=lambda file: file.path.stem)

    @cached_property
    def floors(self) -> list[str]:
        """The floors that there are, from the ground up; folders without a place come last."""
        there = {file.floor for file in self.files.values()} - {TESTS}
        return [floor for floor in FLOORS if floor in there] + sorted(there - set(FLOORS))

    @cached_property
    def arrows(self) -> dict[str, list[str]]:
        """File -> the files that it imports."""
        return {name: sorted({*map(self._meant, file.imports())} - {name, ""})
                for name, file in self.files.items()}

    def _meant(self, said: str) -> str:
        """The file that an imported name is, or that has it; "" for what is not ours."""
        name = said if said in self.files else said.rpartition(".")[0]
        return name if name in self.files and self.files[name].path.stem != "__init__" else ""

    def reached(self, name: str) -> set[str]:
        """All that a file imports, and what these import in turn."""
        found: set[str] = set()
        waiting = [name]
        while waiting:
            new = set(self.arrows[waiting.pop()]) - found
            found |= new
            waiting += new
        return found

    @cached_property
    def chain(self) -> int:
        """How many files the longest chain of imports has."""
        lengths: dict[str, int] = {}

        def length(name: str) -> int:
            if name not in lengths:
                lengths[name] = 0      # a circle ends where it began
                lengths[name] = 1 + max(map(length, self.arrows[name]), default=0)
            return lengths[name]

        return max((length(name) for name, file in self.files.items() if file.floor != TESTS),
                   default=0)


def read(scripts: Path) -> House:
    """The house in a folder. Raises Unusable where there is none, or a file does not parse."""
    paths = [path for path in scripts.glob("*") if path.is_file() and not path.suffix
             and _python(path)]
    paths += [path for top in ("kit", TESTS) for path in scripts.glob(f"{top}/**/*.py")]
    if not paths:
        raise Unusable(f"{scripts}: no scripts in it; give the folder scripts of the repository")
    files = []
    for path in sorted(paths):
        try:
            text = path.read_text()
            files.append(File(PurePosixPath(path.relative_to(scripts)), text, ast.parse(text)))
        except SyntaxError as bad:
            raise Unusable(f"{path}:{bad.lineno}: {bad.msg}") from bad
        except (OSError, ValueError) as bad:
            raise Unusable(f"{path}: cannot be read ({bad})") from bad
    return House({file.name: file for file in files})


def _python(path: Path) -> bool:
    with path.open("rb") as file:
        return b"python" in file.readline()


def picture(house: House, figures: bool = True) -> str:
    """The floors, highest first: their modules, and from where they import, down (v) and up (^).

    With `figures` come lines and imports; without there is nothing that changes every day.
    """
    out = [title(house), ""] if figures else []
    for floor in reversed(house.floors):
        files = house.on(floor)
        head = f"{floor} "
        if figures:
            head += f"({len(files)} files, {sum(len(file.lines) for file in files)} lines) "
        words = [file.path.stem + (f"\N{NO-BREAK SPACE}{len(file.lines)}" if figures else "")
                 for file in files]
        out += [head.ljust(WIDTH, "="), *_wrapped("    ", words)]
        for sign, counts in zip("v^", _counted(house, floor)):
            out += _wrapped(f"  {sign} ", [name + (f"\N{NO-BREAK SPACE}{count}" if figures else "")
                                          for name, count in counts.items()])
    return "\n".join(out).replace("\N{NO-BREAK SPACE}", " ") + "\n"


def _wrapped(indent: str, words: list[str]) -> list[str]:
    return textwrap.wrap("  ".join(words), WIDTH, initial_indent=indent,
                         subsequent_indent=" " * len(indent), break_on_hyphens=False)


def title(house: House) -> str:
    """How many files, floors and tests there are, and how far imports reach."""
    files = sum(file.floor != TESTS for file in house.files.values())
    return (f"{files} files on {len(house.floors)} floors, {len(house.on(TESTS))} tests; "
            f"the longest chain of imports goes through {house.chain} files")


def _counted(house: House, floor: str) -> tuple[dict[str, int], dict[str, int]]:
    """How many imports a floor has from each other one: those below it, and those above."""
    counts = Counter(house.files[other].floor
                     for file in house.on(floor) for other in house.arrows[file.name])
    here = house.floors.index(floor)
    down, up = ({other: counts[other] for other in reversed(part) if counts[other]}
                for part in (house.floors[:here], house.floors[here + 1:]))
    return down, up
