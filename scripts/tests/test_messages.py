"""What messages.c prints, how its runs add up, and what is made of them."""

import argparse
import json
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import Any

from kit.base import version
from kit.base.error import Unusable, Usage
from kit.base.paths import REPOSITORY
from kit.harm import messages
from kit.harm.exchanges import Listener, Total, read, together
from kit.kernel.kernel import Kernel


def summary(first: int = 0, done: int = 100, **more: Any) -> dict[str, Any]:
    """The JSON at the end of a run. The numbers are made up."""
    return {"program": "messages", "kernel": "7.3.4", "seed": 1, "first": first, "done": done,
            "seconds": 2.0, "unexplained": 0, "slow": 0,
            "kinds": {"udp4": {"send": [done, 60, 50], "recv": [0, 0, 0]}},
            "ways": {"plain": [done, 60, 50]}, "designs": {"cancelled": 3}, "found": {}, **more}


def total(**more: Any) -> Total:
    """One in which all is as it should be."""
    good = Total("7.3.4", "abc", 1, checks={"self-check": 0, "twice": 0})
    good.add(summary(**more))
    return good


class Adding(unittest.TestCase):
    def test_two_runs(self) -> None:
        both = total(found={"late-read": [2, 7]})
        both.add(summary(100, 50, found={"late-read": [1, 120], "late-file": [1, 130]}))
        self.assertEqual((both.done, both.seconds, both.differences), (150, 4.0, 4))
        self.assertEqual(both.kinds["udp4"]["send"], [150, 120, 100])
        self.assertEqual(both.designs, {"cancelled": 6})
        self.assertEqual(both.found, {"late-read": [3, 7, 1], "late-file": [1, 130, 1]})

    def test_seeds(self) -> None:
        """What differed is said with the seed that shows it; a check has to hold for each."""
        first, second = total(found={"late-read": [2, 7]}), Total("7.3.4", "abc", 2)
        second.add(summary(seed=2, found={"late-read": [1, 5], "late-file": [1, 60]}))
        second.missing = ["mptcp"]
        both = together([first, second])
        self.assertEqual((both.done, both.seconds, both.seed), (200, 2.0, 1))
        self.assertEqual(both.kinds["udp4"]["send"], [200, 120, 100])
        self.assertEqual(both.found, {"late-read": [3, 7, 1], "late-file": [1, 60, 2]})
        self.assertEqual(both.missing, ["mptcp"])
        self.assertEqual(both.checks, {"self-check": 1, "twice": 1})
        self.assertIn("late-file 1 times, first in --seed 2 --first 60 --count 1",
                      messages.harm(both, "64", 200, (), ("late-file",))[-1])
        self.assertIn("seeds 1 to 2", messages.text(both, "64", 2))
        self.assertEqual(together([first]), first)

    def test_a_run_that_does_not_follow_is_left_out(self) -> None:
        one = total()
        one.add(summary(0, 100))
        one.add(summary(200, 100))
        one.add(summary(100, 100, seed=2))
        self.assertEqual(one.done, 100)

    def test_a_broken_summary(self) -> None:
        broken: tuple[dict[str, Any], ...] = (
            {"found": {"x": 3}}, {"kinds": {"udp4": {"send": [1]}}}, {"ways": None})
        for wrong in broken:
            with self.assertRaisesRegex(Unusable, "messages: not a summary"):
                Total("7.3.4", "abc", 1).add(summary(**wrong))
                total().add(summary(100, 1, **wrong))

    def test_it_is_kept_and_goes_on(self) -> None:
        with tempfile.TemporaryDirectory() as home:
            path = Path(home, "7.3.4-64.json")
            new = Total("7.3.4", "abc", 1)
            self.assertIs(read(path, new), new)
            total().write(path)
            self.assertEqual(read(path, new), total())
            with self.assertRaisesRegex(Usage, "another kernel, program or seed"):
                read(path, Total("7.3.4", "def", 1))
            path.write_text("{")
            with self.assertRaisesRegex(Usage, "broken"):
                read(path, new)


class Listening(unittest.TestCase):
    def test_lines(self) -> None:
        with tempfile.TemporaryDirectory() as home:
            one, said = Total("7.3.4", "abc", 1), list[str]()
            listener = Listener(one, Path(home, "x.json"), said.append)
            for line in ("# kit: started 7.3.4 2.1", "# exit self-check 0", "# exit twice 1",
                         "# not here: vsock stream: listen: No such device",
                         "# not here: vsock stream: listen: No such device",
                         "messages: 40 of 100, 0 unexplained, 10 s", "messages: no tbf",
                         "# late-read: --seed 1 --first 7 --count 1", "# by design: cancelled 3",
                         json.dumps(summary())):
                listener(line)
            self.assertEqual(one.checks, {"self-check": 0, "twice": 1})
            self.assertEqual(one.missing, ["vsock stream"])
            self.assertEqual(one.notes, ["no tbf", "# late-read: --seed 1 --first 7 --count 1"])
            self.assertEqual(said, ["40 exchanges", "100 exchanges, 0 differences"])
            with self.assertRaisesRegex(Unusable, "messages: not a summary"):
                listener('{"program": "messages", "kern')


