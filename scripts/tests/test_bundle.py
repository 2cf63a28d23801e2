"""Which folder of the selftests each program is in, and that io_uring stands alone."""

import re
import unittest

from kit.base.error import Usage
from kit.build import bundle


class Folders(unittest.TestCase):
    def test_each_program_is_asked_of_its_own(self) -> None:
        self.assertEqual(bundle.request(("late_read", "late_read_32", "nic.sh", "nic_32.sh")),
                         "-t io_uring:late_read -t io_uring:late_read_32 -t nic:nic.sh -t "
                         "nic:nic_32.sh")

    def test_sources(self) -> None:
        self.assertEqual(bundle.sources(["nic"]), {"nic"})
        self.assertEqual(bundle.sources(["bench"]), set())
        self.assertEqual(bundle.sources(), bundle.sources(["io_uring"]) | {"nic"})

    def test_no_program(self) -> None:
        """Said with those that there are, as scripts/qa run and --live do."""
        bundle.check(["late_read", "nic"])
        with self.assertRaisesRegex(Usage, r"^no program x, y; there are bad_control, .*zerocopy$"):
            bundle.check(["y", "late_read", "x"])

    def test_io_uring_knows_nothing_beside_it(self) -> None:
        others = [name for name in (*bundle.COLLECTIONS, bundle.HOOKS, "harm")
                  if name != bundle.COLLECTION]
        reach = re.compile(rf"\.\./(?!lib\.mk|kselftest)\w|\b({'|'.join(others)})"
                           r"(/|\.[ch]\b|\.sh\b|_receiver\b)|\bscripts/")
        for path in (path for path in bundle.SELFTEST.iterdir()
                     if path.suffix or path.name == "Makefile"):
            for number, line in enumerate(path.read_text().splitlines(), 1):
                with self.subTest(path=path.name, line=number):
                    self.assertIsNone(reach.search(line), line)
