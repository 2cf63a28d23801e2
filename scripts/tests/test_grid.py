"""Tables that are folded until they fit, with the matrices that were recorded."""

import re
import unittest

from kit.base.paths import REPOSITORY
from kit.report import grid, result


class Width(unittest.TestCase):
    """A table that is too long for a line."""

    HEAD = ("kernel", "version", *result.CONTROL, "sends", "receives", "other", "time")

    def table(self, kernel: str, *cells: str) -> list[str]:
        """A table with one row of these."""
        row = (kernel, "6.12.118", *cells, "48 s")
        return grid.fitted([self.HEAD, row], range(2, len(row) - 1))

    def test_what_fits_stays(self) -> None:
        """As wide as its words are."""
        rows = [["kernel", "late-read", "time"], ["k", "FAIL 32 (open)", "1 s"]]
        self.assertEqual(grid.fitted(rows, [1]), grid.aligned(rows))

    def test_recorded(self) -> None:
        """The matrices of stock kernels, on loopback and through NICs, in 100 columns."""
        for name, first in (("matrix.txt", 2), ("nic-matrix.txt", 3)):
            lines = (REPOSITORY / "Documentation" / name).read_text().splitlines()
            if lines[1].startswith(" "):   # recorded since it is folded
                self.assertLessEqual(max(map(len, lines)), 100, name)
                continue
            rows = [re.split(r"  +", line) for line in lines if line]
            folded = grid.fitted(rows, range(first, len(rows[0]) - 1))
            self.assertLessEqual(max(map(len, folded)), 100, name)
            whole = "".join(word for row in rows for word in row).replace(" ", "")
            self.assertEqual(sorted("".join(folded).replace(" ", "")), sorted(whole))

    def test_nothing_is_cut(self) -> None:
        """What is long in each column at once."""
        lines = self.table("6.12.118+deb13-cloud-arm64", "pass", "FAIL 32 (fix: 6.12.118)",
                           "FAIL (open)", "FAIL 64 (open), FAIL 32 (open)", "NEWLY FIXED",
                           "FAIL 32 (open)", "pass")
        text = "\n".join(lines)
        self.assertLessEqual(max(map(len, lines)), 100, text)
        for word in ("(fix:", "6.12.118)", "NEWLY", "arm64", "48 s"):
            self.assertIn(word, text)
        self.assertEqual(text.count("(open)"), 4)

    def test_the_release_of_a_fix_stays_with_its_word(self) -> None:
        """Where there is room."""
        lines = self.table("6.12.118+deb13-cloud", "pass", "FAIL 32 (open)", "FAIL (open)",
                           "FAIL (fix: 6.4)", "FAIL (open)", "FAIL (open)", "pass")
        self.assertLessEqual(max(map(len, lines)), 100)
        self.assertIn("(fix: 6.4)", "\n".join(lines))

    def test_what_cannot_be_parted(self) -> None:
        """The shortest that there is."""
        rows = [["kernel", "a", "time"], ["k" * 120, "b c", "1 s"]]
        self.assertEqual(max(map(len, grid.fitted(rows, [1]))), 120 + 2 + 3 + 2 + 4)


if __name__ == "__main__":
    unittest.main()
