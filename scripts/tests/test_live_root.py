"""kit/live_root.py: which release a kernel's headers belong to, and a root made of packages."""

import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from kit import live_root
from kit.base import command
from kit.build.archive import Archive
from tests.needs import needs

POLICY = """linux-headers-7.3.4+deb13-cloud-amd64:
  Installed: (none)
  Candidate: 7.3.4-1~bpo13+1
  Version table:
     7.3.4-1 500
        500 http://mirror/debian sid/main amd64 Packages
     7.3.4-1~bpo13+1 100
        100 http://mirror/debian trixie-backports/main amd64 Packages
"""


class Suites(unittest.TestCase):
    """The release that a package belongs to."""

    def test_of_a_version(self) -> None:
        """The lines behind just this version count."""
        with mock.patch.object(command, "run", return_value=POLICY):
            self.assertEqual(Archive(Path("/x")).suites("x", "7.3.4-1~bpo13+1"),
                             ["trixie-backports"])
            self.assertEqual(Archive(Path("/x")).suites("x", "7.3.4-1"), ["sid"])
            self.assertEqual(Archive(Path("/x")).suites("x", "7.3.5-1"), [])

    def test_family(self) -> None:
        """Backports go with what they are for; sid has nothing beside it."""
        self.assertEqual(live_root.family(["trixie-backports"]),
                         ["trixie", "trixie-security", "trixie-backports"])
        self.assertEqual(live_root.family(["bookworm-security"]), ["bookworm", "bookworm-security"])
        self.assertEqual(live_root.family(["sid"]), ["sid"])


class Root(unittest.TestCase):
    """Packages laid out."""

    @needs("dpkg-deb", "tar")
    def test_merged_usr(self) -> None:
        """A package with files in /bin does not put a folder in the place of the link;
        sh and awk are there."""
        with tempfile.TemporaryDirectory() as work:
            top = Path(work)
            (top / "pkg/DEBIAN").mkdir(parents=True)
            (top / "pkg/DEBIAN/control").write_text("Package: a\nVersion: 1\nArchitecture: all\n"
                                                    "Maintainer: a <a@b.c>\nDescription: a\n")
            (top / "pkg/bin").mkdir()
            (top / "pkg/bin/dash").write_text("x")
            subprocess.run(["dpkg-deb", "--build", top / "pkg", top / "a.deb"], check=True,
                           capture_output=True)
            (top / "root").mkdir()
            live_root.lay_out([top / "a.deb"], top / "root")
            self.assertTrue((top / "root/bin").is_symlink())
            self.assertEqual((top / "root/usr/bin/sh").read_text(), "x")


if __name__ == "__main__":
    unittest.main()
