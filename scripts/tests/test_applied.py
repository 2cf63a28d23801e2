"""Tests of applied and numbering: which patches are in a tree, and what number each has."""

import unittest

from kit.base.version import parse
from kit.series import applied, numbering, patch, plan, status
from kit.series.tree import Tree, git, scratch
from tests.test_plan import BASE, FILE, LENGTHS, NEW, ZC, Fixture

FIRST = ZC.replace("int io_", "/* first */\nint io_", 1)
SECOND = LENGTHS.replace("int io_", "/* first */\nint io_", 1)
THIRD = SECOND + "\n/* third */\n"


class States(Fixture):
    """A series of which the code is read for one patch, and the patches are tried out for two."""

    def setUp(self) -> None:
        super().setUp()
        home = self.patches / "linux-6.1.y"
        for path in home.glob("*.patch"):
            path.unlink()
        self.folder(home, {"first": self.diff(ZC, FIRST), "wrong-length": self.diff(FIRST, SECOND),
                           "third": self.diff(SECOND, THIRD), "selftest": NEW})

    def words(self, text: str) -> dict[str, str]:
        """slug -> what is known of it, for a tree with this code."""
        return {
    row.fix: row.word for row in status.rows(
        self.make(
            text,
            False)) if row.fix in (
                "first",
                 "third")}

    def test_in_missing_and_unknown(self) -> None:
        self.assertEqual(self.words(ZC), {"first": applied.MISSING, "third": applied.MISSING})
        self.assertEqual(self.words(SECOND), {"first": applied.IN, "third": applied.MISSING})
        self.assertEqual(self.words(THIRD), {"first": applied.IN, "third": applied.IN})
        odd = SECOND.replace("/* first */", "/* erste */")
        self.assertEqual(self.words(odd), {"first": applied.UNKNOWN, "third": applied.MISSING})

    def test_lines_that_stand_in_another_function_do_not_come_out(self) -> None:
        """What restores the pointer in sendmsg is no sign of what restores it in sendmsg_zc."""
        tree = self.make(BASE, False)
        with scratch(tree) as copies:
            older = self.patches / "linux-6.1.y/older"
            fix = next(older.rglob("*-lost-pointer-sendmsg-zc.patch"))
            self.assertFalse(applied.comes_out(copies, patch.Patch(fix)))
            self.assertEqual(copies.changed(), {})
        with scratch(self.make(ZC, False)) as copies:
            self.assertTrue(applied.comes_out(copies, patch.Patch(fix)))

    def test_git_leaves_nothing_at_work_in_a_scratch_tree(self) -> None:
        """Its gc goes on in the background, and the folder could not be removed then."""
        with scratch(self.make(ZC, False)) as copies:
            self.assertEqual(git(copies.home, "config", "gc.auto").stdout, "0\n")

    def test_the_whole_series_goes_in_and_once(self) -> None:
        tree = self.make(ZC, False)
        self.assertEqual([step.patch.slug for step in plan.plan(tree)],
                         ["first", "wrong-length", "third", "selftest"])
        plan.carry_out(tree, plan.plan(tree))
        self.assertEqual((self.tree / FILE).read_text(), THIRD)
        self.assertEqual(plan.plan(Tree(self.tree)), [])

    def test_the_rest_of_a_series(self) -> None:
        tree = self.make(FIRST, False)
        self.assertEqual([step.patch.slug for step in plan.plan(tree)],
                         ["wrong-length", "third", "selftest"])
        self.assertEqual([step.patch.slug for step in plan.plan(tree, ["wrong-length"])],
                         ["wrong-length"])

    def test_numbers(self) -> None:
        home = self.patches / "linux-6.1.y"
        self.assertEqual(numbering.prefixes(home), {})
        (home / "cover-letter.txt").write_text("Subject: [PATCH 6.1 v2 0/9] x\n\nbase: 6.1.192\n")
        heads = numbering.prefixes(home)
        self.assertEqual(heads[home / "0003-third.patch"], "PATCH 6.1 v2 3/4")
        self.assertEqual(numbering.letter(home, "Subject: [PATCH 6.1 v2 0/9] x\n"),
                         "Subject: [PATCH 6.1 v2 0/4] x\n")

    def test_subjects(self) -> None:
        long = ("Subject: [PATCH 3/5] io_uring/net: don't retry a short receive from a\n"
                " SOCK_SEQPACKET socket\n\nWhy.\n")
        self.assertEqual(numbering.numbered(long, "PATCH v2 10/18"),
                         long.replace("[PATCH 3/5]", "[PATCH v2 10/18]"))
        self.assertEqual(numbering.numbered("Subject: [PATCH v2 1/2] x\n"), "Subject: [PATCH] x\n")


class Unseen(unittest.TestCase):
    def test_what_no_fix_of_the_branch_is_about(self) -> None:
        old, told = parse("6.6.150"), {"wrong-length", "late-read", "repeated-control-sendmsg-zc"}
        self.assertIn("eaten-data", applied.unseen(old, told))
        self.assertNotIn("late-read", applied.unseen(old, told))
        self.assertNotIn("eaten-data", applied.unseen(old, told | {"eaten-data"}))
        self.assertEqual(applied.unseen(None, told), [])

    def test_what_another_fix_cures_is_not_told(self) -> None:
        self.assertNotIn("repeated-control", applied.unseen(parse("6.6.150"), {"cut-control"}))


class Ours(unittest.TestCase):
    """The folders of this repository."""

    def test_the_five_of_first_open_the_series(self) -> None:
        main = next(branch for branch in patch.branches() if branch.name == "mainline")
        self.assertEqual([one.slug for one in main.tip[:5]], [one.slug for one in main.first])
        for one, own in zip(main.tip, main.first):
            self.assertEqual(numbering.numbered(one.text), numbering.numbered(own.text))

    def test_numbers_are_right(self) -> None:
        for branch in patch.branches():
            for path, head in numbering.prefixes(branch.home).items():
                self.assertIn(f"Subject: [{head}] ", path.read_text(), path.name)


if __name__ == "__main__":
    unittest.main()
