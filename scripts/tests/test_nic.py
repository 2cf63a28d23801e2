"""NICs by their words, their ports, and kernels that can and cannot drive them, without QEMU."""

import tempfile
import unittest
from pathlib import Path
from unittest import mock

from kit.base import command, host
from kit.build import bundle
from kit.kernel import kernel, module
from kit.guest import guest, nic, qemu
from kit.report import result
from kit.base.error import Failure, Unusable, Usage
from kit.kernel.kernel import Files, Kernel, Kernels
from kit.guest.nic import NoDriver
from kit.matrix import Matrix, Request

class Words(unittest.TestCase):
    def setUp(self) -> None:
        self.enterContext(mock.patch.object(host, "need"))
        self.old()

    def old(self, newer: tuple[str, ...] = ()) -> None:
        """A host with QEMU 7.2, and perhaps another one."""
        self.enterContext(mock.patch.multiple(qemu, release=lambda: (7, 2),
                                              _unpacked=lambda wanted: newer))
        nic.offered.cache_clear()
        self.addCleanup(nic.offered.cache_clear)

    def test_rows(self) -> None:
        self.assertEqual(nic.resolve([]), ("",))
        self.assertEqual(nic.resolve(["e1000e", "vmxnet3:ssh", "e1000e"]),
                         ("e1000e", "vmxnet3:ssh"))
        self.assertEqual(nic.resolve(["all", "vmxnet3:ssh"]),
                         ("", "virtio-net", "e1000e", "vmxnet3", "e1000e:ssh", "vmxnet3:ssh"))

    def test_unknown_word_is_wrong_use(self) -> None:
        for word in ("rtl8139", "e1000e:telnet", "e1000e:", "all:ssh", ""):
            with self.assertRaises(Usage) as caught:
                nic.resolve(["e1000e", word])
            self.assertEqual(str(caught.exception),
                             f"no NIC {word}; there are virtio-net, e1000e, vmxnet3, igb, each "
                             "also with :ssh, and all")

    def test_what_this_qemu_lacks(self) -> None:
        with self.assertRaises(Unusable) as caught:
            nic.resolve(["igb:ssh"])
        self.assertEqual(str(caught.exception),
                         "igb:ssh: needs QEMU 8.0, here is 7.2; there are virtio-net, e1000e, "
                         "vmxnet3")
        self.assertEqual(nic.missing(), "left out, for QEMU 7.2 does not have it: igb (QEMU 8.0)")

    def test_what_it_had_when_the_run_began(self) -> None:
        with self.assertRaisesRegex(Unusable, "igb: needs QEMU 8.0"):
            nic.named("igb").ports()

    def test_a_newer_qemu(self) -> None:
        self.old(("env", "qemu"))
        self.assertEqual((nic.resolve(["igb"]), nic.missing()), (("igb",), ""))
        ports = nic.named("igb").ports()
        self.assertEqual(ports.qemu, ("env", "qemu"))
        self.assertEqual(ports.notes, ("tx-udp-segmentation is off, since QEMU gets it wrong",))
        self.assertEqual(nic.named("e1000e").ports().qemu, (qemu.PROGRAM,))

    def test_order_of_rows(self) -> None:
        words = ["", "virtio-net", "e1000e", "vmxnet3", "igb", "virtio-net:ssh", "e1000e:ssh"]
        self.assertEqual(sorted(reversed(words), key=result.rank), words)
        self.assertEqual(result.NICS, tuple(nic.MODELS))
        self.assertEqual(module.NICS, tuple(name for model in nic.MODELS.values()
                                            for name in model.drivers.values()))
        self.assertEqual(list(nic.MODELS), [word for word in words if word and ":" not in word])


