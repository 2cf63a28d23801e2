"""Archives are the same bytes each time; man pages and completion know just the options
that there are."""

import argparse
import lzma
import os
import re
import subprocess
import tarfile
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from kit.series import patch
from kit.build import bundle
from kit.guest import nic
from kit import dist
from kit.base import arch
from kit.base.error import Unusable
from kit.base.paths import REPOSITORY
from tests.needs import needs
from tests.verbs import script

PACKAGING = REPOSITORY / "packaging"
COMMANDS = ("qa", "series", "bench")


def options(parser: argparse.ArgumentParser) -> set[str]:
    """All options of a parser, -h among them."""
    return {word for action in parser._actions for word in action.option_strings}


def verbs(name: str) -> dict[str, argparse.ArgumentParser]:
    """verb -> its parser; the verb is "" for a script that has none."""
    top: argparse.ArgumentParser = script(name).parser()
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {"": top}


@needs("git", "xz")
class Archives(unittest.TestCase):
    def setUp(self) -> None:
        self.home = tempfile.TemporaryDirectory()
        self.path = Path(self.home.name)
        self.made = dist.Release("1.0", "0" * 40, 1_700_000_000)

    def tearDown(self) -> None:
        self.home.cleanup()

    def git(self, *words: str) -> None:
        subprocess.run(["git", "-C", self.path, "-c", "user.name=A", "-c",
                        "user.email=a@b.invalid", *words],
                       check=True, capture_output=True,
                       env={**os.environ, "GIT_COMMITTER_DATE": "1700000000 +0100"})

    def clone(self) -> None:
        (self.path / "packaging/debian").mkdir(parents=True)
        (self.path / "packaging/VERSION").write_text("2.5\n")
        (self.path / "packaging/debian/control").write_text("Version: @VERSION@ @KEPT@\n"
                                                            "Maintainer: @AUTHOR@\n")
        (self.path / "run").write_text("#!/bin/sh\n")
        (self.path / "run").chmod(0o775)
        (self.path / "link").symlink_to("run")
        self.git("init", "-q")
        self.git("add", ".")
        self.git("commit", "-q", "-m", "one")

    def test_same_bytes(self) -> None:
        members = {"b/x": dist.Member(b"1", True), "a": dist.Member(b"2"),
                   "c": dist.Member(b"", link="a")}
        first = dist.pack(self.path / "n.tar.xz", members, self.made).read_bytes()
        old = os.umask(0o077)
        try:
            second = dist.pack(self.path / "deep/n.tar.xz", dict(reversed(members.items())),
                               self.made).read_bytes()
        finally:
            os.umask(old)
        self.assertEqual(first, second)
        with tarfile.open(self.path / "n.tar.xz") as tar:
            seen = [(one.name, one.mode, one.uid, one.uname, one.mtime, one.linkname)
                    for one in tar]
        self.assertEqual(seen, [
            ("n", 0o755, 0, "root", 1_700_000_000, ""),
            ("n/a", 0o644, 0, "root", 1_700_000_000, ""),
            ("n/b", 0o755, 0, "root", 1_700_000_000, ""),
            ("n/b/x", 0o755, 0, "root", 1_700_000_000, ""),
            ("n/c", 0o777, 0, "root", 1_700_000_000, "a")])

    def test_version_of_a_commit_and_of_a_tag(self) -> None:
        self.clone()
        self.assertEqual(dist.release(self.path).version, "2.5~git20231114.221320")
        self.git("tag", "v2.5")
        self.assertEqual(dist.release(self.path).version, "2.5")

    def test_source_is_the_commit(self) -> None:
        self.clone()
        (self.path / "run").write_text("changed")
        self.assertEqual(dist.changed(self.path), 1)
        made = dist.release(self.path)
        members = dist.source_members(made, self.path)
        self.assertEqual(sorted(members), ["debian/control", "link", "packaging/VERSION", "run"])
        self.assertEqual(members["run"], dist.Member(b"#!/bin/sh\n", True))
        self.assertEqual(members["link"].link, "run")
        self.assertEqual(members["debian/control"].data.decode(),
                         f"Version: {made.version} @KEPT@\nMaintainer: {patch.author()}\n")
        dist.check(self.path / "work", self.path)
        with lzma.open(self.path / f"work/first/{made.name}.tar.xz") as tar:
            told = subprocess.run(["git", "get-tar-commit-id"], input=tar.read(),
                                  capture_output=True, check=True)
        self.assertEqual(told.stdout.decode().strip(), made.commit)

    def test_no_clone(self) -> None:
        with self.assertRaisesRegex(Unusable, "no git clone"):
            dist.release(self.path)

    def test_environment(self) -> None:
        given = {"PATH": os.environ["PATH"], "CFLAGS": "-O0", "MAKEFLAGS": "-n", "https_proxy": "p",
                 "TZ": "Asia/Tokyo"}
        umask = os.umask(0o077)
        try:
            with mock.patch.dict(os.environ, given, clear=True):
                dist.plain_environment()
                self.assertEqual(dict(os.environ),
                                 {"PATH": given["PATH"], "https_proxy": "p", "LC_ALL": "C.UTF-8",
                                  "TZ": "UTC"})
        finally:
            os.umask(umask)


