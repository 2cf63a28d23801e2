"""kit/live_root.py: which release a kernel's headers belong to, and a root made of packages."""

import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from kit import live_root
from kit.base import arch, command
from kit.base.error import Unusable, Usage
from kit.build.archive import Archive
from kit.kernel.kernel import Kernel
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


class Headers(unittest.TestCase):
    """Headers that the mirror does not list, and those of another architecture."""

    def test_no_longer(self) -> None:
        """What to do about it; with files the suite of the kernel itself is asked for."""
        kernel = Kernel("6.18", "debian:6.18.15", "debian", None, package="linux-image-6.18.15",
                        package_version="6.18.15-1")
        asked: list[str] = []

        def suites(_archive: Archive, package: str, _number: str) -> list[str]:
            asked.append(package)
            return []

        with mock.patch.object(live_root, "open_archive", return_value=Archive(Path("/x"))), \
                mock.patch.object(Archive, "suites", suites):
            for given in ((), (Path(__file__),)):
                with self.assertRaisesRegex(Unusable, "any longer.*--debs"):
                    live_root._root(kernel, "6.18.15", given)
        self.assertEqual(asked, ["linux-headers-6.18.15", "linux-image-6.18.15"])

    def test_common(self) -> None:
        """The second half of headers has the name of neither flavour nor architecture."""
        with mock.patch.object(Archive, "download",
                               lambda _self, package, *_words: Path(package)):
            for own, common in (("6.12.1+deb13-cloud-arm64", "6.12.1+deb13-common"),
                                ("6.12.1+deb13-rt-arm64", "6.12.1+deb13-common-rt"),
                                ("6.12.1+deb13-arm64", "6.12.1+deb13-common")):
                found = live_root._foreign(Archive(Path("/x")), f"linux-headers-{own}", "1",
                                           Path("/y"))
                self.assertEqual([path.name for path in found],
                                 [f"linux-headers-{own}", f"linux-headers-{common}"])

    def test_tools(self) -> None:
        """kbuild of this host's architecture, and a cross compiler of the version named."""
        said = "linux-base, linux-headers-x (= 6.12.1-1), linux-kbuild-6.12.1+deb13, gcc-14"
        with mock.patch.object(command, "run", return_value=said):
            self.assertEqual(live_root._tools([Path("x.deb")], "6.12.1-1"),
                             ["linux-kbuild-6.12.1+deb13=6.12.1-1", "gcc-14-aarch64-linux-gnu"])
        with mock.patch.object(command, "run", return_value="linux-base"):
            with self.assertRaises(Unusable):
                live_root._tools([Path("x.deb")], "6.12.1-1")

    def test_architecture(self) -> None:
        """The module has code for two."""
        with self.assertRaisesRegex(Usage, "amd64 and arm64"):
            live_root.build(Kernel("6.12", "debian:6.12", "debian", None,
                                   arch=arch.named("riscv64")))


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
