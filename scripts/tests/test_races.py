"""What race.c counted, read from the lines of a guest, and how a kernel is judged by it."""

import unittest

from kit.harm import races
from kit.guest.vm import Run

COUNTS = ('{"bits": 64, "seed": 1, "seconds": 300, "lives": 9, "rounds": 30, "sends": 120, '
          '"whole": 40, "part": 2, "cancelled": 50, "failed": 8, "spoilt": 10, "refused": 0, '
          '"odd": 0, "notified": 60, "abandoned": 10, "wrong": 0}')
GOOD = ("# kit: started 7.3.4 2.33", "race: self-check: send 0: completion lost",
        "# exit self-check 0",
        "race: 20 rounds", COUNTS, "# exit race 0", COUNTS.replace("64", "32", 1),
        "# exit race_32 0", "# net: end")


def ran(*lines: str) -> Run:
    return Run([(1.0, line) for line in lines], "", "", 700.0)


class Judge(unittest.TestCase):
    def test_good(self) -> None:
        one = races.judge("with the series", ran(*GOOD), [], True)
        self.assertTrue(one["well"])
        self.assertEqual({bits: data["sends"] for bits, data in one["counts"].items()},
                         {"64": 120, "32": 120})
        self.assertEqual(one["exits"], {"self-check": 0, "race": 0, "race_32": 0})

    def test_unstable(self) -> None:
        """Control that is read after submit is harm with the series,
        and has to be seen without it."""
        seen = ran(*(line.replace('"odd": 0', '"odd": 3') for line in GOOD))
        self.assertFalse(races.judge("with the series", seen, [], True)["well"])
        self.assertTrue(races.judge("as it is", seen, [], False)["well"])
        self.assertFalse(races.judge("as it is", ran(*GOOD), [], False)["well"])

    def test_lost(self) -> None:
        said = "race: --seed 7: 64 bit, 1 sendmsg over UDP: send 0: completion lost"
        seen = ran(*(line.replace("race 0", "race 1") for line in GOOD), said)
        one = races.judge("with the series", seen, [], True)
        self.assertFalse(one["well"])
        self.assertEqual(one["wrong"], [said])

    def test_report(self) -> None:
        self.assertFalse(races.judge("with the series", ran(*GOOD),
                                     ["BUG: KASAN: slab-use-after-free"], True)["well"])

    def test_short(self) -> None:
        """A guest that ended before all programs did."""
        for end in range(len(GOOD) - 1):
            self.assertFalse(races.judge("with the series", ran(*GOOD[:end]), [], True)["well"],
                             GOOD[:end][-1:])

    def test_self_check(self) -> None:
        seen = ran(*(line.replace("self-check 0", "self-check 1") for line in GOOD))
        self.assertFalse(races.judge("with the series", seen, [], True)["well"])


class Table(unittest.TestCase):
    def test_table(self) -> None:
        good = races.judge("with the series", ran(*GOOD), [], True)
        bad = races.judge("as it is", ran(*GOOD[:3]),
                          ["BUG: KASAN: slab-use-after-free in io_x\n io_x+0x1"], False)
        text = races.table({"kernel": "7.3.4, debug kernel", "kernels": [good, bad], "mutants": [
            {"name": "leak", "well": True, "by": "kmemleak",
             "report": "unreferenced object", "seconds": 99.0}]})
        lines = text.splitlines()
        self.assertEqual(len({len(line.split()) for line in lines[1:3]}), 1)
        self.assertIn("NOT AS IT SHOULD BE", lines[3])
        self.assertIn("leak put in", lines[4])
        self.assertIn("caught by kmemleak", lines[4])
        self.assertEqual(lines[-1], "     io_x+0x1")


if __name__ == "__main__":
    unittest.main()
