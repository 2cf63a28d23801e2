"""The program messages, as far as it does nothing but print.

No unit test: it is built with the headers of a kernel and with liburing. `scripts/check programs`.
"""

import unittest
from functools import cache

from kit.base import command
from kit.build import static
from kit.harm import messages


@cache
def said(*words: str) -> str:
    """What messages prints, both streams, and its exit status at the end."""
    program = static.build("harm") / messages.PROGRAMS["64"]
    return command.run(["sh", "-c", f"{program} {' '.join(words)} 2>&1; echo rc $?"], "messages")


class Program(unittest.TestCase):
    def test_wrong_use(self) -> None:
        for words in (("--count", "x"), ("--wrong",), ("word",)):
            self.assertTrue(said(*words).endswith("rc 2\n"), words)

    def test_each_difference_by_design_has_its_reason(self) -> None:
        told = said("--help").partition("Differences by design:\n")[2].partition("Exit code")[0]
        rows = told.splitlines()
        self.assertGreater(len(rows), 6)
        for row in rows:
            self.assertRegex(row, r"^  [a-z-]+: .{20,} \(.*(\.c:\d+|man \d).*\)$")


if __name__ == "__main__":
    unittest.main()
