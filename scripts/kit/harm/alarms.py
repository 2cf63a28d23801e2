"""False alarms: how often the selftest contradicts the table of fixes, on a busy host.

A run is every program in both ABIs, once. Runs add up over calls with the same results folder,
which has a file <kernel>.json for each kernel: the cases that were skipped in its first run, and of
each run what differed.
"""

import argparse
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..base import command, host, ktap, splat
from ..series import fixes
from ..build import bundle
from ..guest import guest, initramfs, vm
from . import record
from .tally import Round, Tally, bound, table
from .. import verdict
from ..base.error import Unusable, Usage
from ..series.fixes import Defect
from ..kernel.kernel import Kernel, Kernels

HELP = "false alarms of the selftest on stock kernels, on a loaded host"
MARK = "# alarms: "
AT_ONCE = 20                           # runs in one guest, before another kernel has its turn,
TURN = 600.0                           # or seconds after which none begins there
LONGEST = 600.0                        # seconds that one run may take on the busiest host
# What the control takes away: without a queue on lo most cases cannot do what they do otherwise
BROKEN = "IO_URING_QDISC=none"
EXPECTED = ("pass", "known", "skip")


class Listener:
    """Reads the lines of one guest or host, and adds each run to the tally when it has ended."""

    def __init__(self, tally: Tally, path: Path, kernel: Kernel, names: Sequence[str],
                 defects: dict[str, Defect]) -> None:
        self._tally, self._path, self._kernel = tally, path, kernel
        self._names, self._defects = names, defects
        self._lines: list[str] = []
        self._doing = ""
        self._since = 0.0
        self._started = ""

    def __call__(self, line: str) -> None:
        if not line.startswith(MARK):
            self._lines.append(line)
            return
        self._close()
        self._doing, self._lines = line.removeprefix(MARK), []
        self._since = time.monotonic()
        self._started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())

    def warned(self, lines: Sequence[str]) -> None:
        """What the kernel said that it says when something is wrong: an alarm of the last run."""
        if lines and self._tally.rounds:
            self._tally.rounds[-1].odd += [f"the kernel warned: {line}" for line in lines]
            self._tally.write(self._path)

    def over(self, why: str, log: Path) -> None:
        """Guest or program has ended, because of that. In the middle of a run it
        is an alarm of that run.

        Raises Unusable when it never came to a run.
        """
        if self._doing == "end":
            return
        log.write_text("".join(f"{line}\n" for line in self._lines))
        if not self._doing:
            raise Unusable(f"{self._tally.kernel}: ran nothing: {why}; see {log}")
        if self._doing == "run":
            self._add(Round(self._started, 0.0, _load(), [f"did not end: {why}; see {log.name}"]))

    def _close(self) -> None:
        if self._doing not in ("run", "control"):
            return
        skips, odd = judge(self._lines, self._kernel, self._names, self._defects)
        first = self._tally.first
        if self._doing == "control":
            self._tally.control = bool(odd) or first is not None and skips != first
            self._tally.write(self._path)
            return
        if first is None:
            first = self._tally.first = skips
        seconds = round(time.monotonic() - self._since, 1)
        one = Round(self._started, seconds, _load(), odd, sorted(set(skips) - set(first)),
                    sorted(set(first) - set(skips)))
        if odd or one.skipped or one.ran:
            log = self._path.with_name(f"{self._path.stem}-run-{len(self._tally.rounds) + 1}.log")
            log.write_text("".join(f"{line}\n" for line in self._lines))
        self._add(one)

    def _add(self, one: Round) -> None:
        self._tally.rounds.append(one)
        self._tally.write(self._path)


def judge(lines: Sequence[str], kernel: Kernel, names: Sequence[str],
          defects: dict[str, Defect]) -> tuple[list[str], list[str]]:
    """The cases that one run skipped, and a line on each that was not as predicted."""
    found = ktap.parse(lines, names)
    cases = [verdict.judge(case, kernel, defects, "") for case in found]
    odd = [f"{case.test} {case.abi} bit: {case.verdict}, {case.outcome}: {case.reason}"
           for case in cases if case.verdict not in EXPECTED]
    outcome, reason = verdict.outcome(found, None)
    if outcome == "ran-nothing":       # a run that tries nothing raises no alarm, and shows nothing
        odd.append(f"ran nothing: {reason}")
    return sorted(f"{case.test} {case.abi}" for case in cases if case.outcome == "skip"), odd


def _load() -> float:
    return round(os.getloadavg()[0], 1)


def script(top: str, request: str, runs: int, seconds: float) -> str:
    """Runs the bundle in the folder `top` that often,
    as long as none would begin after so many seconds.

    For a shell, busybox's, too. The control comes after the first run.
    """
    run = f"sh {top}/run_kselftest.sh {request}"
    return f"""now() {{ cut -d . -f 1 /proc/uptime; }}
end=$(($(now) + {seconds:.0f}))
run=0
while [ $run -lt {runs} ] && [ "$(now)" -lt $end ]; do
	echo "{MARK}run"
	{run}
	run=$((run + 1))
	[ $run -gt 1 ] || {{
		echo "{MARK}control"
		{BROKEN} {run}
	}}
done
echo "{MARK}end"
"""


@contextmanager
def busy(number: int) -> Iterator[None]:
    """So many processes do nothing but work while the block runs."""
    spin = [sys.executable, "-c", "while True: pass"]
    workers = [command.start(["setpriv", "--pdeathsig", "KILL", *spin]) for _ in range(number)]
    try:
        yield
    finally:
        for worker in workers:
            command.end(worker)
            for pipe in (worker.stdout, worker.stderr):
                if pipe:
                    pipe.close()


