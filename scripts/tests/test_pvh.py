"""The kernel inside a bzImage: found, unpacked, and started only where it has the entry."""

import contextlib
import gzip
import io
import lzma
import struct
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from kit.kernel import image, pvh

BANNER = b"\0Linux version 7.3.4 (builder) (gcc) #1 SMP\n\0"


def elf(owner: bytes = b"Xen\0", kind: int = 18) -> bytes:
    """A 64-bit ELF file with two notes, the second of which is this."""
    notes = struct.pack("<III4s8s", 4, 5, 3, b"GNU\0", b"")
    notes += struct.pack("<III4sQ", 4, 8, kind, owner, 0x1000000)
    header = struct.pack("<6s10xHHIQQQIHHHHHH", pvh.ELF, 2, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 4, 0, 64 + 56, 0, 0, len(notes), len(notes), 4)
    return header + segment + notes + BANNER


def bzimage(payload: bytes, protocol: int = 0x20f) -> bytes:
    """A bzImage with a setup of two sectors and this in it."""
    data = bytearray(1024)
    data[0x1f1] = 1
    data[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", data, 0x206, protocol)
    struct.pack_into("<II", data, 0x248, 16, len(payload))
    return bytes(data) + bytes(16) + payload + bytes(64)


class Unpacked(unittest.TestCase):
    """What comes out of an image."""

    def test_each_compression(self) -> None:
        size = struct.pack("<I", len(elf()))
        for payload in (gzip.compress(elf()), lzma.compress(elf()) + size,
                        lzma.compress(elf(), lzma.FORMAT_ALONE) + size):
            self.assertEqual(pvh.unpacked(bzimage(payload)), elf())

    def test_no_entry(self) -> None:
        for other in (elf(kind=1), elf(owner=b"GNU\0"), elf()[:70], b"no ELF file at all"):
            with self.assertRaisesRegex(ValueError, "built without CONFIG_PVH"):
                pvh.unpacked(bzimage(gzip.compress(other)))

    def test_damaged(self) -> None:
        whole = gzip.compress(elf())
        for broken in (b"", b"MZ", bzimage(whole, 0x207), bzimage(whole[:-9]), bzimage(b"text")):
            with self.assertRaises(ValueError):
                pvh.unpacked(broken)


class Startable(unittest.TestCase):
    """What QEMU is given."""

    def setUp(self) -> None:
        work = tempfile.TemporaryDirectory()
        self.addCleanup(work.cleanup)
        self.enterContext(mock.patch.dict("os.environ", XDG_CACHE_HOME=work.name))
        self.image = Path(work.name) / "vmlinuz"
        self.addCleanup(pvh.startable.cache_clear)

    def startable(self, content: bytes) -> tuple[Path, str]:
        """That, and what was said."""
        self.image.write_bytes(content)
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            found = pvh.startable(self.image)
        return found, said.getvalue()

    def test_unpacked_once(self) -> None:
        found, said = self.startable(bzimage(gzip.compress(elf())))
        self.assertEqual((found.read_bytes(), said), (elf(), ""))
        pvh.startable.cache_clear()
        with mock.patch.object(pvh, "unpacked", side_effect=AssertionError):
            self.assertEqual(pvh.startable(self.image), found)

    def test_falls_back_with_a_line(self) -> None:
        found, said = self.startable(bzimage(gzip.compress(elf(kind=1))))
        self.assertEqual(found, self.image)
        self.assertRegex(said, r"^qa: .*: unpacks itself .*: built without CONFIG_PVH")

    def test_vmlinux_is_an_image(self) -> None:
        self.assertEqual(self.startable(elf()), (self.image, ""))
        self.assertTrue(image.banner(self.image).startswith("7.3.4 (builder)"))


if __name__ == "__main__":
    unittest.main()
