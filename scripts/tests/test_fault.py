"""What fault.c and the kernel tell of each point that failed.

The consoles are made up after those of real runs.
"""

import re
import unittest
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from unittest import mock

from kit.base.paths import REPOSITORY
from kit.guest.vm import Run
from kit.harm import fault, mutant
from kit.harm.fault import Point
from kit.kernel.kernel import Kernel
from kit.series import patch
from kit.variant import Variant

CONSOLE = """\
fault: 64 sendmsg large full 1
FAULT_INJECTION: forcing a failure.
name fail_usercopy, interval 1, probability 0, space 0, times -1
CPU: 0 UID: 0 PID: 51 Comm: fault Not tainted 7.3.4 #1 PREEMPT(lazy)
Call Trace:
 <TASK>
 dump_stack_lvl+0x4e/0x70
 should_fail_ex+0x2fd/0x310
 _copy_from_user+0x23/0x70
 io_sendmsg_copy_control.isra.0+0xbe/0x120
 ? __pfx_io_sendmsg_prep+0x10/0x10
 io_sendmsg_setup+0x1c4/0x2e0
 </TASK>
fault: 64 sendmsg large full 2
fault: 64 sendmsg large full 3
name fail_usercopy, interval 1, probability 0, space 0, times -1
 <TASK>
 _copy_to_user+0x23/0x5f
 proc_fail_nth_read+0xfe/0x11c
 </TASK>
[   12.345678] FAULT_INJECTION: forcing a failure.
[   12.345679] name failslab, interval 1, probability 0, space 0, times -1
[   12.345680]  <TASK>
[   12.345681]  dump_stack_lvl+0x4e/0x70
[   12.345682]  should_failslab+0x9/0x10
[   12.345683]  kmem_cache_alloc_node_noprof+0x23/0x70
[   12.345684]  __alloc_skb+0x5/0x10
[   12.345685]  </TASK>
fault: 64 sendmsg large full 4
"""
LINES = ("# kit: started", "fault: 64 sendmsg large full 1 EFAULT",
         "fault: 64 sendmsg large full 2 ENOBUFS", "fault: 64 sendmsg large full 3 enter-EAGAIN",
         "fault: 64 sendmsg large full of 3",
         "fault: 32 sendmsg small link 7 WRONG completed with -EPERM", "# exit fault 1")


COPY = ("_copy_from_user", "io_sendmsg_copy_control", "io_sendmsg_setup")
COMPAT = ("_copy_from_user", "cmsghdr_from_user_compat_to_kern", *COPY[1:])
KMEMDUP = ("should_failslab", "__kmalloc_node_track_caller_noprof", "kmemdup_noprof",
           "io_sendmsg_copy_control.constprop.0", "io_sendmsg_setup")
NESTED = ("should_failslab", "kmem_cache_alloc_noprof", "obj_cgroup_charge", *KMEMDUP[3:])
# io_sendmsg_hold_files() and scm_fp_held() have become a part of what calls them
HOLD = ("should_failslab", "__kmalloc_cache_noprof", "scm_fp_copy", "io_sendmsg_copy_control",
        "io_sendmsg_setup")
HELD = ("should_failslab", "__kmalloc_node_track_caller_noprof", "kmemdup_noprof", "scm_fp_dup",
        "__scm_send", "scm_send.constprop.0", "unix_stream_sendmsg")
UBUF = ("should_failslab", "kmem_cache_alloc_node_noprof", "__alloc_skb", "sock_omalloc",
        "msg_zerocopy_realloc", "io_send_hold_ubuf", "__io_sendmsg", "io_sendmsg")


def whole() -> fault.Told:
    """What the programs tell of a kernel in which all is well."""
    points = []
    for way in fault.ways():
        points += [Point(way, 1, "EFAULT", "fail_usercopy",
                         COPY if way.startswith("64") else COMPAT),
                   Point(way, 2, "EFAULT", "fail_usercopy", ("_copy_from_user", "io_msg_copy_hdr"))]
        carried = way.split()[2]
        if carried in ("middle", "large", "files"):
            points += [Point(way, 3, "ENOMEM", "failslab", KMEMDUP),
                       Point(way, 4, "sent", "failslab", NESTED)]
        points += [Point(way, 5, "ENOBUFS")]
        if carried in ("file", "files"):
            points += [Point(way, 6, "ENOMEM", "failslab", HOLD),
                       Point(way, 7, "ENOMEM", "failslab", HELD)]
        if carried == "zerocopy":
            del points[-3]             # it has no control
            points += [Point(way, 8, "ENOBUFS", "failslab", UBUF)]
    return fault.Told(tuple(points), {way: 8 for way in fault.ways()}, ())


