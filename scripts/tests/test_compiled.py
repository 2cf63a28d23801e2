"""Tests of compiled: a patch whose lines fit and which calls what the tree does not have, in a
tree in small."""

from unittest import mock

from kit.base import cache
from kit.series import plan
from kit.series.tree import Tree
from tests.needs import needs
from tests.test_plan import BASE, FILE, ZC, Fixture

# What the kernel's build is asked for here: a configuration, and objects. It compiles a line with
# `undeclared`
# in it no more than gcc would.
MAKE = """\
VERSION = 6
PATCHLEVEL = 1
SUBLEVEL = 50
EXTRAVERSION =
tinyconfig olddefconfig prepare: ; @touch $(O)/.config
%.o: %.c
\t@! grep -n undeclared $< /dev/null >&2 || { echo "$<:1:1: error: undeclared" >&2; exit 1; }
"""


@needs("git", "make", "gcc", "rsync", "flex", "bison")
class Compiling(Fixture):
    """Which patches are taken."""

    def setUp(self) -> None:
        super().setUp()
        self.enterContext(mock.patch.object(cache, "root", return_value=self.top / "cache"))

    def whole(self, text: str) -> Tree:
        """A tree that has all that it takes to be compiled."""
        tree = self.make(text, False)
        for path, content in (("Makefile", MAKE), ("Kconfig", ""), ("scripts/Makefile.build", "")):
            (tree.home / path).parent.mkdir(exist_ok=True)
            (tree.home / path).write_text(content)
        return Tree(tree.home)

    def test_what_compiles_is_taken(self) -> None:
        found = plan.look(self.whole(BASE))
        self.assertEqual(found.compiled, f"compiled: {FILE[:-2]}.o, with a small configuration")
        self.assertEqual(len(found.steps), 4)

    def test_what_does_not_compile_is_left_and_the_rest_is_taken(self) -> None:
        path = self.patches / "linux-6.1.y/0001-wrong-length.patch"
        path.write_text(path.read_text().replace("= kmsg->controllen;", "= undeclared;"))
        found = plan.look(self.whole(BASE))
        slugs = [step.patch.slug for step in found.steps]
        self.assertEqual((slugs[0], "wrong-length" in slugs), ("lost-pointer-sendmsg-zc", False))
        self.assertIn("fits and does not compile here: io_uring/net.c:1:1: error: undeclared",
                      found.reports["wrong-length"])
        self.assertIn("wrong-length", {row.fix for row in found.rows if row.word == "MISSING"})

    def test_another_form_may_do_without(self) -> None:
        """One that compiles is taken in the place of one that fits as well and does not."""
        path = self.patches / "linux-6.1.y/0001-wrong-length.patch"
        text = path.read_text()
        path.write_text(text.replace("= kmsg->controllen;", "= undeclared;"))
        older = self.patches / "linux-6.1.y/older/before-6.1.9"
        older.mkdir()
        (older / "0001-wrong-length.patch").write_text(text)
        (older / "series").write_text("0001-wrong-length.patch\n")
        found = plan.look(self.whole(BASE))
        self.assertEqual([step.patch.path.parent for step in found.steps][1], older)
        self.assertEqual(found.reports, {})

    def test_a_tree_that_does_not_compile_anyhow(self) -> None:
        found = plan.look(self.whole(ZC + "\n/* undeclared */\n"))
        self.assertIn("without the patches it does not compile either", found.compiled)
        self.assertEqual(len(found.steps), 3)

    def test_why_nothing_is_compiled(self) -> None:
        tree = self.make(ZC, False)
        self.assertEqual(plan.look(tree).compiled, "not compiled: the tree is not whole")
        with mock.patch("shutil.which", return_value=None):
            self.assertEqual(plan.look(tree).compiled, "not compiled: make is missing")
        self.assertEqual(plan.look(tree, ["selftest"]).compiled, "nothing that is compiled")
