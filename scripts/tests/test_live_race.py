"""kit/live_race.py: what a guest said of a module that comes and goes."""

import unittest

from kit.harm import live_race

SAID = ["# live: count sends_seen:100", "# live: count wrong_length:7",
        "# live: count covers:sendmsg recvmsg",
        "# live: count sends_seen:11", "# live: exit race 0", "# live: exit race_32 0",
        "# live: rounds 2",
        "# live: exit blocked 0", "# live: exit blocked_32 0", "# live: missed 4"]


class Read(unittest.TestCase):
    """Lines and console."""

    def test_well(self) -> None:
        """Counters of all rounds are added up."""
        came = live_race.read(SAID, "")
        self.assertTrue(came.well)
        self.assertEqual(came.sums, {"sends_seen": 111, "wrong_length": 7})

    def test_not_well(self) -> None:
        """A program that failed or is missing, a kernel that complained, a module
        that never did anything."""
        self.assertFalse(live_race.read([*SAID[:4], "# live: exit race 1", *SAID[5:]], "").well)
        self.assertFalse(live_race.read(SAID[:5] + SAID[6:], "").well)
        self.assertFalse(live_race.read([*SAID, "# live: exit blocked_32 1"], "").well)
        self.assertFalse(live_race.read(SAID[:-1], "").well)
        self.assertFalse(live_race.read(SAID, "[ 1.0] BUG: unable to handle page fault\n").well)
        self.assertFalse(live_race.read(SAID[2:], "").well)


if __name__ == "__main__":
    unittest.main()
