"""Verdicts, cells and exit status."""

import json
import tempfile
import unittest
from dataclasses import asdict, replace
from pathlib import Path

from kit.series import fixes
from kit.report import folder, report, result
from kit import verdict
from kit.report.folder import Folder
from kit.kernel.kernel import Kernel
from kit.base.ktap import Case, Status
from kit.base.version import parse

DATA = Path(__file__).parent / "data"
COMMAND = "scripts/qa run --kernels debian:6.1.86"


def defect(*causes: tuple[str, str | None]) -> fixes.Defect:
    """late-read with causes (abi, first fixed release of 6.1 or None)."""
    return fixes.Defect("late-read", "", "", "open", tuple(
        fixes.Cause("late-read", "any", (abi,), parse("5.12"), {}, parse("6.9") if fix else None,
                    {"6.1": parse(fix)} if fix else {}) for abi, fix in causes))


def row(cases: list[Case], *causes: tuple[str, str | None],
        version: str | None = "6.1.86") -> result.KernelResult:
    """The result of a kernel with these cases under a table of these causes."""
    kernel = Kernel("k", "debian:6.1.86", "debian", parse(version) if version else None)
    outcome, reason = verdict.outcome(cases, None)
    return result.KernelResult("k", version or "unknown", "", "", "debian", "tcg", outcome, reason,
                               12.3, COMMAND, True,
                               [verdict.judge(case, kernel, {"late-read": defect(*causes)}, COMMAND)
                                for case in cases])


def case(status: Status, abi: str = "64", name: str = "late_read.udp4.after") -> Case:
    """A case of late_read."""
    return Case("late_read", abi, name, status, f"why {status}")


