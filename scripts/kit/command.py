"""Running other programs: output kept, failures told in one line."""

import errno
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from .error import Failure, Unusable


def full_disk(where: Path) -> Unusable:
    """The error for ENOSPC, with what is left on the disk that holds `where`."""
    while not where.exists() and where != where.parent:
        where = where.parent
    left = shutil.disk_usage(where).free >> 20
    return Unusable(f"{where}: disk full ({left} MiB left); make room or point XDG_CACHE_HOME elsewhere")


def run(argv: Sequence[str | Path], what: str, *, cwd: Path | None = None,
        env: Mapping[str, str] | None = None, log: Path | None = None,
        error: type[Failure] = Unusable) -> str:
    """Runs argv to its end and returns its standard output.

    `what` names the step in the error's text. With `log`, both output streams also go to
    that file. `env` is added to the environment. Raises `error` when the program
    cannot be started or fails; Unusable when the reason is a full disk.
    """
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(words, cwd=cwd, env={**os.environ, **(env or {})}, check=False,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace")
    except FileNotFoundError as gone:
        raise Unusable(f"{what}: {gone.filename}: no such program or folder") from gone
    except OSError as bad:
        if bad.errno == errno.ENOSPC:
            raise full_disk(cwd or Path.cwd()) from bad
        raise Unusable(f"{what}: {bad}") from bad
    if log:
        log.write_text(f"$ {' '.join(words)}\n{done.stdout}{done.stderr}")
    if done.returncode:
        if "No space left on device" in done.stderr:
            raise full_disk(cwd or Path.cwd())
        see = f" (all of it: {log})" if log else ""
        raise error(f"{what}: {telling_line(done.stderr or done.stdout)}{see}")
    return done.stdout


def telling_line(output: str) -> str:
    """The line of a failed program's output that says most: the first error, else the last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for mark in ("error:", "E: ", "***", "fatal:", "ERROR"):
        for line in lines:
            if mark in line:
                return line
    return lines[-1] if lines else "failed without a word"
