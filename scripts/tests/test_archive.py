"""Reading apt's answers."""

import subprocess
import unittest
from unittest import mock

from kit.build import archive
from kit.base.error import Unusable


class Mirrors(unittest.TestCase):
    def test_as_the_host_has_them(self) -> None:
        self.assertEqual(
            archive.mirrors("http://m/debian/ bookworm\nhttp://m/debian/ bookworm-updates\n"
                            "http://s/debian-security/ bookworm-security\n"
                            "http://other/ nodistro\n"),
            ("http://m/debian/", "http://s/debian-security/"))

    def test_no_security_site(self) -> None:
        with mock.patch.object(archive, "say") as said:
            self.assertEqual(archive.mirrors("http://m/debian/ trixie\n"),
                             ("http://m/debian/", "http://m/debian-security/"))
        said.assert_called_once()

    def test_no_debian(self) -> None:
        with self.assertRaises(Unusable):
            archive.mirrors("http://m/ubuntu/ noble\n")


class Order(unittest.TestCase):
    def test_as_dpkg_has_it(self) -> None:
        versions = ["6.1.192-2", "6.1.192-2~bpo1", "6.1.9-1", "6.1-1", "7.3.4-1~bpo13+1", "7.3.4-1",
                    "7.4~rc3-1~exp1", "7.4-1", "2.15-1", "2.9-1", "2.9+dfsg-1", "6.12.90-2",
                    "6.12.90-1", "1.0a-1", "1.0-1"]
        # Each is less than its neighbour, so than all behind that
        ordered = sorted(versions, key=archive.debian_order)
        for one, other in zip(ordered, ordered[1:]):
            self.assertLess(archive.debian_order(one), archive.debian_order(other))
            dpkg = subprocess.run(["dpkg", "--compare-versions", one, "lt", other], check=False)
            self.assertEqual(dpkg.returncode, 0, f"{one} {other}")


class Stanzas(unittest.TestCase):
    def test_fields_and_folded_lines(self) -> None:
        text = "Package: a\nVersion: 1\nDescription: x\n more\n\nPackage: b\nVersion: 2\n\nnoise\n"
        self.assertEqual(list(archive.stanzas(text)),
                         [{"Package": "a", "Version": "1", "Description": "x\nmore"},
                          {"Package": "b", "Version": "2"}])


if __name__ == "__main__":
    unittest.main()