class Cells(unittest.TestCase):
    def check(self, cell: str, status: int, strict: int, cases: list[Case],
              *causes: tuple[str, str | None], version: str | None = "6.1.86") -> None:
        whole = row(cases, *causes, version=version)
        self.assertEqual((report.cell(whole, "late-read"), result.status([whole], False),
                          result.status([whole], True)), (cell, status, strict))

    def test_cells(self) -> None:
        both_open = (("64", None), ("32", None))
        self.check("pass", 0, 0, [case("pass"), case("pass", "32")])
        self.check("FAIL (open)", 0, 1, [case("fail"), case("fail", "32")], *both_open)
        self.check("FAIL (fix: 6.1.87)", 0, 1, [case("fail")], ("64", "6.1.87"))
        self.check("FAIL 32 (open)", 0, 1, [case("pass"), case("fail", "32")], ("32", None))
        self.check("FAIL 64 (open), FAIL 32 (fix: 6.1.90)", 0, 1,
                   [case("fail"), case("fail", "32")], ("64", None), ("32", "6.1.90"))
        self.check("REGRESSION", 1, 1, [case("fail")])
        self.check("NEWLY FIXED", 1, 1, [case("pass")], ("64", None))
        self.check("skip", 3, 3, [case("skip"), case("skip", "32")], *both_open)
        self.check("skip 32", 0, 0, [case("pass"), case("skip", "32")])
        self.check("error", 1, 1, [case("pass"), case("error", name="late_read.x.y")])
        self.check("FAIL", 0, 1, [case("fail")], version=None)

    def test_control_case_alone_is_no_pass(self) -> None:
        for name in ("late_read.reference_udp4.after", "late_read.udp4.reference_after"):
            self.check("skip", 3, 3, [case("skip"), case("pass", name=name)], ("64", None))
            self.check("skip", 3, 3, [case("pass", name=name)], ("64", None))
            self.check("skip 32", 0, 0, [case("pass"), case("pass", "32", name=name)])

    def test_control_case_fails(self) -> None:
        self.check("REGRESSION", 1, 1,
                   [case("fail"), case("fail", name="late_read.udp4.reference_after")],
                   ("64", None))

    def test_opcode_from_name(self) -> None:
        self.assertEqual([result.opcode(name)
                          for name in ("l.udp4_zc_quic.retry", "l.udp4_sendmsg.retry", "l.zcx.y")],
                         ["sendmsg_zc", "sendmsg", "sendmsg"])
        self.assertEqual([result.opcode(name)
                          for name in ("e.unix_dgram_send.full", "u.failed_send_zc.link",
                                       "m.seqpacket_recvmsg.waitall", "r.zc.short_send")],
                         ["send", "send_zc", "recvmsg", "sendmsg_zc"])
        flags = ("r.tcp_trunc_recv.waitall", "r.tcp_peek_recv.waitall")
        self.assertEqual([result.opcode(name) for name in flags], ["recv_trunc", "recv"])
        named = ("buffers.stuck_length_ring_recv.same", "buffers.zc_pieces_sendmsg_zc.same")
        self.assertEqual([result.opcode(name) for name in named], ["stuck-length", "zc-pieces"])

    def test_defects_that_share_a_column(self) -> None:
        """The cell says the worst of them, the details have a line for each."""
        failed = {"eaten_data.unix.full": "eaten-data",
                  "rewritten_name.send.port": "rewritten-name"}
        cases = [Case(name.partition(".")[0], "64", name, "fail", "why") for name in failed]
        cases.append(Case("used_up_control", "64", "used_up_control.a.early", "pass"))
        text = report.text([row(cases)])
        head, cells, *_ = text.splitlines()
        self.assertEqual(head.split()[2:], ["lost-pointer", "wrong-length", "late-read",
                                            "sends", "receives", "other", "time"])
        self.assertEqual(cells.split()[-5:-2], ["REGRESSION", "pass", "-"])
        self.assertEqual([line.split(":")[1].split(",")[0].strip() for line in text.splitlines()
                          if line.startswith("  REGRESSION")], list(failed))
        self.assertEqual(report.topics([row(cases)])[4:],
                         ("eaten-data", "rewritten-name", "used-up-control", "other"))

    def test_text(self) -> None:
        text = report.text(
            [row([case("fail", name="late_read.zc.after"), case("pass", "32")], ("64", None))])
        self.assertEqual(text, """\
kernel  version  lost-pointer  wrong-length  late-read       repeated-control  other  time
k       6.1.86   -             -             FAIL 64 (open)  -                 -      12 s

k
  FAIL 64 (open): late_read.zc.after, one of 1
    why fail
    commit: no release has one; patches/mainline has a fix
    scripts/qa run --kernels debian:6.1.86 --program late_read --abi 64
  by hand: scripts/qa shell debian:6.1.86

1 kernel: 1 failed; 0 cases that the table does not predict
""")

    def test_by_hand_in_the_same_guest(self) -> None:
        one = replace(row([case("fail")], version=None),
                      command="scripts/qa run --arch arm64 --memory 2G --kernels 'dir:/a run' "
                      "--nic e1000e:ssh")
        self.assertIn("\n  by hand: scripts/qa shell --arch arm64 --memory 2G 'dir:/a run' --nic "
                      "e1000e:ssh\n", report.text([one]))
        live = replace(one, command="scripts/qa run --live --arch arm64 --kernels debian:6.12")
        self.assertIn("\n  by hand: scripts/qa shell --arch arm64 debian:6.12\n",
                      report.text([live]))
        for other in (replace(one, origin="running"), replace(one, outcome="did-not-build")):
            self.assertNotIn("by hand", report.text([other]))

    def test_text_with_nics(self) -> None:
        late, copied = "late_read.udp4_zc.after", "zero_copy.udp4_zc.report"
        nics = [row([Case("nic", "64", late, "fail", "late-read: why"),
                     Case("nic", "64", copied, "pass"),
                     Case("nic", "64", "delivery.udp4.plain", "pass")], ("64", None)),
                row([Case("nic", "32", late, "pass"),
                     Case("nic", "32", copied, "fail", "not-zero-copy: copied")])]
        for whole, word in zip(nics, ("virtio-net", "e1000e:ssh")):
            whole.nic, whole.nic_info = word, f"{word} on a bus"
        lacks = replace(row([]), nic="igb", outcome="not-run",
                        reason="the kernel has no driver for igb")
        self.assertEqual(report.text([row([case("pass")]), *nics, lacks]), """\
kernel  version  nic         lost-    wrong-   late-read    repeated-  not-zero-   other    time
                             pointer  length                control    copy
k       6.1.86   lo          -        -        pass         -          -           -        12 s
k       6.1.86   virtio-net  -        -        FAIL (open)  -          pass        pass     12 s
k       6.1.86   e1000e:ssh  -        -        pass         -          REGRESSION  -        12 s
k       6.1.86   igb         not-run  not-run  not-run      not-run    not-run     not-run  12 s

k e1000e:ssh
  e1000e:ssh on a bus
  REGRESSION 32: zero_copy.udp4_zc.report, one of 1
    not-zero-copy: copied
    scripts/qa run --kernels debian:6.1.86 --program nic --abi 32
  by hand: scripts/qa shell debian:6.1.86

k virtio-net
  virtio-net on a bus
  FAIL 64 (open): late_read.udp4_zc.after, one of 1
    late-read: why
    commit: no release has one; patches/mainline has a fix
    scripts/qa run --kernels debian:6.1.86 --program nic --abi 64
  by hand: scripts/qa shell debian:6.1.86

k igb
  not-run: the kernel has no driver for igb
    scripts/qa run --kernels debian:6.1.86

4 runs: 1 passed, 2 failed, 1 not-run; 1 case that the table does not predict
""")


