"""C source as the kernel writes it: its functions, and the blocks and calls in them.

Relies on Documentation/process/coding-style.rst: a function's braces stand in the first column.
"""

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache


@dataclass(frozen=True)
class Function:
    """A function definition.

    `body` is what stands between its braces, comments and strings blanked out.
    """

    name: str
    line: int                          # of its name, from 1
    body: str
    body_line: int                     # of the body's first line

    def at(self, offset: int) -> int:
        """The line of the file that an offset into the body is on."""
        return self.body_line + self.body.count("\n", 0, offset)


class Source:
    """The text of one C file."""

    def __init__(self, text: str) -> None:
        self._text = blank(text)

    @cached_property
    def functions(self) -> dict[str, Function]:
        """The functions that the file defines, by name; of two under #ifdef and #else,
        the longer one."""
        found: dict[str, Function] = {}
        # The head may span lines, but holds no brace and no semicolon.
        head = r"^(?:[A-Za-z_][^;{}#]*?\b)?(\w+)\([^;{}]*\)\s*\n\{\n"
        for match in re.finditer(head + r"(.*?)^\}", self._text, re.M | re.S):
            name = match[1]
            function = Function(name, self._line(match.start(1)), match[2],
                                self._line(match.start(2)))
            if name not in found or len(found[name].body) < len(function.body):
                found[name] = function
        return found

    def reached(self, name: str) -> list[Function]:
        """A function and all of the same file that it calls, itself first;
        empty when it is not there."""
        reached: list[Function] = []
        waiting = [name]
        while waiting:
            function = self.functions.get(waiting.pop(0))
            if function and function not in reached:
                reached.append(function)
                waiting += re.findall(r"\b(\w+)\(", function.body)
        return reached

    def _line(self, offset: int) -> int:
        return self._text.count("\n", 0, offset) + 1


@lru_cache(maxsize=64)
def parsed(text: str) -> Source:
    """The source of a text; of one that was asked for before the same one, which is dear to
    read."""
    return Source(text)


def blank(text: str) -> str:
    """The text with the characters of comments and string literals replaced
    by blanks, line by line."""
    pattern = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.S)
    return pattern.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def block(text: str, condition: str) -> tuple[int, str] | None:
    """Where the statement under the first `if` begins whose condition matches a pattern, and its
    text.

    Braces are followed when there are any; without, it is all up to the first semicolon.
    """
    for start in re.finditer(r"\bif\s*\(", text):
        end = closing(text, start.end() - 1, "()")
        if end is None or not re.search(condition, text[start.end():end]):
            continue
        rest = re.match(r"\s*(\{)?", text[end + 1:])
        assert rest
        opened = end + 1 + rest.end()
        if rest[1]:
            closed = closing(text, opened - 1, "{}")
        else:
            closed = text.find(";", opened)
        if closed is not None and closed >= 0:
            return opened, text[opened:closed]
    return None


def closing(text: str, opened: int, pair: str) -> int | None:
    """The offset of the bracket that closes the one at `opened`; None when none does."""
    depth = 0
    for offset in range(opened, len(text)):
        if text[offset] == pair[0]:
            depth += 1
        elif text[offset] == pair[1]:
            depth -= 1
            if not depth:
                return offset
    return None
