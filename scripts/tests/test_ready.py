"""Tests of ready and tree: what a tree must not be, and what becomes of its files."""

import os
import subprocess
from pathlib import Path
from unittest import mock

from kit.base.error import Failure, Usage
from kit.series import plan, ready
from kit.series.tree import Tree, git
from tests.test_plan import ALL, FILE, ZC, Fixture


class Refused(Fixture):
    """A tree that git has something against is left as it is."""

    def test_a_repository_of_somebody_else(self) -> None:
        tree = self.make(ZC, True)
        with mock.patch.dict("os.environ", GIT_TEST_ASSUME_DIFFERENT_OWNER="1"), \
                self.assertRaisesRegex(Usage, "git refuses it: .*dubious ownership.*; sort"):
            ready.check(tree)

    def test_no_commit_yet(self) -> None:
        tree = self.make(ZC, False)
        git(self.tree, "init", "-q")
        with self.assertRaisesRegex(Usage, "its branch has no commit yet; commit the tree"):
            ready.check(tree)


    def test_a_folder_of_a_repository(self) -> None:
        """Its changes would be commits of something else; a tree that is merely inside one is not
        its business."""
        tree = self.make(ZC, False)
        git(self.top, "init", "-q")
        ready.check(tree)
        git(self.top, "add", "-A")
        git(self.top, "commit", "-qm", "all")
        with self.assertRaisesRegex(Usage, "is a folder of the repository .*, not its top"):
            ready.check(Tree(tree.home))

    def test_links(self) -> None:
        for name in (FILE, "io_uring"):
            with self.subTest(name=name):
                tree = self.make(ZC, False)
                (self.tree / name).rename(self.top / "elsewhere")
                (self.tree / name).symlink_to(self.top / "elsewhere")
                with self.assertRaisesRegex(Usage, "is reached by a symbolic link"):
                    ready.check(tree)
                subprocess.run(["rm", "-rf", self.tree, self.top / "elsewhere"], check=True)

    def test_a_sparse_checkout(self) -> None:
        tree = self.make(ZC, True)
        git(self.tree, "sparse-checkout", "set", "net")
        self.assertFalse((self.tree / FILE).exists())
        with self.assertRaisesRegex(Usage, f"{FILE} is not checked out .a sparse checkout."):
            ready.check(tree)

    def test_lines_that_end_otherwise(self) -> None:
        tree = self.make(ZC.replace("\n", "\r\n"), True)
        with self.assertRaisesRegex(Usage, "lines that end in CR LF; set core.autocrlf"):
            ready.check(tree)

    def test_what_cannot_be_read(self) -> None:
        tree = self.make(ZC, False)
        said = PermissionError(13, "Permission denied")
        with mock.patch.object(Path, "read_bytes", side_effect=said), \
                self.assertRaisesRegex(Failure, "Makefile: Permission denied"):
            plan.plan(tree)

    def test_a_file_as_tree(self) -> None:
        self.make(ZC, False)
        with self.assertRaisesRegex(Usage, "Makefile: is not a folder"):
            Tree(self.tree / "Makefile")

    def test_what_its_user_calls_safe_is(self) -> None:
        """In the copies, too, where no configuration of his is read."""
        tree = self.make(ZC, True)
        config = self.top / "config"
        config.write_text(f"[safe]\n\tdirectory = {tree.home}\n[user]\n\tname = t\n\temail = t@t\n")
        others = {"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1", "GIT_CONFIG_GLOBAL": str(config)}
        with mock.patch.dict("os.environ", others):
            tree = Tree(self.tree)
            ready.check(tree)
            plan.carry_out(tree, plan.plan(tree))
        self.assertEqual((self.tree / FILE).read_text(), ALL)

    def test_files_keep_mode_and_owner(self) -> None:
        tree = self.make(ZC, False)
        (self.tree / FILE).chmod(0o640)
        if os.getuid() == 0:
            os.chown(self.tree / FILE, 12345, 12345)
        owner = (self.tree / FILE).stat()
        plan.carry_out(tree, plan.plan(tree))
        now = (self.tree / FILE).stat()
        self.assertEqual((now.st_mode, now.st_uid, now.st_gid),
                         (owner.st_mode, owner.st_uid, owner.st_gid))
