"""Tests of distro: heads of each form, and that the diffs stay as they were."""

import email
import re
import tempfile
import unittest
from pathlib import Path

from kit.series import distro
from kit.base.error import Usage
from kit.series.patch import Patch

COMMIT = "4fe82aedeb8a8cb09bfa60f55ab57b5c10a74ac4"
MAIL = """\
From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001
From: A Maintainer <a@example.org>
Date: Mon, 1 Jan 2024 00:00:00 +0000
Subject: [PATCH] io_uring/net: put back what sendmsg
 takes away

%sWhat fails, and why.

Next paragraph.
---
 a.c | 2 +-

diff --git a/a.c b/a.c
--- a/a.c
+++ b/a.c
@@ -1 +1 @@
-old
+new
"""


class Exporting(unittest.TestCase):
    """One fix that mainline has, one that it has not."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.top = Path(folder.name)
        (self.top / "0001-lost-pointer-sendmsg-zc.patch").write_text(
            MAIL % f"commit {COMMIT} upstream.\n\n")
        (self.top / "0002-wrong-length.patch").write_text((MAIL % "").replace("put back", "keep"))
        self.patches = [Patch(path) for path in sorted(self.top.glob("*.patch"))]

    def export(self, name: str, bug: str = "X-1") -> list[str]:
        """The texts of both patches, and the list."""
        return [path.read_text()
                for path in distro.export(name, self.patches, bug, self.top / name)]

    def test_the_diff_is_never_changed(self) -> None:
        for name in distro.FORMS:
            for text in self.export(name)[:2]:
                self.assertTrue(text.endswith(MAIL[MAIL.index("diff --git"):]), name)

    def test_suse(self) -> None:
        done, pending, listing = self.export("suse", "bsc#1")
        head = email.message_from_string(done)
        self.assertEqual((head["Git-commit"], head["Patch-mainline"]), (COMMIT, "v6.9-rc4"))
        self.assertEqual(head["References"], "bsc#1")
        self.assertEqual(email.message_from_string(pending)["Patch-mainline"].split(",")[0],
                         "Not yet")
        self.assertTrue(all(re.fullmatch(r"\tpatches\.suse/\S+\.patch", line)
                            for line in listing.splitlines()))

    def test_debian_follows_dep3(self) -> None:
        done, pending, listing = self.export("debian", "")
        head = email.message_from_string(done)
        self.assertIn(COMMIT, head["Origin"])
        self.assertEqual(head["Description"].splitlines()[0],
                         "io_uring/net: put back what sendmsg takes away")
        self.assertIn("\n .\n Next paragraph.", head["Description"])
        self.assertEqual(email.message_from_string(pending)["Forwarded"], "no")
        self.assertNotIn("upstream.", done.partition("---")[0].partition("Author")[0])
        self.assertEqual(listing.count("bugfix/all/"), 2)

    def test_rhel_ubuntu_openeuler(self) -> None:
        self.assertIn(f"JIRA: X-1\ncommit {COMMIT}\n", self.export("rhel")[0])
        done, pending, _ = self.export("ubuntu")
        self.assertIn(f"(backported from commit {COMMIT})\n---", done)
        self.assertIn("Subject: [PATCH] UBUNTU: SAUCE: io_uring/net: keep", pending)
        done, pending, _ = self.export("openeuler")
        self.assertIn(f"mainline inclusion\nfrom mainline-v6.9-rc4\ncommit {COMMIT}\n"
                      "category: bugfix\n", done)
        self.assertIn("openEuler inclusion\ncategory: bugfix\n", pending)

    def test_whoever_takes_them_signs_last(self) -> None:
        """With a line of his own, and of nobody else."""
        for name in ("suse", "rhel", "ubuntu", "openeuler"):
            paths = distro.export(name, self.patches, "X-1", self.top / name, "B C <b@c.org>")
            self.assertEqual(paths[0].read_text().count("\nSigned-off-by: B C <b@c.org>\n---\n"), 1)
        with self.assertRaisesRegex(Usage, "give it as 'Name <address>'"):
            distro.export("suse", self.patches, "X-1", self.top / "other", "me")

    def test_what_is_still_to_be_added_is_said(self) -> None:
        self.assertEqual(len(distro.advice("suse", self.patches, "")), 2)
        self.assertEqual(len(distro.advice("suse", self.patches[1:], "B C <b@c.org>")), 0)
        self.assertEqual(len(distro.advice("debian", self.patches[1:], "")), 0)

    def test_two_of_one_subject_are_two_files(self) -> None:
        again = self.top / "0003-again.patch"
        again.write_text(self.patches[1].path.read_text())
        made = distro.export("debian", [*self.patches, Patch(again)], "", self.top / "two")
        self.assertEqual(len(made), 4)

    def test_bad_use(self) -> None:
        for name, bug in (("slackware", "X"), ("ubuntu", "")):
            with self.assertRaises(Usage):
                distro.export(name, self.patches, bug, self.top / "out")
        self.export("rhel")
        with self.assertRaisesRegex(Usage, "exists"):
            self.export("rhel")


if __name__ == "__main__":
    unittest.main()