class Ports(unittest.TestCase):
    def setUp(self) -> None:
        self.enterContext(mock.patch.multiple(qemu, release=lambda: (7, 2),
                                              _unpacked=lambda wanted: ()))
        nic.offered.cache_clear()
        self.addCleanup(nic.offered.cache_clear)

    def test_a_hub_or_taps(self) -> None:
        hub = nic.named("e1000e").ports()
        self.assertEqual(
            hub.arguments[:4],
            ("-netdev", "hubport,id=local,hubid=0", "-device",
             "e1000e,netdev=local,mac=52:54:00:c0:00:01,addr=4,romfile="))
        self.assertEqual((hub.around, hub.notes), ((), ()))
        with mock.patch.object(command, "run"):
            taps = nic.named("virtio-net").ports()
        self.assertIn("tap,id=remote,ifname=remote,script=no,downscript=no", taps.arguments)
        self.assertEqual((taps.around[0], taps.notes),
                         ("unshare", ("QEMU 7.2 has no tx-udp-segmentation",)))

    def test_no_taps_here(self) -> None:
        with mock.patch.object(command, "run", side_effect=Unusable("taps: ip: not found")):
            ports = nic.named("virtio-net").ports()
        self.assertEqual(ports.notes,
                         ("taps: ip: not found: joined by a hub, so without checksum offload",))
        self.assertIn("hubport,id=local,hubid=0", ports.arguments)

    def test_a_wire_between_guests(self) -> None:
        wire = nic.named("vmxnet3:ssh").port(nic.REMOTE_MAC, 7)
        self.assertEqual((wire.arguments[1], wire.descriptors), ("socket,id=wire,fd=7", (7,)))


class Packages(unittest.TestCase):
    def test_what_a_qemu_depends_on(self) -> None:
        stanza = {"Depends": "libaio1 (>= 0.3.93), libc6 (>= 2.34), qemu-system-data (>> "
                  "1:10.0.2+ds~), a | b"}
        self.assertEqual(qemu.needed(stanza), {"libaio1", "libc6", "qemu-system-data", "a"})
        self.assertEqual([qemu._release(text)
                          for text in ("7.2.22 (Debian)", "1:10.0.2+ds-2~bpo12+1")],
                         [(7, 2), (10, 0)])


