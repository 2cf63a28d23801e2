"""Every kernel of a request, on loopback and each NIC, through download, boot and verdict,
several at once."""

import json
import shlex
import subprocess
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from .base import arch, cache, command, host, kmsg, ktap, refusal, splat
from .series import fixes
from .build import bundle
from .guest import guest, initramfs, nic, ssh, vm
from .report import folder, result
from . import verdict
from .base.error import BuildFailed, Unusable, Usage
from .series.fixes import Defect
from .kernel.kernel import Files, Kernel, Kernels
from .guest.machine import Wish
from .guest.nic import Nic, NoDriver
from .base.progress import Progress, told


@dataclass(frozen=True)
class Row:
    """A kernel and the NIC that its sends go through: one row of the matrix, one results folder."""

    kernel: Kernel
    nic: Nic | None = None             # None: loopback
    wish: Wish = Wish()

    @property
    def through(self) -> str:
        """The word of its NIC, "" for loopback."""
        return self.nic.word if self.nic else ""

    @property
    def label(self) -> str:
        """The name of its results folder."""
        return result.folder(self.kernel.label, self.through)

    @property
    def command(self) -> str:
        """What reproduces it."""
        foreign = "" if self.kernel.arch.native else f"--arch {self.kernel.arch.name} "
        return (f"scripts/qa run {foreign}{self.wish.words}--kernels "
                f"{shlex.quote(self.kernel.word)}"
                + (f" --nic {self.through}" if self.nic else ""))

    def runs(self, program: str) -> bool:
        """Whether a program (with its _32) is one for this row."""
        name, abi = ktap.split_abi(program)
        return (name == ktap.NIC) == bool(self.nic) and abi in self.kernel.abis


@dataclass(frozen=True)
class Request:
    """What a run is asked to do; kept in its results folder as request.json for --resume."""

    kernels: tuple[str, ...]
    programs: tuple[str, ...] = ()     # without _32; empty: all
    abis: tuple[str, ...] = ("64", "32")
    nics: tuple[str, ...] = ("",)      # words of nic.named(); "" is loopback
    arch: str = "amd64"
    wish: Wish = Wish()

    def write(self, folder: Path) -> None:
        """Leaves the request in a results folder."""
        (folder / "request.json").write_text(json.dumps(asdict(self)) + "\n")

    @staticmethod
    def read(folder: Path) -> "Request":
        """The request of a results folder. Raises Usage when that is none."""
        try:
            data = json.loads((folder / "request.json").read_text())
            return Request(tuple(data["kernels"]), tuple(data["programs"]), tuple(data["abis"]),
                           tuple(data.get("nics", ("",))), data.get("arch", "amd64"),
                           Wish(**data.get("wish", {})))
        except OSError as bad:
            raise Usage(
                f"{folder}: no results folder of a run (request.json: {bad.strerror})") from bad
        except (ValueError, KeyError, TypeError) as bad:
            raise Usage(f"{folder}: its request.json is broken ({bad}); start a new run") from bad