def missed(told: fault.Told, fixes: Collection[str] = fault.FIXES) -> list[str]:
    """What is missed of all ways."""
    return fault.missed(told, fault.ways(), fixes)


class Came(unittest.TestCase):
    """What the points of the fix have to come to."""

    def changed(self, way: str, number: int, came: str) -> list[str]:
        """What is missed where a point of a way comes to something else."""
        told = whole()
        return missed(replace(told, points=tuple(
            replace(point, came=came) if (point.way, point.number) == (way, number) else point
            for point in told.points)))

    def test_a_copy_that_fails_is_efault(self) -> None:
        """What cannot be read at submit is refused, in 32 bit as well."""
        self.assertEqual(self.changed("64 sendmsg small full", 1, "sent"),
                         ["64 sendmsg small: io_sendmsg_copy_control (fail_usercopy) that failed "
                          "came to sent, not to EFAULT"])
        self.assertEqual(self.changed("32 sendmsg_zc large link", 1, "sent"),
                         ["32 sendmsg_zc large: cmsghdr_from_user_compat_to_kern (fail_usercopy) "
                          "that failed came to sent, not to EFAULT"])

    def test_what_is_allocated_in_passing_may_come_to_anything(self) -> None:
        self.assertEqual(self.changed("64 sendmsg middle full", 4, "ENOBUFS"), [])

    def test_an_allocation_that_fails_is_enomem(self) -> None:
        """As for all that a request needs at prep; -ENOBUFS would be a socket's."""
        self.assertEqual(self.changed("64 sendmsg middle full", 3, "ENOBUFS"),
                         ["64 sendmsg middle: io_sendmsg_copy_control (failslab) that failed "
                          "came to ENOBUFS, not to ENOMEM"])
        self.assertEqual(self.changed("32 sendmsg middle full", 3, "sent"),
                         ["32 sendmsg middle: io_sendmsg_copy_control (failslab) that failed "
                          "came to sent, not to ENOMEM"])

    def test_what_is_held_comes_to_its_own_errno(self) -> None:
        """As sendmsg(2): -ENOMEM for files, -ENOBUFS for the id of MSG_ZEROCOPY."""
        for way, number, came, function, due in (
                ("64 sendmsg file link", 6, "EFAULT", "io_sendmsg_hold_files", "ENOMEM"),
                ("32 sendmsg files full", 7, "sent", "scm_fp_held", "ENOMEM"),
                ("64 sendmsg zerocopy full", 8, "ENOMEM", "io_send_hold_ubuf", "ENOBUFS")):
            with self.subTest(function):
                self.assertEqual(self.changed(way, number, came),
                                 [f"{way.rpartition(' ')[0]}: {function} (failslab) that failed "
                                  f"came to {came}, not to {due}"])

    def test_a_function_that_is_there_by_itself(self) -> None:
        """Nothing has to have become a part of what calls it."""
        hold = Point("64 sendmsg file full", 1, "ENOMEM", "failslab",
                     (*HOLD[:3], "io_sendmsg_hold_files.isra.0", *HOLD[3:]))
        held = replace(hold, frames=(*HELD[:4], "scm_fp_held", *HELD[4:]))
        self.assertEqual([hold.ours, held.ours], ["io_sendmsg_hold_files", "scm_fp_held"])

    def test_what_is_not_of_the_series(self) -> None:
        """sendmsg looks files up as it always did, a receiver copies what it peeks at, TCP takes
        an id, and not all that is allocated below a function is what it asked for."""
        for frames in (("kmalloc_noprof", "scm_fp_copy", "__scm_send", "unix_dgram_sendmsg"),
                       ("kmemdup_noprof", "scm_fp_dup", "unix_stream_read_generic"),
                       ("__alloc_skb", "msg_zerocopy_realloc", "tcp_sendmsg_locked"),
                       ("__alloc_skb", "sock_alloc_send_pskb"),
                       ("obj_cgroup_charge", *HOLD), ("obj_cgroup_charge", *UBUF)):
            point = Point("64 sendmsg files full", 9, "sent", "failslab", frames)
            self.assertEqual((point.ours, point.due), ("", ""))

    def test_the_system_call_copies_for_itself(self) -> None:
        """What was left with the user is copied at issue, by the same function."""
        frames = ("_copy_from_user", "cmsghdr_from_user_compat_to_kern", "____sys_sendmsg",
                  "__sys_sendmsg_sock", "__io_sendmsg")
        point = Point("32 sendmsg small full", 9, "EFAULT", "fail_usercopy", frames)
        self.assertEqual(point.ours, "")


