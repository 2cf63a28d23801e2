"""What a guest may be given, and what is refused."""

import tempfile
import unittest
from pathlib import Path

from kit.guest import vm
from kit.base.arch import AMD64, ARM64, Architecture
from kit.base.error import Usage
from kit.kernel.kernel import Kernel
from kit.guest.machine import Wish
from kit.matrix import Matrix, Request, Row


class Wishes(unittest.TestCase):
    """--memory, --cpus and --append"""

    def refused(self, wish: Wish, words: str, arch: Architecture = AMD64) -> None:
        """It is refused in one line with these words."""
        with self.assertRaisesRegex(Usage, words) as caught:
            wish.machine(arch)
        self.assertNotIn("\n", str(caught.exception))

    def test_nothing_wished_for(self) -> None:
        self.assertEqual((Wish().machine(AMD64, nic=True), Wish().words), (vm.USUAL, ""))
        self.assertEqual(Wish().machine(ARM64), vm.USUAL)
        self.assertEqual(Wish().machine(AMD64).memory, "256")

    def test_memory(self) -> None:
        for text, mebibytes in (("300", "300"), ("300M", "300"), ("1G", "1024")):
            self.assertEqual(Wish(memory=text).machine(AMD64).memory, mebibytes)
        for text in ("0", "127", "999999G", "100000000000000"):
            self.refused(Wish(memory=text), f"--memory {text}: ")
        for text in ("x", "-1", "1.5G", "1T", "1 G", "١G"):
            self.refused(Wish(memory=text), f"--memory {text}: give MiB, or a number with M or G")

    def test_cpus(self) -> None:
        self.assertEqual(Wish(cpus="8").machine(ARM64).cpus, 8)
        for text in ("0", "65", "-1", "two", "1.5", "10000000"):
            self.refused(Wish(cpus=text), f"--cpus {text}: give a number from 1 to 64")
        self.refused(Wish(cpus="9"), "--cpus 9: give a number from 1 to 8", ARM64)

    def test_append(self) -> None:
        self.assertEqual(Wish(append="a b=1").machine(AMD64).arguments, "a b=1")
        self.refused(Wish(append="a\nb"), "--append: a kernel's command line is one line")
        self.refused(Wish(append="x" * 1001), "--append: 1001 characters; at most 1000 fit")
        self.refused(Wish(append="quiet console=tty0"),
                     "--append: console= is what the guest itself is run with")
        self.assertEqual(Wish(append="netconsole=x").machine(AMD64).arguments, "netconsole=x")

    def test_words_give_the_same_again(self) -> None:
        self.assertEqual(Wish("2G", "4", "a 'b'").words,
                         """--memory 2G --cpus 4 --append 'a '"'"'b'"'"'' """)

    def test_run_keeps_them(self) -> None:
        wish = Wish("2G", append="a b")
        with tempfile.TemporaryDirectory() as name:
            Request(("all",), wish=wish).write(Path(name))
            self.assertEqual(Request.read(Path(name)).wish, wish)
        one = Kernel("6.1.5", "debian:6.1.5", "debian", None)
        self.assertEqual(Row(one, wish=wish).command,
                         "scripts/qa run --memory 2G --append 'a b' --kernels debian:6.1.5")
        made = Matrix(Request(("k",), wish=wish), Path(), 1, kernels=[one])
        self.assertEqual((made._machine(made._rows[0]).memory, made._rows[0].wish), ("2048", wish))
        with self.assertRaisesRegex(Usage, "--cpus x: give a number"):
            Matrix(Request(("k",), wish=Wish(cpus="x")), Path(), 1, kernels=[one])
        with self.assertRaisesRegex(Usage, "running: has no VM, so neither --memory nor --cpus nor "
                                    "--append"):
            Matrix(Request(("k",), wish=wish), Path(), 1,
                   kernels=[Kernel("r", "running", "running", None)])

    def test_an_idle_core_has_an_abi_of_its_own(self) -> None:
        kernels = [Kernel(f"6.1.{number}", f"debian:6.1.{number}", "debian", None)
                   for number in (5, 6)]
        names = ("late_read", "zerocopy", "late_read_32")
        for jobs, many, guests in ((2, 1, [names[:2], names[2:]]), (1, 1, [names]),
                                   (2, 2, [names]), (4, 2, [names[:2], names[2:]])):
            made = Matrix(Request(("k",)), Path(), jobs, kernels=kernels[:many])
            self.assertEqual(made._parts(made._rows[0], names), guests, (jobs, many))
        made = Matrix(Request(("k",)), Path(), 2, kernels=kernels[:1])
        self.assertEqual(made._parts(made._rows[0], names[:2]), [names[:2]])


if __name__ == "__main__":
    unittest.main()