class Matrix:
    """One run over its kernels. go() does it and gives the results."""

    def __init__(self, request: Request, folder: Path, jobs: int, refresh: bool = False,
                 kernels: Sequence[Kernel] = ()) -> None:
        """`kernels` stand for the words of the request where these cannot name them."""
        self._request, self._folder, self._jobs = request, folder, jobs
        self._defects: dict[str, Defect] = fixes.load()
        bundle.check(request.programs)
        self._arch = arch.named(request.arch)
        request.wish.machine(self._arch)           # tells what cannot be had
        offer = Kernels(refresh, self._arch)
        self._rows = self._arranged(list(kernels) or offer.resolve(request.kernels), offer)
        self._progress = Progress()
        self._once, self._probing = threading.Lock(), threading.Lock()
        self._files: dict[str, Future[Files]] = {}

    def _arranged(self, kernels: Sequence[Kernel], offer: Kernels) -> list[Row]:
        rows: dict[str, Row] = {}
        for kernel in kernels:
            for word in self._request.nics:
                found = nic.named(word) if word else None
                if found and kernel.origin == "running":
                    raise Usage("running: has no VM, so no NIC in one; KERNELS=/boot/vmlinuz-... "
                                "boots it in one")
                if self._request.wish != Wish() and kernel.origin == "running":
                    raise Usage("running: has no VM, so neither --memory nor --cpus nor --append")
                if kernel.origin == "uml" and (found or self._request.wish.cpus):
                    raise Usage(
                        f"{kernel.word}: User Mode Linux has neither a NIC nor a second CPU")
                row = Row(offer.generic(kernel) if found and not found.model.cloud else kernel,
                          found, self._request.wish)
                if not self._request.programs or any(
                        row.runs(f"{name}{suffix}") for name in self._request.programs
                        for suffix in ("", "_32")):
                    rows.setdefault(row.label, row)
        if not rows:
            raise Usage(f"--program {' '.join(self._request.programs)}: {ktap.NIC} is what runs "
                        "with --nic, and the others without")
        return list(rows.values())

    def go(self) -> list[result.KernelResult]:
        """Runs what has no complete results.json yet. Raises Unusable when nothing can be run."""
        in_vm = any(row.kernel.origin != "running" for row in self._rows)
        nics = [row.nic for row in self._rows if row.nic]
        host.need(host.RUN if in_vm else host.BUILD)
        host.need((*((self._arch.emulator,) if in_vm else ()), *(nic.PACKAGES if nics else ()),
                   *(ssh.PACKAGES if any(each.ssh for each in nics) else ())))
        self._folder.mkdir(parents=True, exist_ok=True)
        self._request.write(self._folder)
        with self._progress, ThreadPoolExecutor(1) as builder:
            building = builder.submit(self._build)
            return command.together(self._jobs,
                                    [partial(self._one, row, building) for row in self._rows])

    def _machine(self, row: Row) -> vm.Machine:
        return row.wish.machine(self._arch, bool(row.nic))

    def _parts(self, row: Row, chosen: Sequence[str]) -> list[tuple[str, ...]]:
        """What each guest of a row is to run: one has all, or each ABI its own
        where a core would have nothing to do."""
        if row.nic or 2 * len(self._rows) > self._jobs:
            return [tuple(chosen)]
        of = {abi: tuple(name for name in chosen if ktap.split_abi(name)[1] == abi)
              for abi in self._request.abis}
        return [names for names in of.values() if names]

    def _build(self) -> tuple[Path, tuple[str, ...]]:
        """The bundle, and those of its programs that the request names."""
        try:
            with told(partial(self._progress.phase, "selftest")):
                built = bundle.build(arch=self._arch)
        except BaseException:
            self._progress.done("selftest", "not built", good=False)
            raise
        self._progress.done("selftest", "ready")
        asked = set(self._request.programs)
        chosen = tuple(name for name in bundle.programs(built)
                       if ktap.split_abi(name)[1] in self._request.abis
                       and (not asked or ktap.split_abi(name)[0] in asked))
        for row in self._rows:
            if not any(map(row.runs, chosen)):
                raise Unusable(f"{row.label}: the bundle has no {' or '.join(self._request.abis)} "
                               "bit program for it")
        return built, chosen

    def _one(self, row: Row,
             building: "Future[tuple[Path, tuple[str, ...]]]") -> result.KernelResult:
        kernel = row.kernel
        home = self._folder / row.label
        before = folder.whole(home / "results.json")
        if before and before.complete:
            return before
        home.mkdir(exist_ok=True)
        (home / "command").write_text(row.command + "\n")
        whole = result.KernelResult(kernel.label, str(kernel.version or "unknown"), kernel.package,
                                    kernel.package_version, kernel.origin, "", "not-run", "", 0.0,
                                    row.command, nic=row.through, arch=kernel.arch.name)
        started = time.monotonic()
        try:
            whole = self._run(row, building, home, whole)
        except BuildFailed as bad:
            whole = replace(whole, outcome="did-not-build", reason=str(bad))
        except Usage:
            raise
        except Unusable as bad:
            if building.done() and building.exception():
                raise
            whole = replace(whole, reason=str(bad), complete=isinstance(bad, NoDriver))
        except OSError as bad:
            raise cache.unusable(home, bad) from bad
        whole.seconds = whole.seconds or round(time.monotonic() - started, 1)
        result.write(whole, home / "results.json")
        word = whole.outcome + (f": {whole.reason}" if whole.outcome not in result.FINISHED else
                                f", and the kernel warned: {whole.warnings[0]}"
                                if whole.warnings else
                                "; the kernel's log could not be read" if whole.unheard else "")
        self._progress.done(row.label, word, good=not whole.surprising)
        return whole

    def _obtained(self, kernel: Kernel) -> Files:
        """The files of a kernel, brought or built once, however many rows it has."""
        with self._once:
            mine = kernel.label not in self._files
            files = self._files.setdefault(kernel.label, Future())
        if mine:
            try:
                files.set_result(kernel.obtain())
            except BaseException as bad:
                files.set_exception(bad)
        return files.result()

    def _run(self, row: Row, building: "Future[tuple[Path, tuple[str, ...]]]", home: Path,
             whole: result.KernelResult) -> result.KernelResult:
        kernel, label, progress = row.kernel, row.label, self._progress
        with told(partial(progress.phase, label)):     # of what is in the cache nothing is told
            files = self._obtained(kernel)
        if row.nic and (lacking := row.nic.lacking(files.config, files.modules)):
            raise NoDriver(lacking)
        if not building.done():
            progress.phase(label, "waits for the selftest")
        built, chosen = building.result()
        chosen = tuple(filter(row.runs, chosen))
        started = time.monotonic()
        whole.started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        run = None
        lines: Sequence[tuple[float, str]]
        if kernel.origin == "running":
            progress.phase(label, "testing")
            span = kmsg.Span()
            lines = _on_host(built, bundle.request(chosen))
            log, whole.unheard = span.read(), span.unheard
            if log:
                (home / "console.log").write_text(log)
        else:
            base = initramfs.base(built, kernel.arch)
            with self._probing, told(partial(progress.phase, label)):
                whole.accelerator = vm.accelerator(files, base)
            progress.phase(label, f"booting ({whole.accelerator.upper()})")
            boot = vm.Boot(whole.accelerator, files, base, home, guest.told(progress, label),
                           self._machine(row))
            run = guest.run(boot, [bundle.request(some) for some in self._parts(row, chosen)],
                            row.nic)
            lines, log = run.lines, run.console
        (home / "ktap.log").write_text("".join(f"{line}\n" for _, line in lines))
        if row.nic:
            whole.nic_info = guest.info(lines)
            guest.check(lines, files)
        cases = ktap.parse(lines, chosen)
        whole.seconds = round(time.monotonic() - started, 1)
        whole.outcome, whole.reason = verdict.outcome(cases, run, log)
        whole.warnings = splat.lines(log)
        if not run and whole.outcome == "ran-nothing":
            whole.reason = refusal.why(whole.reason)
        whole.cases = [
            replace(verdict.judge(case, kernel, self._defects, whole.command, row.through),
                    engine=whole.accelerator) for case in cases]
        whole.complete = not whole.unable
        return whole


def _on_host(built: Path, request: str) -> list[tuple[float, str]]:
    """Runs the bundle on this very kernel; gives (seconds, line) as a VM does."""
    started = time.monotonic()
    process = command.start(["setpriv", "--pdeathsig", "KILL", "sh", built / "run_kselftest.sh",
                             *request.split()], stderr=subprocess.STDOUT)
    assert process.stdout
    try:
        return [(time.monotonic() - started, line.decode(errors="replace").rstrip("\n"))
                for line in process.stdout]
    finally:
        command.end(process)
