"""kit/live_dkms.py: what is in the DKMS package."""

import subprocess
import tempfile
import unittest
from pathlib import Path

from kit import live_dkms
from tests.needs import needs


class Package(unittest.TestCase):
    """The package as dpkg sees it."""

    @needs("dpkg-deb")
    def test_contents(self) -> None:
        """The source lies where DKMS looks, and no placeholder is left."""
        with tempfile.TemporaryDirectory() as work:
            deb = live_dkms.package(Path(work))
            listed = subprocess.run(["dpkg-deb", "-c", deb], capture_output=True, text=True,
                                    check=True).stdout
            version = deb.name.split("_")[1]
            for name in ("dkms.conf", "Makefile", "uring_msg_cure.c"):
                self.assertIn(f"./usr/src/uring-msg-cure-{version}/{name}\n", listed)
            subprocess.run(["dpkg-deb", "-R", deb, Path(work, "out")], check=True)
            for path in Path(work, "out").rglob("*"):
                if path.is_file() and path.suffix != ".c":
                    self.assertNotRegex(path.read_text(), "@[A-Z]+@", path)


if __name__ == "__main__":
    unittest.main()
