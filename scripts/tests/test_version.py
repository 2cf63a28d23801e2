"""Order and reading of kernel versions."""

import unittest

from kit.base import version


class Versions(unittest.TestCase):
    def test_order(self) -> None:
        ordered = ["5.10.186", "6.1", "6.1.9", "6.1.87", "6.9-rc4", "6.9-rc10", "6.9", "6.9.1",
                   "6.10", "7.3.4"]
        self.assertEqual([str(each) for each in sorted(map(version.parse, reversed(ordered)))],
                         ordered)

    def test_debian_packages(self) -> None:
        for package, upstream in (("6.1.192-2", "6.1.192"), ("7.3.4-1~bpo13+1", "7.3.4"),
                                  ("7.4~rc3-1~exp1", "7.4-rc3"), ("6.12.90-2", "6.12.90")):
            self.assertEqual(str(version.of_package(package)), upstream)

    def test_not_a_version(self) -> None:
        for text in ("", "6", "6.1.2.3", "six", "6.1-rcx"):
            with self.assertRaises(ValueError):
                version.parse(text)

    def test_banners(self) -> None:
        for banner, upstream in (
                ("6.1.0-56-cloud-amd64 (debian-kernel@lists.debian.org) #1 SMP Debian 6.1.192-2 "
                 "(2026-11-16)", "6.1.192"),
                ("6.18.44 (me@here) #1 SMP", "6.18.44"), ("7.3.4+ (me@here)", "7.3.4"),
                ("7.4.0-rc3-00012-gabc (me@here)", "7.4-rc3"), ("6.1.0 (me@here)", "6.1"),
                ("6.8.0-45-generic (buildd@lcy02) #45-Ubuntu", None),
                ("5.14.0-503.el9.x86_64 (mockbuild)", None)):
            found = version.upstream(banner)
            self.assertEqual(str(found) if found else None, upstream, banner)


if __name__ == "__main__":
    unittest.main()
