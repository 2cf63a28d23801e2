"""What is said of a kernel's configuration before it is booted."""

import tempfile
import unittest
from pathlib import Path

from kit.build import fragment
from kit.kernel import config
from kit.base.arch import AMD64, ARM64
from kit.base.paths import FRAGMENT

WHOLE = {**dict.fromkeys((*config.NEEDED, *config.LOSS, *AMD64.needed, AMD64.compat), "y"),
         "CONFIG_NET_SCH_TBF": "m"}


class Configuration(unittest.TestCase):
    def setUp(self) -> None:
        work = tempfile.TemporaryDirectory()
        self.addCleanup(work.cleanup)
        self.path = Path(work.name) / "config"
        self.modules = Path(work.name) / "modules"
        self.modules.mkdir()
        (self.modules / "00-sch_tbf.ko").touch()

    def write(self, **changed: str) -> None:
        self.path.write_text("".join(f"{name}={value}\n" for name, value in {
            **WHOLE, **{f"CONFIG_{name}": value for name, value in changed.items()}}.items()
                                     if value))

    def notes(self, **changed: str) -> list[str]:
        self.write(**changed)
        return config.notes(self.path, self.modules, "elsewhere")

    def test_each_option_of_the_fragment_is_known(self) -> None:
        guest, nics = FRAGMENT.read_text().split("\n# A NIC in the guest", 1)
        self.path.write_text(guest)
        self.assertEqual(set(fragment.options(self.path)),
                         {*config.NEEDED, *config.LOSS, *AMD64.needed, AMD64.compat, config.QDISC})
        self.path.write_text(nics)
        self.assertIn("CONFIG_E1000E", fragment.options(self.path))

    def test_nothing_to_say(self) -> None:
        self.assertEqual(self.notes(), [])
        self.assertEqual(self.notes(NET_SCH_TBF="y"), [])
        self.assertEqual(self.notes(USER_NS=""), [])
        self.assertEqual(config.refusal(self.path), "")

    def test_in_the_way(self) -> None:
        for value in ("", "m", "n"):
            self.write(SERIAL_8250_CONSOLE=value)
            self.assertEqual(config.refusal(self.path),
                             "a kernel without a serial console (8250) cannot be tested here; "
                             "build it with CONFIG_SERIAL_8250_CONSOLE=y")

    def test_other_architecture(self) -> None:
        self.write()
        self.assertIn("CONFIG_SERIAL_AMBA_PL011_CONSOLE=y", config.refusal(self.path, ARM64))
        self.assertEqual(config.notes(self.path, self.modules, "elsewhere", ARM64),
                         ["CONFIG_COMPAT not set: 32-bit programs cannot run"])

    def test_what_is_skipped(self) -> None:
        self.assertEqual(self.notes(IPV6="", IA32_EMULATION=""), [
            "CONFIG_IPV6 not set: cases with IPv6 are skipped",
            "CONFIG_IA32_EMULATION not set: 32-bit programs cannot run"])
        self.assertEqual(self.notes(IPV6="m", UNIX="", EPOLL=""), [
            "CONFIG_IPV6 built as a module, which is not loaded: cases with IPv6 are skipped",
            "CONFIG_EPOLL, CONFIG_UNIX not set: the tests may fail for it"])
        self.assertEqual(self.notes(NET_SCHED=""),
                         ["CONFIG_NET_SCHED not set: most cases are skipped"])

    def test_queues(self) -> None:
        self.assertEqual(self.notes(NET_SCH_TBF=""),
                         ["CONFIG_NET_SCH_TBF not set: most cases are skipped"])
        self.assertEqual(self.notes(NET_SCH_TBF="", NET_SCH_FQ="y"),
                         ["CONFIG_NET_SCH_TBF not set: sch_fq takes its place"])
        self.assertEqual(self.notes(NET_SCH_TBF="", NET_SCH_NETEM="m"),
                         ["sch_netem not at hand (elsewhere): most cases are skipped"])
        (self.modules / "00-sch_tbf.ko").rename(self.modules / "00-sch_fq.ko")
        self.assertEqual(self.notes(NET_SCH_NETEM="m", NET_SCH_FQ="m"),
                         ["sch_tbf, sch_netem not at hand (elsewhere): sch_fq takes its place"])


if __name__ == "__main__":
    unittest.main()
