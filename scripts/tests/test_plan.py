"""Tests of plan, tree and reject: made-up trees and patches, with git and without."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from kit.series import order, patch, plan, ready, status as status_of
from kit.base.error import Failure, Usage
from kit.base.paths import REPOSITORY
from tests.needs import needs
from tests.test_diagnosis import CLEAR, LENGTH, POINTER, SOCKET, code
from kit.series.tree import Tree, git

MAKEFILE = "# SPDX\nVERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 50\nEXTRAVERSION =\n"
HEAD = "From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001\nFrom: A <a@b>\n" \
       "Date: Mon, 1 Jan 2024 00:00:00 +0000\nSubject: [PATCH] io_uring/net: cure %s\n\nWhy.\n---\n"
FILE = "io_uring/net.c"
NEW = "--- /dev/null\n+++ b/tools/testing/selftests/io_uring/a.c\n@@ -0,0 +1 @@\n+int a;\n"
BASE = code(zc="")
ZC = code()
LENGTHS = code(sendmsg=POINTER + LENGTH, zc=POINTER + LENGTH)
ALL = code(sendmsg=POINTER + LENGTH, zc=POINTER + LENGTH, zc_clear=CLEAR)


@needs("git", "patch")
class Fixture(unittest.TestCase):
    """A branch folder with a fix that the branch took, two for its tip, and the selftest."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.top = Path(folder.name)
        self.tree = self.top / "tree"
        self.patches = self.top / "patches"
        self.enterContext(mock.patch.object(patch, "PATCHES", self.patches))
        own = self.patches / "linux-6.1.y"
        self.folder(own / "older/since-6.1.87", {"lost-pointer-sendmsg-zc": self.diff(BASE, ZC)})
        self.folder(own, {"wrong-length": self.diff(ZC, LENGTHS),
                          "repeated-control-sendmsg-zc": self.diff(LENGTHS, ALL), "selftest": NEW})
        (own / "cover-letter.txt").write_text("base: 6.1.192\n")

    def folder(self, home: Path, patches: dict[str, str]) -> None:
        """A folder of patches with its series."""
        home.mkdir(parents=True, exist_ok=True)
        names = []
        for number, (slug, text) in enumerate(patches.items(), 1):
            names.append(f"{number:04}-{slug}.patch")
            new = "new file mode 100644\n" if text.startswith("--- /dev") else ""
            path = text.partition("+++ b/")[2].partition("\n")[0]
            (home / names[-1]).write_text(HEAD %
     slug + f"\ndiff --git a/{path} b/{path}\n{new}{text}")
        (home / "series").write_text("\n".join(names) + "\n")

    def diff(self, old: str, new: str) -> str:
        """A unified diff of the send side."""
        for name, text in (("a", old), ("b", new)):
            (self.top / name / FILE).parent.mkdir(parents=True, exist_ok=True)
            (self.top / name / FILE).write_text(text)
        return subprocess.run(["diff",
    "-u",
    f"--label=a/{FILE}",
    f"--label=b/{FILE}",
    f"a/{FILE}",
    f"b/{FILE}"],
    cwd=self.top,
    capture_output=True,
    text=True,
     check=False).stdout

    def make(self, text: str, with_git: bool) -> Tree:
        """A tree with this send side."""
        for path, content in (("Makefile", MAKEFILE), ("net/socket.c", SOCKET), (FILE, text)):
            (self.tree / path).parent.mkdir(parents=True, exist_ok=True)
            (self.tree / path).write_text(content)
        if with_git:
            git(self.tree, "init", "-q")
            git(self.tree, "config", "user.name", "tester")
            git(self.tree, "config", "user.email", "tester@localhost")
            git(self.tree, "add", "-A")
            git(self.tree, "commit", "-qm", "start")
        return Tree(self.tree)


