"""Images that come wrapped, and files that are none: what they are and what is said of them."""

import gzip
import io
import lzma
import os
import shutil
import struct
import subprocess
import tarfile
import tempfile
import unittest
from collections.abc import Mapping
from pathlib import Path
from unittest import mock

from kit.kernel import image, kernel, wrapping
from kit.base.arch import AMD64, ARM64, RISCV64, S390X, Architecture
from kit.base.error import Usage
from tests.test_kernel import bzimage

BANNER = b"7.3.4-x (a@b) (gcc (D 1) 1, GNU ld 2) #1 SMP PREEMPT now"


def portable(machine: int, sections: Mapping[str, bytes]) -> bytes:
    """A PE file with these sections."""
    head = bytearray(b"MZ".ljust(0x3c, b"\0") + (0x80).to_bytes(4, "little")).ljust(0x80, b"\0")
    head += b"PE\0\0" + struct.pack("<HHIIIHH", machine, len(sections), 0, 0, 0, 0x70,
                                    0x206) + bytes(0x70)
    start = len(head) + 40 * len(sections)
    content = b""
    for name, data in sections.items():
        head += struct.pack("<8sIIIIIIHHI", name.encode(), len(data), 0x1000, len(data),
                            start + len(content), 0, 0, 0, 0, 0)
        content += data
    return bytes(head) + content


def plain(magic: bytes = b"ARMd") -> bytes:
    """An Image of arm64 or riscv64."""
    return (bytes(0x38) + magic + bytes(0x1000) + b"Linux version " + BANNER + b"\n\0"
            + bytes(0x1000))


def zboot(data: bytes, method: str, machine: int = 0xaa64) -> bytes:
    """An EFI zboot image around a compressed one."""
    head = bytearray(portable(machine, {".text": bytes(8)}))
    head[4:16] = b"zimg" + struct.pack("<II", len(head), len(data))
    head[0x18:0x18 + len(method)] = method.encode()
    return bytes(head) + data + b"size and more"


class Fixture(unittest.TestCase):
    """A file, and a cache of its own."""

    def setUp(self) -> None:
        work = tempfile.TemporaryDirectory()
        self.addCleanup(work.cleanup)
        self.path = Path(work.name) / "image"
        self.enterContext(mock.patch.dict(os.environ,
                                          XDG_CACHE_HOME=str(Path(work.name) / "cache")))

    def label(self, data: bytes, arch: Architecture = AMD64) -> str:
        """What a kernel in a file is called, and what is booted is looked into."""
        self.path.write_bytes(data)
        one, = kernel.Kernels(arch=arch).resolve([str(self.path)])
        self.assertFalse(wrapping.wrapped(one.obtain().image.read_bytes()[:wrapping.HEAD], arch))
        return one.label

    def refused(self, data: bytes, text: str, arch: Architecture = AMD64) -> None:
        """A file is refused in one line that has these words."""
        self.path.write_bytes(data)
        with self.assertRaises(Usage) as caught:
            kernel.Kernels(arch=arch).resolve([str(self.path)])
        said = str(caught.exception)
        self.assertIn(text, said)
        self.assertTrue(said.startswith(f"{self.path}: "), said)
        self.assertNotIn("\n", said)


