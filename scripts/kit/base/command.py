"""Running other programs: their output is kept, a failure is one line, none is left behind."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from .error import Failure, FullDisk, Unusable

T = TypeVar("T")

_alive: set["subprocess.Popen[bytes]"] = set()
_guard = threading.Lock()
_stopped = False


def start(argv: Sequence[str | Path], *, cwd: Path | None = None,
          env: Mapping[str, str] | None = None, stderr: int = subprocess.PIPE,
          descriptors: Sequence[int] = ()) -> "subprocess.Popen[bytes]":
    """Starts a program in a process group of its own, its output in pipes; end() must follow.

    `env` is added to the environment, `descriptors` stay open in it.
    Raises OSError, and KeyboardInterrupt after stop().
    """
    with _guard:
        if _stopped:
            raise KeyboardInterrupt
        process = subprocess.Popen(argv, cwd=cwd, env={**os.environ, **(env or {})},
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr,
                                   start_new_session=True, pass_fds=descriptors)
        _alive.add(process)
    return process


def end(process: "subprocess.Popen[bytes]", patience: float = 0) -> None:
    """Waits `patience` seconds for a program to end, then kills it and all that it started.

    Raises KeyboardInterrupt when stop() was the cause of its end.
    """
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        _kill(process)
        process.wait()
    with _guard:
        _alive.discard(process)
        if _stopped:
            raise KeyboardInterrupt


def together(jobs: int, calls: Iterable[Callable[[], T]]) -> list[T]:
    """Makes calls, `jobs` at a time, and gives their results.

    When one raises, stop() ends the rest.
    """
    with ThreadPoolExecutor(jobs) as pool:
        going = [pool.submit(call) for call in calls]
        try:
            return [each.result() for each in going]
        except BaseException:
            stop()
            for each in going:
                each.cancel()
            raise


def stop() -> None:
    """Kills all that was started here and lets nothing else start; for Ctrl-C and SIGTERM."""
    global _stopped
    with _guard:
        _stopped = True
        for process in _alive:
            _kill(process)


def _kill(process: "subprocess.Popen[bytes]") -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def run(argv: Sequence[str | Path], what: str, *, cwd: Path | None = None,
        env: Mapping[str, str] | None = None, log: Path | None = None, limit: float | None = None,
        error: type[Failure] = Unusable) -> str:
    """Runs argv to its end and returns its standard output.

    `what` names the step in the error's text. With `log`, both output streams also go to
    that file. `env` is added to the environment, `limit` is in seconds. Raises `error` when the
    program cannot be started or fails; FullDisk when that is the reason, Unusable when the limit
    is.
    """
    words = [str(word) for word in argv]
    try:
        process = start(words, cwd=cwd, env=env)
    except FileNotFoundError as gone:
        raise Unusable(f"{what}: {gone.filename}: no such program or folder") from gone
    except OSError as bad:
        raise Unusable(f"{what}: {bad}") from bad
    try:
        out, complaint = (text.decode(errors="replace")
                          for text in process.communicate(timeout=limit))
    except subprocess.TimeoutExpired as late:
        raise Unusable(f"{what}: not done after {limit:.0f} seconds; try again") from late
    finally:
        end(process)
    if log:
        log.write_text(f"$ {' '.join(words)}\n{out}{complaint}")
    if process.returncode:
        if "No space left on device" in complaint:
            raise FullDisk(f"{what}: disk full; make room or point XDG_CACHE_HOME elsewhere")
        see = f" (all of it: {log})" if log else ""
        raise error(f"{what}: {telling_line(complaint or out)}{see}")
    return out


def telling_line(output: str) -> str:
    """The line of a failed program's output that says most: the first error, else the last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for mark in ("error:", "E: ", "***", "fatal:", "ERROR"):
        for line in lines:
            if mark in line:
                return line
    return lines[-1] if lines else "failed without a word"