class Parse(unittest.TestCase):
    told = fault.parse(LINES, CONSOLE)

    def test_points(self) -> None:
        self.assertEqual([(point.number, point.came, point.kind) for point in self.told.points],
                         [(1, "EFAULT", "fail_usercopy"), (2, "ENOBUFS", ""),
                          (3, "enter-EAGAIN", "failslab")])
        self.assertEqual(self.told.totals, {"64 sendmsg large full": 3})

    def test_where(self) -> None:
        self.assertEqual([point.where for point in self.told.points],
                         ["io_sendmsg_copy_control.isra.0", "", "__alloc_skb"])
        self.assertEqual([point.ours for point in self.told.points],
                         ["io_sendmsg_copy_control", "", ""])

    def test_a_trace_of_user_mode_linux(self) -> None:
        """It has the addresses, and guesses with a question mark."""
        console = CONSOLE.replace("\n io_sendmsg_copy", "\n [<60036d9d>] ? guess+0x1/0x2\n"
                                  " [<6005232d>] show_stack+0x20c/0x21b\n"
                                  " [<60036d9d>] io_sendmsg_copy").replace(" </TASK>\n", "\n")
        self.assertEqual([point.where for point in fault.parse(LINES, console).points],
                         ["io_sendmsg_copy_control.isra.0", "", "__alloc_skb"])

    def test_wrong(self) -> None:
        self.assertEqual(self.told.wrong, ("32 sendmsg small link 7 WRONG completed with -EPERM",))


class Missed(unittest.TestCase):
    def test_all_is_well(self) -> None:
        self.assertEqual(missed(whole()), [])

    def test_one_abi(self) -> None:
        told = whole()
        only = replace(told, points=tuple(one for one in told.points if one.way.startswith("64")),
                       totals={way: 5 for way in fault.ways(["64"])})
        self.assertEqual(fault.missed(only, fault.ways(["64"])), [])
        self.assertNotEqual(missed(only), [])

    def test_what_was_tried(self) -> None:
        """Of that nothing may be missing; of the rest nothing is asked."""
        few = fault.ways(["64"], ["full"], ["file", "large"])
        self.assertEqual(few, ["64 sendmsg file full", "64 sendmsg large full",
                               "64 sendmsg_zc large full"])
        told = whole()
        only = replace(told, points=tuple(one for one in told.points if one.way in few),
                       totals={way: 5 for way in few})
        self.assertEqual(fault.missed(only, few), [])
        found = fault.missed(replace(only, totals={}, points=()), few)
        self.assertIn("64 sendmsg file full: did not come to its end", found)
        self.assertIn("64 sendmsg file: 0 allocations of scm_fp_held failed", found)

    def test_who_carries_what(self) -> None:
        """AF_UNIX has no zero-copy sends, MSG_ZEROCOPY is for the others."""
        self.assertEqual({way.split()[2] for way in fault.ways() if " sendmsg_zc " in way},
                         {"small", "middle", "large"})

    def test_a_kernel_that_lacks_fixes(self) -> None:
        """Then nothing of these fixes may have been struck."""
        told = replace(whole(), points=tuple(
            one for one in whole().points
            if one.frames not in (HOLD, HELD, UBUF)))
        self.assertEqual(missed(told, {"late-read"}), [])
        self.assertIn("64 sendmsg zerocopy: 7 allocations of io_send_hold_ubuf failed",
                      missed(whole(), {"late-read", "late-file"}))
        kernel = Kernel("x", "x", "tree", None,
                        present=frozenset({("late-file", "sendmsg"), ("first-only", "any")}))
        self.assertEqual(fault._fixes(kernel), {"late-read", "repeated-id"})

    def without(self, group: str, *numbers: int) -> fault.Told:
        """All is well but for these points of a group of ways."""
        told = whole()
        return replace(told, points=tuple(point for point in told.points
                                          if not point.way.startswith(f"{group} ") or
                                          point.number not in numbers))

    def test_copies_that_were_never_struck(self) -> None:
        self.assertEqual(missed(self.without("32 sendmsg_zc small", 1)),
                         ["32 sendmsg_zc small: no copy of the fix failed"])
        self.assertEqual(missed(self.without("32 sendmsg file", 1)),
                         ["32 sendmsg file: no copy of the fix failed"])

    def test_an_allocation_that_was_never_struck(self) -> None:
        """What is allocated inside of it, or without a trace, does not stand for it."""
        for group, number, function in (
                ("32 sendmsg_zc large", 3, "io_sendmsg_copy_control"),
                ("64 sendmsg files", 3, "io_sendmsg_copy_control"),
                ("64 sendmsg files", 6, "io_sendmsg_hold_files"),
                ("32 sendmsg file", 7, "scm_fp_held"),
                ("64 sendmsg zerocopy", 8, "io_send_hold_ubuf")):
            with self.subTest(group, number=number):
                self.assertEqual(missed(self.without(group, number)),
                                 [f"{group}: 0 allocations of {function} failed"])

    def test_small_control_needs_none(self) -> None:
        """It has its place in io_async_msghdr, with one file or none."""
        told = whole()
        for group in ("64 sendmsg small", "64 sendmsg file"):
            more = Point(f"{group} link", 3, "ENOMEM", "failslab", KMEMDUP)
            self.assertEqual(missed(replace(told, points=(*told.points, more))),
                             [f"{group}: 1 allocations of io_sendmsg_copy_control failed"])

    def test_one_course_may_miss_it(self) -> None:
        self.assertEqual(missed(self.without("32 sendmsg_zc large worker", 1, 3)), [])

    def test_a_way_without_an_end(self) -> None:
        told = whole()
        totals = {way: 4 for way in fault.ways() if way != "64 sendmsg small link"}
        self.assertEqual(missed(replace(told, totals=totals)),
                         ["64 sendmsg small link: did not come to its end"])


