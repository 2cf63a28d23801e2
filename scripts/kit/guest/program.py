"""Programs of the host as files for a guest's root, with the libraries that they load."""

import re
import shutil
from pathlib import Path

from ..base import command
from ..base.error import Unusable

Files = dict[str, bytes | Path]        # what stands in a root under these names


def files(name: str) -> Files:
    """A program and all that its loader loads. Raises Unusable when the host does not have it."""
    place = shutil.which(name, path="/usr/bin:/bin:/usr/sbin:/sbin")
    if not place:
        raise Unusable(f"{name}: not found in /usr/bin or /usr/sbin")
    # "<name> => <path> (0x...)", or the path alone for the loader
    loaded = re.findall(r"(/\S+) \(0x", command.run(["ldd", place], f"ldd {name}"))
    return {f"usr/bin/{name}": Path(place), **{path.lstrip("/"): Path(path) for path in loaded}}
