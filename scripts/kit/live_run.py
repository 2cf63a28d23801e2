"""Stock kernels before and after the module live/cure is loaded into them:
two rows for each, from one boot."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from . import live_root, verdict
from .base import command, host, ktap, splat
from .base.arch import AMD64, Architecture
from .base.error import BuildFailed, Unusable, Usage
from .base.progress import Progress, told
from .build import bundle
from .guest import guest, initramfs, vm
from .kernel.kernel import Kernel, Kernels
from .report import result
from .series import fixes

# Defects that the module puts right wherever they are; of others it may mend some cases,
# and none gets worse
CURED = ("lost-pointer", "wrong-length", "used-up-control", "eaten-data", "rewritten-name")
SUFFIX = "+cure"                       # of the second row's label
MARK = "# live: "
COUNTERS = "/sys/module/uring_msg_cure/counters"
# Both halves of the job in one guest; without the module there is no second half
JOB = f"""
tests() {{ sh /bundle/run_kselftest.sh REQUEST; }}
tests
if insmod /uring_msg_cure.ko; then
	echo "{MARK}loaded"
	tests
	for file in {COUNTERS}/*; do
		echo "{MARK}counter ${{file##*/}} $(cat "$file")"
	done
	rmmod uring_msg_cure && echo "{MARK}unloaded"
else
	echo "{MARK}refused $(dmesg | grep -i 'uring_msg_cure\\|lockdown' | tail -n 1)"
fi
"""
# Twice what one run may take, on a host that has more to do
MACHINE = replace(vm.USUAL, overall=4 * vm.USUAL.overall, boot=3 * vm.USUAL.boot,
                  silence=2 * vm.USUAL.silence)


@dataclass(frozen=True)
class Halves:
    """What a guest said before and after the module was loaded, and what the module counted."""

    before: Sequence[tuple[float, str]]
    after: Sequence[tuple[float, str]]
    counters: dict[str, str]
    refused: str = ""                  # why it was not loaded
    unloaded: bool = False


def halves(lines: Sequence[tuple[float, str]]) -> Halves:
    """Takes the lines of a guest apart."""
    said = [(place, line.removeprefix(MARK))
            for place, (_, line) in enumerate(lines) if line.startswith(MARK)]
    parted = next((place for place, word in said if word == "loaded"), len(lines))
    counters = {word.split()[1]: word.split(maxsplit=2)[2]
                for _, word in said if word.startswith("counter ")}
    refused = next((word.partition(" ")[2] or "insmod failed"
                    for _, word in said if word.startswith("refused")), "")
    return Halves(lines[:parted], lines[parted:], counters, refused,
                  any(word == "unloaded" for _, word in said))


def cured(case: result.CaseResult) -> result.CaseResult:
    """A case with the module loaded: what it cures has to pass,
    of the rest what fails without it may pass."""
    if case.verdict == "NEWLY FIXED":
        return replace(case, verdict="pass", because="")
    if case.verdict == "known" and case.defect in CURED:
        return replace(case, verdict="REGRESSION", because="", predicted="pass")
    return case


def treated(row: result.KernelResult) -> result.KernelResult:
    """The row of a kernel that has the module: its label says so, and each case is cured()."""
    label = row.kernel.removesuffix(SUFFIX) + SUFFIX
    return replace(row, kernel=label,
                   cases=[replace(cured(case), kernel=label) for case in row.cases])


def run(words: Sequence[str], programs: Sequence[str], abis: Sequence[str], folder: Path, jobs: int,
        refresh: bool = False, arch: Architecture = AMD64) -> list[result.KernelResult]:
    """Two rows for each kernel, oldest first; raises Usage for what is none of Debian's kernels."""
    kernels = Kernels(refresh, arch).resolve(words)
    for kernel in kernels:
        if kernel.origin != "debian":
            raise Usage(f"{kernel.word}: --live takes Debian's kernels, whose headers are on the "
                        "mirror; scripts/live load is for the running one")
    bundle.check(programs)
    host.need((*host.RUN, arch.emulator, *live_root.PACKAGES))
    folder.mkdir(parents=True, exist_ok=True)
    with Progress() as progress:
        with told(partial(progress.phase, "selftest")):
            built = bundle.build(arch=arch)
        progress.done("selftest", "ready")
        chosen = [name for name in bundle.on_loopback(built) if ktap.split_abi(name)[1] in abis
                  and (not programs or ktap.split_abi(name)[0] in programs)]
        rows = command.together(jobs, [partial(_kernel, kernel, built, chosen, folder, progress)
                                       for kernel in kernels])
    return sorted((row for pair in rows for row in pair), key=result.age)


