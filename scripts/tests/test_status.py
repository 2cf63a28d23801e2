"""Tests of status: what is told of a fix that is in, missing, half lost, or made otherwise."""

import unittest

from kit.base.paths import PATCHES
from kit.series import applied, order, patch, status
from tests.test_diagnosis import LENGTH
from tests.test_plan import ALL, LENGTHS, ZC, Fixture

OTHERWISE = LENGTHS.replace(LENGTH, LENGTH.replace("= kmsg->controllen", "= kmsg->length"), 1)


class Rows(Fixture):
    """Trees of which the code is read, and of which the patches are tried besides."""

    def words(self, text: str) -> dict[tuple[str, str], str]:
        """(fix, opcode) -> status of those that this series brings."""
        return {(row.fix, row.opcode): row.word for row in status.rows(self.make(text, False))
                if row.fix in ("wrong-length", "repeated-control-sendmsg-zc")}

    def test_in_and_missing(self) -> None:
        short = ("repeated-control-sendmsg-zc", "sendmsg_zc")
        both = [("wrong-length", opcode) for opcode in ("sendmsg", "sendmsg_zc")]
        self.assertEqual(self.words(ZC), {**dict.fromkeys(both, "MISSING"), short: "MISSING"})
        self.assertEqual(self.words(LENGTHS), {**dict.fromkeys(both, "ok"), short: "MISSING"})
        self.assertEqual(self.words(ALL), {**dict.fromkeys(both, "ok"), short: "ok"})

    def test_code_that_looks_cured_and_is_not_that_of_the_patch(self) -> None:
        self.assertNotEqual(OTHERWISE, LENGTHS)
        rows = [row for row in status.rows(self.make(OTHERWISE, False))
                if row.fix == "wrong-length"]
        self.assertEqual([row.word for row in rows], ["CANNOT TELL"] * 2)
        self.assertIn("0001-wrong-length.patch does not come out: scripts/series prove",
                      rows[0].why)

    def test_that_of_an_older_form_is_as_good(self) -> None:
        self.folder(self.patches / "linux-6.1.y/older/before-6.1.55",
                    {"wrong-length": self.diff(ZC, OTHERWISE)})
        self.assertEqual(self.words(OTHERWISE)["wrong-length", "sendmsg"], "ok")


class Told(unittest.TestCase):
    """One fix that diagnosis.py does not read."""

    def test_code_that_looks_cured_and_still_takes_a_patch(self) -> None:
        """5.15.y with its series, one of the two lines gone by which cut-control clears the IV of
        AF_ALG: the form for an older 5.10 applied then, and nothing was told of it."""
        one = patch.Patch(PATCHES / "linux-5.15.y/0011-cut-control.patch")
        slot = order.Slot("cut-control", (one,), True, one)
        for lacks, words in ((False, [None]), (True, [True]), (None, [True])):
            read = {} if lacks is None else {"cut-control": lacks}
            rows = status._of_patch(applied.Tried(slot, None, one), read, {})
            self.assertEqual([row.missing for row in rows], words, lacks)


if __name__ == "__main__":
    unittest.main()
