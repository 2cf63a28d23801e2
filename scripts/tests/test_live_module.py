"""kit/harm/live_module.py: what guests say of the module live/cure, without it and with it."""

import json
import unittest

from kit.base.error import Unusable
from kit.harm import live_module as live

COST = ["cost: instructions 64 sendmsg none straight 8000 8000 9000",
        "cost: instructions 64 sendmsg none straight 8010 8010 9000",
        "cost: instructions 32 sendmsg segment retry fails EINVAL"]
CURED = ["cost: instructions 64 sendmsg none straight 9500 9500 9900",
         "cost: instructions 32 sendmsg segment retry 31000 31000 32000"]


def fuzzed(bits: int, **found: int) -> str:
    """The summary of a run of fuzz."""
    return json.dumps({
        "program": "fuzz", "kernel": "6.1.192", "bits": bits, "seed": 1, "seconds": 2.0,
        "buffers": 50, "accepted": 20, "sends": 100, "waited": 50, "retried": 40,
        "differences": sum(found.values()), "valid": [20, 18], "nearly": [20, 2],
        "garbage": [10, 0], "kinds": {}, "ways": {},
        "defects": [{"name": name, "buffer": 3, "sends": 9, "found": times, "from": 40, "to": 20}
for name, times in found.items()]})


def turn(*cases: str) -> list[str]:
    """One run of lost_pointer: a line of the kernel's frame for each case."""
    said = [live.TURN, "TAP version 13", "1..1", "# selftests: io_uring: lost_pointer",
            "# TAP version 13", f"# 1..{len(cases)}"]
    for number, why in enumerate(cases, 1):
        name = f"lost_pointer.udp4_zc_{number}.retry"
        said += [f"# #  RUN           {name} ..."]
        said += [f"# # lost-pointer: 6.1 sendmsg_zc udp4, 64 bit: {why}"] if why else []
        said += [f"# {'not ' if why else ''}ok {number} {name}"]
    return [*said, f"{'not ' if any(cases) else ''}ok 1 selftests: io_uring: lost_pointer"]


class Kept(unittest.TestCase):
    """What is kept of one step."""

    def test_kept(self) -> None:
        """Each kernel's table, then what is harm; no text where nothing was told,
        so that the record of a step that did not run stays."""
        told = [live.Told("6.1", "error", ["a", "b"]), live.Told("6.12", "error", [], ["worse"])]
        self.assertEqual(live.kept(told), "a\nb\n\n\nHARM: 6.12, error: worse\n")
        self.assertEqual(live.kept([]), "")


class Cost(unittest.TestCase):
    """Instructions of a send."""

    def test_table(self) -> None:
        """The least of the runs on both sides, and what is between them;
        what failed before has no difference."""
        told = live.cost_told("6.1", [*COST, live.LOADED, *CURED])
        self.assertRegex(told.table[1],
                         r"^sendmsg +no control +straight through +64 +8000 +9500 +\+1500$")
        self.assertRegex(told.table[2], r"^sendmsg +UDP_SEGMENT +one retry +32 +EINVAL +31000$")
        self.assertEqual(told.harm, [])

    def test_harm(self) -> None:
        """A send that fails, or was not measured, with the module alone;
        and a guest that measured nothing."""
        worse = ["cost: instructions 64 sendmsg none straight fails EFAULT", CURED[1]]
        self.assertIn("EFAULT", live.cost_told("6.1", [*COST, live.LOADED, *worse]).harm[0])
        self.assertIn("not measured", live.cost_told("6.1", [*COST, live.LOADED, CURED[1]]).harm[0])
        self.assertEqual(live.cost_told("6.1", [live.LOADED]).harm, ["nothing was measured"])

    def test_not_loaded(self) -> None:
        """Without the module there is nothing to compare."""
        with self.assertRaisesRegex(Unusable, "not loaded: uring_msg_cure: no"):
            live.cost_told("6.1", [*COST, "uring_msg_cure: no", *CURED])


class Fuzz(unittest.TestCase):
    """Differences that are new."""

    def told(self, before: list[str], after: list[str]) -> live.Told:
        """100 buffers on both sides."""
        return live.fuzz_told("6.1", [*before, live.LOADED, *after], 100)

    def test_cured(self) -> None:
        """What goes away, or comes less often, is no harm."""
        told = self.told([fuzzed(64), fuzzed(32, **{"wrong-length": 9, "x": 2})],
                         [fuzzed(64), fuzzed(32, x=1)])
        self.assertEqual(told.harm, [])
        self.assertRegex(told.table[2], r"without +32 +50 +100 +40 +wrong-length 9, x 2$")

    def test_chance(self) -> None:
        """What did not come again is none of the module's, unless there is more of it."""
        one = {"not repeated": 1}
        two = {"not repeated": 2}
        self.assertEqual(self.told([fuzzed(64, **two), fuzzed(32)],
                                   [fuzzed(64, **one), fuzzed(32, **one)]).harm, [])
        self.assertEqual(self.told([fuzzed(64, **one), fuzzed(32)],
                                   [fuzzed(64, **one), fuzzed(32, **one)]).harm,
                         ["not repeated 2 times with the module, 1 without"])

    def test_new(self) -> None:
        """A new one, one that comes more often, and a run that is missing."""
        self.assertEqual(
            self.told([fuzzed(64), fuzzed(32, x=1)], [fuzzed(64, y=1), fuzzed(32, x=2)]).harm,
            ["64 bit: y 1 times with the module, 0 without",
             "32 bit: x 2 times with the module, 1 without"])
        self.assertIn("with it: it did not come to its end",
                      self.told([fuzzed(64), fuzzed(32)], [fuzzed(64)]).harm)


class Error(unittest.TestCase):
    """The report's -EFAULT."""

    def test_turns(self) -> None:
        """How often in each run; a run without a pass or that failure,
        or with another failure, is none."""
        lines = [*turn("send 0 of 8: -EFAULT", ""), *turn(""), *turn("no io_uring here"), live.TURN]
        self.assertEqual(live.turns_of(lines), [1, 0, -1, -1])

    def test_told(self) -> None:
        """Each run has to show it without the module, and none with it."""
        bad, good = turn("send 0 of 8: -EFAULT"), turn("")
        told = live.error_told("6.1", [*bad, *bad, live.LOADED, *good, *good], 2)
        self.assertEqual(told.harm, [])
        self.assertIn("in 2 of 2 runs of lost_pointer (2 sends), with it gone in 2 of 2",
                      told.table[0])
        self.assertEqual(
            len(live.error_told("6.1", [*bad, *good, live.LOADED, *bad, *good], 2).harm), 2)


if __name__ == "__main__":
    unittest.main()
