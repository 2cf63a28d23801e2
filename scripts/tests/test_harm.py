"""Tests of scripts/harm: what its command line takes."""

import unittest
from unittest import mock

from kit.base.error import Usage
from kit.harm import record
from tests.verbs import script


class Line(unittest.TestCase):
    """Words that do not go together."""

    def test_quick_run_is_kept_by_no_part(self) -> None:
        """debug and fault keep no table of one, and bound the old table to today's patches."""
        harm = script("harm")
        for part in harm.PARTS:
            with (self.subTest(part=part), mock.patch.object(record, "bind") as bind,
                  mock.patch.object(harm, "run", return_value=True) as run,
                  mock.patch.object(harm.host, "need"), self.assertRaises(Usage)):
                harm.main([part, "--quick", "--record"])
            bind.assert_not_called()
            run.assert_not_called()


if __name__ == "__main__":
    unittest.main()
