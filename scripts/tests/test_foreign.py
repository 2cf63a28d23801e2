"""What is known of a kernel of any distribution."""

import tempfile
import unittest
from pathlib import Path

from kit.kernel import foreign
from tests.test_kernel import bzimage


class Versions(unittest.TestCase):
    def test_what_a_release_tells(self) -> None:
        for release, version in (
                ("5.14.0-503.11.1.el9_5.x86_64", None), ("6.8.0-45-generic", None),
                ("6.4.0-150600.23.25-default", None), ("5.14.21-150500.55.83-default", None),
                ("5.3.18-lp152.19.2-default", None), ("6.11.3-1-default", "6.11.3"),
                ("6.11.5-300.fc41.x86_64", "6.11.5"),
                ("6.1.109-118.189.amzn2023.x86_64", "6.1.109"),
                ("6.8.9-060809-generic", "6.8.9"), ("6.12.0-0.rc3.28.fc42.x86_64", None)):
            with tempfile.TemporaryDirectory() as work:
                path = Path(work) / "vmlinuz"
                path.write_bytes(bzimage(f"{release} (b@h) #1 SMP"))
                found = foreign.Found("", path, path, None, "").version
                self.assertEqual(str(found) if found else None, version, release)


if __name__ == "__main__":
    unittest.main()