class Only(Fixture):
    """scripts/series apply --only, as it is typed."""

    def said(self, *words: str) -> tuple[int, str, str]:
        """The exit status, and what it wrote."""
        program = ("import runpy, sys; from pathlib import Path; from kit.series import patch;"
                   "patch.PATCHES = Path(sys.argv[1]); sys.argv = sys.argv[2:];"
                   "runpy.run_path(sys.argv[0], run_name='__main__')")
        scripts = REPOSITORY / "scripts"
        done = subprocess.run(
            [sys.executable, "-Bc", program, self.patches, scripts / "series", "apply", self.tree,
             *words],
            cwd=scripts, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    def test_a_fix_of_another_branch(self) -> None:
        """One that does not cure this tree is left, and the other that was asked for goes in."""
        self.folder(self.patches / "mainline", {"late-read": self.diff(ZC, ALL)})
        tree = self.make(ZC, False)
        status, said, _ = self.said("--only", "late-read", "--only", "wrong-length")
        self.assertEqual(status, 1, said)
        self.assertRegex(said, r"late-read +sendmsg +MISSING ")
        self.assertEqual((tree.home / FILE).read_text(), LENGTHS)
        self.assertEqual(self.said("--only", "wrong-length")[0], 0)

    def test_what_is_left_is_said_as_status_says_it(self) -> None:
        """The exit status is that of status afterwards, dry run or not."""
        self.make(ZC.replace("sr->done_io += ret;", "note_progress(req, ret);"), True)
        for words in (("--dry-run",), ()):
            status, said, _ = self.said(*words)
            self.assertEqual(status, 1)
            self.assertIn("FAILED: patch", said)
            self.assertRegex(said, r"repeated-control-sendmsg-zc +sendmsg_zc +MISSING ")
        self.assertEqual(status_of.code(status_of.rows(Tree(self.tree))), 1)

    def test_a_fix_that_nothing_has(self) -> None:
        """The names that there are."""
        self.make(ZC, False)
        status, _, said = self.said("--only", "nonsense")
        self.assertEqual((status, said.count("\n")), (2, 1), said)

    def test_the_selftest_and_not(self) -> None:
        """Nothing would be left to do."""
        self.make(ZC, False)
        self.assertEqual(self.said("--only", "selftest", "--no-selftest"),
                         (2, "", "series: --only selftest: not with --no-selftest\n"))


class Planning(Fixture):
    """What is picked for a tree, and what becomes of the tree."""

    def slugs(self, tree: Tree) -> list[str]:
        """The fixes that would be applied."""
        return [step.patch.slug for step in plan.plan(tree)]

    def test_what_lacks_is_picked_in_order(self) -> None:
        every = [
    "lost-pointer-sendmsg-zc",
    "wrong-length",
    "repeated-control-sendmsg-zc",
     "selftest"]
        self.assertEqual(self.slugs(self.make(BASE, False)), every)
        self.assertEqual(self.slugs(self.make(ZC, False)), every[1:])
        self.assertEqual(self.slugs(self.make(LENGTHS, False)), every[2:])

    def test_only_what_was_asked_for(self) -> None:
        steps = plan.plan(self.make(ZC, False), ["wrong-length"])
        self.assertEqual([step.patch.slug for step in steps], ["wrong-length"])

    def test_applied_with_git_and_without(self) -> None:
        for with_git in (False, True):
            with self.subTest(git=with_git):
                tree = self.make(BASE, with_git)
                ready.check(tree)
                plan.carry_out(tree, plan.plan(tree))
                self.assertEqual((self.tree / FILE).read_text(), ALL)
                self.assertTrue((self.tree / "tools/testing/selftests/io_uring/a.c").exists())
                self.assertEqual(self.slugs(Tree(self.tree)), [])
                if with_git:
                    self.assertEqual(len(git(self.tree, "log", "--oneline").stdout.splitlines()), 5)
                subprocess.run(["rm", "-rf", self.tree], check=True)

    def test_code_in_the_way_is_told_and_the_rest_goes_in(self) -> None:
        odd = ZC.replace("sr->done_io += ret;", "note_progress(req, ret);")
        for with_git, words in ((False, "patch -p1"), (True, "git am --reject")):
            with self.subTest(git=with_git):
                tree = self.make(odd, with_git)
                found = plan.look(tree)
                self.assertEqual((self.tree / FILE).read_text(), odd)
                self.assertEqual([step.patch.slug for step in found.steps],
                                 ["wrong-length", "selftest"])
                self.assertEqual(list(found.reports), ["repeated-control-sendmsg-zc"])
                report = found.reports["repeated-control-sendmsg-zc"]
                self.assertIn(
    'FAILED: patch "io_uring/net: cure repeated-control-sendmsg-zc"', report)
                self.assertIn("hunk 1 of 1, io_uring/net.c:", report)
                self.assertIn("note_progress(req, ret);", report)
                self.assertIn(words, report)

    def test_the_commands_by_hand_run_as_they_are_printed(self) -> None:
        """Up to where somebody has to put in what the rejects say."""
        for with_git in (True, False):
            with self.subTest(git=with_git):
                tree = self.make(
    ZC.replace(
        "sr->done_io += ret;",
        "note_progress(req, ret);"),
         with_git)
                found = plan.look(tree)
                plan.carry_out(tree, found.steps)
                report = found.reports["repeated-control-sendmsg-zc"]
                lines = [line[2:] for line in report.partition(
                    "scripts/series apply:")[2].splitlines() if line.startswith("  ")]
                first, _, rest = "\n".join(lines).partition("# put in")
                mend = f"mv {FILE}.rej rejected; echo '/* by hand */' >> {FILE}\n"
                script = "set -e\n" + first + mend + rest.partition("\n")[2]
                done = subprocess.run(["sh", "-c", script],
                                      capture_output=True, text=True, check=False)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn("+", (self.tree / "rejected").read_text())
                if with_git:
                    self.assertIn("cure repeated-control-sendmsg-zc",
                                  git(self.tree, "log", "-1", "--format=%s").stdout)
                subprocess.run(["rm", "-rf", self.tree], check=True)

    def test_the_closest_form_is_told(self) -> None:
        """Of two that do not fit, the one that differs in one line and not in all."""
        far = ALL.replace("int io_sendmsg", "int io_other").replace("ret", "length")
        self.folder(self.patches / "mainline", {"repeated-control-sendmsg-zc": self.diff(
            far.replace("kmsg->msg.msg_controllen = 0;", "abandon();"), far)})
        found = plan.look(
    self.make(
        LENGTHS.replace(
            "sr->done_io += ret;",
            "note_progress(req, ret);"),
             False))
        report = found.reports["repeated-control-sendmsg-zc"]
        self.assertIn("comes closest of the 2 forms", report)
        self.assertIn("linux-6.1.y/0002-repeated-control-sendmsg-zc.patch", report)

    def test_one_order_for_every_tree(self) -> None:
        """The number of a vendor's tree says nothing of the order: an older branch has its fixes
        in another one."""
        self.folder(self.patches / "linux-5.15.y",
                    {"wrong-length": self.diff(BASE, ZC), "selftest": NEW})
        tree = self.make(BASE, False)
        (self.tree / "Makefile").write_text(
            "VERSION = 5\nPATCHLEVEL = 14\nSUBLEVEL = 0\nEXTRAVERSION = -362.el9\n")
        self.assertEqual(order.slugs(), ["lost-pointer-sendmsg-zc",
                         "wrong-length", "repeated-control-sendmsg-zc", "selftest"])
        self.assertEqual(self.slugs(Tree(tree.home)), order.slugs())

    def test_the_tip_takes_its_series_alone(self) -> None:
        """Though an older form fits it, whose defect the series cures as well."""
        self.folder(self.patches / "linux-6.1.y", {
            "wrong-length": self.diff(BASE, LENGTHS),
            "repeated-control-sendmsg-zc": self.diff(LENGTHS, ALL), "selftest": NEW})
        tree = self.make(BASE, False)
        path = tree.home / "Makefile"
        for point in (192, 200):
            path.write_text(MAKEFILE.replace("SUBLEVEL = 50", f"SUBLEVEL = {point}"))
            self.assertEqual(self.slugs(Tree(tree.home)),
                             ["wrong-length", "repeated-control-sendmsg-zc", "selftest"])
        path.write_text(MAKEFILE)
        self.assertIn("lost-pointer-sendmsg-zc", self.slugs(Tree(tree.home)))

    def test_a_selftest_that_does_not_fit_holds_back_nothing(self) -> None:
        tree = self.make(ZC, False)
        (self.tree / "tools/testing/selftests").mkdir(parents=True)
        (self.tree / "tools/testing/selftests/io_uring").write_text("in the way\n")
        self.assertEqual(self.slugs(tree), ["wrong-length", "repeated-control-sendmsg-zc"])

    def test_other_context_needs_the_blobs(self) -> None:
        odd = ZC.replace("		struct compat_msghdr c;", "		struct compat_msghdr other;")
        shifted = odd.replace("	if (ret < min_ret) {", "	if (ret < min_ret || odd) {")
        tree = self.make(ZC, True)
        (self.tree / FILE).write_text(shifted)
        git(self.tree, "commit", "-qam", "vendor")
        text = (self.patches / "linux-6.1.y/0001-wrong-length.patch").read_text()
        for name in ("a", "b"):
            (self.top / name / FILE).write_text(ZC if name == "a" else LENGTHS)
        ids = [subprocess.run(["git",
    "hash-object",
    self.top / name / FILE],
    capture_output=True,
    text=True,
    check=True).stdout.strip() for name in ("a",
     "b")]
        text = text.replace(f"--- a/{FILE}", f"index {ids[0]}..{ids[1]} 100644\n--- a/{FILE}")
        (self.patches / "linux-6.1.y/0001-wrong-length.patch").write_text(text)
        steps = plan.plan(tree, ["wrong-length"])
        self.assertEqual([step.merge for step in steps], [True])
        plan.carry_out(tree, steps)
        self.assertEqual(plan.plan(Tree(self.tree), ["wrong-length"]), [])
        self.assertIn("odd", (self.tree / FILE).read_text())

    def test_a_patch_that_applies_and_cures_nothing_is_not_taken(self) -> None:
        path = self.patches / "linux-6.1.y/0001-wrong-length.patch"
        end = "	kmsg->msg.msg_control = NULL;\n"
        astray = self.diff(ZC, ZC.replace(end, LENGTH + end))
        path.write_text(HEAD % "x" + f"\ndiff --git a/{FILE} b/{FILE}\n" + astray)
        found = plan.look(self.make(ZC, False), ["wrong-length"])
        self.assertEqual(found.steps, ())
        self.assertIn("It fits, but by itself it cures nothing", found.reports["wrong-length"])

    def test_unfinished_work_is_refused(self) -> None:
        tree = self.make(ZC, True)
        (self.tree / FILE).write_text(LENGTHS)
        with self.assertRaisesRegex(Usage, "not committed"):
            ready.check(tree)
        git(self.tree, "checkout", "-q", ".")
        (self.tree / ".git/rebase-apply").mkdir()
        with self.assertRaisesRegex(Usage, "git am is under way"):
            ready.check(tree)

    def test_left_rejects_are_refused(self) -> None:
        tree = self.make(ZC, False)
        (self.tree / f"{FILE}.rej").write_text("")
        with self.assertRaisesRegex(Usage, "did not apply"):
            ready.check(tree)

    def test_git_am_that_fails_leaves_the_branch(self) -> None:
        tree = self.make(ZC, True)
        steps = plan.plan(tree)
        (self.tree / FILE).write_text(BASE)
        git(self.tree, "commit", "-qam", "meanwhile")
        with self.assertRaises(Failure):
            plan.carry_out(tree, steps)
        self.assertEqual((self.tree / FILE).read_text(), BASE)
        self.assertFalse((self.tree / ".git/rebase-apply").exists())

    def test_without_git(self) -> None:
        tree = self.make(ZC, False)
        with mock.patch.dict("os.environ", PATH=str(self.top)), \
                self.assertRaisesRegex(Failure, "git is missing"):
            plan.plan(tree)

    def test_no_tree(self) -> None:
        for path in (self.top / "nowhere", self.top):
            with self.assertRaises(Usage):
                Tree(path)

    def test_series_must_list_what_is_there(self) -> None:
        (self.patches / "linux-6.1.y/0009-more.patch").write_text("")
        with self.assertRaisesRegex(Failure, "does not list"):
            plan.plan(self.make(ZC, False))


if __name__ == "__main__":
    unittest.main()