class Mutants(unittest.TestCase):
    def test_a_mutant_of_what_the_series_lacks(self) -> None:
        """lost-files is of late-file, which the series of 6.1 has not."""
        for number, there in (("7.3", True), ("6.1", False)):
            branch = next(one for one in patch.branches() if one.name == f"linux-{number}.y")
            found = mutant.possible(fault.NET, Variant("", tuple(branch.tip)))
            self.assertEqual(found, [name for name in fault.NET if there or name != "lost-files"])

    def test_each_one_is_there(self) -> None:
        for name in fault.NET:
            self.assertTrue((mutant.MUTANTS / f"7.3/{name}.patch").is_file(), name)

    def test_caught_by_the_program(self) -> None:
        """Its own words count, and no others."""
        for line, caught in (("fault: 64 sendmsg files full 5 WRONG sent, but no file came", True),
                             ("fault: 64 sendmsg files full 5 WRONG killed by signal 9", False),
                             ("fault: 64 sendmsg files full 5 ENOMEM", False)):
            guests = mock.Mock()
            guests.run.return_value = Run([(1.0, line)], "", "", 60.0)
            found = fault._hunted(guests, Kernel("x", "x", "tree", None), "lost-files", Path("x"))
            self.assertEqual((bool(found.report), found.by), (caught, "fault.c"))


class Program(unittest.TestCase):
    def test_it_has_these_ways(self) -> None:
        """What fault.c carries, and on which courses."""
        home = REPOSITORY / "selftests/harm"
        text = "".join(path.read_text() for path in sorted(home.glob("fault*.c")))
        self.assertEqual(set(re.findall(r'\.name = "([\w-]+)"', text)),
                         {*fault.CARRIED, *fault.COURSES})


class Table(unittest.TestCase):
    def test_rows(self) -> None:
        kept = {"release": "7.3.4", "seconds": 60, "well": True, "bad": [], "mutants": [],
                "totals": {way: 4 for way in fault.ways()},
                "points": [{"way": "64 sendmsg large full", "number": 1, "came": "EFAULT",
                            "kind": "fail_usercopy", "where": fault.CONTROL,
                            "ours": fault.CONTROL}]}
        text = fault.table(kept)
        self.assertRegex(text, r"\n  large, full +4 +4 +4 +4\n")
        self.assertRegex(text, r"\n  zerocopy, full +4 +- +4 +-\n")
        hosted = fault.table({**kept, "engine": "uml", "series": "with buffers", "abis": ["64"]})
        self.assertIn("7.3.4 with buffers, User Mode Linux: points that failed", hosted)
        self.assertRegex(hosted, r"\n  large, full +4 +4\n")
        self.assertIn("    io_sendmsg_copy_control (fail_usercopy), 64 bit: 1 EFAULT\n", text)
        self.assertIn("no leak, no other report", text)
        self.assertIn("NOT AS IT SHOULD BE:\n    something\n",
                      fault.table({**kept, "well": False, "bad": ["something"]}))


if __name__ == "__main__":
    unittest.main()
