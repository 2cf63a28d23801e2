"""Whether a tree can take patches: what stands in their way is told in one line, with what to do.

To write past a git that says no would leave its user with changes that he did not make.
"""

from pathlib import Path

from . import order
from .tree import Tree, content
from ..base.error import Usage

UNDER_WAY = (("rebase-apply", "am"), ("rebase-merge", "rebase"), ("MERGE_HEAD", "merge"),
             ("CHERRY_PICK_HEAD", "cherry-pick"), ("REVERT_HEAD", "revert"))


def check(tree: Tree) -> None:
    """Raises Usage where git refuses the tree, or something is in the way of patches."""
    touched = order.touched()
    if tree.git:
        _repository(tree)
        _checked_out(tree, touched)
    else:
        _repository_around(tree)
        _leftovers(tree, touched)
    for path in touched:
        place = tree.home / path
        if place.is_file() and place.resolve() != place:
            raise Usage(f"{place}: is reached by a symbolic link; apply to a copy without links")


def _repository_around(tree: Tree) -> None:
    """Of a tree that is not the top of a repository: one that git refuses, or that is above it."""
    said = tree.asked("rev-parse", "--show-toplevel")
    if (tree.home / ".git").exists() or "dubious ownership" in said.stderr:
        why = said.stderr.partition("\n")[0].removeprefix("fatal: ")
        raise Usage(f"{tree.home}: git refuses it: {why or 'not the top of a work tree'}; "
                    "sort that out, or apply to a copy without .git")
    # A tree that merely lies in somebody's repository is none of that repository's business
    if said.returncode == 0 and tree.asked("ls-files", "--", "Makefile").stdout:
        raise Usage(f"{tree.home}: is a folder of the repository {said.stdout.strip()}, not its "
                    "top; apply to a copy outside, and bring the patches with git am --directory")


def _repository(tree: Tree) -> None:
    if tree.asked("rev-parse", "--verify", "--quiet", "HEAD").returncode:
        raise Usage(f"{tree.home}: its branch has no commit yet; commit the tree, "
                    "or apply to a copy without .git")
    folder = Path(tree.asked("rev-parse", "--absolute-git-dir").stdout.strip())
    for name, verb in UNDER_WAY:
        if (folder / name).exists():
            raise Usage(f"{tree.home}: a git {verb} is under way; end it first: "
                        f"git -C {tree.home} {verb} --continue or --abort")
    changed = tree.asked("status", "--porcelain", "--untracked-files=no").stdout.split("\n")[0]
    if changed:
        raise Usage(f"{tree.home}: has changes that are not committed ({changed.strip()}); "
                    "commit or stash them")


def _checked_out(tree: Tree, touched: list[str]) -> None:
    for line in tree.asked("ls-files", "-t", "--", *touched).stdout.splitlines():
        if line.startswith("S "):
            raise Usage(f"{tree.home}: {line[2:]} is not checked out (a sparse checkout); "
                        f"git -C {tree.home} sparse-checkout disable")
    for path in touched:
        place = tree.home / path
        if place.is_file() and b"\r\n" in content(place):
            raise Usage(f"{place}: has lines that end in CR LF; set core.autocrlf to false "
                        "and check the tree out anew")


def _leftovers(tree: Tree, touched: list[str]) -> None:
    for path in touched:
        for suffix in (".rej", ".orig"):
            if (tree.home / f"{path}{suffix}").exists():
                raise Usage(f"{tree.home}/{path}{suffix}: left by a patch that did not apply; "
                            "sort that out first")
