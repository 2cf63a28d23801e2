"""Tests of evidence: what a record holds, and that an edit makes stale what it must and no more."""

import json
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path
from unittest import mock

from kit import evidence
from kit.base import command
from kit.base.paths import SELFTESTS
from kit.base.error import Unusable
from kit.harm import record
from kit.report.result import CaseResult, KernelResult
from kit.series import patch
from kit.series.patch import Patch

MAIL = """From: A <a@b.c>
Subject: [PATCH 1/1] x

why
---
diff --git a/net/x.c b/net/x.c
index {blob}..2222222 100644
--- a/net/x.c
+++ b/net/x.c
@@ -{line},3 +{line},3 @@
 {context}
-	old();
+	{new}
 	return;
-- {signature}
"""


def mail(blob: str = "1111111", line: int = 7, context: str = "	first();", new: str = "new();",
         signature: str = "\n2.39.5") -> str:
    """A patch for git am."""
    return MAIL.format(blob=blob, line=line, context=context, new=new, signature=signature)


def result(*failed: str, program: str = "late_read") -> KernelResult:
    """Three cases of late-read in 64 bit and a control case of eaten-data, of which these fail."""
    cases = [CaseResult("k", "7.3.4", "", "64", "late-read", f"f.{name}.sendmsg",
                        "fail" if name in failed else "pass", "", "pass", "", "", 1.0,
                        f"qa run --program {program} --abi 64", engine="uml") for name in "abc"]
    alone = replace(cases[0], defect="eaten-data", test="f.reference_d.sendmsg", outcome="pass")
    return KernelResult("k", "7.3.4", "", "", "tree", "uml", "failed" if failed else "passed", "",
                        1.5, "", cases=[*cases, alone])


