"""The commands of scripts/ as modules, for tests of what they parse and print."""

import importlib.machinery
import importlib.util
from types import ModuleType
from unittest import mock

from kit.base.paths import REPOSITORY


def script(name: str) -> ModuleType:
    """A command, such as "qa"; nothing compiled is left beside it."""
    path = str(REPOSITORY / "scripts" / name)
    loader = importlib.machinery.SourceFileLoader(f"script_{name}", path)
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    with mock.patch("sys.dont_write_bytecode", True):
        loader.exec_module(module)
    return module
