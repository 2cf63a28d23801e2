"""Predictions from a small table of invented facts, and that the real table can be read."""

import re
import tempfile
import unittest
from pathlib import Path

from kit.series import fixes, patch
from kit.base.error import Unusable
from kit.base.version import parse

TABLE = """
[[defect]]
name = "a"
title = "t"
symptom = "s"
status = "fixed"
[[defect.fix]]
slug = "a"
opcode = "sendmsg_zc"
abi = ["64", "32"]
commit = "0123456789012345678901234567890123456789"
subject = "x"
mainline = "6.9-rc4"
introduced = "6.1"
releases = { "6.1" = "6.1.87", "6.6" = "6.6.28" }
[[defect.fix]]
slug = "b"
opcode = "any"
abi = ["32"]
commit = "0123456789012345678901234567890123456789"
subject = "y"
mainline = "6.14-rc5"
introduced = "6.9"
introduced_in = { "6.1" = "6.1.83" }
releases = { "6.1" = "6.1.130", "6.12" = "6.12.18" }
[[defect]]
name = "b"
title = "t"
symptom = "s"
status = "open"
[[defect.fix]]
slug = "c"
opcode = "sendmsg"
abi = ["64"]
introduced = "5.12"
introduced_in = { "5.10" = "5.10.162" }
"""
# The first release of mainline with a commit that a patch blames
RELEASES = {
    "0fa03c624d8f": "5.3", "03b1230ca12a": "5.5", "e54937963fa2": "5.12", "7ba89d2af17a": "5.18",
    "4c3c09439c08": "5.19", "493108d95f14": "6.1", "6ae91ac9a6aa": "6.1", "b1dc492087db": "6.4",
    "cac9e4418f4c": "6.4", "4fe82aedeb8a": "6.9", "2f9c9515bdfd": "6.10", "54cdcca05abd": "6.10"}


class Predictions(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "fixes.toml"
        self.path.write_text(TABLE)
        self.table = fixes.load(self.path)

    def tearDown(self) -> None:
        self.folder.cleanup()

    def test_each_rule(self) -> None:
        for defect, opcode, abi, version, expected in (
                ("a", "sendmsg_zc", "64", "6.0.9", None),          # before it came
                ("a", "sendmsg_zc", "64", "6.1", "fix: 6.1.87"),
                ("a", "sendmsg_zc", "64", "6.1.86", "fix: 6.1.87"),
                ("a", "sendmsg_zc", "64", "6.1.87", None),
                ("a", "sendmsg_zc", "64", "6.7.2", "fix: 6.9-rc4"),  # a branch that never got it
                ("a", "sendmsg_zc", "64", "6.9-rc3", "fix: 6.9-rc4"),
                ("a", "sendmsg_zc", "64", "6.9", None),
                ("a", "sendmsg", "64", "6.1.50", None),            # another opcode
                ("a", "sendmsg", "32", "6.1.82", None),            # came by a backport later
                ("a", "sendmsg", "32", "6.1.83", "fix: 6.1.130"),
                # two causes: cured by the later
                ("a", "sendmsg_zc", "32", "6.1.85", "fix: 6.1.130"),
                ("a", "sendmsg", "32", "6.12.17", "fix: 6.12.18"),
                ("a", "sendmsg", "32", "6.18.1", None),
                ("b", "sendmsg", "64", "5.10.161", None),
                ("b", "sendmsg", "64", "5.10.162", "open"),
                ("b", "sendmsg", "64", "7.3.4", "open"),
                ("b", "sendmsg", "32", "7.3.4", None)):
            with self.subTest(defect=defect, opcode=opcode, abi=abi, version=version):
                self.assertEqual(self.table[defect].expected(opcode, abi, parse(version)), expected)

    def test_broken_tables_are_told_in_a_line(self) -> None:
        for text in (TABLE.replace('introduced = "6.1"', ""), TABLE.replace("6.1.87", "soon"), "[[",
                     'defect = "x"'):
            self.path.write_text(text)
            with self.assertRaises(Unusable) as caught:
                fixes.load(self.path)
            self.assertIn(str(self.path), str(caught.exception))

    def test_real_table(self) -> None:
        self.assertLessEqual({"lost-pointer", "wrong-length", "late-read", "repeated-control"},
                             fixes.load().keys())

    def test_the_patches_blame_commits_of_these_releases(self) -> None:
        """What a patch names in Fixes: came with the first release that has its defect."""
        mainline = next(branch for branch in patch.branches() if branch.name == "mainline")
        causes = [cause for defect in fixes.load().values() for cause in defect.causes]
        for one in mainline.tip:
            since = [cause.introduced for cause in causes if cause.slug == one.slug]
            commits = re.findall(r"^Fixes: (\w{12})", one.message, re.M)
            # wrong-length blames those that put back the pointer and not the length
            if since and one.slug != "wrong-length":
                self.assertIn(min(since), [parse(RELEASES[commit]) for commit in commits], one.slug)


if __name__ == "__main__":
    unittest.main()
