"""What counts as a complaint of a kernel, and what does not."""

import unittest

from kit.base import splat

# As kernels of 5.10 to 7.3 print them; each is the first line of a report
BAD = (
    "WARNING: CPU: 0 PID: 77 at lib/refcount.c:28 refcount_warn_saturate+0xba/0x110",
    "WARNING: CPU: 0 PID: 77 at io_req_complete+0x1/0x2 [warn]",
    "WARNING: lib/refcount.c:28 at refcount_warn_saturate+0xba/0x110, CPU#0: bad_control/77",
    "WARNING: /home/warn.c:7 at warn_init+0x4/0x8 [warn], CPU#1: insmod/77",
    "WARNING: at x+0x1/0x2, CPU#0: a b/77",
    "WARNING: possible circular locking dependency detected",
    "WARNING: possible recursive locking detected",
    "WARNING: possible irq lock inversion dependency detected", "WARNING: inconsistent lock state",
    "WARNING: suspicious RCU usage", "WARNING: bad unlock balance detected!",
    "WARNING: held lock freed!", "WARNING: lock held when returning to user space!",
    "WARNING: bad_control/77 still has locks held!",
    "WARNING: HARDIRQ-safe -> HARDIRQ-unsafe lock order detected", "[ BUG: Invalid wait context ]",
    "refcount_t: underflow; use-after-free.", "DEBUG_LOCKS_WARN_ON(1)",
    "BUG: KASAN: slab-use-after-free in io_sendmsg_zc+0x1/0x2", "BUG: KCSAN: data-race in a / b",
    "BUG: KMSAN: uninit-value in a+0x1/0x2", "BUG: KFENCE: use-after-free read in a+0x1/0x2",
    "UBSAN: array-index-out-of-bounds in net/ipv4/udp.c:1:2",
    "ODEBUG: free active (active state 0) object: timer", "BUG: Bad page state in process "
    "bad_control  pfn:12345", "BUG: Bad rss-counter state mm:1 type:MM_ANONPAGES val:1",
    "BUG: scheduling while atomic: bad_control/77/0x00000002",
    "BUG: workqueue lockup - pool cpus=0",
    "BUG: sleeping function called from invalid context at mm/slab.h:1",
    "BUG: spinlock bad magic on CPU#0, x/1",
    "BUG kmalloc-256 (Not tainted): Poison overwritten",
    "watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [x:77]", "watchdog: Watchdog detected hard "
    "LOCKUP on cpu 0", "INFO: task bad_control:77 blocked for more than 120 seconds.",
    "INFO: task a:1 blocked in I/O wait for more than 120 seconds.",
    "INFO: trying to register non-static key.", "rcu: INFO: rcu_preempt self-detected stall on CPU",
    "rcu: INFO: rcu_sched detected stalls on CPUs/tasks:",
    "rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 0-... }",
    "list_add corruption. prev->next should be next (1), but was 2.",
    "usercopy: Kernel memory exposure attempt detected", "kmemleak: Kernel memory leak detector "
    "disabled", "kmemleak: 2 new suspected memory leaks (see /sys/kernel/debug)",
    "unregister_netdevice: waiting for lo to become free. Usage count = 2",
    "RTNL: assertion failed at net/core/dev.c (1)",
    "kernel BUG at mm/slub.c:1!",
    "general protection fault, probably for non-canonical address 0x1: 0000 [#1] SMP",
    "Oops: Oops: 0002 [#1] SMP NOPTI", "Internal error: Oops: 0000000096000004 [#1] SMP",
    "Unable to handle kernel NULL pointer dereference at virtual address 0000000000000000",
)
# What kernels, their drivers and programs say though nothing is wrong with the kernel
GOOD = (
    "WARNING: Flushing system-wide workqueues will be prohibited in near future.",
    "WARNING: timekeeping: Cycle offset (1) is larger than allowed by the 'tsc' clock's max_cycles "
    "value (2): time overflow",
    "WARNING: Underflow in clocksource 'tsc' observed, time update ignored.",
    "Spectre V2 : WARNING: Unprivileged eBPF is enabled with eIBRS on, data leaks possible via "
    "Spectre v2 BHB attacks!", "RETBleed: WARNING: Spectre v2 mitigation leaves CPU vulnerable to "
    "RETBleed attacks, data leaks possible!", "WARNING: polling idle and HT enabled, performance "
    "may degrade", "ACPI BIOS Warning (bug): 32/64X length mismatch",
    "[Firmware Bug]: TSC ADJUST differs within socket", "DEBUG: x", "INFO: lockdep is turned off.",
    "INFO: NMI handler (perf_event_nmi_handler) took too long to run: 1.1 msecs", "sch_tbf: burst "
    "8000 is lower than device lo mtu (65550) !", "tsc: Unable to calibrate against PIT",
    "APIC calibration not consistent with PM-Timer: 101ms instead of 100ms",
    "acpi PNP0A03:00: fail to add MMCONFIG information, can't access extended PCI configuration "
    "space under this bridge.", "amd_pstate: the _CPC object is not present in SBIOS or ACPI "
    "disabled", "kselftest: Running tests in io_uring", "traps: bad_control[77] general protection "
    "fault ip:401000 sp:7ffc0 error:0 in bad_control[401000+1000]", "traps: a[1] trap stack "
    "segment ip:1 sp:2 error:0", "bad_control[77]: segfault at 0 ip 0 sp 0 error 4 in x[400000+1]",
    "FAULT_INJECTION: forcing a failure.",
    "workqueue: x hogged CPU for >10000us 4 times, consider switching",
    "kmemleak: Automatic memory scanning thread started", "rcu: Hierarchical RCU implementation.",
)


