"""User Mode Linux of Debian's and of one's own: found, unpacked, made to run on an older host."""

import gzip
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from kit.base.arch import ARM64, UML
from kit.base.error import Unusable, Usage
from kit.build.archive import Archive, Stanza
from kit.guest.machine import Wish
from kit.guest import shell
from kit.kernel import kernel, usermode
from kit.kernel.kernel import Kernels
from kit.matrix import Request, Matrix

STANZAS = [{"Package": "user-mode-linux", "Version": version, "Depends": f"libc6 (>= {libc})",
            "Built-Using": f"linux (= {linux})"} for version, linux, libc in (
    ("6.1um4+b13", "6.1.176-1", "2.34"), ("7.2um1", "7.2.7-1", "2.38"),
    ("6.1um4", "6.1.37-1", "2.34"))]
STANZAS.append({"Package": "user-mode-linux", "Version": "2.6-1um-0", "Depends": "libc6 (>= 2.3)"})
PROGRAM = b"\x7fELF /lib64/ld-linux-x86-64.so.2\0 and more"


class Mirror(Archive):
    """An archive with these packages."""

    def __init__(self) -> None:
        super().__init__(Path())
        self.fetched: list[str] = []

    def packages(self, prefix: str, pattern: str) -> list[Stanza]:
        libc = [{"Version": "2.36-9"}, {"Version": "2.43-7"}]
        return [*(STANZAS if prefix == usermode.PACKAGE else libc)]

    def unpack(self, package: str, version: str | None, into: Path, suite: str = "") -> str:
        self.fetched.append(f"{package} {version}")
        modules = "usr/lib/uml/modules/7.2.7/kernel/net/ipv6.ko"
        libraries = tuple(f"usr/lib/x86_64-linux-gnu/{name}" for name in usermode.LIBRARIES)
        for name in {usermode.PACKAGE: ("usr/bin/linux.uml", modules), "libc6": libraries}[package]:
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            (into / name).write_bytes(PROGRAM)
        if package == usermode.PACKAGE:
            config = into / "usr/share/doc/user-mode-linux/config.gz"
            config.parent.mkdir(parents=True)
            config.write_bytes(gzip.compress(b"CONFIG_IO_URING=y\n"))
        return version or ""


class Usermode(unittest.TestCase):
    """A mirror and a cache of its own."""

    def setUp(self) -> None:
        work = tempfile.TemporaryDirectory()
        self.addCleanup(work.cleanup)
        self.home = Path(work.name)
        self.enterContext(mock.patch.dict("os.environ", XDG_CACHE_HOME=str(self.home / "cache")))
        self.mirror = Mirror()
        self.enterContext(mock.patch.object(kernel, "open_archive", return_value=self.mirror))

    def test_words(self) -> None:
        for word, found in (("uml:7.2", "uml:7.2.7"), ("uml:7.2.7", "uml:7.2.7"),
                            ("uml:6.1", "uml:6.1.176"), ("uml:6.1um4", "uml:6.1.37")):
            one, = Kernels().resolve([word])
            self.assertEqual((one.word, one.abis, one.origin), (found, ("64",), "uml"))
        self.assertEqual([one.word for one in Kernels().hosted], ["uml:7.2.7", "uml:6.1.176"])

    def test_no_such(self) -> None:
        with self.assertRaisesRegex(Usage, "uml:9.9: the mirror has no such .*7.2.7, uml:6.1.176"):
            Kernels().resolve(["uml:9.9"])
        with self.assertRaisesRegex(Usage, "uml:7.2: User Mode Linux runs amd64 programs"):
            Kernels(arch=ARM64).resolve(["uml:7.2"])

    def test_files(self) -> None:
        for libc, fetched in (("2.41-12", ["user-mode-linux 7.2um1"]),
                              ("2.36-9", ["user-mode-linux 7.2um1", "libc6 2.43-7"])):
            self.mirror.fetched.clear()
            one = usermode.find("7.2", usermode.offers(self.mirror))
            with mock.patch.object(usermode, "_of_host", return_value=libc):
                home = usermode.files(self.mirror, one)
            self.assertEqual(self.mirror.fetched, fetched)
            self.assertEqual([path.name for path in (home / "modules").iterdir()], ["00-ipv6.ko"])
            self.assertEqual((home / "config").read_text(), "CONFIG_IO_URING=y\n")
            self.assertFalse((home / "raw").exists())
        self.assertEqual((home / "linux").read_text(), usermode.START)
        self.assertIn(b" ./ld-linux-x86-64.so.2\0", (home / "linux.uml").read_bytes())
        self.assertEqual(len((home / "linux.uml").read_bytes()), len(PROGRAM))
        self.assertEqual(subprocess.run(["sh", "-n", home / "linux"], check=False).returncode, 0)

    def test_a_program_of_ones_own(self) -> None:
        program = self.home / "linux"
        program.write_text("#!/bin/sh\necho 7.3.4-dirty\n")
        program.chmod(0o755)
        one, = Kernels().resolve([f"uml:{program}"])
        self.assertEqual((one.label, str(one.version)), ("uml-7.3.4-dirty", "7.3.4"))
        self.assertEqual(one.obtain().arch, UML)
        (self.home / ".config").write_text("CONFIG_NULL_CHAN=n\n")
        with self.assertRaisesRegex(Unusable, "without null channels .* CONFIG_NULL_CHAN=y"):
            one.obtain()
        for text in ("#!/bin/sh\necho hello\n", "no program", "", "#!/bin/sh\nexit 1\n"):
            program.write_text(text)
            with self.assertRaisesRegex(Usage, f"^uml:{program}: "):
                Kernels().resolve([f"uml:{program}"])

    def test_what_it_does_not_have(self) -> None:
        one, = Kernels().resolve(["uml:7.2"])
        for request in (Request(("k",), nics=("e1000e",)), Request(("k",), wish=Wish(cpus="2"))):
            with self.assertRaisesRegex(Usage, "uml:7.2.7: User Mode Linux has neither a NIC nor"):
                Matrix(request, Path(), 1, kernels=[one])
        for gdb, wish, nic in ((True, Wish(), ""), (False, Wish(cpus="2"), ""),
                               (False, Wish(), "e1000e")):
            with self.assertRaisesRegex(Usage, "has neither a NIC nor a second CPU"):
                shell.run("uml:7.2", "amd64", wish, nic, gdb)


if __name__ == "__main__":
    unittest.main()
