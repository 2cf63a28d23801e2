"""Progress: one live line for each kernel on a terminal, plain lines elsewhere."""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from types import TracebackType
from typing import TextIO

_teller: ContextVar[Callable[[str], None] | None] = ContextVar("teller", default=None)


def step(what: str) -> None:
    """Says what is being done now, where whoever asked for it wants to know;
    for what a cache often spares."""
    tell = _teller.get()
    if tell:
        tell(what)


@contextlib.contextmanager
def told(tell: Callable[[str], None]) -> Iterator[None]:
    """Gives each step() of this thread to a function for as long as the block runs."""
    before = _teller.set(tell)
    try:
        yield
    finally:
        _teller.reset(before)


class Progress:
    """Shows label, phase and seconds of what runs. Use as a context manager;
    any thread may call it.

    https://no-color.org: colours only on a terminal and without NO_COLOR.
    """

    def __init__(self, out: TextIO = sys.stderr) -> None:
        self._out = out
        self._live = out.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._color = self._live and not os.environ.get("NO_COLOR")
        self._lock = threading.Lock()
        self._phases: dict[str, tuple[str, float]] = {}
        self._drawn = 0
        self._stop = threading.Event()
        self._painter = threading.Thread(target=self._paint, daemon=True)

    def __enter__(self) -> "Progress":
        if self._live:
            self._painter.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._stop.set()
        with self._lock:
            self._erase()
            self._phases.clear()

    def phase(self, label: str, what: str) -> None:
        """Says what is being done for `label` now."""
        with self._lock:
            before, since = self._phases.get(label, ("", time.monotonic()))
            self._phases[label] = (what, since)
            if not self._live and before.split(":")[0] != what.split(":")[0]:
                self._say(f"{label}: {what}")

    def done(self, label: str, how: str, good: bool = True) -> None:
        """Says how it ended and removes its live line."""
        with self._lock:
            _, since = self._phases.pop(label, ("", time.monotonic()))
            self._erase()
            if self._color:
                how = f"\033[{32 if good else 31}m{how}\033[0m"
            self._say(f"{label}: {how} ({time.monotonic() - since:.0f} s)")

    def note(self, text: str) -> None:
        """A line of its own above the live ones."""
        with self._lock:
            self._erase()
            self._say(text)

    def _say(self, text: str) -> None:
        self._out.write(text + "\n")
        self._out.flush()

    def _erase(self) -> None:
        if self._drawn:
            self._out.write(f"\033[{self._drawn}A\033[J")
            self._drawn = 0

    def _paint(self) -> None:
        while not self._stop.wait(0.2):
            with self._lock:
                self._erase()
                columns = os.get_terminal_size(self._out.fileno()).columns
                for label, (what, since) in self._phases.items():
                    line = f"{label:<24} {time.monotonic() - since:4.0f} s  {what}"
                    self._out.write(line[:columns - 1] + "\n")
                    self._drawn += 1
                self._out.flush()