class Watch:
    """Runs the bundle on kernels, those with the fewest runs first, until each has enough
    or time is over."""

    def __init__(self, kernels: Sequence[Kernel], runs: int, home: Path, seconds: float) -> None:
        self._runs, self._home = runs, home
        self._until = time.monotonic() + seconds
        self._defects = fixes.load()
        self._bundle = bundle.build()
        self._names = bundle.on_loopback(self._bundle)
        self._request = bundle.request(self._names)
        self._files = {kernel.label: kernel.obtain() for kernel in kernels
                       if kernel.origin != "running"}
        self._base = initramfs.base(self._bundle) if self._files else Path()
        self._accelerator = next(
            (vm.accelerator(files, self._base) for files in self._files.values()), "")
        self.tallies = {kernel.label: Tally.read(self._path(kernel), kernel, self._bundle.name)
                        for kernel in kernels}
        self._waiting = list(kernels)
        self._lock = threading.Lock()

    def go(self, jobs: int) -> None:
        """Does it, so many guests at once."""
        command.together(jobs, [self._work] * jobs)

    def _path(self, kernel: Kernel) -> Path:
        return self._home / ("running.json" if kernel.origin == "running"
                             else f"{kernel.label}.json")

    def _left(self, kernel: Kernel) -> int:
        return self._runs - len(self.tallies[kernel.label].rounds)

    def _work(self) -> None:
        while time.monotonic() < self._until:
            with self._lock:
                ready = [kernel for kernel in self._waiting if self._left(kernel) > 0]
                if not ready:
                    return
                kernel = max(ready, key=self._left)
                self._waiting.remove(kernel)
            try:
                self._turn(kernel)
            finally:
                with self._lock:
                    self._waiting.append(kernel)

    def _turn(self, kernel: Kernel) -> None:
        tally, path = self.tallies[kernel.label], self._path(kernel)
        listener = Listener(tally, path, kernel, self._names, self._defects)
        seconds = max(min(self._until - time.monotonic(), TURN), 1)
        before = len(tally.rounds)
        if kernel.origin == "running":
            ended = _on_host(script(str(self._bundle), self._request, self._left(kernel), seconds),
                             listener)
        else:
            work = self._home / kernel.label
            work.mkdir(exist_ok=True)
            text = script("/bundle", self._request, min(AT_ONCE, self._left(kernel)), seconds)
            machine = vm.Machine(overall=seconds + 2 * LONGEST, silence=LONGEST, boot=LONGEST)
            run = guest.job(vm.Boot(self._accelerator, self._files[kernel.label], self._base,
                                    work, listener, machine),
                            text)
            ended = verdict.outcome([], run)[1]
            listener.warned(splat.lines(run.console))
        listener.over(ended or "it ended early",
                      path.with_name(f"{path.stem}-broken-{len(tally.rounds) + 1}.log"))
        print(f"alarms: {tally.kernel}: {len(tally.rounds) - before} more runs, "
              f"{len(tally.rounds)} of {self._runs}; {len(tally.alarms())} false alarms",
              file=sys.stderr, flush=True)


def _on_host(text: str, seen: Callable[[str], None]) -> str:
    process = command.start(["setpriv", "--pdeathsig", "KILL", "sh", "-c", text],
                            stderr=subprocess.STDOUT)
    assert process.stdout
    try:
        for line in process.stdout:
            seen(line.decode(errors="replace").rstrip("\n"))
        process.wait()
    finally:
        command.end(process)
    return f"exit status {process.returncode}" if process.returncode else ""


def options(parser: argparse.ArgumentParser) -> None:
    """How many runs of which kernels."""
    parser.add_argument("--runs", type=int, default=1000, metavar="N",
                        help="of each kernel (default: 1000)")
    parser.add_argument("--kernels", nargs="+", default=["running", "default"], metavar="WORD",
                        help="words as for scripts/qa (default: running default)")
    parser.add_argument("--minutes", type=float, default=600, metavar="M",
                        help="start no run after that (default: 600); the same --results continue "
                        "later")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1, metavar="N",
                        help="guests at once (default: as many as there are cores)")
    parser.add_argument("--load", type=int, default=os.cpu_count() or 1, metavar="N",
                        help="processes beside them that keep the host busy (default: as many as "
                        "there are cores)")


def run(options: argparse.Namespace, home: Path) -> bool:
    """Prints the table and leaves it as alarms.txt; True when there was no alarm
    and the control was seen."""
    runs, words = (5, ["running"]) if options.quick else (options.runs, options.kernels)
    if runs < 1 or options.jobs < 1 or options.load < 0 or options.minutes <= 0:
        raise Usage("--runs, --jobs and --minutes: more than 0; --load: 0 or more")
    kernels = Kernels().resolve(words)
    host.need(host.BUILD if all(kernel.origin == "running" for kernel in kernels) else host.RUN)
    watch = Watch(kernels, runs, home, options.minutes * 60)
    with busy(options.load):
        watch.go(options.jobs)
    tallies = list(watch.tallies.values())
    record.leave("alarms", home, table(tallies), [
        {"kernel": each.kernel, "version": each.version, "runs": len(each.rounds),
         "alarms": len(each.alarms()), "bound": bound(len(each.rounds), len(each.alarms()))
         if each.rounds else None, "control": each.control}
        for each in tallies], options.record)
    if not any(each.rounds for each in tallies):
        raise Unusable("no run ended in that time; give more --minutes")
    return all(each.control is not False and not each.alarms() for each in tallies if each.rounds)
