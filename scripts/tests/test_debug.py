"""What the net of a debug kernel caught, read from consoles of mutants, and how runs are judged."""

import argparse
import unittest
from dataclasses import replace
from pathlib import Path
from typing import Any

from kit.base import splat
from kit.harm import debug, mutant, watch
from kit.harm.debug import Seen
from kit.variant import Variant
from kit.report.result import CaseResult
from kit.guest.vm import Run

DATA = Path(__file__).parent / "data"
QUIET = ("# kit: started", "# exit fault 0", "# exit fault_32 0", "# net: leaks",
         "# net: tainted 0", "# net: end")
LEAK = ("unreferenced object 0xffff888004f1a400 (size 256):",
        "  comm \"fault\", pid 55, jiffies 4294939204", "  backtrace (crc 3c8a2a0f):",
        "    io_copy_control+0x7c/0x120")


def run(*lines: str, console: str = "", ended: str = "") -> Run:
    return Run([(1.0, line) for line in lines], console, ended, 60.0)


def case(**fields: Any) -> CaseResult:
    some = CaseResult("7.3.4", "7.3.4", "", "64", "late-read", "late_read.zc.after_submit", "pass",
                      "pass", "pass", "", "", 1.0, "")
    return replace(some, **fields)


class Caught(unittest.TestCase):
    def test_nothing(self) -> None:
        self.assertEqual(watch.caught(run(*QUIET)), [])

    def test_leaks(self) -> None:
        lines = (*QUIET[:4], *LEAK, *LEAK, *QUIET[4:])
        self.assertEqual(watch.caught(run(*lines)), ["\n".join(LEAK)] * 2)

    def test_no_kmemleak(self) -> None:
        self.assertEqual(watch.caught(run(*QUIET[:3], "# net: no kmemleak", *QUIET[3:])),
                         ["no kmemleak"])

    def test_taint_without_a_word(self) -> None:
        self.assertEqual(watch.caught(run(*QUIET[:4], "# net: tainted 512", "# net: end")),
                         ["tainted: 512, and nothing says why"])

    def test_no_end(self) -> None:
        self.assertEqual(watch.caught(run(*QUIET[:3], ended="silence")),
                         ["the guest did not come to its end: silence"])

    def test_script_is_watched(self) -> None:
        self.assertTrue(watch.watched("true").endswith('echo "# net: end"\n'))


class Engines(unittest.TestCase):
    def test_both_are_two_runs_of_a_tree(self) -> None:
        parser = argparse.ArgumentParser()
        watch.options(parser)
        asked = parser.parse_args(["--engine", "both"])
        self.assertEqual(watch.engines(asked.engine), ("uml", "qemu"))
        self.assertEqual(watch.engines(parser.parse_args([]).engine), ("qemu",))


class Mutants(unittest.TestCase):
    """What two mutants of 7.3.4 have left."""

    def test_use_after_free(self) -> None:
        (report,) = splat.reports((DATA / "debug-kasan.log").read_text())
        self.assertRegex(report, debug.NET["use-after-free"][1])
        self.assertEqual(mutant.gist(report), "BUG: KASAN: slab-use-after-free in udp_cmsg_send "
                         "(io_sendmsg)")

    def test_leak(self) -> None:
        found = watch.caught(run(*(DATA / "debug-leaks.log").read_text().splitlines()))
        self.assertEqual({mutant.gist(one) for one in found},
                         {"unreferenced object (size 128): (io_copy_control)",
                          "unreferenced object (size 256): (io_copy_control)"})