class Names(unittest.TestCase):
    def test_the_program_has_each(self) -> None:
        """Any other would never be found."""
        text = (REPOSITORY / "selftests/harm/messages_names.c").read_text()
        for name in (*messages.FINDS, *messages.BUFFERS):
            self.assertIn(f'{{ "{name}", ', text)

    def test_running_kernels_have_those_of_their_version(self) -> None:
        kernel = Kernel("6.18.44", "", "running", version.parse("6.18.44"))
        found = messages.predicted(kernel)
        self.assertLess({"late-read", "unannounced-notification", "stuck-length"}, set(found))
        self.assertNotIn("missed-end", found)


class Asked(unittest.TestCase):
    def test_no_kernels(self) -> None:
        """Trees alone are enough: no kernel has to be named as well."""
        options = argparse.Namespace(kernels=[], trees=[], quick=False, buffers=False)
        self.assertEqual(list(messages._asked(options, 1, 1)), [])


class Sockets(unittest.TestCase):
    def test_each_is_built_in(self) -> None:
        """Modules would have to be loaded in the guest; a NIC is no socket."""
        lines = messages.SOCKETS.lines
        self.assertEqual(list(lines), sorted(set(lines)))
        for name in ("TLS", "IP_SCTP", "MPTCP", "TIPC", "CRYPTO_USER_API_SKCIPHER"):
            self.assertIn(f"CONFIG_{name}=y", lines)
        self.assertFalse(messages.SOCKETS.drivers)


class Shell(unittest.TestCase):
    def test_no_turn_behind_one_that_cannot_go_on(self) -> None:
        """Its exchanges are missing, so that those of the next would not be counted."""
        said = []
        for code in (0, 1, 3):
            script = messages.until_broken([f"echo a; (exit {code})", "echo b"])
            said.append(subprocess.run(["sh", "-c", script], capture_output=True, text=True,
                                       check=False).stdout)
        self.assertEqual(said, ["a\nb\n", "a\nb\n", "a\n"])

    def test_turns_go_on_where_it_ended(self) -> None:
        lines = messages.turns("/messages", 7, 30000, 75000).splitlines()
        self.assertEqual(len(lines), 9)
        self.assertTrue(lines[0].endswith("--seed 7 --first 30000 --count 5000"))
        self.assertTrue(lines[8].endswith("--first 70000 --count 5000"))


class Harm(unittest.TestCase):
    def harm(self, changed: Total, *expected: str,
             cured: tuple[str, ...] = messages.FINDS) -> list[str]:
        return [line.removeprefix("7.3.4, 64 bit: ")
                for line in messages.harm(changed, "64", 100, expected, cured)]

    def test_none(self) -> None:
        self.assertEqual(self.harm(total()), [])
        found = total(found={"late-read": [2, 7]})
        self.assertEqual(self.harm(found, "late-read", cured=()), [])

    def test_a_difference_with_the_series(self) -> None:
        self.assertEqual(self.harm(total(found={"late-read": [2, 7]})),
                         ["late-read 2 times, first in --seed 1 --first 7 --count 1"])

    def test_one_without_a_name_as_it_is(self) -> None:
        self.assertEqual(self.harm(total(found={"unexplained": [1, 9]}), cured=()),
                         ["unexplained 1 times, first in --seed 1 --first 9 --count 1"])

    def test_what_the_series_does_not_bring(self) -> None:
        self.assertEqual(self.harm(total(found={"buffers": [2, 7]})), [])
        self.assertEqual(len(self.harm(total(found={"several": [2, 7]}))), 1)

    def test_a_hole_in_the_net(self) -> None:
        self.assertEqual(self.harm(total(), "late-read", cured=()),
                         ["late-read was not found in 100 exchanges"])

    def test_checks_that_failed_or_did_not_run(self) -> None:
        bad = total()
        bad.checks = {"twice": 1}
        self.assertEqual(self.harm(bad), ["a fault put in on purpose was not found",
                                          "the system call differs from itself"])

    def test_too_few(self) -> None:
        self.assertEqual(self.harm(total(done=60)), ["it ended after 60 of 100 exchanges"])


class Table(unittest.TestCase):
    def test_all_of_it(self) -> None:
        one = total(found={"late-read": [2, 7]})
        one.missing = ["mptcp"]
        told = messages.text(one, "64")
        for line in ("  seed 1       100        60      50            2            50",
                     "    late-read  2      7                  1",
                     "    udp4             100/50  0/0",
                     "    plain  100   60      50", "  not there: mptcp"):
            self.assertIn(line, told)


if __name__ == "__main__":
    unittest.main()
