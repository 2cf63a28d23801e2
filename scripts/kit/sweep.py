"""A sweep: every kernel of a request through download, boot and verdict, several at once."""

import json
import shlex
import subprocess
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from . import bundle, cache, command, fixes, host, initramfs, ktap, result, vm
from .error import BuildFailed, Unusable, Usage
from .fixes import Defect
from .kernel import Kernel, Kernels
from .progress import Progress


@dataclass(frozen=True)
class Request:
    """What a run is asked to do; kept in its results folder as request.json for --resume."""

    kernels: tuple[str, ...]
    programs: tuple[str, ...] = ()     # without _32; empty: all
    abis: tuple[str, ...] = ("64", "32")

    def write(self, folder: Path) -> None:
        """Leaves the request in a results folder."""
        (folder / "request.json").write_text(json.dumps(asdict(self)) + "\n")

    @staticmethod
    def read(folder: Path) -> "Request":
        """The request of a results folder. Raises Usage when that is none."""
        try:
            data = json.loads((folder / "request.json").read_text())
            return Request(*(tuple(data[name]) for name in ("kernels", "programs", "abis")))
        except OSError as bad:
            raise Usage(f"{folder}: no results folder of a run (request.json: {bad.strerror})") from bad
        except (ValueError, KeyError, TypeError) as bad:
            raise Usage(f"{folder}: its request.json is broken ({bad}); start a new run") from bad


class Sweep:
    """One run over its kernels. go() does it and gives the results."""

    def __init__(self, request: Request, folder: Path, jobs: int, refresh: bool = False,
                 kernels: Sequence[Kernel] = ()) -> None:
        """`kernels` stand for the words of the request where these cannot name them."""
        self._request, self._folder, self._jobs = request, folder, jobs
        self._defects: dict[str, Defect] = fixes.load()
        unknown = set(request.programs) - bundle.sources()
        if unknown:
            raise Usage(f"no program {', '.join(sorted(unknown))}; there are {', '.join(sorted(bundle.sources()))}")
        self._kernels = list(kernels) or Kernels(refresh).resolve(request.kernels)
        self._progress = Progress()
        self._once = threading.Lock()

    def go(self) -> list[result.KernelResult]:
        """Runs what has no complete results.json yet. Raises Unusable when nothing can be run."""
        in_vm = any(kernel.origin != "running" for kernel in self._kernels)
        host.need(host.RUN if in_vm else host.BUILD)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._request.write(self._folder)
        with self._progress, ThreadPoolExecutor(1) as builder, ThreadPoolExecutor(self._jobs) as pool:
            building = builder.submit(self._build)
            running = [pool.submit(self._one, kernel, building) for kernel in self._kernels]
            try:
                return [job.result() for job in running]
            except BaseException:
                command.stop()
                for job in running:
                    job.cancel()
                raise

    def _build(self) -> tuple[Path, tuple[str, ...]]:
        """The bundle, and those of its programs that the request names."""
        self._progress.phase("selftest", "building")
        try:
            built = bundle.build()
        except BaseException:
            self._progress.done("selftest", "not built", good=False)
            raise
        self._progress.done("selftest", "ready")
        asked = set(self._request.programs)
        chosen = tuple(name for name in bundle.programs(built) if ktap.split_abi(name)[1] in self._request.abis
                       and (not asked or ktap.split_abi(name)[0] in asked))
        if not chosen:
            raise Unusable(f"the bundle has no {' or '.join(self._request.abis)} bit program")
        return built, chosen

    def _one(self, kernel: Kernel, building: "Future[tuple[Path, tuple[str, ...]]]") -> result.KernelResult:
        home = self._folder / kernel.label
        before = result.read(home / "results.json")
        if before and before.complete:
            return before
        home.mkdir(exist_ok=True)
        again = f"scripts/qa run --kernels {shlex.quote(kernel.word)}"
        (home / "command").write_text(again + "\n")
        whole = result.KernelResult(kernel.label, str(kernel.version or "unknown"), kernel.package,
                                    kernel.package_version, kernel.origin, "", "not-run", "", 0.0, again)
        started = time.monotonic()
        try:
            whole = self._run(kernel, building, home, whole)
        except BuildFailed as bad:
            whole = replace(whole, outcome="did-not-build", reason=str(bad))
        except Usage:
            raise
        except Unusable as bad:
            if building.done() and building.exception():
                raise
            whole = replace(whole, reason=str(bad), complete=False)
        except OSError as bad:
            raise cache.unusable(home, bad) from bad
        whole.seconds = whole.seconds or round(time.monotonic() - started, 1)
        result.write(whole, home / "results.json")
        word = whole.outcome + (f": {whole.reason}" if whole.outcome not in ("passed", "failed") else "")
        self._progress.done(kernel.label, word, good=not whole.surprising)
        return whole

    def _run(self, kernel: Kernel, building: "Future[tuple[Path, tuple[str, ...]]]", home: Path,
             whole: result.KernelResult) -> result.KernelResult:
        label, progress = kernel.label, self._progress
        progress.phase(label, {"debian": "download", "tree": "build"}.get(kernel.origin, "prepare"))
        files = kernel.obtain()
        if not building.done():
            progress.phase(label, "waits for the selftest")
        built, chosen = building.result()
        request = " ".join(f"-t {bundle.COLLECTION}:{name}" for name in chosen)
        started = time.monotonic()
        run = None
        lines: Sequence[tuple[float, str]]
        if kernel.origin == "running":
            progress.phase(label, "test")
            lines = _on_host(built, request)
        else:
            base = initramfs.base(built)
            with self._once:
                whole.accelerator = vm.accelerator(files.image, base)
            progress.phase(label, "boot")

            def seen(line: str) -> None:
                if line.startswith("# selftests:"):
                    progress.phase(label, f"test: {line.split()[-1]}")

            run = vm.boot(whole.accelerator, files.image, base, initramfs.of_kernel(files.modules, request),
                          home / "console.log", seen)
            lines = run.lines
        (home / "ktap.log").write_text("".join(f"{line}\n" for _, line in lines))
        cases = ktap.parse(lines, chosen)
        whole.seconds = round(time.monotonic() - started, 1)
        whole.outcome, whole.reason = result.outcome(cases, run)
        whole.cases = [result.judge(case, kernel, self._defects, whole.command) for case in cases]
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
