"""For tests: results that are hard to report, since there are many or since their text is hostile.

Tested by test_many.
"""

from dataclasses import replace
from pathlib import Path

from kit.report.folder import Folder
from kit.report.result import KernelResult

DATA = Path(__file__).parent / "data"
# What markup, attributes, JSON in a script, terminals and encoders trip over
HOSTILE = ("</script><!--<script>alert(1)</script>]]>&amp;\"' onload=x "
           "\0\x1b[31m\ud800\uffff\u2028é\U0001f600\r\n\ttwo")


def run_new() -> list[KernelResult]:
    """The results in data/run-new: each outcome and verdict, loopback and a NIC."""
    return Folder.read(DATA / "run-new").results


def warned() -> list[KernelResult]:
    """Three kernels with the same cases: one passed, one warned while all passed, one warned
    where one failed."""
    good = next(result for result in run_new() if result.kernel == "7.2.13+deb14-cloud")
    lines = ["WARNING: CPU: 0 PID: 77 at io_uring/net.c:1 io_sendmsg_zc+0x1/0x2",
             "refcount_t: underflow; use-after-free."]
    return [replace(good, outcome="passed", reason=""),
            replace(good, kernel="w", outcome="warned", reason=lines[0], warnings=lines),
            replace(good, kernel="f", outcome="failed", warnings=lines)]


def many(kernels: int, cases: int) -> list[KernelResult]:
    """So many kernels with so many cases each, of all verdicts."""
    base = run_new()[0]
    told = [replace(base.cases[number % len(base.cases)],
                    test=f"{base.cases[number % len(base.cases)].test}_{number}")
            for number in range(cases)]
    return [replace(base, kernel=f"6.{number // 100}.{number % 100}-cloud",
                    version=f"6.{number // 100}.{number % 100}",
                    cases=told) for number in range(kernels)]


def hostile() -> list[KernelResult]:
    """Results with HOSTILE in every field that is free text."""
    results = []
    for result in run_new():
        cases = [replace(case, kernel=HOSTILE, package=HOSTILE, test=f"{case.test}.{HOSTILE}",
                         reason=HOSTILE, because=case.because and HOSTILE, note=HOSTILE,
                         command=f"{HOSTILE} --program {case.program}")
                 for case in result.cases]
        results.append(replace(result, kernel=HOSTILE, version=HOSTILE, package=HOSTILE,
                               package_version=HOSTILE, reason=HOSTILE, command=HOSTILE,
                               nic=HOSTILE, nic_info=HOSTILE, accelerator=HOSTILE, unheard=HOSTILE,
                               warnings=[HOSTILE, HOSTILE], cases=cases))
    return results