class Lines(unittest.TestCase):
    def test_bad(self) -> None:
        for line in BAD:
            for prefix in ("", "[    4.123456] ", "<4>[    4.123456] ", "[   14.123456][   T77] ",
                           "[    4.1] [ T77] "):
                self.assertEqual(splat.lines(f"before\n{prefix}{line}\nafter\n"), [line])

    def test_good(self) -> None:
        for line in GOOD:
            self.assertEqual(splat.lines(f"[    4.123456] {line}\n"), [], line)

    def test_each_once_and_not_without_end(self) -> None:
        self.assertEqual(splat.lines("".join(f"[  {number}.5] {BAD[0]}\n" for number in range(9))),
                         [BAD[0]])
        many = splat.lines("".join(f"[ 1.5] BUG: number {number}\n" for number in range(50)))
        self.assertEqual((len(many), many[-1]), (splat.LIMIT + 1, "and 30 more"))

    def test_a_panic_is_no_warning_and_what_was_before_is(self) -> None:
        log = (f"[ 1.0] {BAD[0]}\n[ 2.0] BUG: kernel NULL pointer dereference, address: "
               "0000000000000008\n[ 2.1] Oops: 0000 [#1] SMP\n[ 2.2] BUG: scheduling while atomic: "
               "a/1/2\n[ 2.3] Kernel panic - not syncing: Fatal exception\n")
        self.assertEqual(splat.lines(log), [BAD[0]])
        self.assertEqual(splat.panic(log),
                         "BUG: kernel NULL pointer dereference, address: 0000000000000008")

    def test_panic(self) -> None:
        self.assertEqual(splat.panic(f"[ 1.0] {BAD[0]}\n"), "")
        self.assertEqual(
            splat.panic("[ 1.0] Kernel panic - not syncing: VFS: Unable to mount root fs\n"),
            "VFS: Unable to mount root fs")
        self.assertEqual(splat.lines("[ 1.0] Kernel panic - not syncing: x\n"), [])

    def test_no_room_for_registers(self) -> None:
        log = ("userspace - ptrace set fp regs failed, errno = 14\n"
               "Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b\n")
        self.assertIn("use QEMU", splat.panic(log))
        self.assertEqual(splat.panic(log.splitlines()[0]), "")

    def test_the_trace_of_a_bug_in_user_mode_linux(self) -> None:
        """It stands behind the panic; what a panic prints behind another trace is no more of it."""
        log = ("usercopy: Kernel memory overwrite attempt detected to null address (offset 0, size "
               "248)!\nBUG: failure at mm/usercopy.c:102/usercopy_abort()!\n"
               "Kernel panic - not syncing: BUG!\nCall Trace:\n [<60501d9e>] io_x+0x29d/0x51f\n")
        self.assertEqual(splat.reports(log), [log.rstrip()])
        self.assertEqual(splat.reports(f"BUG: x\nCall Trace:\n io_y+0x1/0x2\n{log}")[0],
                         "BUG: x\nCall Trace:\n io_y+0x1/0x2\n"
                         f"{log.partition('Kernel panic')[0]}".rstrip())

    def test_alike(self) -> None:
        self.assertEqual(splat.alike(["[ 1.5] WARNING: CPU: 0 PID: 77 at x.c:3 x+0x10/0x20",
                                      "BUG: at ffff888003c0f000"]),
                         ["WARNING: CPU: N PID: N at x.c:N x+N/N", "BUG: at N"])


if __name__ == "__main__":
    unittest.main()
