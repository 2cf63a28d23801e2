"""What is around the main() of every command: signals, one line for an error, the exit status."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from . import command
from .error import Failure


def run(main: Callable[[list[str]], int]) -> NoReturn:
    """Calls main() with the words of the command line, and ends this process with its status.

    SIGTERM ends it as Ctrl-C does, with all programs that were started. Whoever reads the
    output may stop reading.
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
    sys.exit(status)
