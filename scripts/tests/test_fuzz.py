"""What fuzz.c prints and what is made of it; program_fuzz.py has the program itself."""

import json
import unittest
from dataclasses import replace
from typing import Any

from kit.harm import fuzz
from kit.base.error import Unusable
from kit.harm.fuzz import Pair, Plan, Ran, Told

PLAN = Plan(1000, (1, 2), 1)


def summary(bits: str = "64", buffers: int = 500, found: tuple[tuple[str, int], ...] = (),
            **more: Any) -> str:
    """The line of JSON at the end of a run. The numbers are made up."""
    defects = [{"name": name, "found": 3, "buffer": buffer, "sends": 2 * buffer, "seconds": 0.1,
                "runs": 30, "from": 48, "to": 24} for name, buffer in found]
    part = {"buffers": buffers, "accepted": 300, "sends": 1000, "waited": 200, "retried": 100}
    return json.dumps({"program": "fuzz", "kernel": "7.3.4", "bits": int(bits), "seed": 1,
                       "seconds": 1.5, **part, "valid": [250, 200], "nearly": [150, 80],
                       "garbage": [100, 20], "differences": 3 * len(defects),
                       "kinds": {"udp4": part},
                       "ways": {"sendmsg, straight, plain": 600, "sendmsg, full, plain": 400},
                       "defects": defects, **more})


def run(*args: Any, **more: Any) -> Ran:
    return fuzz.parse([summary(*args, **more)]).runs[0]


def pair() -> Pair:
    """One in which all is as it should be."""
    before = Told([run("64", 90, (("late-read", 7),)),
                   run("32", 90, (("late-read", 3), ("wrong-length", 40)))],
                  {f"{name}.c": "" for name in ("late-read-64", "late-read-32", "wrong-length-32")},
                  {"late-read-64": 1, "late-read-32": 1, "wrong-length-32": 1})
    after = Told([run("64"), run("32")], {},
                 {"fuzz": 0, "fuzz_32": 0, "check-64": 0, "check-32": 0,
                  **dict.fromkeys(before.ends, 0)})
    return Pair("7.3.4", ["late-read", "wrong-length"], before, after)


class Read(unittest.TestCase):
    def test_a_run(self) -> None:
        told = fuzz.parse(["# kit: started 7.3.4 2.1", "# seed 1",
                           "fuzz: 31 of 500 buffers, 0 differences, 10 s",
                           "# difference in buffer 7", "---- late-read-64.c", "int main(void)", "{",
                           "# a line of it",
                           "---- end", summary("64", 90, (("late-read", 7),)), "# exit fuzz 1",
                           "fuzz: no tbf"])
        self.assertEqual(told.programs, {"late-read-64.c": "int main(void)\n{\n# a line of it\n"})
        self.assertEqual(told.ends, {"fuzz": 1})
        self.assertEqual(told.notes, ["# seed 1", "# difference in buffer 7", "fuzz: no tbf"])
        self.assertEqual((told.runs[0].bits, told.runs[0].buffers, told.runs[0].sorts["nearly"]),
                         ("64", 90, (150, 80)))
        self.assertEqual((told.runs[0].found[0].name, told.runs[0].found[0].buffer),
                         ("late-read", 7))

    def test_the_first_program_of_a_name_counts(self) -> None:
        told = fuzz.parse(["---- a-64.c", "one", "---- end", "---- a-64.c", "two", "---- end"])
        self.assertEqual(told.programs, {"a-64.c": "one\n"})

    def test_a_broken_summary(self) -> None:
        for line in ('{"program": "fuzz", "kern', '{"program": "fuzz"}', summary(valid=[1])):
            with self.assertRaisesRegex(Unusable, "fuzz: not a summary"):
                fuzz.parse([line])


class Harm(unittest.TestCase):
    def harm(self, changed: Pair) -> list[str]:
        return [line.removeprefix("7.3.4: ") for line in fuzz.harm(changed, PLAN)]

    def test_none(self) -> None:
        self.assertEqual(self.harm(pair()), [])

    def test_a_difference_with_the_series(self) -> None:
        bad = pair()
        bad.after.runs[0] = run("64", 500, (("unexplained", 77),))
        bad.after.ends["fuzz"] = 1
        self.assertEqual(self.harm(bad), ["with the series, 64 bit: 3 differences: unexplained"])

    def test_too_few_buffers(self) -> None:
        bad = pair()
        bad.after.runs[1] = run("32", 499)
        self.assertEqual(self.harm(bad), ["with the series, 32 bit: it did not come to its end"])

    def test_a_hole_in_the_net(self) -> None:
        bad = pair()
        bad.before.runs[1] = run("32", 90, (("late-read", 3),))
        self.assertEqual(self.harm(bad), ["as it is, 32 bit: wrong-length was not found"])

    def test_what_the_tree_does_not_have_is_not_missed(self) -> None:
        good = pair()
        good.before.runs[1] = run("32", 90, (("late-read", 3),))
        good.expected = ["late-read"]
        self.assertEqual(self.harm(good), [])

    def test_the_program_must_show_it_before_and_not_after(self) -> None:
        bad = pair()
        bad.before.ends["late-read-64"] = 0
        bad.after.ends["wrong-length-32"] = 1
        self.assertEqual(self.harm(bad), [
            "as it is: the program for late-read, 64 bit, shows no difference",
            "with the series: the program wrong-length-32.c still shows a difference"])

    def test_the_fault_of_the_check_must_be_found(self) -> None:
        bad = pair()
        bad.after.ends["check-32"] = 1
        self.assertIn("a fault in the comparison was not found", self.harm(bad)[0])

    def test_trouble_is_told(self) -> None:
        bad = pair()
        bad.after.notes.append("fuzz: udp4, sendmsg: 30 of 31 sends complete, then none for 10 s")
        self.assertIn("30 of 31 sends complete", self.harm(bad)[0])


class Table(unittest.TestCase):
    def test_rows(self) -> None:
        made = pair()
        made.before.runs.append(replace(run("64", 90, (("late-read", 17),)), seed=2))
        found = fuzz.text(made)
        self.assertRegex(found,
                         r"late-read, 64 bit +2 +2 +12 \(most: 17\) +24 \(most: 34\) +48 -> 24")
        self.assertRegex(found, r"  64 bit +1 +500 +300 +1000 +200 +100 +0 +2 s")
        self.assertRegex(found, r"    udp4 +1000 +600 +2000 +400 +200")
        self.assertRegex(found, r"  sends +sendmsg, straight +sendmsg, full\n    plain +1200 +800")
        self.assertIn("wrong-length-32 a difference, no difference", found)


if __name__ == "__main__":
    unittest.main()
