"""Checks of live/: the module builds, cures a kernel in a guest, comes and goes under load."""

import tempfile
from pathlib import Path

from .. import live_root
from ..harm import live_race
from ..kernel.kernel import Kernels
from . import runs
from .trees import STOCK

SECONDS = 20


def build() -> str:
    """The module for one kernel, in a root of the release that it belongs to."""
    return live_root.info(live_root.build(Kernels().resolve(STOCK[:1])[0]))


def cure() -> None:
    """A stock kernel before and after it is loaded: what it is for passes then,
    and nothing else fails."""
    runs.qa(STOCK[-1], more=("--live",))


def race() -> str:
    """Loaded and unloaded while sends wait, are cancelled and die."""
    with tempfile.TemporaryDirectory() as home:
        return str(live_race.run(Kernels().resolve(STOCK[-1:])[0], SECONDS, Path(home)))
