"""Cross compilers: which are taken, and that what they make is static and for the right machine."""

import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from kit.base import arch
from kit.build import archive, cross
from kit.base.error import Unusable


class Compilers(unittest.TestCase):
    def test_the_host_has_its_own(self) -> None:
        self.assertEqual([cross.compiler(arch.AMD64, abi) for abi in arch.AMD64.abis],
                         ["gcc", "gcc -m32"])

    def test_of_no_release_of_debian(self) -> None:
        with mock.patch.object(Path, "read_text",
                               return_value="ID=other\nVERSION_CODENAME=noble\n"):
            self.assertEqual(archive.codename(), "noble")
            with self.assertRaisesRegex(Unusable, "this host runs noble"):
                cross._suite()

    def test_wrapper_is_found_from_anywhere(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            home = Path(name)
            for folder in ("bin", "unpacked/usr/bin"):
                (home / folder).mkdir(parents=True)
            tool, wrapper = home / "unpacked/usr/bin/x-ld-12", home / "bin/x-ld"
            tool.write_text('#!/bin/sh\necho "${LD_LIBRARY_PATH##*/unpacked/}" "$@"\n')
            wrapper.write_text(cross.WRAPPER.format(tool=tool.name))
            for path in (tool, wrapper):
                path.chmod(0o755)
            said = subprocess.run([wrapper, "a b"], cwd="/", capture_output=True, text=True,
                                  check=True).stdout
        self.assertEqual(said, "usr/lib/x86_64-linux-gnu a b\n")

    def test_linker_scripts_name_what_lies_beside_them(self) -> None:
        script = (b"/* GNU ld script\n   Use the shared library */\n"
                  b"OUTPUT_FORMAT(elf64-littleaarch64)\nGROUP ( /usr/a-b/lib/libc.so.6 "
                  b"/usr/a-b/lib/libc_nonshared.a  AS_NEEDED ( /usr/a-b/lib/ld.so.1 ) )\n")
        with tempfile.TemporaryDirectory() as name:
            Path(name, "libc.so").write_bytes(script)
            Path(name, "libm.so").write_bytes(b"\x7fELF /usr/a-b/lib/x")
            cross._relocate(Path(name))
            self.assertIn(b"\nGROUP ( libc.so.6 libc_nonshared.a  AS_NEEDED ( ld.so.1 ) )\n",
                          Path(name, "libc.so").read_bytes())
            self.assertEqual(Path(name, "libm.so").read_bytes(), b"\x7fELF /usr/a-b/lib/x")


if __name__ == "__main__":
    unittest.main()
