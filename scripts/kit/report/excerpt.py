"""Excerpts of the logs in a kernel's folder: the lines of one test case, the end of the console."""

import re
from collections import deque
from pathlib import Path

from ..base import splat
from .folder import CONSOLE
from ..base.ktap import split_abi
from .result import CaseResult, KernelResult

CASES = "ktap.log"
LIMIT = 16384                          # characters, the most that KCIDB takes of a log
_LAST = 40                             # lines of a console, or of a program that gave no result
_MORE = "[...]\n"
# Outcomes of which the console knows more than the test
_ON_CONSOLE = ("did-not-boot", "panicked", "hung", "warned")
_HEADER = re.compile(r"# selftests: (?:\S+: )?(\S+)$")
_RUN = re.compile(r"#\s+RUN\s+(\S+) \.\.\.")
_RESULT = re.compile(r"(?:not ok|ok) \d+\s+(?:- )?(\S+)")


class Excerpts:
    """What the logs of a results folder say; each log is read when it is first asked for,
    the last one is kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._of = ""
        self._cases: dict[tuple[str, str, str], list[str]] = {}

    def case(self, result: KernelResult, case: CaseResult, limit: int = LIMIT) -> str:
        """The lines of a case, or the last ones of its program; "" without a log.

        At most `limit` characters.
        """
        if result.folder != self._of:
            self._of, self._cases = result.folder, _split(self._read(result, CASES))
        mine = (case.program, case.abi)
        lines = self._cases.get((*mine, case.test), self._cases.get((*mine, ""), []))
        return shortened("".join(f"{line}\n" for line in lines), limit)

    def console(self, result: KernelResult, limit: int = LIMIT) -> str:
        """The console of a kernel from the first sign of trouble on, else its end.

        At most `limit` characters.
        """
        lines = self._read(result, CONSOLE).splitlines()
        sign = splat.first(lines, fatal=result.outcome in ("did-not-boot", "panicked"))
        lines = lines[max(sign - 5, 0):][:2 * _LAST] if sign is not None else lines[-_LAST:]
        return shortened("".join(f"{line}\n" for line in lines), limit)

    def _read(self, result: KernelResult, name: str) -> str:
        if "/" in result.folder:       # no name that scripts/qa gives; it may lead anywhere
            return ""
        try:
            return (self._folder / result.folder / name).read_text(errors="replace")
        except (OSError, ValueError):  # the latter for a name that no file can have
            return ""


def log(result: KernelResult, case: CaseResult | None = None) -> str:
    """The most telling log of a case, or of a kernel without one; "" when there is none."""
    if result.outcome in ("not-run", "did-not-build"):
        return ""
    cut = result.outcome in _ON_CONSOLE and (case is None or case.outcome == "error")
    return f"{result.folder}/{CONSOLE if cut else CASES}"


def console(result: KernelResult) -> str:
    """The file of the results folder with what the kernel said."""
    return f"{result.folder}/{CONSOLE}"


def shortened(text: str, limit: int) -> str:
    """At most `limit` characters of a text: its start and its end, the end being longer."""
    if len(text) <= limit:
        return text
    head = (limit - len(_MORE)) // 3
    return text[:head] + _MORE + text[len(text) - (limit - len(_MORE) - head):]


def _split(text: str) -> dict[tuple[str, str, str], list[str]]:
    """The lines by program, ABI and case; those of the case "" are the last of a program,
    whatever they are about."""
    cases: dict[tuple[str, str, str], list[str]] = {}
    program, name = ("", ""), ""
    lines: list[str] = []
    last: deque[str] = deque(maxlen=_LAST)
    for line in text.removesuffix("\n").split("\n"):
        inner = line[2:] if line.startswith("# ") else line
        if inner.startswith("selftests: ") and (header := _HEADER.search(line)):
            program, name, lines, last = split_abi(header[1]), "", [], deque(maxlen=_LAST)
            cases[(*program, "")] = []
        elif "selftests: " in line and line.startswith(("ok ", "not ok ")):
            last.append(line)
            cases[(*program, "")], program, name = list(last), ("", ""), ""
        elif program[0]:
            last.append(inner)
            if inner.startswith("#") and (run := _RUN.match(inner)):
                name, lines = run[1], [inner]
            else:
                lines.append(inner)
                if inner.startswith(("ok ", "not ok ")):
                    ended = _RESULT.match(inner)
                    cases[(*program, name or (ended[1] if ended else ""))] = lines
                    name, lines = "", []
    if program[0]:
        cases[(*program, "")] = list(last)
        if name:
            cases[(*program, name)] = lines
    return cases
