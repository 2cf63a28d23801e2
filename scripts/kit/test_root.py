"""Kernels in folders: unpacked packages, roots of other systems."""

from pathlib import Path

from kit import module
from kit.test_kernel import bzimage
from kit.test_package import CONFIG, MODULES, Fixture, ko, lay


class Folders(Fixture):
    """dir:, with the same cache and the same ears."""

    def setUp(self) -> None:
        super().setUp()
        self.root = self.top / "a root"

    def system(self, release: str = "6.1.5", config: str = CONFIG) -> None:
        """A kernel as it is installed."""
        lay(self.root, {f"boot/vmlinuz-{release}": bzimage(f"{release} (b@h)"), f"boot/config-{release}": config,
                        f"usr/lib/modules/{release}/updates/sch_tbf.ko": ko(),
                        f"usr/lib/modules/{release}/modules.dep": ""})

    def modules(self, word: str) -> set[str]:
        """The names of the modules of a word's kernel."""
        return module.names(self.found(word).obtain().modules or Path())

    def test_root_of_a_system(self) -> None:
        self.system()
        one = self.found(f"dir:{self.root}")
        self.assertEqual((one.label, str(one.version), one.origin, one.word),
                         ("6.1.5", "6.1.5", "dir", f"dir:{self.root}"))
        self.assertEqual(one.obtain().config, self.root / "boot/config-6.1.5")
        self.assertEqual(self.modules(one.word), {"sch_tbf"})
        self.assertEqual(self.said, [])

    def test_changed_modules_are_seen(self) -> None:
        self.system()
        self.modules(f"dir:{self.root}")
        lay(self.root, {"usr/lib/modules/6.1.5/kernel/a.ko": ko(), "usr/lib/modules/6.1.5/updates/sch_tbf.ko": ko("a")})
        self.assertEqual(self.modules(f"dir:{self.root}"), {"a", "sch_tbf"})

    def test_one_of_two(self) -> None:
        self.system()
        self.system("6.1.6")
        self.refused(f"dir:{self.root}", f"has 6.1.5, 6.1.6; name one: dir:{self.root},6.1.5")
        one = self.found(f"dir:{self.root},6.1.6")
        self.assertEqual((one.label, one.word), ("6.1.6", f"dir:{self.root},6.1.6"))
        self.refused(f"dir:{self.root},6.1.7", "has 6.1.5, 6.1.6; name one")

    def test_the_same_kernel_in_two_places(self) -> None:
        self.system()
        lay(self.root, {"usr/lib/modules/6.1.5/vmlinuz": bzimage("6.1.5 (b@h)"), "boot/vmlinuz-6.1.5.sig": "x"})
        (self.root / "vmlinuz").symlink_to("boot/vmlinuz-6.1.5")
        self.assertEqual(self.found(f"dir:{self.root}").label, "6.1.5")

    def test_folder_of_modules(self) -> None:
        self.system()
        home = self.root / "usr/lib/modules/6.1.5"
        lay(home, {"vmlinuz": bzimage("6.1.5 (b@h)"), "config": CONFIG})
        self.assertEqual(self.modules(f"dir:{home}"), {"sch_tbf"})

    def test_links_that_lead_out(self) -> None:
        self.system()
        lay(self.top, {"host/vmlinuz-7.3": bzimage("7.3.0 (b@h)")})
        (self.root / "vmlinuz").symlink_to(self.top / "host/vmlinuz-7.3")
        self.assertEqual(self.found(f"dir:{self.root}").label, "6.1.5")

    def test_without_modules(self) -> None:
        lay(self.root, {"bzImage": bzimage("6.1.5 (b@h)"), "config": MODULES})
        self.found(f"dir:{self.root}")
        self.assertEqual(self.said, [f"6.1.5: sch_tbf not at hand ({self.root} has no lib/modules/6.1.5): "
                                     "most cases are skipped"])
        (self.root / "config").unlink()
        self.found(f"dir:{self.root}")
        self.assertEqual(self.said[1], f"6.1.5: no configuration at hand, no modules ({self.root} has no "
                                       "lib/modules/6.1.5): what is skipped shows when it runs")

    def test_bad_input(self) -> None:
        self.refused("dir:/nonexistent", "no such folder; give dir:path of one with boot/vmlinuz")
        self.refused("dir:", "dir:: no such folder")
        self.refused(f"dir:{__file__}", "no such folder")
        self.refused(f"dir:{'x' * 999}", "no such folder")
        self.root.mkdir()
        self.refused(f"dir:{self.root}", "no vmlinuz or bzImage, .* a kernel tree is given by its path alone")
        lay(self.root, {"boot/vmlinuz-6.1.5": b"MZ" + bytes(4096)})
        self.refused(f"dir:{self.root}", "boot: vmlinuz-6.1.5: not an x86 kernel image")
        self.system()
        lay(self.root, {"usr/lib/modules/6.1.5/updates/sch_tbf.ko": ko(machine=b"\xb7\0")})
        self.refused(f"dir:{self.root}", "sch_tbf.ko is not for amd64")
