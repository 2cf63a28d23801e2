"""Kernels in folders: unpacked packages, roots of other systems."""

from pathlib import Path

from kit.kernel import inside, module
from tests.test_image import portable
from tests.test_kernel import bzimage
from tests.test_package import CONFIG, MODULES, Fixture, ko, lay


class Folders(Fixture):
    """dir:, with the same cache and the same ears."""

    def setUp(self) -> None:
        super().setUp()
        self.root = self.top / "a root"

    def system(self, release: str = "6.1.5", config: str = CONFIG) -> None:
        """A kernel as it is installed."""
        lay(self.root, {f"boot/vmlinuz-{release}": bzimage(f"{release} (b@h)"),
                        f"boot/config-{release}": config,
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
        lay(self.root, {"usr/lib/modules/6.1.5/kernel/a.ko": ko(),
                        "usr/lib/modules/6.1.5/updates/sch_tbf.ko": ko("a")})
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
        lay(self.root, {"usr/lib/modules/6.1.5/vmlinuz": bzimage("6.1.5 (b@h)"),
                        "boot/vmlinuz-6.1.5.sig": "x"})
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

    def test_links_are_followed_as_inside(self) -> None:
        self.system()
        (self.root / "boot").rename(self.root / "efi")
        for link, to in (("boot", "/efi"), ("lib", "/usr/lib"),
                         ("vmlinuz", "../../../boot/vmlinuz-6.1.5")):
            (self.root / link).symlink_to(to)
        self.assertEqual(self.modules(f"dir:{self.root}"), {"sch_tbf"})
        self.assertEqual(self.found(f"dir:{self.root}").obtain().config,
                         self.root / "efi/config-6.1.5")
        (self.root / "usr/lib").rename(self.root / "elsewhere")
        (self.root / "lib").unlink()
        (self.root / "lib").symlink_to(self.root / "elsewhere")        # as the host spells it
        self.assertEqual(self.modules(f"dir:{self.root}"), {"sch_tbf"})

    def test_link_that_leads_to_nothing(self) -> None:
        self.system()
        (self.root / "usr/lib").rename(self.top / "outside")
        (self.root / "lib").symlink_to("../outside")
        self.found(f"dir:{self.root}")
        self.assertEqual(self.said, [])             # its config has all built in
        (self.root / "boot/config-6.1.5").write_text(MODULES)
        self.found(f"dir:{self.root}")
        self.assertEqual(self.said, [f"6.1.5: sch_tbf not at hand ({self.root}/lib is a link to "
                                     f"../outside, which is not in {self.root}): most cases are "
                                     "skipped"])
        (self.root / "boot").rename(self.top / "boot")
        (self.root / "boot").symlink_to("/nowhere")
        self.refused(f"dir:{self.root}", f"no vmlinuz or bzImage, .*{self.root}/boot is a link to "
                     "/nowhere, which is")

    def test_links_in_a_circle(self) -> None:
        self.root.mkdir()
        (self.root / "lib").symlink_to("/lib")
        self.assertIsNone(inside.resolve(self.root, "lib/modules"))
        self.refused(f"dir:{self.root}", "no vmlinuz or bzImage")

    def test_where_distributions_have_kernels(self) -> None:
        wrapped = portable(0x8664, {".linux": bzimage("6.1.5 (b@h)")})
        for place in ("boot/kernel-6.1.5-gentoo", "boot/EFI/Linux/any.efi",
                      "boot/efi/EFI/Linux/any.efi", f"boot/{'0a' * 16}/6.1.5/linux",
                      "efi/Default/6.1.5/linux", "lib/modules/6.1.5/vmlinuz-virt.efi",
                      "boot/kernels/abc-linux-6.1.5-bzImage", "EFI/Linux/any.efi"):
            with self.subTest(place):
                root = self.top / place.replace("/", "-")
                lay(root, {place: wrapped if place.endswith(".efi") else bzimage("6.1.5 (b@h)"),
                           "lib/modules/6.1.5/kernel/sch_tbf.ko": ko(),
                           "boot/kernel-config": "text"})
                self.assertEqual(self.modules(f"dir:{root}"), {"sch_tbf"})

    def test_gentoo_has_its_config_beside_the_source(self) -> None:
        lay(self.root,
            {"boot/kernel-6.1.5": bzimage("6.1.5 (b@h)"), "usr/src/linux-6.1.5/.config": CONFIG})
        self.assertEqual(self.found(f"dir:{self.root}").obtain().config,
                         self.root / "usr/src/linux-6.1.5/.config")

    def test_without_modules(self) -> None:
        lay(self.root, {"bzImage": bzimage("6.1.5 (b@h)"), "config": MODULES})
        self.found(f"dir:{self.root}")
        self.assertEqual(self.said,
                         [f"6.1.5: sch_tbf not at hand ({self.root} has no lib/modules/6.1.5): "
                          "most cases are skipped"])
        (self.root / "config").unlink()
        self.found(f"dir:{self.root}")
        self.assertEqual(self.said[1],
                         f"6.1.5: no configuration at hand, no modules ({self.root} has no "
                         "lib/modules/6.1.5): what is skipped shows when it runs")

    def test_bad_input(self) -> None:
        self.refused("dir:/nonexistent", "no such folder; give dir:path of one with boot/vmlinuz")
        self.refused("dir:", "dir:: no such folder")
        self.refused(f"dir:{__file__}", "no such folder")
        self.refused(f"dir:{'x' * 999}", "no such folder")
        self.root.mkdir()
        self.refused(f"dir:{self.root}", "no vmlinuz or bzImage, .* a kernel tree is given by its "
                     "path alone")
        lay(self.root, {"boot/vmlinuz-6.1.5": b"MZ" + bytes(4096)})
        self.refused(f"dir:{self.root}", "boot: vmlinuz-6.1.5: not an x86 kernel image")
        self.system()
        lay(self.root, {"usr/lib/modules/6.1.5/updates/sch_tbf.ko": ko(machine=b"\xb7\0")})
        self.refused(f"dir:{self.root}", "sch_tbf.ko is not for amd64")
