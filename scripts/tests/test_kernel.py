"""Words, images and configs that are and are not kernels."""

import tempfile
import unittest
from pathlib import Path

from kit.base import arch, version
from kit.kernel import image, kernel
from kit.base.arch import ARM64
from kit.base.error import Unusable, Usage


def bzimage(banner: str = "6.1.5 (me@here) #1 SMP", size: int = 4096) -> bytes:
    """A file with the boot header of a kernel image (Documentation/arch/x86/boot.rst)."""
    head = bytearray(1024)
    head[0x1f1] = 1
    head[0x1f4:0x1f8] = (size // 16).to_bytes(4, "little")
    head[0x1fe:0x200] = b"\x55\xaa"
    head[0x202:0x206] = b"HdrS"
    head[0x20e:0x210] = (0x100).to_bytes(2, "little")
    head[0x300:0x300 + len(banner)] = banner.encode()
    return bytes(head) + bytes(size)


class Images(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "bzImage"

    def tearDown(self) -> None:
        self.folder.cleanup()

    def refused(self, words: str, data: bytes) -> None:
        self.path.write_bytes(data)
        with self.assertRaisesRegex(Usage, words):
            kernel.Kernels().resolve([str(self.path)])

    def test_no_kernels(self) -> None:
        self.refused("not an x86 kernel image but a text file; give arch/x86/boot/bzImage of a "
                     "build", b"hello, this is text\n" * 100)
        self.refused("but an empty file", b"")
        self.refused("not an x86 kernel image; give", bytes(4096))
        self.refused("cut short", bzimage()[:3000])

    def test_kernel(self) -> None:
        self.path.write_bytes(bzimage())
        self.assertEqual(image.banner(self.path), "6.1.5 (me@here) #1 SMP")
        found, = kernel.Kernels().resolve([str(self.path)])
        self.assertEqual((found.label, str(found.version), found.origin),
                         ("6.1.5", "6.1.5", "image"))

    def test_kernel_of_another_architecture(self) -> None:
        data = bytearray(0x1000)
        data[0x38:0x3c] = b"ARMd"
        data += (b"Linux version %s (%s) %s\0Linux version 7.3.4-x (a@b) (gcc (D 1) 1, GNU ld 2) "
                 b"#1 SMP PREEMPT now\n")
        self.path.write_bytes(data)
        self.assertTrue(image.banner(self.path, ARM64).startswith("7.3.4-x (a@b) (gcc"))
        found, = kernel.Kernels(arch=ARM64).resolve([str(self.path)])
        self.assertEqual((found.label, str(found.version), found.arch), ("7.3.4-x", "7.3.4", ARM64))
        self.refused("not an x86 kernel image", bytes(data))
        for cut, words in ((data[:0x1000], "tells no version"),
                           (bzimage(), "not a kernel image for arm64")):
            self.path.write_bytes(cut)
            with self.assertRaisesRegex(Usage, words):
                image.banner(self.path, ARM64)

    def test_version_is_not_that_of_the_compiler(self) -> None:
        for compiler in ("", "(gcc-14 (Debian 14.2.0-19) 14.2.0, GNU ld (GNU Binutils for Debian) "
                         "2.44) "):
            found = version.upstream(f"7.3.4+deb13-arm64 (a@b) {compiler}#1 SMP Debian "
                                     "7.3.4-1~bpo13+1 (2026-11-20)")
            self.assertEqual(str(found), "7.3.4")

    def test_running_is_of_this_host(self) -> None:
        with self.assertRaisesRegex(Usage, "this host is not arm64"):
            kernel.Kernels(arch=ARM64).resolve(["running"])

    def test_names_of_architectures(self) -> None:
        self.assertEqual([arch.named(word).name
                          for word in ("arm64", "aarch64", "x86_64", "ppc64le", "s390")],
                         ["arm64", "arm64", "amd64", "ppc64el", "s390x"])
        with self.assertRaisesRegex(Usage, "m68k: no such architecture; there are amd64, arm64"):
            arch.named("m68k")

    def test_two_of_one_name_get_two_folders(self) -> None:
        self.path.write_bytes(bzimage())
        other = self.path.with_name("vmlinuz")
        other.write_bytes(bzimage())
        labels = [each.label
                  for each in kernel.Kernels().resolve([str(self.path), str(other), str(other)])]
        self.assertEqual(labels, ["6.1.5", "6.1.5.2"])

    def test_config_without_serial_console(self) -> None:
        self.path.write_bytes(bzimage())
        self.path.with_name("config-6.1.5").write_text("CONFIG_BLK_DEV_INITRD=y\n"
                                                       "# CONFIG_SERIAL_8250 is not set\n")
        found, = kernel.Kernels().resolve([str(self.path)])
        with self.assertRaisesRegex(Unusable, "CONFIG_SERIAL_8250_CONSOLE=y"):
            found.obtain()

    def test_folder_that_is_no_tree(self) -> None:
        with self.assertRaisesRegex(Usage, "neither a kernel image nor a kernel tree"):
            kernel.Kernels().resolve([self.folder.name])

    def test_no_such_word(self) -> None:
        for word in ("/nonexistent/bzImage", "newest"):
            with self.assertRaisesRegex(Usage, "no such kernel"):
                kernel.Kernels().resolve([word])

    def test_an_empty_word_is_not_the_current_folder(self) -> None:
        for word in ("", " "):
            with self.assertRaisesRegex(Usage, "an empty word for a kernel"):
                kernel.Kernels().resolve([word])

    def test_tree_names_its_version(self) -> None:
        (Path(self.folder.name) / "Makefile").write_text(
            "VERSION = 7\nPATCHLEVEL = 4\nSUBLEVEL = 0\nEXTRAVERSION = -rc2\n")
        found, = kernel.Kernels().resolve([self.folder.name])
        self.assertEqual((str(found.version), found.origin), ("7.4-rc2", "tree"))


if __name__ == "__main__":
    unittest.main()
