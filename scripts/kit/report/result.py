"""What came of a kernel, as reports read it: its outcome, its cases, and results.json.

results.json holds one object: the fields of KernelResult, `cases` a list of objects
with the fields of CaseResult.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from ..base import splat, version
from ..base.ktap import NOT_ZERO_COPY

Outcome = Literal["did-not-build", "did-not-boot", "panicked", "hung", "ran-nothing", "failed",
                  "warned", "passed", "not-run"]
Verdict = Literal["pass", "known", "REGRESSION", "NEWLY FIXED", "fail", "skip", "error"]

# By what they are about: control messages of sends, sends as a whole, receives
CONTROL = ("lost-pointer", "wrong-length", "late-read", "repeated-control")
SENDS = ("cut-control", "late-file", "eaten-data", "rewritten-name", "unannounced-notification",
         "fastopen-unfinished", "repeated-id")
RECEIVES = ("used-up-control", "grown-name", "repeated-peek", "merged-records", "lost-error")
BUFFERS = ("buffers",)                 # of several names, which its cases begin with
DEFECTS = (*CONTROL, *SENDS, *RECEIVES, *BUFFERS)
OTHER = "other"                        # the column of programs that are about no defect
FINISHED = ("passed", "failed")        # outcomes of a kernel that came to its end
                                       # and did not complain
NICS = ("virtio-net", "e1000e", "vmxnet3", "igb")      # in the order in which rows are shown
ONLY_REFERENCES = "only control cases ran, none of the defect's own"


@dataclass(frozen=True)
class CaseResult:
    """One case on one kernel, with everything needed to read it on its own."""

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
    engine: str = ""                   # what ran its kernel: kvm, tcg or uml; "" for the host's own

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
    started: str = ""                  # when the test began, as RFC 3339 has it, in UTC;
                                       # "" where it did not
    arch: str = "amd64"                # as Debian calls it
    # what the kernel said that it says when something is wrong
    warnings: list[str] = field(default_factory=list)
    unheard: str = ""                  # why nobody could read what it said; "" where it was read

    @property
    def folder(self) -> str:
        """The name of its folder in the results folder, where ktap.log and console.log are."""
        return folder(self.kernel, self.nic)

    @property
    def impossible(self) -> bool:
        """Whether this kernel cannot have this NIC at all."""
        return self.outcome == "not-run" and self.complete

    @property
    def unable(self) -> bool:
        """Whether nothing was tried, or could be, and nothing went wrong:
        what exit status 3 stands for."""
        return self.outcome == "not-run" or (self.outcome == "ran-nothing" and not self.warnings
                                             and all(case.verdict == "skip" or case.reference and
                                                     case.verdict == "pass" for case in self.cases))

    @property
    def surprising(self) -> bool:
        """Whether the table does not predict this; unless it was `unable`, it
        is what exit status 1 stands for."""
        return (self.outcome not in FINISHED and not self.impossible or bool(self.warnings)
                or any(case.verdict in ("REGRESSION", "NEWLY FIXED", "error")
                       for case in self.cases))


def folder(kernel: str, nic: str) -> str:
    """The name of the folder for a kernel by its label and a NIC by its word, "" for loopback."""
    return kernel + (f"+{nic.replace(':', '-')}" if nic else "")


def is_reference(name: str) -> bool:
    """Whether a case is a control case: a part of fixture.variant.test starts with "reference"."""
    return any(part.startswith("reference") for part in name.split("."))


def opcode(name: str) -> str:
    """What a case of that name calls: an opcode that its variant names, such as send_zc,
    else sendmsg or sendmsg_zc.

    With MSG_TRUNC it is an opcode of its own, recv_trunc: kernels differ in that flag alone.
    A case of buffers has the name in place of it that it begins with, such as stuck-length.
    """
    if name.startswith("buffers."):
        return "-".join(name.split(".")[1].split("_")[:2])
    words = name.split(".")[-2:][0].split("_")
    plain = next((word for word in ("send", "recv", "recvmsg") if word in words), "sendmsg")
    plain += "_trunc" if "trunc" in words else ""
    return f"{plain}_zc" if "zc" in re.split(r"[._]", name) else plain


def tried(cases: Iterable[tuple[str, str, str]]) -> bool:
    """Whether any defect was put to the test, by (subject or column, name, status) of the cases.

    Control cases alone say nothing, nor do programs about no defect where others should have run.
    """
    told = [(about in (*DEFECTS, NOT_ZERO_COPY), status)
            for about, name, status in cases if not is_reference(name)]
    asked = any(about for about, _ in told)
    return any(status in ("pass", "fail") for about, status in told if about or not asked)


def settle(result: KernelResult, log: str) -> None:
    """Brings what an older version wrote up to date: its kernel's warnings and what these
    and its cases come to."""
    result.warnings = splat.lines(log)
    if result.outcome not in FINISHED or any(case.outcome == "fail" for case in result.cases):
        return
    if not tried((case.defect, case.test, case.outcome) for case in result.cases):
        result.outcome = "ran-nothing"
        result.reason = result.reason or next((case.reason for case in result.cases
                                               if case.outcome == "skip"),
                                              ONLY_REFERENCES)
    elif result.outcome == "passed" and result.warnings:
        result.outcome, result.reason = "warned", result.warnings[0]


def write(result: KernelResult, path: Path) -> None:
    """Writes results.json, all or nothing."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(asdict(result), indent=1) + "\n")
    partial.rename(path)


def age(result: KernelResult) -> tuple[version.Version, str, tuple[bool, int, str], str]:
    """Sorts results by kernel version, oldest first; a cloud kernel and the generic one beside it
    by their NICs."""
    try:
        number = version.parse(result.version)
    except ValueError:
        number = version.Version(0, 0, 0, 0)
    return number, result.kernel.removesuffix("-cloud"), rank(result.nic), result.kernel


def rank(word: str) -> tuple[bool, int, str]:
    """Sorts rows of a kernel by their NICs: loopback, the models,
    then those with a second guest."""
    model, colon, _ = word.partition(":")
    return bool(colon), 1 + NICS.index(model) if model in NICS else 0, word


def status(results: Iterable[KernelResult], strict: bool) -> int:
    """The exit status: 0, 1 for a surprise (with strict:
    for any failure), 3 for what could not run."""
    results = list(results)
    if any(result.surprising and not result.unable or
           strict and any(case.outcome in ("fail", "error") for case in result.cases)
           for result in results):
        return 1
    # A kernel without a driver for a NIC is no trouble, unless nothing else was asked for
    ran = [result for result in results if not result.impossible]
    return 3 if not ran or any(result.unable for result in ran) else 0