class Golden(unittest.TestCase):
    def test_text(self) -> None:
        """Failures first; scripts/qa report run-new, in data."""
        text = report.text(Folder.read(DATA / "run-new").results, "run-new")
        self.assertEqual(text, (DATA / "run-new.text").read_text())

    def test_json(self) -> None:
        results = Folder.read(DATA / "run-new").results
        told = json.loads("".join(report.as_json(results)))
        self.assertEqual(told, [asdict(result) for result in results])


class Warned(unittest.TestCase):
    lines = ["WARNING: CPU: 0 PID: 1 at x.c:1 x+0x1/0x2", "refcount_t: underflow; use-after-free."]

    def test_status(self) -> None:
        warned = replace(row([case("pass")]), outcome="warned", warnings=self.lines)
        self.assertEqual((result.status([warned], False), result.status([warned], True)), (1, 1))
        # a failure that is predicted does not hide it
        known = replace(row([case("fail")], ("64", None)), warnings=self.lines)
        self.assertEqual((known.outcome, result.status([known], False)), ("failed", 1))
        nothing = row([case("skip")])
        self.assertEqual(result.status([nothing, row([case("pass")])], False), 3)
        self.assertEqual(result.status([replace(nothing, warnings=self.lines)], False), 1)
        # what should have run and did not is no fault of the place
        self.assertEqual(result.status([row([case("error")])], False), 1)

    def test_text(self) -> None:
        warned = replace(row([case("pass")]), outcome="warned", reason=self.lines[0],
                         warnings=self.lines)
        known = replace(row([case("fail")], ("64", None)), kernel="l", warnings=self.lines)
        deaf = replace(row([case("pass")]), kernel="m", origin="running",
                       unheard="/dev/kmsg: Operation not permitted")
        self.assertEqual(report.text([warned, known, deaf], "r"), """\
kernel  version  lost-pointer  wrong-length  late-read    repeated-control  other  warned  time
k       6.1.86   -             -             pass         -                 -      WARNED  12 s
l       6.1.86   -             -             FAIL (open)  -                 -      WARNED  12 s
m       6.1.86   -             -             pass         -                 -      ?       12 s

k
  warned: WARNING: CPU: 0 PID: 1 at x.c:1 x+0x1/0x2
    refcount_t: underflow; use-after-free.
    log: r/k/console.log
    scripts/qa run --kernels debian:6.1.86
  by hand: scripts/qa shell debian:6.1.86

l
  the kernel warned:
    WARNING: CPU: 0 PID: 1 at x.c:1 x+0x1/0x2
    refcount_t: underflow; use-after-free.
    log: r/l/console.log
  FAIL 64 (open): late_read.udp4.after, one of 1
    why fail
    commit: no release has one; patches/mainline has a fix
    log: r/l/ktap.log
    scripts/qa run --kernels debian:6.1.86 --program late_read --abi 64
  by hand: scripts/qa shell debian:6.1.86

m
  whether the kernel warned is not known: /dev/kmsg: Operation not permitted

3 kernels: 1 warned, 1 failed, 1 passed; 0 cases that the table does not predict; """
                         "the kernel warned in 2\n")

    def test_ran_nothing_says_why_once(self) -> None:
        text = report.text([row([case("skip"), case("skip", "32")])])
        self.assertEqual(text.partition("\n\n")[2], """\
k
  ran-nothing: why skip
    scripts/qa run --kernels debian:6.1.86
  by hand: scripts/qa shell debian:6.1.86

1 kernel: 1 ran-nothing; 0 cases that the table does not predict
""")


