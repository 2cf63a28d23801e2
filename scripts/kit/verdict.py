"""From the cases of a log to a verdict: each beside its prediction,
and what became of the kernel."""

from collections import Counter
from collections.abc import Sequence

from .base import splat
from .series.fixes import Defect
from .kernel.kernel import Kernel
from .base.ktap import NOT_ZERO_COPY, Case, subject
from .report.result import (
    DEFECTS, ONLY_REFERENCES, OTHER, CaseResult, Outcome, Verdict, is_reference, opcode, tried)
from .guest.vm import Run


def judge(case: Case, kernel: Kernel, defects: dict[str, Defect], command: str,
          through: str = "") -> CaseResult:
    """Puts a case, through a NIC or loopback, beside what the table of fixes predicts
    for the kernel."""
    name = subject(case.program, case.name)
    defect = defects.get(name)
    because = ""
    predicted = "pass" if kernel.version or kernel.present is not None else ""
    if defect and not is_reference(case.name):
        if kernel.present is not None:
            because = defect.expected_of(opcode(case.name), case.abi, kernel.version,
                                         kernel.present) or ""
        elif kernel.version:
            because = defect.expected(opcode(case.name), case.abi, kernel.version) or ""
        predicted = "fail" if because else predicted
    return CaseResult(kernel.label, str(kernel.version or "unknown"), kernel.package, case.abi,
                      name if name in (*DEFECTS, NOT_ZERO_COPY) else OTHER, case.name, case.status,
                      predicted, _verdict(case.status, predicted), because, case.reason,
                      case.seconds, f"{command} --program {case.program} --abi {case.abi}", through,
                      case.note)


def _verdict(status: str, predicted: str) -> Verdict:
    if status == "pass":
        return "NEWLY FIXED" if predicted == "fail" else "pass"
    if status == "fail":
        return "known" if predicted == "fail" else "REGRESSION" if predicted == "pass" else "fail"
    return "skip" if status == "skip" else "error"


def outcome(cases: Sequence[Case], run: Run | None, log: str = "") -> tuple[Outcome, str]:
    """What became of a kernel, and a line on why; run is None without a VM, `log`
    is then what its kernel said."""
    if run:
        log = run.console
        ended = _cut_short(run)
        if ended:
            return ended
    failed = [case for case in cases if case.status == "fail"]
    if not failed and not tried((subject(case.program, case.name), case.name, case.status)
                                for case in cases):
        return "ran-nothing", _nothing(cases)
    failed += [case for case in cases if case.status == "error"]
    if failed:
        return "failed", failed[0].reason
    warnings = splat.lines(log)
    if warnings:
        return "warned", warnings[0]
    return "passed", ""


def _cut_short(run: Run) -> tuple[Outcome, str] | None:
    """The outcome and reason of a guest that did not come to its end; None for one that did."""
    panic = splat.panic(run.console)
    if not any("# kit: started" in line for _, line in run.lines):
        last = run.console.strip().splitlines()
        return "did-not-boot", (panic or (run.ended if run.ended.startswith(("QEMU", "UML"))
                                          else f"last on the console: {last[-1]}" if last
                                          else "nothing on the console: no driver for an 8250 "
                                          "port, or a broken image"))
    if panic:
        return "panicked", panic
    if run.ended or not any("# kit: done" in line for _, line in run.lines):
        why = {"silence": "no sign of life", "overall": "out of time", "": "the guest ended early"}
        return "hung", why.get(run.ended, run.ended)
    return None


def _nothing(cases: Sequence[Case]) -> str:
    """Why no case ran, as most of those say that should have."""
    for status in ("error", "skip"):
        reasons = Counter(case.reason for case in cases if case.status == status)
        if reasons:
            return reasons.most_common(1)[0][0]
    return "the log has no case" if not cases else ONLY_REFERENCES
