"""What a unit test needs beside Python: where it is not there, the test is skipped
and says what to install."""

import shutil
import unittest
from collections.abc import Callable
from typing import Any

# program -> package, where they are not called the same
_PACKAGES = {"cc1": "gcc", "dpkg-deb": "dpkg", "ar": "binutils", "rpmbuild": "rpm",
             "rpm2cpio": "rpm", "bsdtar": "libarchive-tools",
             "qemu-system-x86_64": "qemu-system-x86", "unshare": "util-linux", "ip": "iproute2",
             "xz": "xz-utils", "dpkg-source": "dpkg-dev"}


def lacking(*programs: str) -> str:
    """The programs that are not there, and what to install; "" when all are."""
    missing = [name for name in programs if not shutil.which(name)]
    packages = " ".join(dict.fromkeys(_PACKAGES.get(name, name) for name in missing))
    return f"needs {', '.join(missing)}: apt-get install {packages}" if missing else ""


def needs(*programs: str) -> Callable[[Any], Any]:
    """Skips a test, or a class of them, without these programs."""
    return unittest.skipIf(bool(lacking(*programs)), lacking(*programs))
