"""JUnit XML, valid against junit-10.xsd of Jenkins' xUnit plugin; when the run has start times,
JUnit.xsd for Ant, too.

One suite for each kernel, NIC and ABI; one without ABI for a kernel that did not come to its end,
or that warned. Documentation/reports.rst says which verdict becomes failure, error or skipped.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from . import cure, excerpt
from .excerpt import Excerpts
from ..base.markup import attribute, body
from .result import FINISHED, CaseResult, KernelResult


def document(results: Sequence[KernelResult], folder: Path, strict: bool = False) -> Iterator[str]:
    """The document in pieces.

    With `strict`, failures that fixes.toml predicts are failures; else they are skipped.
    """
    logs = Excerpts(folder)
    began = min((result.started for result in results if result.started), default="")
    yield '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n'
    number = 0
    for result in results:
        whole = ([] if result.outcome in (*FINISHED, "warned") and result.cases
                 else [_whole(result, logs)])
        whole += [_warned(result, logs)] if result.warnings else []
        if whole:
            yield _suite(number, result, "", whole, result.seconds, began)
            number += 1
        for abi in ("64", "32"):
            cases = [case for case in result.cases if case.abi == abi]
            if cases:
                yield _suite(number, result, abi,
                             [_case(result, case, logs, strict) for case in cases],
                             sum(case.seconds or 0 for case in cases), began)
                number += 1
    yield "</testsuites>\n"


def _suite(number: int, result: KernelResult, abi: str, cases: Sequence[str], seconds: float,
           began: str) -> str:
    """A suite of these cases.

    `began` is when the run did, for a kernel that has no time of its own.
    """
    kernel = " ".join(filter(None, (result.kernel, result.nic)))
    counts = {tag: sum(f"    <{tag} " in case for case in cases)
              for tag in ("failure", "error", "skipped")}
    when = f' timestamp="{(result.started or began)[:19]}"' if began else ""
    properties = {"kernel": result.kernel, "version": result.version, "package": result.package,
                  "package_version": result.package_version, "origin": result.origin,
                  "accelerator": result.accelerator, "nic": result.nic or "lo",
                  "nic_info": result.nic_info, "abi": abi, "outcome": result.outcome,
                  "reason": result.reason, "command": result.command,
                  "kernel_log": result.unheard and f"not read: {result.unheard}"}
    # The schema has no properties of a case
    properties |= {f"known.{case.test}": case.because for case in result.cases
                   if case.abi == abi and case.verdict == "known"}
    lines = "".join(f'   <property name="{attribute(name)}" value="{attribute(value)}"/>\n'
                    for name, value in properties.items() if value)
    return (f' <testsuite name="{attribute(kernel)}{f", {abi} bit" if abi else ""}" '
            f'tests="{len(cases)}" failures="{counts["failure"]}" errors="{counts["error"]}" '
            f'skipped="{counts["skipped"]}" time="{seconds:.3f}"{when} hostname="localhost" '
            f'id="{number}" package="{attribute(_package(result))}">\n'
            f"  <properties>\n{lines}  </properties>\n{''.join(cases)}"
            "  <system-out/>\n  <system-err/>\n </testsuite>\n")


def _package(result: KernelResult) -> str:
    """What Jenkins groups by: the part of a class name before its last dot, hence without one."""
    return result.folder.replace(".", "_")


def _whole(result: KernelResult, logs: Excerpts) -> str:
    """The case that stands for a kernel as a whole."""
    text = _text(result.reason, "", excerpt.log(result), result.command, logs.console(result))
    tag = "skipped" if result.impossible else "error"
    return _testcase(f"{_package(result)}.kernel", result.outcome, result.seconds,
                     _verdict(tag, result.outcome, result.reason, text))


def _warned(result: KernelResult, logs: Excerpts) -> str:
    """The case that stands for what the kernel said: each line, then the part of the console with
    the first of them."""
    lines = "".join(f"{line}\n" for line in result.warnings)
    text = _text(f"the kernel warned:\n{lines}", "", excerpt.console(result), result.command,
                 logs.console(result))
    return _testcase(f"{_package(result)}.kernel", "warned",
                     0 if result.outcome not in (*FINISHED, "warned") else
                     result.seconds, _verdict("failure", "warned", result.warnings[0], text))


def _case(result: KernelResult, case: CaseResult, logs: Excerpts, strict: bool) -> str:
    name = f"{_package(result)}.{case.program}{'_32' if case.abi == '32' else ''}"
    told = cure.told(case)
    verdict = ""
    if case.verdict == "skip":
        verdict = _verdict("skipped", "skip", told.reason, "")
    elif case.verdict == "known" and not strict:
        verdict = _verdict("skipped", "known", f"known failure ({case.because}): {told.reason}", "")
    elif case.verdict != "pass":
        tag = "error" if case.verdict == "error" else "failure"
        message = (f"known failure ({case.because}): {told.reason}" if case.verdict == "known"
                   else told.reason)
        verdict = _verdict(tag, case.verdict, message,
                           _text(told.reason, told.commit, excerpt.log(result, case),
                                 case.command, logs.case(result, case)))
    return _testcase(name, case.test, case.seconds or 0, verdict)


def _testcase(classname: str, name: str, seconds: float, verdict: str) -> str:
    end = f">\n{verdict}   </testcase>\n" if verdict else "/>\n"
    return (f'   <testcase classname="{attribute(classname)}" name="{attribute(name)}" '
            f'time="{seconds:.3f}"{end}')


def _verdict(tag: str, kind: str, message: str, text: str) -> str:
    end = f">{body(text)}</{tag}>\n" if text else "/>\n"
    # Ant's schema has no type there
    named = f' type="{attribute(kind)}"' if tag != "skipped" else ""
    return f'    <{tag}{named} message="{attribute(message)}"{end}'


def _text(reason: str, commit: str, log: str, command: str, lines: str) -> str:
    told = [reason, commit and f"commit: {commit}", log and f"log: {log}", f"reproduce: {command}"]
    return "".join(f"{line}\n" for line in told if line) + (f"\n{lines}" if lines else "")
