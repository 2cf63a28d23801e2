"""Checks that read the repository alone: linters, unit tests, documentation, archives,
the patches' form."""

import os
import re
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

from ..base import command, host
from ..series import patch
from ..build import bundle, source
from .. import dist, layout, rules
from ..base.error import BuildFailed
from ..build.bundle import SELFTEST
from ..base.paths import PATCHES, REPOSITORY, SCRIPTS
from ..series.tree import Tree, scratch
from .placed import placed

# With these no unit test is skipped
UNIT = (*host.RUN, *host.KERNEL_BUILD, "git", "perl", "rpm", "libarchive-tools", "mandoc", "clang",
        "lld", "llvm", "bash-completion", "iproute2", "liburing-dev", "mawk")

# The selftest as upstream would take it; 0000 is the cover letter
OFFERED = [patch.Patch(path) for path in sorted((PATCHES / "upstream").glob("000[1-9]-*.patch"))]
SETTINGS = ("--config-file", "../pyproject.toml", "--no-error-summary")


def tables() -> None:
    """Nothing that repeats patches/fixes.toml is stale."""
    command.run([REPOSITORY / "scripts/tables", "--check"], "tables", error=BuildFailed)


def shell() -> None:
    """shellcheck finds nothing in any shell script."""
    scripts = [path for path in tracked() if path.suffix == ".sh" or path.name == "run"]
    command.run(["shellcheck", "-s", "sh", *scripts], "shellcheck", error=BuildFailed)


def types() -> None:
    """mypy, by the settings of pyproject.toml, finds nothing in scripts/."""
    home = SCRIPTS
    command.run(["mypy", *SETTINGS, "kit", "tests"], "mypy", cwd=home, error=BuildFailed)
    for verb in sorted(path for path in home.iterdir()
                       if path.is_file() and os.access(path, os.X_OK)):
        command.run(["mypy", *SETTINGS, "--scripts-are-modules", verb.name], "mypy",
                    cwd=home, error=BuildFailed)


def floors() -> str:
    """No import in scripts/ goes up, each module has a test, and what is long has a reason."""
    house = layout.read(SCRIPTS)
    sources = [path for path in tracked() if path.suffix in (".c", ".h")]
    if wrong := rules.check(house, sources=sources):
        raise BuildFailed("; ".join(wrong))
    return layout.title(house)


def unit() -> str:
    """The unit tests pass; gives what some were skipped for."""
    said = command.run(["sh", "-c", '"$@" 2>&1 || :', "sh", sys.executable, "-m", "tests"],
                       "unittest", cwd=SCRIPTS)
    if not re.search(r"^OK\b", said, re.M):
        print(said[said.find("\n====="):].strip("\n"))
        failed = re.findall(r"^(?:FAIL|ERROR): (.+) \(", said, re.M)
        raise BuildFailed(f"unittest: {', '.join(failed) or command.telling_line(said)}")
    why = Counter(re.findall(r" \.\.\. skipped ['\"](.+)['\"]$", said, re.M))
    return "; ".join(f"{number} skipped: {reason}" for reason, number in why.items())


def programs() -> None:
    """What the programs of selftests/harm print, where that needs no privileges,
    is as it should be."""
    command.run([sys.executable, "-m", "unittest", "tests.program_fuzz", "tests.program_messages"],
                "unittest", cwd=SCRIPTS, error=BuildFailed)


def documentation() -> None:
    """Sphinx builds Documentation/ without a warning."""
    folder = REPOSITORY / "Documentation"
    command.run(["sphinx-build", "-W", "-n", "-q", "-b", "html", folder, folder / "_build"],
                "sphinx", error=BuildFailed)


def checkpatch() -> None:
    """checkpatch.pl --strict of the newest tree is silent about the selftest
    and the programs beside it."""
    with placed(source.branches()[0]) as (selftests, _output):
        beside = (bundle.HOOKS, "harm", "errors")
        for folder in beside:
            shutil.copytree(SELFTEST.with_name(folder), selftests / folder)
        files = [path for folder in (*bundle.COLLECTIONS, *beside)
                 for path in sorted((selftests / folder).iterdir())
                 if path.suffix in (".c", ".h", ".sh", ".mk") or path.name == "Makefile"]
        # In its place, since checkpatch has other rules for the kernel's own code than for tools/
        command.run(["scripts/checkpatch.pl", "--strict", "--no-tree", "--no-signoff", "--terse",
                     "--no-summary", "-f",
                     *(path.relative_to(selftests.parents[2]) for path in files)],
                    "checkpatch", cwd=selftests.parents[2], error=BuildFailed)


def archives() -> None:
    """The source archive is the same bytes twice; man pages and what packages bring are clean."""
    with tempfile.TemporaryDirectory() as work:
        dist.check(Path(work))
    dist.lint()


def series() -> None:
    """Each series is whole, checkpatch.pl --strict is silent about it,
    and what goes to stable is small.

    The selftest as upstream would take it applies to the newest tree.
    """
    frame = source.frame(source.branches()[0])
    with scratch(Tree(frame)) as copies:
        copies.am(OFFERED)
    checkpatch_pl = frame / "scripts/checkpatch.pl"
    copied = {path for path in patch.copies() if path.parent.name != "mainline"}
    for branch in patch.branches():
        if not branch.base:
            raise BuildFailed(f"{branch.name}: no base")
        for one in (*branch.all(), *branch.older, *branch.first, *branch.buffers):
            if one.path in copied:
                continue               # its own folder's turn
            _styled(one, checkpatch_pl)
            length = len(one.text[one.text.index("\ndiff --git"):].splitlines())
            kept_out = one.slug in (patch.LATE_READ,
                                    *patch.EXTRA) or "\nCc: stable+noautosel@" in one.text
            if not kept_out and length > 100:
                raise BuildFailed(f"{one.name}: {length} lines, 100 are the most that stable takes")
    for one in OFFERED:
        _styled(one, checkpatch_pl)


def _styled(one: patch.Patch, checkpatch_pl: Path) -> None:
    """Raises BuildFailed where checkpatch has something to say of a patch."""
    # A line "commit <id> upstream." is stable's own form; MAINTAINERS has a patch of its own.
    ignored = "FILE_PATH_CHANGES,UNKNOWN_COMMIT_ID,GIT_COMMIT_ID"
    if one.slug.startswith("lost-pointer"):  # the lines are the branch's own
        ignored += ",PARENTHESIS_ALIGNMENT"
    command.run([checkpatch_pl, "--strict", "--no-tree", "--no-signoff", "--terse", "--no-summary",
                 "--ignore", ignored, one.path.resolve()], f"checkpatch {one.name}",
                cwd=checkpatch_pl.parent, error=BuildFailed)


def tracked() -> list[Path]:
    """The files that git tracks."""
    return [REPOSITORY / name for name in
            command.run(["git", "ls-files", "-z"], "git ls-files", cwd=REPOSITORY).split("\0")
            if name]


def no_frame() -> str:
    """What must be fetched where the newest kernel source is not at hand."""
    return "" if source.at_hand() else "a kernel source, which `make check` fetches"
