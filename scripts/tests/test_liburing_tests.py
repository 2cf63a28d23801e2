"""Tests of liburing_tests: which of liburing's tests are run how often, in which kernels."""

import argparse
import tempfile
import unittest
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

from kit.base import cache
from kit.build import archive
from kit.harm import liburing_tests, suite
from kit.harm.suite import FLAVOUR, Plan
from kit.variant import PLAIN, Flavour


class Choosing(unittest.TestCase):
    """What run() plans for a tree and an ABI; the tests are made up."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = Path(folder.name)
        for name in ("nop", "send_recv", "send-zerocopy", "buf-ring-upgrade"):
            (self.home / f"{name}.t").write_bytes(b"")
        (self.home / "network").write_text("send-zerocopy\nsend_recv\nbuf-ring-upgrade\n"
                                           "of-another-abi\n")

    def go(self, *words: str) -> tuple[Plan, tuple[list[str], Flavour, Sequence[str], str]]:
        """The plan for 7.3 in 64 bit that run() has with these options,
        and the trees, flavour, ABIs and mutant."""
        parser = argparse.ArgumentParser()
        parser.add_argument("--quick", action="store_true")
        parser.add_argument("--record", action="store_true")
        parser.add_argument("--trees", nargs="+", default=["7.3", "6.1"])
        liburing_tests.options(parser)
        mirror = mock.Mock(source_versions=lambda _name: ["2.15-1", "2.9-1"])
        with mock.patch.object(suite, "compare_all", return_value=([], [])) as compare, \
                mock.patch.object(archive, "open_archive", return_value=mirror), \
                mock.patch.object(cache, "folder",
                                  return_value=self.home), mock.patch.object(suite, "finish"):
            liburing_tests.run(parser.parse_args(words), self.home)
            trees, flavour, abis, mutant, _home, plan = compare.call_args.args
            return plan(mock.Mock(release="7.3.4"), "64", mock.Mock()), (
                trees, flavour, abis, mutant)

    def test_those_of_networking_run_ten_times(self) -> None:
        plan, _ = self.go()
        self.assertEqual(plan.names, ["buf-ring-upgrade", "nop", "send-zerocopy", "send_recv",
                                      *["send-zerocopy", "send_recv"] * 9])
        self.assertEqual(plan.control, ["send-zerocopy", "send_recv"])

    def test_trees_and_abis(self) -> None:
        self.assertEqual(self.go()[1], (["7.3", "6.1"], FLAVOUR, ["64", "32"], "neighbour-name"))
        self.assertEqual(self.go("--trees", "6.1", "--abi", "32")[1],
                         (["6.1"], FLAVOUR, ["32"], "neighbour-name"))

    def test_a_slice_is_once_in_one_tree(self) -> None:
        plan, (trees, flavour, abis, _mutant) = self.go("--quick")
        self.assertEqual((plan.names, plan.control),
                         (["buf-ring-upgrade", "nop", "send-zerocopy", "send_recv"], []))
        self.assertEqual((trees, flavour, abis), (["7.3"], PLAIN, ("64",)))

    def test_what_is_of_networking(self) -> None:
        for text, is_it in (("io_uring_prep_sendmsg(sqe, fd, &msg, 0);", True),
                            ("io_uring_prep_cmd_sock(sqe,", True),
                            ("io_uring_prep_multishot_accept(", True),
                            ("io_uring_prep_nop(sqe);", False)):
            self.assertEqual(bool(liburing_tests.NETWORK.search(text)), is_it)


if __name__ == "__main__":
    unittest.main()
