"""A kernel tree on disk, with git or without, and how it is patched all or nothing."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from ..base import command, version
from . import diagnosis, patch, provided, reissue
from ..base.error import BuildFailed, Failure, Unusable, Usage
from .patch import Patch


class Tree:
    """A kernel tree. Raises Usage when the folder is none."""

    def __init__(self, home: Path) -> None:
        if not home.is_dir():
            what = "is not a folder" if home.exists() else "no such folder"
            raise Usage(f"{home}: {what}; give the top of a kernel tree")
        self.home = home.resolve()
        if not (self.home / "Makefile").is_file() or not (self.home / "net").is_dir():
            raise Usage(f"{home}: not a kernel tree (no Makefile with net/ beside it); give the "
                        "top folder of one")

    @cached_property
    def release(self) -> str:
        """What its Makefile calls it, such as "6.1.50-rc1"; "unknown" when it does not."""
        return version.of_makefile(self.home) or "unknown"

    @cached_property
    def version(self) -> version.Version | None:
        """Its upstream version, None when its Makefile tells none."""
        return version.upstream(self.release)

    @cached_property
    def git(self) -> bool:
        """Whether it is the top of a git work tree."""
        said = self.asked("rev-parse", "--show-toplevel")
        return said.returncode == 0 and Path(said.stdout.strip()).resolve() == self.home

    @property
    def objects(self) -> Path:
        """Where its repository keeps what was committed.

        git is asked as its user asks it, with the safe.directory that is configured.
        """
        where = self.asked("rev-parse", "--git-path", "objects").stdout.strip()
        return (self.home / where).resolve()

    def copy(self, work: Path, leave: Iterable[str] = ()) -> None:
        """Makes a folder a copy to build in, but for the files `leave`,
        which stay as they are there.

        Files are hard links where that is possible: to change one, put a new one in its place.
        """
        command.run(["rsync", "-a", "--delete", f"--link-dest={self.home}", "--exclude=/.git",
                     *(f"--exclude=/{path}" for path in leave), f"{self.home}/", f"{work}/"],
                    f"copying {self.home}")

    def am(self, patches: Iterable[Patch], merge: bool) -> None:
        """Commits patches with git am; a failure leaves the branch where it was."""
        said = self.asked("am", "--quiet", *(["--3way"] if merge else []),
                         *(str(each.path) for each in patches))
        if said.returncode:
            self.asked("am", "--abort")
            raise Failure(f"git am: {(said.stderr or said.stdout).strip().splitlines()[0]}; "
                          "nothing was changed")

    def put(self, contents: Mapping[str, Path]) -> None:
        """Replaces files, path in the tree -> new file: all are written beside their places
        before any moves there."""
        waiting: list[tuple[Path, Path]] = []
        try:
            for path, new in contents.items():
                place = self.home / path
                place.parent.mkdir(parents=True, exist_ok=True)
                beside = place.with_name(f".{place.name}.new")
                waiting.append((beside, place))
                shutil.copyfile(new, beside)
                if place.exists():
                    there = place.stat()
                    os.chmod(beside, there.st_mode & 0o7777)
                    os.chown(beside, there.st_uid, there.st_gid)
            for beside, place in waiting:
                beside.rename(place)
        except OSError as bad:
            for beside, _ in waiting:
                beside.unlink(missing_ok=True)
            raise Unusable(f"{bad.filename}: {bad.strerror}") from bad

    def asked(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """What git says in this tree, with its user's configuration."""
        return _run_git(self.home, words)