class Splats(unittest.TestCase):
    def test_fault_injection_is_none(self) -> None:
        text = ("FAULT_INJECTION: forcing a failure.\nname failslab, interval 1\nCall Trace:\n"
                " <TASK>\n a+0x1/0x2\n")
        self.assertEqual(splat.reports(text), [])

    def test_kinds(self) -> None:
        for line in ("BUG: KASAN: slab-use-after-free in udp_cmsg_send+0x68/0x1f0",
                     "WARNING: possible recursive locking detected",
                     "WARNING: CPU: 0 PID: 1 at lib/refcount.c:28",
                     "UBSAN: array-index-out-of-bounds in net/ipv4/udp.c:1",
                     "ODEBUG: free active (active state 0)", "BUG kmalloc-256 (Not tainted): "
                     "Poison overwritten", "kernel BUG at mm/slub.c:1",
                     "INFO: task fault:51 blocked for more than 120", "usercopy: Kernel memory",
                     "list_del corruption. next->prev should be",
                     "Oops: general protection fault, probably for non-canonical address",
                     "BUG: sleeping function called from invalid context at mm/slab.h:1",
                     "INFO: rcu_sched self-detected stall on CPU",
                     "kmemleak: Kernel memory leak detector disabled"):
            text = f"before\n[    1.5] {line}\nmore\n\nand more\n=====\nafter\n"
            self.assertEqual(splat.reports(text), [f"{line}\nmore\nand more"])

    def test_a_panic_that_follows_is_the_same(self) -> None:
        text = ("BUG: KASAN: double-free in a+0x1/0x2\nmore\n=====\nKernel panic - not syncing: "
                "KASAN: panic_on_warn\n")
        self.assertEqual(splat.reports(text), ["BUG: KASAN: double-free in a+0x1/0x2\nmore"])
        self.assertEqual(splat.reports("Kernel panic - not syncing: x\n"),
                         ["Kernel panic - not syncing: x"])


class Judged(unittest.TestCase):
    usual = Seen(Variant(mutant.WITH, cured=True), run(*QUIET), (case(), case(abi="32")))

    def test_well(self) -> None:
        self.assertTrue(self.usual.well)

    def test_a_failure_with_the_series(self) -> None:
        failed = case(outcome="fail", predicted="fail", verdict="known")
        self.assertFalse(replace(self.usual, cases=(*self.usual.cases, failed)).well)
        before = replace(self.usual, variant=Variant("as it is"), cases=(*self.usual.cases, failed))
        self.assertTrue(before.well)
        self.assertFalse(
            replace(before, cases=(*before.cases, case(outcome="fail", verdict="REGRESSION"))).well)

    def test_what_the_series_does_not_bring(self) -> None:
        """Fixes of provided buffers are in a series of their own."""
        failed = case(outcome="fail", predicted="fail", verdict="known", defect="buffers")
        self.assertTrue(replace(self.usual, cases=(*self.usual.cases, failed)).well)

    def test_one_abi_is_not_enough(self) -> None:
        self.assertFalse(replace(self.usual, cases=(case(),)).well)

    def test_programs_of_harm(self) -> None:
        failed = run(*(line.replace("fault 0", "fault 1") for line in QUIET))
        self.assertFalse(replace(self.usual, run=failed).well)
        self.assertTrue(replace(self.usual, run=failed, variant=Variant("as it is")).well)
        self.assertFalse(replace(self.usual, run=run(*QUIET[:1], *QUIET[3:])).well)

    def test_a_report(self) -> None:
        self.assertFalse(replace(self.usual, run=run(*QUIET, console="BUG: KASAN: x\n")).well)

    def test_a_panic(self) -> None:
        self.assertFalse(replace(self.usual, outcome="panicked").well)


class Gist(unittest.TestCase):
    def test_names_the_first_function_of_io_uring(self) -> None:
        self.assertEqual(mutant.gist("\n".join(LEAK)),
                         "unreferenced object (size 256): (io_copy_control)")
        self.assertEqual(mutant.gist("BUG: KASAN: double-free in io_netmsg_control_free+0x1d/0x40"),
                         "BUG: KASAN: double-free in io_netmsg_control_free")
        self.assertEqual(mutant.gist(""), "")


if __name__ == "__main__":
    unittest.main()