class Drivers(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (self.folder / "03-e1000e.ko").touch()

    def lacking(self, *config: str) -> str:
        (self.folder / "config").write_text("\n".join(config) + "\n")
        return nic.named("e1000e").lacking(self.folder / "config", self.folder)

    def test_each(self) -> None:
        self.assertEqual(self.lacking("CONFIG_E1000E=y"), "")
        self.assertEqual(self.lacking("CONFIG_E1000E=m"), "")
        self.assertEqual(self.lacking("# CONFIG_E1000E is not set"),
                         "the kernel has no driver for e1000e (CONFIG_E1000E is not set)")
        (self.folder / "03-e1000e.ko").unlink()
        self.assertEqual(self.lacking("CONFIG_E1000E=m"),
                         "the driver for e1000e is a module of the kernel that is not at hand "
                         "(e1000e.ko)")
        self.assertEqual(nic.named("e1000e").lacking(None, None), "")

    def test_what_a_guest_says(self) -> None:
        lines = [(1.0, "# kit: started 6.1 1.5"),
                 (9.0, "# kit: no NIC: the kernel finds no e1000e")]
        with self.assertRaisesRegex(NoDriver, "^the kernel finds no e1000e$"):
            guest.check(lines, Files(Path()))
        with self.assertRaisesRegex(Unusable, "finds no e1000e; see console.log"):
            guest.check(lines, Files(Path(), None, self.folder / "config"))
        with self.assertRaisesRegex(Unusable, r"nobody answers ssh at 192.0.2.2; see peer/\*.log"):
            guest.check([(1.0, "# kit: no peer: nobody answers ssh at 192.0.2.2")], Files(Path()))
        guest.check(lines[:1], Files(Path()))

    def test_what_is_said_of_it(self) -> None:
        lines = [(0.0, "# nic: joined by a hub"), (1.0, "# # nic: e1000e on 0000:00:02.0"),
                 (2.0, "# # nic: sends 8, datagrams lost 0")]
        self.assertEqual(guest.info(lines), "joined by a hub; e1000e on 0000:00:02.0")


CLOUD = Kernel("6.1.0-50-cloud", "debian:6.1.176", "debian", None,
               "linux-image-6.1.0-50-cloud-amd64", "6.1.176-1")
GENERIC = Kernel("6.1.0-50", "debian:linux-image-6.1.0-50-amd64", "debian", None,
                 "linux-image-6.1.0-50-amd64", "6.1.176-1")


class Rows(unittest.TestCase):
    """What a matrix makes of kernels and NICs."""

    def rows(self, kernels: list[Kernel], *nics: str,
             programs: tuple[str, ...] = ()) -> list[tuple[str, str]]:
        def generic(_self: Kernels, kernel: Kernel) -> Kernel:
            return GENERIC if kernel is CLOUD else kernel

        with (mock.patch.object(Kernels, "generic", generic),
              mock.patch.object(bundle, "sources", return_value={"late_read", "nic"})):
            made = Matrix(Request(("k",), programs, nics=nics or ("",)), Path(), 1, kernels=kernels)
        return [(row.label, row.command) for row in made._rows]

    def test_the_kernel_that_has_the_driver(self) -> None:
        self.assertEqual(self.rows([CLOUD], "", "vmxnet3", "e1000e:ssh"), [
            ("6.1.0-50-cloud", "scripts/qa run --kernels debian:6.1.176"),
            ("6.1.0-50-cloud+vmxnet3", "scripts/qa run --kernels debian:6.1.176 --nic vmxnet3"),
            ("6.1.0-50+e1000e-ssh",
             "scripts/qa run --kernels debian:linux-image-6.1.0-50-amd64 --nic e1000e:ssh")])
        self.assertEqual(len(self.rows([CLOUD, GENERIC], "e1000e")), 1)

    def test_programs_choose_rows(self) -> None:
        self.assertEqual(
            [label for label, _ in self.rows([CLOUD], "", "vmxnet3", programs=("nic",))],
            ["6.1.0-50-cloud+vmxnet3"])
        self.assertEqual(
            [label for label, _ in self.rows([CLOUD], "", "vmxnet3", programs=("late_read",))],
            ["6.1.0-50-cloud"])
        with self.assertRaisesRegex(Usage, "nic is what runs with --nic, and the others without"):
            self.rows([CLOUD], programs=("nic",))

    def test_the_running_kernel_has_none(self) -> None:
        running = Kernel("running-6.1", "running", "running", None)
        self.assertEqual(len(self.rows([running])), 1)
        with self.assertRaisesRegex(Usage, "running: has no VM"):
            self.rows([running], "", "e1000e")

    def test_old_requests_can_be_resumed(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "request.json").write_text('{"kernels": ["all"], "programs": [], "abis": '
                                                 '["64"]}')
            self.assertEqual(Request.read(folder), Request(("all",), (), ("64",), ("",)))
            Request(("all",), nics=("", "igb")).write(folder)
            self.assertEqual(Request.read(folder).nics, ("", "igb"))

    def test_each_kernel_is_obtained_once(self) -> None:
        obtain = mock.Mock(side_effect=[Files(Path("one"))])
        one = kernel.Kernel("k", "k", "tree", None, obtain=obtain)
        made = Matrix(Request(("k",)), Path(), 1, kernels=[one])
        self.assertEqual([made._obtained(one).image, made._obtained(one).image], [Path("one")] * 2)
        bad = kernel.Kernel("b", "b", "tree", None,
                            obtain=mock.Mock(side_effect=[Unusable("no"), Files(Path())]))
        for _ in range(2):
            with self.assertRaises(Failure):
                made._obtained(bad)


if __name__ == "__main__":
    unittest.main()
