"""What scripts/tables writes."""

import re
import unittest

from kit.series import fixes, patch
from kit import table
from kit.base.error import Unusable

DEFECTS = fixes.load()


class Header(unittest.TestCase):
    def test_every_cause_has_a_row(self) -> None:
        text = table.header(DEFECTS)
        causes = [cause for defect in DEFECTS.values() for cause in defect.causes]
        self.assertEqual(text.count(".defect ="), len(causes))
        self.assertEqual(text.count(".commit ="), sum(cause.commit is not None for cause in causes))

    def test_bits_are_ored(self) -> None:
        self.assertIn(".bits = 64 | 32,", table.header(DEFECTS))


class Series(unittest.TestCase):
    """Documentation/series.inc."""

    def test_no_fix_is_missing(self) -> None:
        """All of mainline in order, what the selftest is made of left out, and where each is."""
        text = table.series(patch.branches(), fixes.live())
        named = re.findall(r"^   \* - ``(\S+)``$", text, re.M)
        mainline = [one.slug for one in patch.branches()[-1].tip]
        mainline = [slug for slug in mainline if slug not in patch.EXTRA]
        self.assertEqual(named[-len(mainline):], mainline)
        self.assertEqual(len(mainline), 17)
        self.assertEqual({one.slug for branch in patch.branches() for one in branch.all()},
                         {*named, *patch.EXTRA})
        row = text.partition("* - ``lost-pointer-sendmsg-zc``\n")[2].splitlines()[:3]
        self.assertEqual(row, ["     - io_uring/net: restore msg_control on sendzc retry",
                               "     - -", "     - 6.6, 6.1"])


class Readme(unittest.TestCase):
    def test_replaces_what_stands_between_the_marks(self) -> None:
        old = f"a\n{table.BEGIN}\nold\n{table.END}\nb\n"
        new = table.readme(old, "row\n")
        self.assertEqual(new, f"a\n{table.BEGIN}\n```\nrow\n```\n{table.END}\nb\n")
        self.assertEqual(table.readme(new, "row\n"), new)

    def test_marks_are_needed(self) -> None:
        with self.assertRaises(Unusable):
            table.readme("no marks", "row\n")


class Matrix(unittest.TestCase):
    def test_ends_at_the_first_empty_line(self) -> None:
        self.assertEqual(table.matrix("kernel\n6.1\n\n6.1\n  FAIL\n"), "kernel\n6.1\n")


if __name__ == "__main__":
    unittest.main()