class Wrapped(Fixture):
    """Unified kernel images, zboot, Image.gz."""

    def test_unified_kernel_image(self) -> None:
        data = portable(0x8664, {".osrel": b"ID=debian", ".cmdline": b"quiet", ".uname": b"6.1.5",
                                 ".initrd": b"070701", ".linux": bzimage("6.1.5 (b@h) #1")})
        self.assertEqual(self.label(data), "6.1.5")
        self.assertEqual(image.bootable(self.path).read_bytes(), bzimage("6.1.5 (b@h) #1"))
        self.refused(data, "a unified kernel image for amd64, and the guest is arm64; say --arch "
                     "amd64", ARM64)
        self.refused(data[:-9], "a unified kernel image that is cut short, ")
        self.refused(portable(0x8664, {".linux": b"no kernel"}),
                     "what is in it is not an x86 kernel image but a text file")

    def test_unified_kernel_image_around_zboot(self) -> None:
        data = portable(0xaa64, {".linux": zboot(gzip.compress(plain()), "gzip")})
        self.assertEqual(self.label(data, ARM64), "7.3.4-x")

    def test_efi_zboot(self) -> None:
        ways = {"gzip": gzip.compress(plain()), "xzkern": lzma.compress(plain()),
                "lzma": lzma.compress(plain(), lzma.FORMAT_ALONE)}
        for method, words in (("zstd22", "zstd -qc"), ("lz4", "lz4 -lqc"), ("lzo", "lzop -qc")):
            if shutil.which(words.split()[0]):
                ways[method] = subprocess.run(words.split(), input=plain(), capture_output=True,
                                              check=True).stdout
        for method, data in ways.items():
            with self.subTest(method):
                self.assertEqual(self.label(zboot(data, method), ARM64), "7.3.4-x")
        self.assertEqual(self.label(zboot(gzip.compress(plain(b"RSC\5")), "gzip", 0x5064), RISCV64),
                         "7.3.4-x")

    def test_damaged_zboot(self) -> None:
        good = zboot(gzip.compress(plain()), "gzip")
        self.refused(good[:-20], "an EFI zboot kernel that is cut short, ", ARM64)
        self.refused(zboot(b"\x1f\x8bno", "gzip"),
                     "damaged or cut short: its gzip data cannot be unpacked", ARM64)
        self.refused(zboot(lzma.compress(plain())[:-9], "xz"),
                     "its xz data cannot be unpacked", ARM64)
        self.refused(zboot(b"", "brotli"), "compressed in a way that is not known here (brotli)",
                     ARM64)
        self.refused(good,
                     "an EFI zboot kernel for arm64, and the guest is amd64; say --arch arm64")

    def test_compressed_image(self) -> None:
        self.assertEqual(self.label(gzip.compress(plain()), ARM64), "7.3.4-x")
        self.refused(gzip.compress(b"070701" * 99),
                     "what is in it is not a kernel image for arm64 but an initramfs", ARM64)

    def test_unpacked_once(self) -> None:
        self.path.write_bytes(zboot(gzip.compress(plain()), "gzip"))
        first = image.bootable(self.path, ARM64)
        self.path.rename(self.path.with_name("again"))
        self.assertEqual(image.bootable(self.path.with_name("again"), ARM64), first)


class Others(Fixture):
    """What is no image."""

    def test_what_a_file_is(self) -> None:
        tape = io.BytesIO()
        with tarfile.open(fileobj=tape, mode="w") as archive:
            archive.addfile(tarfile.TarInfo("x"))
        elf = b"\x7fELF\2\1\1".ljust(16, b"\0")
        for data, words in (
                (elf + struct.pack("<HH", 2, 62),
                 "an ELF file, such as a vmlinux; give arch/x86/boot/bzImage"),
                (elf + struct.pack("<HH", 3, 183),
                 "an ELF file for arm64, such as a vmlinux; give arch/x86"),
                (elf + struct.pack("<HH", 1, 62), "an ELF object, such as a module"),
                (b"\x7fELF\2\2\1".ljust(16, b"\0") + struct.pack(">HH", 2, 22),
                 "an ELF file for s390x"),
                (b"\x7fELF", "an ELF file"),
                (portable(0x8664, {".text": b""}),
                 "an EFI program for amd64, a PE file without a section .linux"),
                (b"MZ" + bytes(100), "a program for DOS"),
                (plain(), "one for arm64; say --arch arm64"),
                (plain(b"RSC\5"), "one for riscv64; say --arch riscv64"),
                (b"\x27\x05\x19\x56" + bytes(60),
                 "a uImage of U-Boot; take the kernel out: dumpimage -T kernel -p 0 -o Image "
                 f"{self.path} (package u-boot-tools)"),
                (b"\xd0\x0d\xfe\xed",
                 "a flattened device tree, perhaps a FIT image; take the kernel out"),
                (b"ANDROID!", "an Android boot image; take the kernel out: unpack_bootimg"),
                (b"070701" + bytes(99), "an initramfs; give arch/x86"),
                (gzip.compress(b"070701" + bytes(99)), "an initramfs, compressed with gzip"),
                (lzma.compress(b"070701"), "a file compressed with xz, such as an initramfs"),
                (bytes(0x438) + b"\x53\xef",
                 "an ext2, ext3 or ext4 file system; mount it and give dir:MOUNTPOINT"),
                (bytes(0x200) + b"EFI PART", "a disk image; mount what is in it"),
                (b"QFI\xfb", "a disk image (qcow2)"),
                (tape.getvalue(), "a tar archive; unpack it and give dir:FOLDER"),
                (gzip.compress(tape.getvalue()), "a tar archive, compressed with gzip; unpack it"),
                (b"!<arch>\n",
                 f"a .deb package, or another ar archive; a package is deb:{self.path}"),
                (b"# CONFIG_X86 is not set\n", "a text file")):
            with self.subTest(words):
                self.refused(data, f"not an x86 kernel image but {words}")
        self.refused(bzimage(), "not a kernel image for arm64 but one for amd64; say --arch amd64",
                     ARM64)
        self.refused(bzimage(), "not a kernel image for s390x but one for amd64", S390X)

    def test_32_bit_kernel(self) -> None:
        data = bytearray(bzimage())
        data[0x206:0x208] = b"\x0f\x02"
        self.refused(bytes(data), "a 32-bit kernel, and the guest is amd64")


if __name__ == "__main__":
    unittest.main()
