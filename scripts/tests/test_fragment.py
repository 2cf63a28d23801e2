"""Kconfig fragments against each other and against a kernel's config."""

import tempfile
import unittest
from pathlib import Path

from kit.build import fragment
from kit.base.error import BuildFailed, Unusable
from kit.base.paths import FRAGMENT


class Fragment(unittest.TestCase):
    def setUp(self) -> None:
        work = tempfile.TemporaryDirectory()
        self.addCleanup(work.cleanup)
        self.folder = Path(work.name)

    def file(self, name: str, *lines: str) -> Path:
        path = self.folder / name
        path.write_text("\n".join(lines) + "\n")
        return path

    def test_options(self) -> None:
        path = self.file("config", "# CONFIG_A is not set", "CONFIG_B=y", 'CONFIG_C="a=b"')
        self.assertEqual(fragment.options(path), {"CONFIG_B": "y", "CONFIG_C": '"a=b"'})

    def test_fragment_has_all_that_is_needed(self) -> None:
        whole = self.file("fragment", "CONFIG_A=y", "CONFIG_B=y")
        fragment.check(whole, self.file("config", "CONFIG_B=y"))
        with self.assertRaisesRegex(BuildFailed, "lacks CONFIG_C"):
            fragment.check(whole, self.file("config", "CONFIG_C=y"))

    def test_a_tree_that_does_not_take_all(self) -> None:
        own, final = self.file("fragment", "CONFIG_A=y", "CONFIG_B=y"), self.file(
            "config", "CONFIG_A=y", "CONFIG_B=m")
        fragment.whole(self.file("part", "CONFIG_A=y"), Path("linux-7"), final)
        with self.assertRaisesRegex(BuildFailed, "fragment: linux-7 does not take CONFIG_B$"):
            fragment.whole(own, Path("linux-7"), final)

    def test_without_a_paragraph(self) -> None:
        whole = self.file("fragment", "# One", "CONFIG_A=y", "", "# A NIC in the guest: x",
                          "CONFIG_B=y")
        self.assertEqual(fragment.without(whole, fragment.NICS), "# One\nCONFIG_A=y\n")
        with self.assertRaisesRegex(Unusable, "no paragraph begins with # Two"):
            fragment.without(whole, "# Two")

    def test_no_nic_in_what_is_built_without(self) -> None:
        self.assertNotIn("E1000E", fragment.without(FRAGMENT, fragment.NICS))
        self.assertIn("CONFIG_IO_URING=y", fragment.without(FRAGMENT, fragment.NICS))

    def test_needed_is_sorted(self) -> None:
        needed = self.file("config", "CONFIG_B=y", "CONFIG_A=y")
        with self.assertRaisesRegex(BuildFailed, "not sorted"):
            fragment.check(needed, needed)

    def test_a_module_will_do(self) -> None:
        needed = self.file("config", "CONFIG_A=y", "CONFIG_B=y")
        fragment.compare(needed, self.file("stock", "CONFIG_A=m", "CONFIG_B=y"))
        with self.assertRaisesRegex(BuildFailed, "lacks CONFIG_B"):
            fragment.compare(needed, self.file("stock", "CONFIG_A=m", "# CONFIG_B is not set"))


if __name__ == "__main__":
    unittest.main()