class Pages(unittest.TestCase):
    """packaging/man"""

    def test_options_are_those_of_the_parsers(self) -> None:
        for name in COMMANDS:
            text = (PACKAGING / f"man/{dist.NAME}-{name}.1").read_text()
            for verb, parser in verbs(name).items():
                part = re.split(r"^\.S[sh] ", text.partition(f"\n.Ss {verb}\n")[2],
                                flags=re.M)[0] if verb else text
                told = {f"-{option}" for line in re.findall(r"^\.It (Fl .*)$", part, re.M)
                        for option in re.findall(r"\bFl (\S+)", line)}
                with self.subTest(command=name, verb=verb):
                    self.assertEqual(told | {"-h", "--help"}, options(parser))

    def test_verbs_are_all_told(self) -> None:
        for name in COMMANDS:
            text = (PACKAGING / f"man/{dist.NAME}-{name}.1").read_text()
            self.assertEqual(re.findall(r"^\.Ss (.*)$", text, re.M),
                             [verb for verb in verbs(name) if verb])

    def test_words_for_nics(self) -> None:
        text = (PACKAGING / f"man/{dist.NAME}-qa.1").read_text()
        wanted = f".It Cm {' , '.join(nic.MODELS)}\n"
        self.assertTrue(wanted in text, f"lacks {wanted}")

    def test_words_for_architectures(self) -> None:
        text = (PACKAGING / f"man/{dist.NAME}-qa.1").read_text()
        told = text.partition("\n.It Fl -arch Ar name\n")[2].partition("\n.It ")[0]
        self.assertEqual(re.findall(r"^\.Cm (\w+)", told.partition("\nWithout ")[0], re.M),
                         list(arch.ALL))


class Completion(unittest.TestCase):
    """packaging/completion"""

    FILE = PACKAGING / f"completion/{dist.NAME}"

    def complete(self, line: str, command: str = "", cwd: Path = REPOSITORY) -> list[str]:
        """What bash offers at the end of a line."""
        program = r'''. "$1"; COMP_LINE=$2; COMP_POINT=${#COMP_LINE}; read -ra COMP_WORDS <<<"$2"
            _io_uring_reissue "$3"; printf '%s\n' "${COMPREPLY[@]}"'''
        said = subprocess.run(
            ["bash", "-c", program, "bash", self.FILE, line, command or line.split()[0]], cwd=cwd,
            capture_output=True, text=True, check=True)
        self.assertEqual(said.stderr, "")
        return [word for word in said.stdout.splitlines() if word]

    def test_is_there_for_all_names(self) -> None:
        said = subprocess.run(["bash", "-c",
                               '. "$1"; shift; for name; do complete -p "$name"; done', "bash",
                               self.FILE, *(f"{start}{name}" for name in COMMANDS
                                            for start in (f"{dist.NAME}-", "scripts/",
                                                          "./scripts/"))],
                              capture_output=True, text=True, check=True)
        self.assertEqual(said.stdout.count("complete -F _io_uring_reissue "), 9)

    def test_options_are_those_of_the_parsers(self) -> None:
        for name in COMMANDS:
            for verb, parser in verbs(name).items():
                with self.subTest(command=name, verb=verb):
                    offered = self.complete(
                        " ".join([f"scripts/{name}", *([verb] if verb else []), "-"]))
                    self.assertEqual(set(offered), options(parser))

    def test_verbs(self) -> None:
        self.assertEqual(self.complete("scripts/qa "), list(verbs("qa")))
        self.assertEqual(self.complete("io-uring-reissue-series "), list(verbs("series")))
        self.assertEqual(self.complete("scripts/series ex"), ["export"])

    def test_no_verb_is_run(self) -> None:
        self.assertEqual(self.complete("scripts/qa --str"), ["--strict"])
        self.assertIn("running", self.complete("scripts/qa --kernels "))

    def test_values_are_what_the_parsers_take(self) -> None:
        for name in COMMANDS:
            for verb, parser in verbs(name).items():
                for action in parser._actions:
                    if action.choices and action.option_strings:
                        with self.subTest(command=name, verb=verb, option=action.option_strings[0]):
                            self.assertEqual(
                                self.complete(f"scripts/{name} {verb} {action.option_strings[0]} "),
                                list(action.choices))
        self.assertLessEqual(set(next(action.choices for action in verbs("series")["export"]
                                      ._actions if action.choices)
                                 or ()), set(self.complete("scripts/series export ")))

    def test_words(self) -> None:
        self.assertEqual(self.complete("scripts/qa run --nic "),
                         [*nic.MODELS, f"{nic.SSH_MODEL}{nic.SSH}", nic.ALL])
        self.assertEqual(self.complete("scripts/qa run --arch "), list(arch.ALL))
        self.assertEqual(set(self.complete("scripts/qa run --program late_read ")),
                         bundle.sources())
        self.assertEqual(set(self.complete("scripts/series apply tree --only ")),
                         {one.slug for branch in patch.branches() for one in branch.all()})

    def test_after_a_colon(self) -> None:
        self.assertEqual(self.complete("scripts/qa --kernels running debian:6.12"), ["6.12"])
        self.assertEqual(self.complete("scripts/qa --nic e1000e:"), ["ssh"])

    def test_one_word_alone_follows_some(self) -> None:
        self.assertNotIn("64", self.complete("scripts/qa run --abi 64 "))

    def test_files(self) -> None:
        self.assertIn("patches", self.complete("scripts/series status pat"))


if __name__ == "__main__":
    unittest.main()
