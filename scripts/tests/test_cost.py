"""The figures of cost.c: reading them, the bars, the table, and the script for gnuplot.

The numbers are made up.
"""

import unittest
from dataclasses import replace

from kit.harm import cost
from kit.harm.cost import Case, Cost, Measured, Pair
from kit.base.error import Unusable

STRAIGHT = Case("64", "sendmsg", "none", "straight")
SEGMENT = Case("64", "sendmsg_zc", "segment", "straight")
RETRY = Case("32", "sendmsg", "quic", "retry")
BEFORE = {STRAIGHT: 10000, SEGMENT: 10000, RETRY: 10000}


def kernel(figures: dict[Case, int], slabs: dict[Case, int] | None = None) -> Measured:
    return Measured({case: Cost((figure,)) for case, figure in figures.items()},
                  {case: Cost((figure,)) for case, figure in (slabs or {}).items()}, 288)


def harm(**after: int) -> list[str]:
    names = {"straight": STRAIGHT, "segment": SEGMENT, "retry": RETRY}
    figures = {**BEFORE, RETRY: 9999, **{names[name]: figure for name, figure in after.items()}}
    return cost.harm(Pair("7.3.4", kernel(BEFORE), kernel(figures)))


class Read(unittest.TestCase):
    def test_runs_and_failures(self) -> None:
        found = cost.parse(["# kit: started",
                            "cost: instructions 64 sendmsg none straight 100 90 110",
                            "cost: instructions 64 sendmsg none straight 104 90 110",
                            "cost: instructions 64 sendmsg none straight 101 90 110",
                            "cost: allocations 32 sendmsg quic retry fails EINVAL"])
        self.assertEqual(found["instructions"], {STRAIGHT: Cost((100, 104, 101))})
        self.assertEqual(found["instructions"][STRAIGHT].figure, 100)
        self.assertEqual(found["allocations"], {RETRY: Cost((), "EINVAL")})
        self.assertIsNone(found["allocations"][RETRY].figure)

    def test_a_reason_is_told(self) -> None:
        for line in ("cost: no network namespace: EPERM; run as root",
                     "cost: cannot bind the receiver; and so on"):
            with self.assertRaisesRegex(Unusable, line[:20]):
                cost.parse([line])


class Bars(unittest.TestCase):
    def test_within(self) -> None:
        self.assertEqual(harm(straight=10030, segment=10030, retry=10000), [])

    def test_at_once(self) -> None:
        self.assertEqual(harm(straight=10031), [
            "7.3.4: 64 bit sendmsg, no control, straight through: 1.0031 times the instructions, "
            "1.003 is the most"])
        self.assertIn("1.0031 times the instructions, 1.003 is the most", harm(segment=10031)[0])

    def test_a_retry_and_large_control_cost_no_more(self) -> None:
        self.assertIn("1.0001 times the instructions, 1.000 is the most", harm(retry=10001)[0])
        large = Case("64", "sendmsg", "large", "straight")
        pair = Pair("7.3.4", kernel({large: 10000}), kernel({large: 10001}), "with buffers")
        self.assertTrue(cost.harm(pair)[0].startswith("7.3.4 with buffers: 64 bit sendmsg, 248"))

    def test_provided_buffers(self) -> None:
        ring = Case("64", "recv", "ring", "straight")
        for figure, said in ((10030, 0), (10031, 1)):
            pair = Pair("7.3.4", kernel({ring: 10000}), kernel({ring: figure}))
            self.assertEqual(len(cost.harm(pair)), said)

    def test_what_fails(self) -> None:
        """Before, it is a defect and no figure; after, it is harm."""
        good, bad = kernel({RETRY: 5}), Measured({RETRY: Cost((), "EINVAL")}, {})
        self.assertEqual(cost.harm(Pair("7.3.4", bad, good)), [])
        self.assertIn("fails with the series: EINVAL", cost.harm(Pair("7.3.4", good, bad))[0])
        self.assertIn("fails with the series: not measured",
                      cost.harm(Pair("7.3.4", good, kernel({})))[0])

    def test_allocations(self) -> None:
        pair = Pair("7.3.4", kernel({}, {SEGMENT: 5}), kernel({}, {SEGMENT: 5}))
        self.assertEqual(cost.harm(pair), [])
        self.assertIn("6 allocations, 5 before",
                      cost.harm(replace(pair, after=kernel({}, {SEGMENT: 6})))[0])
        self.assertIn("not measured", cost.harm(replace(pair, after=kernel({})))[0])


class Told(unittest.TestCase):
    before = Measured({STRAIGHT: Cost((105, 110, 107)), RETRY: Cost((), "EINVAL")},
                      {STRAIGHT: Cost((4,))}, 288)
    after = Measured({STRAIGHT: Cost((84,)), RETRY: Cost((70,))}, {STRAIGHT: Cost((3,))}, 408)
    pair = Pair("7.3.4", before, after)

    def test_table(self) -> None:
        first, second, third, *_ = cost.text([self.pair]).splitlines()
        self.assertTrue(first.startswith("Linux 7.3.4"))
        self.assertEqual(second.split()[5:],
                         ["64", "105", "105..110", "84", "0.8000", "4", "->", "3"])
        self.assertEqual(third.split()[-7:], ["fails", "(EINVAL)", "70", "-", "-", "->", "-"])
        self.assertIn("io_async_msghdr: 288 bytes before, 408 after", cost.text([self.pair]))

    def test_plot(self) -> None:
        lines = cost.script([self.pair]).splitlines()
        self.assertIn('"sendmsg, no control, straight" -20.000 NaN', lines)
        self.assertIn('"sendmsg, UDP_SEGMENT+TOS+PKTINFO, retry" NaN NaN', lines)
        # A column without a figure is an error of gnuplot's
        self.assertEqual([line.count("using") for line in lines if line.startswith("plot ")], [1])


if __name__ == "__main__":
    unittest.main()
