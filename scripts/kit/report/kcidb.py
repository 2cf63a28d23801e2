"""KCIDB's JSON, schema v5.3 (kcidb_io/schema/v05_03.py of kernelci/kcidb-io):
checkouts, builds and tests.

Ids are the same each time that one results folder is reported,
so that what was submitted twice is there once.
"""

import functools
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from . import cure
from ..base.error import Usage
from .excerpt import LIMIT, Excerpts, shortened
from ..base.markup import clean
from .result import CaseResult, KernelResult

VERSION = {"major": 5, "minor": 3}
ORIGIN = "io_uring_reissue"            # who reports, unless --origin says otherwise
ROOT = "kselftest.io_uring"            # the path of all tests, as KernelCI names selftests

# Debian's name -> KCIDB's, which is the kernel's; others are the same
_ARCHITECTURE = {"amd64": "x86_64", "s390x": "s390", "riscv64": "riscv", "ppc64el": "powerpc"}
_STATUS = {"pass": "PASS", "fail": "FAIL", "skip": "SKIP", "error": "ERROR"}
_WHOLE = {"did-not-boot": "MISS", "not-run": "MISS", "panicked": "FAIL", "hung": "ERROR",
          "ran-nothing": "ERROR", "warned": "FAIL"}
_NEVER_RAN = re.compile(r"case \d+ of \d+")    # ktap's name for what was planned and did not begin


def document(results: Sequence[KernelResult], folder: Path, origin: str = ORIGIN) -> Iterator[str]:
    """The document in pieces, one object a line.

    Raises Usage for an origin that KCIDB does not take.
    """
    if not re.fullmatch(r"[a-z0-9_]+", origin):
        raise Usage(f"--origin {origin}: only a-z, 0-9 and _; KernelCI gives it to who submits")
    return _pieces(results, folder, origin)


def _pieces(results: Sequence[KernelResult], folder: Path, origin: str) -> Iterator[str]:
    yield f'{{"version": {json.dumps(VERSION)}'
    kernels: dict[str, KernelResult] = {}
    for result in results:
        kernels.setdefault(_kernel_id(result, origin), result)
    yield from _list("checkouts",
                     (_checkout(key, result, origin) for key, result in kernels.items()))
    yield from _list("builds", (_build(key, result, origin) for key, result in kernels.items()))
    logs = Excerpts(folder)
    yield from _list("tests", (test for result in results for test in _tests(result, logs, origin)))
    yield "\n}\n"


def _list(name: str, items: Iterator[str]) -> Iterator[str]:
    between = f',\n"{name}": [\n'
    for item in items:
        yield between + item
        between = ",\n"
    yield "\n]" if between == ",\n" else f"{between}]"


@functools.lru_cache(100_000)
def path(program: str, abi: str, test: str) -> str:
    """The path of a case in KCIDB's tree of tests, such as
    kselftest.io_uring.late_read_32.late_read.udp4.after."""
    parts = [program + ("_32" if abi == "32" else "")]
    if test != program:                # which is what became of a program as a whole
        parts += test.split(".")
    return ".".join((ROOT, *(re.sub(r"[^A-Za-z0-9_-]", "_", part) for part in parts if part)))


def status(case: CaseResult) -> str:
    """KCIDB's word for what came of a case: MISS is one that should have run and did not begin."""
    if case.outcome == "error" and (case.reason == "never started"
                                    or _NEVER_RAN.fullmatch(case.test)):
        return "MISS"
    return _STATUS[case.outcome]


def _object(fields: dict[str, Any]) -> str:
    """A JSON object of the fields that are not empty."""
    return json.dumps(
        {name: value for name, value in fields.items() if value not in ("", None, {})})


def _kernel_id(result: KernelResult, origin: str) -> str:
    return f"{origin}:" + clean("-".join(filter(None, (result.kernel, result.package_version))))


def _checkout(key: str, result: KernelResult, origin: str) -> str:
    # A package names no commit of a repository; the release that it was made from it does
    name = f"v{result.version}" if result.origin == "debian" and result.version != "unknown" else ""
    return _object({
        "id": key, "origin": origin, "git_commit_name": clean(name), "start_time": result.started,
        "valid": True, "comment": clean(
            " ".join(filter(None, (result.package, result.package_version))) or result.kernel),
        "misc": {"kernel": clean(result.kernel), "version": clean(result.version),
                 "origin": clean(result.origin)}})


def _build(key: str, result: KernelResult, origin: str) -> str:
    failed = result.outcome == "did-not-build"
    return _object({"id": key, "checkout_id": key, "origin": origin,
                    "architecture": _ARCHITECTURE.get(result.arch, result.arch),
                    "status": "FAIL" if failed else "PASS",
                    "comment": clean(result.package or result.kernel),
                    "log_excerpt": clean(shortened(result.reason, LIMIT)) if failed else ""})


def _tests(result: KernelResult, logs: Excerpts, origin: str) -> Iterator[str]:
    key = _kernel_id(result, origin)
    run = f"{origin}:{clean(result.folder)}:{_digest(result)}"
    engine = ("User Mode Linux" if result.accelerator == "uml"
              else f"QEMU {result.accelerator}".rstrip())
    where = "the host itself" if result.origin == "running" else engine
    environment: dict[str, Any] = {"comment": clean(f"{where}, {result.nic or 'loopback'}"),
                   "misc": {"nic": clean(result.nic or "lo")}}
    if result.nic_info:
        environment["misc"]["nic_info"] = clean(result.nic_info)
    if result.unheard:
        environment["misc"]["kernel_log"] = clean(f"not read: {result.unheard}")
    same = _object({"build_id": key, "origin": origin, "environment": environment,
                    "start_time": result.started})[:-1]
    if result.outcome in _WHOLE or result.warnings:
        yield f"{same}, " + _object({
            "id": f"{run}:{ROOT}", "path": ROOT, "duration": result.seconds,
            "status": "SKIP" if result.impossible else _WHOLE.get(result.outcome, _WHOLE["warned"]),
            "comment": clean(f"{result.outcome}: {result.reason}" if result.outcome in _WHOLE else
                             f"warned: {result.warnings[0]}"),
            "log_excerpt": clean(logs.console(result)),
            "misc": {"outcome": result.outcome, "command": clean(result.command),
                     **({"warnings": [clean(line) for line in result.warnings]}
                        if result.warnings else {})}})[1:]
    seen: dict[str, int] = {}
    for case in result.cases:
        where = path(case.program, case.abi, case.test)
        seen[where] = seen.get(where, 0) + 1
        again = f":{seen[where]}" if seen[where] > 1 else ""
        told = cure.told(case)
        misc = {"note": clean(case.note)} if case.verdict == "pass" else {
            "verdict": case.verdict, "predicted": case.predicted, "because": case.because,
            "defect": case.defect, "abi": case.abi, "commit": clean(told.commit),
            "note": clean(case.note), "command": clean(case.command)}
        yield f"{same}, " + _object({
            "id": f"{run}:{where}{again}", "path": where, "status": status(case),
            "duration": case.seconds, "comment": clean(told.reason),
            "log_excerpt": clean(logs.case(result, case))
            if case.outcome in ("fail", "error") else "",
            "misc": {name: value for name, value in misc.items() if value}})[1:]


def _digest(result: KernelResult) -> str:
    """Distinguishes one run of a kernel from the next one."""
    told = [result.folder, result.started, result.outcome, result.reason, str(result.seconds)]
    told += [f"{case.abi} {case.test} {case.outcome} {case.seconds} {case.reason}"
             for case in result.cases]
    return hashlib.sha256("\0".join(told).encode(errors="replace")).hexdigest()[:16]