class Files(unittest.TestCase):
    def test_round_trip_and_half_files(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            home = Path(name) / "k"
            home.mkdir()
            whole = row([case("fail"), case("pass", "32")], ("64", None))
            path = home / "results.json"
            result.write(whole, path)
            self.assertEqual(folder.whole(path), whole)
            self.assertEqual(Folder.read(Path(name)).results, [whole])
            path.write_text(path.read_text()[:200])
            self.assertIsNone(folder.whole(path))
            path.write_text(json.dumps({"cases": []}))
            self.assertIsNone(folder.whole(path))

    def test_old_files_are_read(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "results.json"
            whole = row([case("fail")], ("64", None))
            result.write(whole, path)
            data = json.loads(path.read_text())
            for old in (data, *data["cases"]):
                del old["nic"]
            del data["nic_info"], data["started"], data["warnings"], data["unheard"]
            path.write_text(json.dumps(data))
            self.assertEqual(folder.whole(path), whole)

    def test_old_verdicts_are_brought_up_to_date(self) -> None:
        """Older versions called it passed when the kernel warned,
        or when control cases alone ran."""
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "results.json"
            reference = case("pass", name="late_read.reference_udp4.after")
            for cases, console, now in (([case("pass")],
                                         "WARNING: CPU: 0 PID: 1 at x.c:1 x+0x1/0x2\n", "warned"),
                                        ([case("pass")],
                                         "WARNING: Flushing system-wide workqueues\n", "passed"),
                                        ([case("skip"), reference], "", "ran-nothing")):
                data = asdict(replace(row(cases), outcome="passed", reason=""))
                del data["warnings"], data["unheard"]
                path.write_text(json.dumps(data))
                path.with_name(folder.CONSOLE).write_text(console)
                found = folder.whole(path)
                assert found
                self.assertEqual((found.outcome, bool(found.reason), len(found.warnings)),
                                 (now, now != "passed", now == "warned"))

    def test_order(self) -> None:
        named = [replace(row([], version=version), kernel=kernel, nic=nic)
                 for kernel, version, nic in (
                     ("6.1.0-50-cloud", "6.1.176", ""), ("6.1.0-50-cloud", "6.1.176", "virtio-net"),
                     ("6.1.0-50", "6.1.176", "e1000e"), ("6.1.0-50-cloud", "6.1.176", "vmxnet3"),
                     ("6.1.0-50", "6.1.176", "e1000e:ssh"), ("7.3.4-cloud", "7.3.4", ""))]
        self.assertEqual(sorted(reversed(named), key=result.age), named)

    def test_what_could_not_run_is_3(self) -> None:
        out = replace(row([]), outcome="not-run", complete=False)
        self.assertEqual(result.status([row([case("pass")]), out], False), 3)
        self.assertEqual(result.status([], False), 3)

    def test_no_driver_is_no_failure(self) -> None:
        lacks = replace(row([]), outcome="not-run", nic="igb")
        self.assertEqual(result.status([row([case("pass")]), lacks], True), 0)
        self.assertEqual(result.status([lacks], False), 3)


if __name__ == "__main__":
    unittest.main()
