"""What is said of what goes on."""

import io
import tempfile
import threading
import unittest
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from unittest import mock

from kit.base import progress
from kit.guest import guest, initramfs, vm
from kit.report import result
from kit.kernel.kernel import Files, Kernel
from kit.base.progress import Progress
from kit.matrix import Matrix, Request, Row


class Lines(unittest.TestCase):
    """Where there is no terminal, a line for each phase."""

    def test_phases(self) -> None:
        out = io.StringIO()
        with Progress(out) as shown:
            for what in ("booting (TCG)", "testing: a", "testing: b"):
                shown.phase("k", what)
            shown.done("k", "passed")
        self.assertEqual(out.getvalue(), "k: booting (TCG)\nk: testing: a\nk: passed (0 s)\n")

    def test_steps_go_to_who_asked(self) -> None:
        out = io.StringIO()
        shown = Progress(out)
        progress.step("nobody listens")

        def work(label: str) -> None:
            with progress.told(partial(shown.phase, label)):
                progress.step("building")
            progress.step("nobody listens")

        work("a")
        other = threading.Thread(target=work, args="b")
        with progress.told(partial(shown.phase, "c")):
            other.start()
            other.join()
        self.assertEqual(out.getvalue(), "a: building\nb: building\n")


class Kernels(unittest.TestCase):
    """What a run says of a kernel."""

    def said(self, obtain: Callable[[], Files]) -> str:
        """The lines until it is tested."""
        def booted(*args: object) -> vm.Run:
            plain = args[0]
            assert isinstance(plain, vm.Boot)
            plain.seen("# selftests: io_uring: late_read")
            return vm.Run([], "", "", 1.0)

        kernel = Kernel("k", "debian:6.1.5", "debian", None, obtain=obtain)
        built: Future[tuple[Path, tuple[str, ...]]] = Future()
        built.set_result((Path(), ("late_read",)))
        made = Matrix(Request(("k",)), Path(), 1, kernels=[kernel])
        made._progress = Progress(io.StringIO())
        whole = result.KernelResult("k", "", "", "", "debian", "", "not-run", "", 0.0, "")
        with tempfile.TemporaryDirectory() as name, mock.patch.object(initramfs, "base"), \
                mock.patch.object(vm, "accelerator",
                                  return_value="tcg"), mock.patch.object(guest, "run", booted):
            made._run(Row(kernel), built, Path(name), whole)
        out = made._progress._out
        assert isinstance(out, io.StringIO)
        return out.getvalue()

    def test_kernel_from_the_cache_is_no_download(self) -> None:
        self.assertEqual(self.said(lambda: Files(Path())),
                         "k: booting (TCG)\nk: testing: late_read\n")

    def test_download(self) -> None:
        def obtain() -> Files:
            progress.step("downloading linux-image-6.1.5")
            return Files(Path())

        self.assertTrue(self.said(obtain)
                        .startswith("k: downloading linux-image-6.1.5\nk: booting (TCG)\n"))


if __name__ == "__main__":
    unittest.main()