class Scratch:
    """Copies of the files that patches touch, to try patches on: a small git work tree."""

    def __init__(self, home: Path, of: Path) -> None:
        self.home, self._of = home, of

    def apply(self, one: Patch, merge: bool = False, reverse: bool = False) -> bool:
        """Applies a patch without fuzz, or by a 3-way merge.

        False, and nothing changed, when it does not.
        """
        if not merge and not self._can(one, reverse):
            return False
        words = ["apply", "--index", *(["--3way"] if merge else []),
                 *(["--reverse"] if reverse else []), str(one.path)]
        if git(self.home, *words).returncode:
            if merge:
                git(self.home, "reset", "--quiet", "--hard")
            return False
        git(self.home, "commit", "--quiet", "--allow-empty", "-m", one.slug)
        return True

    def _can(self, one: Patch, reverse: bool) -> bool:
        """Whether the files have the lines that each hunk wants; few forms of a fix get further."""
        texts = {path: "\n".join(("", *self.file(path), "")) for path in one.paths}
        wanted = ((hunk.path, hunk.new if reverse else hunk.old) for hunk in one.hunks)
        return all("\n".join(("", *lines, "")) in texts[path] for path, lines in wanted if lines)

    def am(self, patches: Iterable[Patch]) -> None:
        """Commits patches with a plain `git am`, so without fuzz.

        Raises BuildFailed when one does not apply.
        """
        said = git(self.home, "am", "--quiet", *(str(one.path) for one in patches))
        if said.returncode:
            raise BuildFailed(f"git am: {said.stdout.splitlines()[0]}: "
                              f"{said.stderr.splitlines()[0]}")

    def changed(self) -> dict[str, Path]:
        """The files that differ from the tree's, path in the tree -> file here."""
        names = git(self.home, "diff", "--name-only", "start").stdout.split()
        return {name: self.home / name for name in names}

    def place(self, paths: Iterable[str], work: Path) -> None:
        """Updates files of a copy. Only one whose text differs is replaced, and compiled again."""
        for path in paths:
            new, there = self.home / path, work / path
            text = new.read_bytes() if new.is_file() else None
            if text is None:
                there.unlink(missing_ok=True)
            elif not there.is_file() or there.read_bytes() != text:
                there.unlink(missing_ok=True)
                there.write_bytes(text)

    def file(self, path: str) -> list[str]:
        """The lines of a file; none when there is no such file."""
        place = self.home / path
        return place.read_text(errors="replace").splitlines() if place.is_file() else []

    def write(self, path: str, lines: Iterable[str]) -> None:
        """Gives a file other lines, as a patch would."""
        (self.home / path).write_text("\n".join([*lines, ""]))
        git(self.home, "commit", "--quiet", "-a", "-m", path)

    def findings(self) -> list[diagnosis.Finding]:
        """What the code here does about each fix for control. Raises what diagnose() raises."""
        return diagnosis.diagnose(self.home, self._of)

    def lacks(self) -> dict[str, diagnosis.Finding]:
        """The fixes for control that the code here lacks, by slug."""
        return {each.slug: each for each in self.findings() if each.present}

    def read(self) -> dict[str, bool]:
        """Slug -> whether the code here lacks the fix, of what it has a place for."""
        found: dict[str, bool] = {}
        for slug, lacks in (
                *((finding.slug, finding.present) for finding in self.findings()),
                *((slug, lacks) for (slug, _opcode), lacks in reissue.read(self.home).items())):
            found[slug] = found.get(slug, False) or lacks
        return found

    def undo(self) -> None:
        """Removes the last patch again."""
        git(self.home, "reset", "--quiet", "--hard", "HEAD~")

    def back(self) -> None:
        """Removes all patches again."""
        self.reset("start")

    def mark(self) -> str:
        """The present state, for reset()."""
        return git(self.home, "rev-parse", "HEAD").stdout.strip()

    def reset(self, mark: str) -> None:
        """Goes back to a state."""
        git(self.home, "reset", "--quiet", "--hard", mark)


def content(path: Path) -> bytes:
    """What is in a file. Raises Unusable when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as bad:
        raise Unusable(f"{path}: {bad.strerror}") from bad


@contextmanager
def scratch(tree: Tree) -> Iterator[Scratch]:
    """A scratch repository with a tree's files; gone afterwards. The tree itself is only read."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        wanted = {path for one in patch.branches()
                  for each in (*one.all(), *one.older, *one.first, *one.buffers)
                  for path in each.paths}
        read = ("Makefile", "net/socket.c", "io_uring/timeout.c", *diagnosis.PLACES,
                *provided.PLACES)
        for path in sorted({*read, *wanted}):
            if (tree.home / path).is_file():
                (home / path).parent.mkdir(parents=True, exist_ok=True)
                (home / path).write_bytes(content(tree.home / path))
        git(home, "init", "--quiet", "--template=")
        if tree.git:                   # a 3-way merge needs the blobs that a patch was made on
            (home / ".git/objects/info/alternates").write_text(f"{tree.objects}\n")
        git(home, "add", "--force", "--all")
        git(home, "commit", "--quiet", "--allow-empty", "-m", "start")
        if said := git(home, "tag", "start").stderr:
            raise Unusable(f"{home}: git: {said.splitlines()[0]}")
        yield Scratch(home, tree.home)


def git(home: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """git in a scratch work tree, without the user's configuration."""
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1",
                   **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
                      for what, value in (("NAME", "series"), ("EMAIL", "series@localhost"))}}
    # It is ours, whoever the files of the temporary folder seem to belong to; and nothing of git's
    # may still be at work in it when it goes
    return _run_git(home, ("-c", "safe.directory=*", "-c", "gc.auto=0", *words), environment)


def _run_git(home: Path, words: Iterable[str], environment: Mapping[str, str] | None = None,
             ) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(["git", "-C", home, *words], capture_output=True, text=True,
                              check=False, env=environment)
    except FileNotFoundError as gone:
        raise Unusable(
            "git is missing, patches are tried with it; as root: apt-get install git") from gone