class Bound(unittest.TestCase):
    """A record beside the patches and programs of a repository made for it."""

    def setUp(self) -> None:
        self.top = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.home, self.programs = self.top / "patches/linux-7.3.y", self.top / "selftests/io_uring"
        self.home.mkdir(parents=True)
        self.programs.mkdir(parents=True)
        (self.home / "cover-letter.txt").write_text("base: 7.3.4\n")
        (self.home / "series").write_text("0001-late-read.patch\n")
        self.write(mail())
        for name in ("late_read", "eaten_data"):
            (self.programs / f"{name}.c").write_text('#include "ring.h"\nTEST_HARNESS_MAIN\n')
        for name in ("ring.h", "ring.c", "pool.h"):
            (self.programs / name).write_text("int ring;\n")
        for module, name, value in ((evidence, "PATCHES", self.home.parent),
                                    (patch, "PATCHES", self.home.parent),
                                    (evidence, "SELFTESTS", self.programs.parent),
                                    (evidence, "PROOFS", self.home.parent / "proofs")):
            self.enterContext(mock.patch.object(module, name, value))
        self.enterContext(mock.patch.object(command, "run", return_value="gcc 12.2\nmore"))

    def write(self, text: str) -> None:
        """Makes the patch of the branch another one."""
        (self.home / "0001-late-read.patch").write_text(text)

    def kept(self, *failed: str) -> evidence.Record:
        """What is read again after a proof of one build."""
        done = result(*failed)
        evidence.record("somebody/linux", "7.3.4", [evidence.of("as it is", done, True)],
                        [Patch(self.home / "0001-late-read.patch")], done.cases)
        return evidence.recorded()[0]

    def test_what_is_kept(self) -> None:
        kept = self.kept("a", "b")
        self.assertEqual((kept.compiler, list(kept.patches)), ("gcc 12.2", ["late-read"]))
        self.assertEqual(kept.shown_by, {"late-read": ["late_read"], "eaten-data": ["late_read"]})
        self.assertEqual(kept.builds[0].failed, {"late-read": (2, None)})
        self.assertEqual(kept.summary().splitlines(),
                         ["failed cases, 64/32 bit (of 3/-)", "  as it is  late-read 2/-",
                          "  (7.3.4, somebody/linux, " + kept.date + ", 64 bit by uml)"])
        self.assertIn("as it is  nothing fails\n", self.kept().summary())

    def test_a_kernel_that_was_not_built(self) -> None:
        """That is no kernel in which nothing fails."""
        self.assertEqual(evidence.Build("x", False, 1.0, {}, {}, {}).fails(), "no case ran")

    def test_what_is_not_as_its_code_says_is_told(self) -> None:
        kept = self.kept("a")
        bad = replace(kept, builds=[replace(kept.builds[0], as_its_code_says=False)])
        self.assertIn("late-read 1/-; NOT AS ITS CODE SAYS", bad.summary())

    def test_blob_ids_places_and_context_bind_nothing(self) -> None:
        kept = self.kept()
        self.assertEqual((kept.other_patches(), evidence.complaints()), ([], []))
        self.assertTrue(evidence.proved(kept))
        self.write(mail(blob="3333333", line=12, context="	second();", signature="\n2.40.0"))
        self.assertEqual((kept.other_patches(), evidence.proved(kept)), ([], True))

    def test_a_changed_line_does(self) -> None:
        kept = self.kept()
        self.write(mail(new="other();"))
        self.assertEqual((kept.other_patches(), evidence.proved(kept)), (["late-read"], False))
        self.assertRegex(evidence.complaints()[0],
                         r"7\.3\.4\.json: is of another text of late-read; prove it again")

    def test_a_table_of_harm_names_the_text_that_it_is_of(self) -> None:
        one = evidence.Record("", "7.3.4", "2026-12-01", patches={
            "late-read": evidence.hashed(Patch(self.home / "0001-late-read.patch"))})
        record.bind("fuzz", [one], self.top)
        record.bind("races", [replace(one, buffers=True)], self.top)
        self.assertEqual(record.bound(self.top)["fuzz"], [one])
        rows = record.table(record.bound(self.top))
        self.assertRegex(rows, r"``fuzz``\n +- 7\.3\.4\n +- 2026-12-01\n +- as they are today")
        self.assertRegex(rows, r"``races``\n +- 7\.3\.4 with buffers/")
        self.assertRegex(rows, r"``cost``\n +- not said")
        self.write(mail(new="other();"))
        self.assertIn("- other ones today: late-read", record.table(record.bound(self.top)))

    def test_a_broken_file_of_texts_is_told(self) -> None:
        for text in ("{", "[]", '{"fuzz": [{"day": 1}]}'):
            (self.top / record.TEXTS).write_text(text)
            with self.assertRaisesRegex(Unusable, "texts.json: .*; git has it"):
                record.bound(self.top)

    def test_so_does_a_patch_more(self) -> None:
        kept = self.kept()
        (self.home / "0002-late-file.patch").write_text(mail(new="held();"))
        (self.home / "series").write_text("0001-late-read.patch\n0002-late-file.patch\n")
        self.assertEqual(kept.other_patches(), ["late-file"])

    def test_a_proof_with_buffers_names_their_patches_too(self) -> None:
        folder = self.home / "buffers"
        folder.mkdir()
        (folder / "series").write_text("0001-stuck-length.patch\n")
        stuck = Patch(folder / "0001-stuck-length.patch")
        stuck.path.write_text(mail(new="length = 0;"))
        done = result()
        path = evidence.record("x", "7.3.4", [evidence.of("with buffers", done, True)],
                               [Patch(self.home / "0001-late-read.patch"), stuck], done.cases,
                               buffers=True)
        self.assertEqual(path.name, "7.3.4-buffers.json")
        self.assertEqual(evidence.complaints(), [])
        stuck.path.write_text(mail(new="length = 1;"))
        self.assertEqual(evidence.complaints(), [
            "patches/proofs/7.3.4-buffers.json: is of another text of stuck-length; "
            "prove it again: scripts/series prove 7.3.4 --buffers --record NAME"])

    def test_an_edit_to_one_program_makes_stale_what_that_one_showed(self) -> None:
        kept = self.kept("a")
        (self.programs / "eaten_data.c").write_text("TEST_HARNESS_MAIN /* */\n")
        self.assertEqual(kept.stale(), [])
        (self.programs / "late_read.c").write_text("TEST_HARNESS_MAIN /* */\n")
        self.assertIn("late-read", kept.stale())
        self.assertRegex(kept.summary(),
                         r"(?s)as it is  late-read \?.*\?: its test program has changed since")
        self.assertTrue(evidence.proved(kept))

    def test_a_program_is_all_that_it_is_made_of(self) -> None:
        """twin_tcp.c, which has no header of its own, and the core beneath nic."""
        names = {name: {path.name for path in evidence._sources(SELFTESTS / name, set())}
                 for name in ("io_uring/lost_error.c", "nic/nic.c")}
        self.assertLessEqual({"twin.c", "twin_tcp.c", "ring.c"}, names["io_uring/lost_error.c"])
        self.assertLessEqual({"gso.c", "device.c", "ring.c"}, names["nic/nic.c"])

    def test_an_edit_to_what_they_share_does_so_for_all(self) -> None:
        kept = self.kept()
        (self.programs / "pool.h").write_text("long pool;\n")
        self.assertEqual(kept.stale(), [])
        (self.programs / "ring.c").write_text("long ring;\n")
        self.assertIn("late-read", kept.stale())

    def test_one_of_before_is_of_no_known_text(self) -> None:
        proofs = self.home.parent / "proofs"
        proofs.mkdir()
        (proofs / "7.3.4.json").write_text(json.dumps({
            "tree": "somebody/linux", "release": "7.3.4", "date": "2026-11-23",
            "builds": [{"build": "as it is", "as_its_code_says": True, "seconds": 1.0,
                        "failed": {"late-read": "5/2", "repeated-control": "-/-"}}]}))
        kept = evidence.recorded()[0]
        self.assertFalse(evidence.proved(kept))
        self.assertIn("late-read 5/2\n", kept.summary())
        self.assertIn("kept before records named the text", kept.summary())
        self.assertRegex(evidence.complaints()[0], f"{evidence.UNBOUND}; prove it again")

    def test_broken(self) -> None:
        self.kept()
        for text in ("{", "[]", "{}", '{"tree": 1}'):
            (self.home.parent / "proofs/7.0.json").write_text(text)
            with self.assertRaises(Unusable, msg=text):
                evidence.recorded()


if __name__ == "__main__":
    unittest.main()
