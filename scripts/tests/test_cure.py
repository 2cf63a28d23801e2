"""The commit that a failed case names, or that the table has for it."""

import unittest
from dataclasses import replace

from kit.series import fixes
from kit.report import cure
from kit.report.result import CaseResult

CASE = CaseResult("k", "6.1.80", "", "64", "lost-pointer", "lost_pointer.udp4_zc.retry", "fail",
                  "fail", "known", "fix: 6.1.87", "why", 0.1,
                  "scripts/qa run --program lost_pointer --abi 64")


class Told(unittest.TestCase):
    def test_as_the_test_said(self) -> None:
        two = 'b1dc492087db ("a, b", v6.4), 4fe82aedeb8a ("c")'
        self.assertEqual(cure.told(replace(CASE, reason=f"sent; got; may lack {two}")),
                         cure.Told("sent; got", two))
        self.assertEqual(
            cure.told(replace(CASE, reason="sent; no released kernel has the fix yet")),
            cure.Told("sent", cure.NONE_YET))

    def test_as_the_table_has_it(self) -> None:
        zc = next(cause for cause in fixes.load()["lost-pointer"].causes
                  if cause.slug == "lost-pointer-sendmsg-zc")
        assert zc.commit
        named = f'{zc.commit[:12]} ("{zc.subject}", v{zc.mainline})'
        self.assertEqual(cure.told(CASE), cure.Told("why", named))
        self.assertIn(named, cure.told(replace(CASE, version="unknown")).commit)
        self.assertEqual(cure.told(replace(CASE, defect="late-read", because="open")).commit,
                         cure.NONE_YET)

    def test_nothing_to_say(self) -> None:
        for case in (replace(CASE, outcome="pass"), replace(CASE, defect="other"),
                     replace(CASE, test="lost_pointer.reference.retry")):
            self.assertEqual(cure.told(case).commit, "")


if __name__ == "__main__":
    unittest.main()
