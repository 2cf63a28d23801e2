"""What selftests/harm/held.c prints, and the table of it."""

import unittest

from kit.harm import memory

SAID = ["# kit: started 7.3.4 1.36",
        "held: sendmsg, 60 sends wait with 4096 KiB of control each: 245760 KiB held",
        "held: sendmsg_zc: ended with -22 instead of -105",
        "held: sendmsg_zc, 60 sends wait with 4096 KiB of control each: -4 KiB held",
        "# exit held 1"]


class Held(unittest.TestCase):
    def test_lines(self) -> None:
        self.assertEqual(memory.held(SAID), [245760, -4])

    def test_table(self) -> None:
        rows = [{"kernel": "7.3.4 with the series", "held": [245760, 0, 0, 0],
                 "harm": True, "well": False},
                {"kernel": "7.3.4 unlimited", "held": [0, 0, 0, 0], "harm": False, "well": False}]
        lines = memory.table(rows).splitlines()
        self.assertRegex(lines[1], r"with the series +240 +0 +0 +0 +HARM")
        self.assertRegex(lines[2], r"unlimited +0 .*NOT CAUGHT")


if __name__ == "__main__":
    unittest.main()