def _kernel(kernel: Kernel, built: Path, chosen: Sequence[str], folder: Path, progress: Progress
            ) -> list[result.KernelResult]:
    """The rows of one kernel: one alone where there is no module for it, or it was not loaded."""
    home = folder / kernel.label
    home.mkdir(exist_ok=True)
    foreign = "" if kernel.arch.native else f"--arch {kernel.arch.name} "
    first = result.KernelResult(kernel.label, str(kernel.version), kernel.package,
                                kernel.package_version, kernel.origin, "", "not-run", "", 0.0,
                                f"scripts/qa run --live {foreign}--kernels {kernel.word}")
    second = replace(first, kernel=kernel.label + SUFFIX)
    try:
        with told(partial(progress.phase, kernel.label)):
            files = kernel.obtain()
            module = live_root.build(kernel)
            base = initramfs.base(built, kernel.arch)
            first.accelerator = second.accelerator = vm.accelerator(files, base)
        progress.phase(kernel.label, "testing before and after")
        script = JOB.replace("REQUEST", bundle.request(chosen))
        boot = vm.Boot(first.accelerator, files, base, home, guest.told(progress, kernel.label),
                       MACHINE)
        done = guest.job(boot, script, {"uring_msg_cure.ko": module})
    except BuildFailed as bad:
        rows = [first, replace(second, outcome="did-not-build", reason=str(bad))]
    except Usage:
        raise
    except Unusable as bad:
        rows = [replace(first, reason=str(bad), complete=False)]
    else:
        rows = _judged(kernel, done, chosen, first, second)
        _leave(folder, rows, done)
    for row in rows:
        place = folder / row.kernel
        place.mkdir(exist_ok=True)
        result.write(row, place / "results.json")
        progress.done(row.kernel, row.outcome + (f": {row.reason}"
                                                 if row.outcome not in result.FINISHED else ""),
                      good=not row.surprising)
    return rows


def _leave(folder: Path, rows: Sequence[result.KernelResult], done: vm.Run) -> None:
    """Leaves the logs of both halves where the report says that they are."""
    parts = halves(done.lines)
    late = "".join(done.console.partition(f"{live_root.NAME}: ")[1:])
    for row, lines, console in zip(rows, (parts.before, parts.after), (done.console, late)):
        home = folder / row.kernel
        home.mkdir(exist_ok=True)
        (home / "ktap.log").write_text("".join(f"{line}\n" for _, line in lines))
        (home / "console.log").write_text(console)


def _judged(kernel: Kernel, done: vm.Run, chosen: Sequence[str], first: result.KernelResult,
            second: result.KernelResult) -> list[result.KernelResult]:
    parts = halves(done.lines)
    defects = fixes.load()
    # What the kernel said before the module said its first word is of the first row
    early, _, late = done.console.partition("uring_msg_cure: ")
    for row, lines, log in ((first, parts.before, early), (second, parts.after, late)):
        cases = ktap.parse(lines, chosen)
        row.started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        row.seconds = round(lines[-1][0] - lines[0][0], 1) if lines else 0.0
        row.outcome, row.reason = verdict.outcome(cases, done)
        row.warnings = splat.lines(log)
        row.cases = [verdict.judge(case, kernel, defects, row.command) for case in cases]
    if parts.refused:
        why = f"the module was not loaded: {parts.refused}"
        return [first, replace(second, outcome="not-run", reason=why, cases=[], complete=False)]
    second = treated(second)
    if parts.after and not parts.unloaded:
        second.outcome, second.reason = "hung", "the module was not unloaded"
    elif parts.after and parts.counters.get("sends_seen", "0") == "0":
        second.outcome, second.reason = "ran-nothing", "the module saw no send"
    second.nic_info = ", ".join(f"{name} {number}" for name, number in parts.counters.items())
    return [first, second]


def counted(rows: Sequence[result.KernelResult]) -> str:
    """What the module counted on each kernel, a line each."""
    return "".join(f"{row.kernel}: {row.nic_info}\n"
                   for row in rows if row.kernel.endswith(SUFFIX) and row.nic_info)

