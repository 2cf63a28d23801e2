"""The cpio writer against the cpio tool, and modules in load order."""

import subprocess
import tempfile
import unittest
from pathlib import Path

from kit.kernel import module
from kit.guest import initramfs, program
from kit.base.error import Unusable
from tests.needs import needs


class Cpio(unittest.TestCase):
    @needs("cpio")
    def test_cpio_reads_it(self) -> None:
        data = initramfs.newc({"init": b"#!/bin/sh\n", "a/b/c": b"odd"}, ("proc",),
                              {"dev/console": (5, 1)})
        listed = subprocess.run(["cpio", "-itv", "--quiet"], input=data, capture_output=True,
                                check=True).stdout
        rows = [line.split() for line in listed.decode().splitlines()]
        self.assertEqual([(row[0], row[-1]) for row in rows],
                         [("drwxr-xr-x", "a"), ("drwxr-xr-x", "a/b"), ("drwxr-xr-x", "dev"),
                          ("drwxr-xr-x", "proc"), ("crw-------", "dev/console"),
                          ("-rwxr-xr-x", "init"), ("-rwxr-xr-x", "a/b/c")])

    def test_parts_can_be_joined(self) -> None:
        self.assertEqual(len(initramfs.of_kernel(None, "-c io_uring")) % 512, 0)


class Programs(unittest.TestCase):
    def test_with_its_libraries(self) -> None:
        found = program.files("env")
        self.assertEqual(found["usr/bin/env"], Path("/usr/bin/env"))
        self.assertTrue(any("ld-linux" in name for name in found)
                        and any("libc.so" in name for name in found))

    def test_not_here(self) -> None:
        with self.assertRaisesRegex(Unusable, "nosuch: not found"):
            program.files("nosuch")


class Modules(unittest.TestCase):
    @needs("xz")
    def test_order_and_compression(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            top = Path(name)
            net = top / "kernel/net/sched"
            net.mkdir(parents=True)
            (net / "sch_tbf.ko").write_bytes(b"ELF\0depends=low-level,sch_fq\0")
            (net / "low_level.ko").write_bytes(b"ELF\0depends=\0")
            (net / "sch_fq.ko").write_bytes(b"ELF\0depends=low_level\0")
            subprocess.run(["xz", "-q", net / "sch_fq.ko"], check=True)
            module.gather(top, top / "out", ("sch_tbf", "sch_netem"))
            self.assertEqual([path.name for path in sorted((top / "out").iterdir())],
                             ["00-low_level.ko", "01-sch_fq.ko", "02-sch_tbf.ko"])
            self.assertEqual(
                [path.name for path in module.chosen(top / "out", ("sch_fq", "e1000e"))],
                ["00-low_level.ko", "01-sch_fq.ko"])
            self.assertEqual(module.names(top / "out"), {"low_level", "sch_fq", "sch_tbf"})
            self.assertIn(b"depends=low_level", (top / "out/01-sch_fq.ko").read_bytes())


if __name__ == "__main__":
    unittest.main()
