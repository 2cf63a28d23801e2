"""What every check is: a name, what it does, and which packages it needs for that."""

from collections.abc import Callable
from dataclasses import dataclass

from ..base import host


class Skip(Exception):
    """This host cannot show what a check looks for; str() says what is missing."""


@dataclass(frozen=True)
class Check:
    """One check.

    It raises Failure when something is wrong, Skip when it cannot tell; what it gives is said
    behind ok.
    """

    run: Callable[[], str | None]
    packages: tuple[str, ...] = ()     # of Debian
    lacks: Callable[[], str] = lambda: ""      # what else is not at hand that it would fetch


def alone() -> str:
    """What is said where 32-bit programs had to be left out; "" elsewhere."""
    return "" if host.runs_32_bit() else f"64 bit alone, {host.NO_32_BIT}"
