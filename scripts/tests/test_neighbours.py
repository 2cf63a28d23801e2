"""Tests of neighbour: which of a tree's net selftests are run, with which files,
and that the mutants are whole."""

import argparse
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from kit.base import host
from kit.guest import program
from kit.harm import mutant, neighbours, suite
from kit.harm.suite import Plan, Test
from kit.base.error import Usage
from kit.series.patch import Patch


class Choosing(unittest.TestCase):
    """What run() plans for a tree that has two of the scripts."""

    def setUp(self) -> None:
        self.tests: dict[str, Test] = {}
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = Path(folder.name)
        net = self.home / neighbours.NET
        (net / "lib/sh").mkdir(parents=True)
        for name in ("cmsg_time.sh", "udpgso.sh", "lib.sh", "lib/sh/defer.sh", "other.sh"):
            (net / name).write_text("#!/bin/bash\n")

    def go(self, *words: str) -> tuple[Plan, dict[str, bytes | Path]]:
        """The plan that run() has with these options, and the files that go into the guest."""
        parser = argparse.ArgumentParser()
        parser.add_argument("--quick", action="store_true")
        parser.add_argument("--record", action="store_true")
        parser.add_argument("--trees", nargs="+", default=["7.3"])
        neighbours.options(parser)
        with mock.patch.object(suite, "compare_all", return_value=([], [])) as compare, \
                mock.patch.object(host, "need"), mock.patch.object(suite, "finish"), \
                mock.patch.object(neighbours, "Suite") as made, \
                mock.patch.object(neighbours, "programs", lambda _tree, abi: Path("/made", abi)), \
                mock.patch.object(
                    program, "files", lambda name: {f"usr/bin/{name}": Path("/usr/bin", name)}):
            neighbours.run(parser.parse_args(words), self.home)
            plan = compare.call_args.args[5](mock.Mock(release="7.3.4", home=self.home), "32",
                                             mock.Mock())
        self.tests = {test.name: test for test in made.call_args.args[0]}
        return plan, made.call_args.args[1]

    def test_each_script_that_the_tree_has(self) -> None:
        plan, _ = self.go()
        self.assertEqual(plan.names, ["cmsg_time.sh", "udpgso.sh"] * neighbours.RUNS)
        self.assertEqual(plan.control, ["cmsg_time.sh", "udpgso.sh"])
        self.assertEqual((self.tests["udpgso.sh"].skip, self.tests["udpgso.sh"].limit), (4, 200))

    def test_files(self) -> None:
        _, content = self.go()
        self.assertEqual(content["suite/udpgso"], Path("/made/32/udpgso"))
        self.assertEqual(content["suite/lib/sh/defer.sh"],
                         self.home / neighbours.NET / "lib/sh/defer.sh")
        self.assertEqual(content["bin/sh"], Path("/usr/bin/bash"))
        self.assertNotIn("suite/other.sh", content)
        self.assertNotIn("suite/in_netns.sh", content)

    def test_only_some(self) -> None:
        self.assertEqual(self.go("--tests", "udpgso.sh", "--runs", "2")[0].names, ["udpgso.sh"] * 2)

    def test_a_slice_is_once_and_without_control(self) -> None:
        plan, _ = self.go("--quick")
        self.assertEqual((plan.names, plan.control), (list(neighbours.QUICK), []))

    def test_wrong_options(self) -> None:
        for words in (("--runs", "0"), ("--tests", "nosuch.sh")):
            with self.assertRaises(Usage):
                self.go(*words)


class Mutants(unittest.TestCase):
    def test_they_change_what_each_build_places_anew(self) -> None:
        for name, path in (("neighbour-control", "net/socket.c"),
                           ("neighbour-name", "io_uring/net.c")):
            self.assertEqual(Patch(mutant.MUTANTS / f"{name}.patch").paths, (path,))


if __name__ == "__main__":
    unittest.main()
