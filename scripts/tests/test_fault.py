"""What fault.c and the kernel tell of each point that failed.

The consoles are made up after those of real runs.
"""

import unittest
from dataclasses import replace

from kit.harm import fault
from kit.harm.fault import Point

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


def whole() -> fault.Told:
    """What the programs tell of a kernel in which all is well."""
    points = []
    for way in fault.ways():
        points += [Point(way, 1, "EFAULT", "fail_usercopy",
                         COPY if way.startswith("64") else COMPAT),
                   Point(way, 2, "EFAULT", "fail_usercopy", ("_copy_from_user", "io_msg_copy_hdr"))]
        if " small " not in way:
            points += [Point(way, 3, "ENOMEM", "failslab", KMEMDUP),
                       Point(way, 4, "sent", "failslab", NESTED)]
        points += [Point(way, 5, "ENOBUFS")]
    return fault.Told(tuple(points), {way: 5 for way in fault.ways()}, ())


class Came(unittest.TestCase):
    """What the points of the fix have to come to."""

    def changed(self, way: str, number: int, came: str) -> list[str]:
        """What is missed where a point of a way comes to something else."""
        told = whole()
        return fault.missed(replace(told, points=tuple(
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

    def test_an_allocation_that_was_never_struck(self) -> None:
        """What is allocated inside of it, or without a trace, does not stand for it."""
        told = whole()
        points = tuple(point for point in told.points
                       if (point.way.rpartition(" ")[0], point.number) != ("64 sendmsg middle", 3))
        self.assertEqual(fault.missed(replace(told, points=points)),
                         ["64 sendmsg middle: 0 allocations of the fix failed"])

    def test_small_control_needs_none(self) -> None:
        """It has its place in io_async_msghdr."""
        told = whole()
        more = Point("64 sendmsg small link", 3, "ENOMEM", "failslab", KMEMDUP)
        self.assertEqual(fault.missed(replace(told, points=(*told.points, more))),
                         ["64 sendmsg small: 1 allocations of the fix failed"])

    def test_other_functions(self) -> None:
        """Descriptors and MSG_ZEROCOPY; any other sendmsg calls scm_fp_copy(), too."""
        for frames, ours, should in (
                ("__kmalloc scm_fp_copy io_sendmsg_hold_files.isra.0", "scm_fp_copy", "ENOMEM"),
                ("kmemdup_noprof scm_fp_dup scm_fp_held __scm_send", "scm_fp_held", "ENOMEM"),
                ("msg_zerocopy_realloc io_send_hold_ubuf", "io_send_hold_ubuf", "ENOBUFS"),
                ("__alloc_skb sock_alloc_send_pskb", "", "")):
            point = Point("64 sendmsg small link", 9, "sent", "failslab", tuple(frames.split()))
            self.assertEqual((point.ours, fault.astray(point)), (ours, should))

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
        self.assertEqual(fault.missed(whole()), [])

    def test_one_abi(self) -> None:
        told = whole()
        only = replace(told, points=tuple(one for one in told.points if one.way.startswith("64")),
                       totals={way: 5 for way in fault.ways(["64"])})
        self.assertEqual(fault.missed(only, abis=["64"]), [])
        self.assertNotEqual(fault.missed(only), [])

    def without(self, group: str, *numbers: int) -> fault.Told:
        """All is well but for these points of a group of ways."""
        told = whole()
        return replace(told, points=tuple(point for point in told.points
                                          if not point.way.startswith(f"{group} ") or
                                          point.number not in numbers))

    def test_copies_that_were_never_struck(self) -> None:
        self.assertEqual(fault.missed(self.without("32 sendmsg_zc small", 1)),
                         ["32 sendmsg_zc small: no copy of the fix failed"])

    def test_an_allocation_that_was_never_struck(self) -> None:
        self.assertEqual(fault.missed(self.without("32 sendmsg_zc large", 3)),
                         ["32 sendmsg_zc large: 0 allocations of the fix failed"])

    def test_one_course_may_miss_it(self) -> None:
        self.assertEqual(fault.missed(self.without("32 sendmsg_zc large worker", 1, 3)), [])

    def test_a_way_without_an_end(self) -> None:
        told = whole()
        totals = {way: 4 for way in fault.ways() if way != "64 sendmsg small link"}
        self.assertEqual(fault.missed(replace(told, totals=totals)),
                         ["64 sendmsg small link: did not come to its end"])


class Table(unittest.TestCase):
    def test_rows(self) -> None:
        kept = {"release": "7.3.4", "seconds": 60, "well": True, "bad": [], "mutants": [],
                "totals": {way: 4 for way in fault.ways()},
                "points": [{"way": "64 sendmsg large full", "number": 1, "came": "EFAULT",
                            "kind": "fail_usercopy", "where": fault.CONTROL,
                            "ours": fault.CONTROL}]}
        text = fault.table(kept)
        self.assertRegex(text, r"\n  large, full +4 +4 +4 +4\n")
        hosted = fault.table({**kept, "engine": "uml", "series": "with buffers", "abis": ["64"]})
        self.assertIn("7.3.4 with buffers, User Mode Linux: points that failed", hosted)
        self.assertRegex(hosted, r"\n  large, full +4 +4\n")
        self.assertIn("    io_sendmsg_copy_control (fail_usercopy), 64 bit: 1 EFAULT\n", text)
        self.assertIn("no leak, no other report", text)
        self.assertIn("NOT AS IT SHOULD BE:\n    something\n",
                      fault.table({**kept, "well": False, "bad": ["something"]}))


if __name__ == "__main__":
    unittest.main()
