"""What came of a kernel: its outcome, each case beside its prediction, and results.json.

results.json holds one object: the fields of KernelResult, `cases` a list of objects with the fields of CaseResult.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from . import nic, version
from .fixes import Defect
from .kernel import Kernel
from .ktap import NOT_ZERO_COPY, Case, subject
from .vm import Run

Outcome = Literal["did-not-build", "did-not-boot", "panicked", "hung", "ran-nothing", "failed", "passed", "not-run"]
Verdict = Literal["pass", "known", "REGRESSION", "NEWLY FIXED", "fail", "skip", "error"]

DEFECTS = ("lost-pointer", "wrong-length", "late-read", "repeated-control")
OTHER = "other"                        # the column of programs that are about no defect


@dataclass(frozen=True)
class CaseResult:
    """One case on one kernel, with all that is needed to read it alone."""

    kernel: str
    version: str
    package: str
    abi: str
    defect: str                        # a name of DEFECTS, NOT_ZERO_COPY or OTHER
    test: str                          # fixture.variant.test
    outcome: str                       # pass, fail, skip or error, as the log says
    predicted: str                     # pass, fail, or "" when nothing is known of the kernel
    verdict: Verdict                   # the two put together
    because: str                       # of a predicted failure: "open" or "fix: <release>"
    reason: str
    seconds: float | None
    command: str                       # reproduces it
    nic: str = ""                      # what it went through; "" for loopback
    note: str = ""                     # what was seen of the sends on it, as ktap.Case has it

    @property
    def program(self) -> str:
        """The test program, without its _32; the fixture where the command does not name one."""
        _, found, rest = self.command.rpartition(" --program ")
        return rest.partition(" ")[0] if found else self.test.partition(".")[0]

    @property
    def reference(self) -> bool:
        """Whether this is a control case, which must pass everywhere."""
        return is_reference(self.test)


@dataclass
class KernelResult:
    """One row of the matrix. `complete` is False for what --resume must do again.

    "not-run" and complete is a kernel without a driver for the NIC: it says nothing of the kernel.
    """

    kernel: str
    version: str
    package: str
    package_version: str
    origin: str
    accelerator: str
    outcome: Outcome
    reason: str
    seconds: float
    command: str
    complete: bool = True
    cases: list[CaseResult] = field(default_factory=list)
    nic: str = ""                      # "" for loopback
    nic_info: str = ""                 # what the guest and the host say of it
    started: str = ""                  # when the test began, as RFC 3339 has it, in UTC; "" where it did not
    arch: str = "amd64"                # as Debian calls it

    @property
    def folder(self) -> str:
        """The name of its folder in the results folder, where ktap.log and console.log are."""
        return folder(self.kernel, self.nic)

    @property
    def impossible(self) -> bool:
        """Whether this kernel cannot have this NIC at all."""
        return self.outcome == "not-run" and self.complete

    @property
    def surprising(self) -> bool:
        """Whether the table does not predict this: what exit status 1 stands for."""
        return (self.outcome not in ("passed", "failed") and not self.impossible
                or any(case.verdict in ("REGRESSION", "NEWLY FIXED", "error") for case in self.cases))


def folder(kernel: str, nic: str) -> str:
    """The name of the folder for a kernel by its label and a NIC by its word, "" for loopback."""
    return kernel + (f"+{nic.replace(':', '-')}" if nic else "")


def is_reference(name: str) -> bool:
    """Whether a case is a control case: a part of fixture.variant.test starts with "reference"."""
    return any(part.startswith("reference") for part in name.split("."))


def opcode(name: str) -> str:
    """"sendmsg_zc" for cases that carry the word zc, else "sendmsg"."""
    return "sendmsg_zc" if "zc" in re.split(r"[._]", name) else "sendmsg"


def judge(case: Case, kernel: Kernel, defects: dict[str, Defect], command: str, through: str = "") -> CaseResult:
    """Puts a case, through a NIC or loopback, beside what the table of fixes predicts for the kernel."""
    name = subject(case.program, case.name)
    defect = defects.get(name)
    because = ""
    predicted = "pass" if kernel.version or kernel.present is not None else ""
    if defect and not is_reference(case.name):
        if kernel.present is not None:
            because = defect.expected_of(opcode(case.name), case.abi, kernel.version, kernel.present) or ""
        elif kernel.version:
            because = defect.expected(opcode(case.name), case.abi, kernel.version) or ""
        predicted = "fail" if because else predicted
    return CaseResult(kernel.label, str(kernel.version or "unknown"), kernel.package, case.abi,
                      name if name in (*DEFECTS, NOT_ZERO_COPY) else OTHER, case.name, case.status,
                      predicted, _verdict(case.status, predicted), because, case.reason, case.seconds,
                      f"{command} --program {case.program} --abi {case.abi}", through, case.note)


def _verdict(status: str, predicted: str) -> Verdict:
    if status == "pass":
        return "NEWLY FIXED" if predicted == "fail" else "pass"
    if status == "fail":
        return "known" if predicted == "fail" else "REGRESSION" if predicted == "pass" else "fail"
    return "skip" if status == "skip" else "error"


def outcome(cases: Sequence[Case], run: Run | None) -> tuple[Outcome, str]:
    """What became of a kernel, and a line on why; run is None without a VM."""
    if run:
        started = any("# kit: started" in line for _, line in run.lines)
        done = any("# kit: done" in line for _, line in run.lines)
        panic = re.search(r"Kernel panic - not syncing: (.*)", run.console)
        if not started:
            last = run.console.strip().splitlines()
            return "did-not-boot", (panic[1] if panic else run.ended if run.ended.startswith("QEMU")
                                    else f"last on the console: {last[-1]}" if last
                                    else "nothing on the console: no driver for an 8250 port, or a broken image")
        if panic:
            oops = re.search(r"(BUG: .*|Oops: .*|general protection fault.*|kernel BUG at .*)", run.console)
            return "panicked", oops[1] if oops else panic[1]
        if run.ended or not done:
            why = {"silence": "no sign of life", "overall": "out of time", "": "the guest ended early"}
            return "hung", why.get(run.ended, run.ended)
    if all(case.status in ("skip", "error") for case in cases):
        return "ran-nothing", cases[0].reason if cases else "the log has no case"
    if any(case.status in ("fail", "error") for case in cases):
        return "failed", next(case.reason for case in cases if case.status in ("fail", "error"))
    return "passed", ""


def write(result: KernelResult, path: Path) -> None:
    """Writes results.json, all or nothing."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(asdict(result), indent=1) + "\n")
    partial.rename(path)


def age(result: KernelResult) -> tuple[version.Version, str, tuple[bool, int, str], str]:
    """Sorts results by kernel version, oldest first; a cloud kernel and the generic one beside it by their NICs."""
    try:
        number = version.parse(result.version)
    except ValueError:
        number = version.Version(0, 0, 0, 0)
    return number, result.kernel.removesuffix("-cloud"), nic.rank(result.nic), result.kernel


def status(results: Iterable[KernelResult], strict: bool) -> int:
    """The exit status: 0, 1 for a surprise (with strict: for any failure), 3 for what could not run."""
    results = list(results)
    if any(result.surprising and result.outcome != "not-run" or
           strict and any(case.outcome in ("fail", "error") for case in result.cases) for result in results):
        return 1
    # A kernel without a driver for a NIC is no trouble, unless nothing else was asked for
    ran = [result for result in results if not result.impossible]
    return 3 if not ran or any(result.outcome == "not-run" for result in ran) else 0
