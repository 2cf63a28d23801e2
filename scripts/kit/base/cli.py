"""What is around the main() of every command: words, signals, the line for an error, the status."""

import argparse
import errno
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from . import command
from .error import Failure, Unusable, Usage


class Parser(argparse.ArgumentParser):
    """A command line. What is wrong with it is told in one line, which names the help."""

    _verbs: "argparse._SubParsersAction[Parser] | None" = None

    def error(self, message: str) -> NoReturn:
        """Raises Usage."""
        raise Usage(f"{message}; see {self.prog} --help")

    def verbs(self, name: str) -> "argparse._SubParsersAction[Parser]":
        """Adds verbs, of which one has to be given; `name` is the attribute that has it."""
        # required=True would hide what is wrong before the verb
        self._verbs = self.add_subparsers(dest=name)
        return self._verbs

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:
        """As argparse has it; words that nobody knows are told of the verb before them."""
        options, unknown = self.parse_known_args(args, namespace)
        verb = getattr(options, self._verbs.dest) if self._verbs else None
        if unknown:
            said = self._verbs.choices[verb] if self._verbs and verb else self
            said.error(f"unrecognized arguments: {' '.join(unknown)}")
        if self._verbs and not verb:
            self.error(f"give one of {', '.join(self._verbs.choices)}")
        return options


def run(main: Callable[[list[str]], int]) -> NoReturn:
    """Calls main() with the words of the command line, and ends this process with its status.

    SIGTERM ends it as Ctrl-C does, with all programs that were started. Whoever reads the
    output may stop reading. A file that cannot be read or written is named, and the status is 3.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        status = main(sys.argv[1:])
        sys.stdout.flush()
    except Failure as bad:
        print(f"{Path(sys.argv[0]).name}: {bad}", file=sys.stderr)
        status = bad.status
    except KeyboardInterrupt:
        command.stop()
        status = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except OSError as bad:
        if not bad.filename and bad.errno != errno.ENOSPC:
            raise
        said = ": ".join(str(word) for word in (bad.filename, bad.strerror) if word)
        print(f"{Path(sys.argv[0]).name}: {said}", file=sys.stderr)
        status = Unusable.status
    sys.exit(status)
