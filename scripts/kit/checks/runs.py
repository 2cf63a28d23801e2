"""Checks that run kernels: this host's, Debian's in QEMU, and ones that are built."""

import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ..base import command, host
from ..series import fixes
from ..build import liburing, static
from ..report import report, result
from .. import errors, provoked
from ..base.error import BuildFailed, Unusable
from ..kernel.kernel import Kernels
from ..base.paths import REPOSITORY
from .base import Skip, alone
from .placed import TREES
from .trees import STOCK

NICS = ("virtio-net", "e1000e:ssh")
HARM = ("memory", "fault", "races", "alarms")


def running() -> str:
    """This host's kernel behaves as patches/fixes.toml predicts."""
    qa("running", more=() if host.runs_32_bit() else ("--abi", "64"))
    return alone()


def regression() -> str:
    """liburing's test finds on this kernel what patches/fixes.toml predicts,
    each defect by its name."""
    version = Kernels().resolve(["running"])[0].version
    if not version:
        raise Skip("the version of the running kernel cannot be told: nothing is predicted for it")
    for abi in ("64", "32") if host.runs_32_bit() else ("64",):
        outcome, found = liburing.regression(abi)
        wanted = {(opcode, name) for name, defect in fixes.load().items()
                  for opcode in ("sendmsg", "sendmsg_zc")
                  if name in result.CONTROL and defect.expected(opcode, abi, version)}
        if outcome == "skip":
            raise Skip(f"{liburing.TEST}, {abi} bit: it needs a network namespace, RLIMIT_MEMLOCK "
                       "and tbf")
        if found != wanted or (outcome == "fail") != bool(wanted):
            raise BuildFailed(f"{liburing.TEST}, {abi} bit: {outcome}, found {sorted(found)}, "
                              f"predicted {sorted(wanted)}")
    return alone()


def error_rows() -> str:
    """Documentation/errors.rst has a line for each row of selftests/errors,
    and this kernel gives what was recorded."""
    record = errors.RECORD.read_text()
    if old := errors.stale(errors.PAGE.read_text(), record, errors.rows()):
        raise BuildFailed(old)
    kernel = Kernels().resolve(["running"])[0]
    with tempfile.TemporaryDirectory() as work:
        cells = errors.merged(errors.run(kernel, Path(work)))
    shown = sum(cell.word.endswith(errors.SHOWN) for cell in cells.values())
    if not shown:
        raise Skip(f"no row can be shown here: {next(iter(cells.values())).why}")
    if odd := errors.changed(cells, errors.of_branch(record, str(kernel.version))):
        raise BuildFailed(odd)
    return f"{shown} of {len(cells)} rows shown by {kernel.label}"


def messages() -> str:
    """Here the oracle agrees with itself, finds a fault, and eaten-data where it is open."""
    program = static.build("harm") / "messages"
    kernel = Kernels().resolve(["running"])[0]
    text = ""
    for name, words in (("--self-check", "--count 2000"), ("--twice", "--count 1000"),
                        ("", "--count 400")):
        said = command.run(["sh", "-c", f"{program} {name} {words} --seed 1 2>&1; echo rc $?"],
                           "messages", limit=300)
        text, _, status = said.strip().rpartition("rc ")
        if status in ("3", "4"):
            raise Skip(text.strip().splitlines()[-1])
        if name and status != "0":
            raise BuildFailed(f"messages {name}: {text.strip().splitlines()[-1]}")
    found = re.findall(r"^# ([\w-]+): \d+ times, first (\d+)$", text, re.M)
    names = [name for name, _ in found]
    version = kernel.version
    open_here = version and fixes.load()["eaten-data"].expected("sendmsg", "64", version)
    if open_here and "eaten-data" not in names or "unexplained" in names:
        raise BuildFailed(f"messages: found {', '.join(names) or 'nothing'}")
    return ", ".join(names)


def stock() -> None:
    """Two of Debian's kernels behave in QEMU as patches/fixes.toml predicts."""
    qa(*STOCK)


def warned() -> str:
    """One that warns while all of its cases pass has not passed;
    the same kernel without the warning has."""
    with tempfile.TemporaryDirectory() as results:
        quiet, loud = provoked.tried(Kernels().resolve(STOCK[:1])[0], Path(results))
        text = report.text([quiet, loud], results)
        wrong = provoked.wrong(quiet, loud)
        if not wrong and (result.status([quiet], True), result.status([loud], False)) != (0, 1):
            wrong = "the exit status does not tell them apart"
        if wrong or loud.warnings[0] not in text:
            raise BuildFailed(wrong or "the report does not have the warning")
        return loud.warnings[0]


def arm64() -> None:
    """So does one for arm64, with 32-bit ARM programs."""
    qa(STOCK[-1], architecture="arm64")


def nics() -> None:
    """The same through a virtio-net, and through an e1000e to a second guest
    that is reached by ssh."""
    qa(STOCK[-1], through=NICS)


def qa(*words: str, through: Sequence[str] = (), architecture: str = "amd64",
       more: Sequence[str] = ()) -> None:
    """scripts/qa with these kernels, on loopback or through these NICs; its words on failure."""
    chosen = ["--arch", architecture, *(["--nic", *through] if through else []), *more]
    with tempfile.TemporaryDirectory() as results:
        said = command.run(["sh", "-c", '"$@"; echo "exit status $?"', "sh",
                            REPOSITORY / "scripts/qa", "run", "--results", results, "--kernels",
                            *words, *chosen], "scripts/qa", env={"NIC": ""})
    text, _, status = said.strip().rpartition("exit status ")
    if status == "0":
        print(text.strip("\n").partition("\n\n")[0])
        return
    print(text.strip("\n"))
    why = next((line.strip() for line in text.partition("\n\n")[2].splitlines()
                if line.startswith("  ")), "no result")
    raise (Unusable if status == "3" else BuildFailed)(f"scripts/qa: {why}")


def ours(script: str, *words: str) -> None:
    """Runs a script of ours on the newest tree and shows what it prints;
    its results stay when it fails."""
    results = Path(tempfile.mkdtemp())
    log = results / "said.log"
    try:
        said = command.run([REPOSITORY / "scripts" / script, *words, "--results", results],
                           f"scripts/{script} {words[0]}", log=log, error=BuildFailed)
    except BuildFailed:
        print(log.read_text().strip("\n"))
        raise
    print(said.strip("\n"))
    shutil.rmtree(results)


def prove() -> None:
    """All cases pass on a kernel that is built with its series;
    that they fail without is what `stock` shows."""
    ours("series", "prove", TREES[-1], "--after")


def engines() -> None:
    """User Mode Linux and QEMU agree, case by case, on a kernel without and with its series."""
    ours("series", "prove", TREES[-1], "--engine", "both")


def harm(part: str) -> None:
    """A minute's worth of a part of scripts/harm, in the kernels that prove has built."""
    ours("harm", part, "--quick", "--trees", TREES[-1])
