"""Kernels in packages: made here with dpkg-deb and rpmbuild, and an .rpm that was recorded."""

import contextlib
import lzma
import os
import subprocess
import tempfile
import unittest
from collections.abc import Iterator, Mapping
from pathlib import Path
from unittest import mock

from kit.kernel import config, image, kernel, module, package
from kit.base.arch import AMD64
from kit.base.error import Unusable, Usage
from tests.needs import lacking, needs
from tests.test_image import portable
from tests.test_kernel import bzimage

RECORDED = Path(__file__).with_name("data") / "kernel-core.rpm"
UBUNTU = "6.8.0-45-generic"
CONFIG = "".join(f"{option}=y\n" for option in (
    *config.NEEDED, *config.LOSS, *AMD64.needed, AMD64.compat, config.QDISC))
MODULES = CONFIG.replace("CONFIG_NET_SCH_TBF=y", "CONFIG_NET_SCH_TBF=m")


def ko(*depends: str, machine: bytes = b"\x3e\0") -> bytes:
    """A file that passes for a module: an ELF header for x86-64, and .modinfo."""
    head = b"\x7fELF\x02\x01\x01".ljust(18, b"\0") + machine
    return head + b"\0depends=" + ",".join(depends).encode() + b"\0"


def lay(top: Path, files: Mapping[str, bytes | str]) -> None:
    """Writes files below a folder."""
    for name, content in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


class Fixture(unittest.TestCase):
    """A folder for packages, a cache of its own, and what is said."""

    def setUp(self) -> None:
        work = tempfile.TemporaryDirectory()
        self.addCleanup(work.cleanup)
        self.top = Path(work.name)
        self.enterContext(mock.patch.dict(os.environ, XDG_CACHE_HOME=str(self.top / "cache")))
        self.said: list[str] = []
        for noun in (package, kernel):
            self.enterContext(mock.patch.object(noun, "say", self.said.append))

    def deb(self, name: str, files: Mapping[str, bytes | str], version: str = "6.8.0-45.45",
            architecture: str = "amd64", folder: str = ".") -> Path:
        """Makes a .deb."""
        with tempfile.TemporaryDirectory() as tree:
            lay(Path(tree),
                {**files, "DEBIAN/control": f"Package: {name}\nVersion: {version}\nArchitecture: "
                 f"{architecture}\nMaintainer: nobody <nobody@localhost>\nDescription: none\n"})
            made = self.top / folder / f"{name}_{architecture}.deb"
            made.parent.mkdir(exist_ok=True)
            subprocess.run(["dpkg-deb", "--root-owner-group", "-Zxz", "-b", tree, made], check=True,
                           capture_output=True)
        return made

    def ubuntu(self) -> list[Path]:
        """The three packages of an Ubuntu kernel, each in a folder of its own."""
        lib = f"lib/modules/{UBUNTU}/kernel"
        return [self.deb(f"linux-image-unsigned-{UBUNTU}",
                         {f"boot/vmlinuz-{UBUNTU}": bzimage(f"{UBUNTU} (b@h) #45")},
                         folder="image"),
                self.deb(f"linux-modules-{UBUNTU}",
                         {f"boot/config-{UBUNTU}": MODULES, f"{lib}/lib/a.ko": ko()},
                         folder="modules"),
                self.deb(f"linux-modules-extra-{UBUNTU}",
                         {f"{lib}/net/sched/sch_tbf.ko.xz": lzma.compress(ko("a"))},
                         folder="extra")]

    def found(self, word: str) -> kernel.Kernel:
        """The kernel of a word."""
        one, = kernel.Kernels().resolve([word])
        return one

    def refused(self, word: str, text: str) -> None:
        """The word is refused in one line."""
        with self.assertRaisesRegex(Usage, text) as caught:
            self.found(word)
        self.assertNotIn("\n", str(caught.exception))


class Debs(Fixture):
    """.deb packages."""

    def test_several_of_one_kernel(self) -> None:
        files = self.ubuntu()
        one = self.found(f"deb:{','.join(map(str, files))}")
        self.assertEqual((one.label, one.version, one.origin, one.package, one.package_version),
                         (UBUNTU, None, "deb", f"linux-image-unsigned-{UBUNTU}", "6.8.0-45.45"))
        got = one.obtain()
        assert got.modules and got.config
        self.assertEqual(module.names(got.modules), {"a", "sch_tbf"})
        self.assertEqual(self.said[1:], [])
        self.assertEqual(self.found(one.word), one)

    def test_those_in_the_same_folder_are_found(self) -> None:
        first, *others = self.ubuntu()
        for path in others:
            path.rename(first.with_name(f"linux-{path.parent.name}.deb"))    # the name says nothing
        self.deb("linux-modules-6.8.0-44-generic", {}, "6.8.0-44.44", folder="image")
        self.deb(f"linux-image-{UBUNTU}", {f"boot/vmlinuz-{UBUNTU}": "signed"}, folder="image")
        (first.parent / "linux-broken.deb").write_bytes(b"!<arch>\nno")
        one = self.found(f"deb:{first}")
        self.assertEqual(self.said[0], f"{first.name}: also took linux-modules-extra-{UBUNTU}, "
                                       f"linux-modules-{UBUNTU} from its folder")
        self.assertEqual(one.word, f"deb:{first}")
        self.assertEqual(module.names(one.obtain().modules or Path()), {"a", "sch_tbf"})

    def test_package_with_the_missing_module_is_named(self) -> None:
        files = self.ubuntu()
        self.found(f"deb:{files[0]},{files[1]}")
        self.assertEqual(self.said[-1], f"{UBUNTU}: sch_tbf not at hand (usually in "
                         f"linux-modules-extra-{UBUNTU}): most cases are skipped")

    def test_debian_tells_its_version(self) -> None:
        release = "7.3.4+deb13-cloud-amd64"
        lib = f"usr/lib/modules/{release}"
        self.deb(f"linux-base-{release}", {f"{lib}/config": CONFIG}, "7.3.4-1")
        self.deb(f"linux-modules-{release}", {f"{lib}/kernel/a.ko.xz": b""}, "7.3.4-1")
        banner = f"{release} (d@d) #1 SMP Debian 7.3.4-1 (2026)"
        self.deb(f"linux-binary-{release}", {f"{lib}/vmlinuz": bzimage(banner)}, "7.3.4-1")
        one = self.found(f"deb:{self.deb(f'linux-image-{release}', {}, '7.3.4-1')}")
        self.assertEqual((one.label, str(one.version)), ("7.3.4+deb13-cloud", "7.3.4"))
        self.assertEqual(len(self.said), 2)
        self.assertEqual(kernel.Kernels().generic(one), one)

    def test_unified_kernel_image(self) -> None:
        lib = "lib/modules/6.1.5-1.fc99"
        plain = bzimage("6.1.5-1.fc99 (b@h)")
        uki = self.deb("kernel-uki-virt",
                       {f"{lib}/vmlinuz-virt.efi": portable(0x8664, {".linux": plain}),
                        f"{lib}/config": CONFIG, f"{lib}/kernel/sch_tbf.ko": ko()})
        one = self.found(f"deb:{uki}")
        got = one.obtain()
        self.assertEqual((one.label, got.image.read_bytes()), ("6.1.5-1.fc99", plain))
        self.assertEqual(module.names(got.modules or Path()), {"sch_tbf"})

    def test_content_is_the_key(self) -> None:
        first = self.ubuntu()[0]
        self.found(f"deb:{first}")
        other = UBUNTU.replace("45", "46")
        self.deb(f"linux-image-unsigned-{UBUNTU}",
                 {f"boot/vmlinuz-{other}": bzimage(f"{other} (b@h) #46")}, folder="image")
        self.assertEqual(self.found(f"deb:{first}").label, other)

    def test_names_with_commas(self) -> None:
        image_, modules, extra = self.ubuntu()
        odd = image_.rename(image_.with_name("a,b c.deb"))
        one = self.found(f"deb:{odd},{modules},{extra}")
        self.assertEqual(one.word, f"deb:{odd},{modules},{extra}")

    def test_config_that_is_in_the_way(self) -> None:
        first = self.deb(f"linux-image-{UBUNTU}", {
            f"boot/vmlinuz-{UBUNTU}": bzimage(f"{UBUNTU} (b@h)"),
            f"boot/config-{UBUNTU}": CONFIG.replace("CONFIG_IO_URING=y",
                                                    "# CONFIG_IO_URING is not set")})
        with self.assertRaisesRegex(Unusable, "a kernel without io_uring cannot be tested here"):
            self.found(f"deb:{first}").obtain()

    def test_bad_input(self) -> None:
        files = self.ubuntu()
        cut = self.top / "cut.deb"
        for size in (4, 40, 100, files[0].stat().st_size - 200):
            cut.write_bytes(files[0].read_bytes()[:size])
            self.refused(f"deb:{cut}", "cut.deb: (damaged or cut short; fetch it again|not a .deb "
                         "package)")
        hello = self.deb("hello", {"usr/bin/hello": "x"})
        self.refused(f"deb:{hello}", r"hello_amd64.deb: has no kernel \(no vmlinuz\)")
        self.refused(f"deb:{files[1]}", "modules without their kernel; name the package that has "
                     "vmlinuz")
        arm = self.deb("linux-image-6.1.5", {}, architecture="arm64")
        self.refused(f"deb:{arm}", "for arm64, and the guest is amd64")
        foreign_ = self.deb(f"linux-modules-{UBUNTU}", {}, architecture="arm64")
        self.refused(f"deb:{files[0]},{foreign_}", "for arm64, and the guest is amd64")
        newer = self.deb("linux-modules-6.8.0-46-generic", {}, "6.8.0-46.46")
        self.refused(f"deb:{files[0]},{newer}",
                     "of another kernel .*46.46.* than linux-image-unsigned")
        hidden = self.deb("hidden", {"lib/modules/6.8.0-1/kernel/a.ko": ko()})
        self.refused(f"deb:{files[0]},{hidden}",
                     f"more than one kernel: {UBUNTU} and 6.8.0-1; name packages of one")
        (self.top / "text.deb").write_text("<html>404</html>")
        self.refused(f"deb:{self.top}/text.deb", "not a .deb package")
        self.refused(f"deb:{RECORDED}", f"not a .deb but a .rpm; say rpm:{RECORDED}")
        self.refused(f"rpm:{files[0]}", f"not a .rpm but a .deb; say deb:{files[0]}")
        self.refused(f"deb:{self.top}", "a folder; name a .deb in it, or an unpacked kernel as "
                     f"dir:{self.top}")
        for text in ("", ",", f"{files[0]},"):
            self.refused(f"deb:{text}", f"deb:{text}: a name is missing; give "
                         "deb:path/to/package.deb, more of one")
        self.refused(f"deb:{','.join(['x' * 100] * 99)}",
                     "no such file; give deb:path/to/package.deb")
        self.refused("deb:/nonexistent.deb", "no such file; give deb:path/to/package.deb")
        self.refused(str(files[0]), f"a package; say deb:{files[0]}")
        self.assertFalse(list((self.top / "cache").glob("**/*.partial")))

    def test_kernels_that_are_not_for_x86_64(self) -> None:
        small = bytearray(bzimage("6.1.5 (me@here)"))
        small[0x206:0x208] = b"\x0f\x02"
        one = self.deb("linux-image-6.1.5", {"boot/vmlinuz-6.1.5": bytes(small)})
        self.refused(f"deb:{one}", "vmlinuz: a 32-bit kernel, and the guest is amd64")
        small[0x236] = 1
        lib = "lib/modules/6.1.5/kernel"
        one = self.deb("linux-image-6.1.5", {"boot/vmlinuz-6.1.5": bytes(small),
                                             f"{lib}/sch_tbf.ko": ko(machine=b"\xb7\0")})
        self.refused(f"deb:{one}", "sch_tbf.ko is not for amd64")
        one = self.deb("linux-image-6.1.5", {"boot/vmlinuz-6.1.5": b"MZ" + bytes(4096)})
        self.refused(f"deb:{one}", "linux-image-6.1.5_amd64.deb: vmlinuz: not an x86 kernel image")


@needs("rpm2cpio", "bsdtar", "zstd")
class Rpms(Fixture):
    """.rpm packages; the recorded one is what rpmbuild made of SPEC."""

    SPEC = """Name: {name}
Version: 6.11.5
Release: 300.fc99
Summary: none
License: none
%description
none
%install
cp -r {tree}/. %{{buildroot}}
%files
/lib
"""
    RELEASE = "6.11.5-300.fc99.x86_64"

    def rpm(self, name: str, files: Mapping[str, bytes | str], target: str = "x86_64") -> Path:
        """Makes an .rpm."""
        if why := lacking("rpmbuild"):
            self.skipTest(why)
        with self.tree(files) as tree:
            (tree.parent / "spec").write_text(self.SPEC.format(name=name, tree=tree))
            defined = {"_topdir": tree.parent, "_buildhost": "localhost", "_rpmdir": self.top,
                       "_build_name_fmt": "%{NAME}.%{ARCH}.rpm", "__os_install_post": "%{nil}"}
            subprocess.run(["rpmbuild", "--quiet", "-bb", "--target", target, tree.parent / "spec",
                            *(word for key, value in defined.items()
                              for word in ("--define", f"{key} {value}"))],
                           check=True, capture_output=True)
        return self.top / f"{name}.{target}.rpm"

    @staticmethod
    @contextlib.contextmanager
    def tree(files: Mapping[str, bytes | str]) -> Iterator[Path]:
        """A folder that holds these files alone."""
        with tempfile.TemporaryDirectory() as work:
            lay(Path(work) / "tree", {"lib/empty": "", **files})
            yield Path(work) / "tree"

    def core(self) -> dict[str, bytes | str]:
        """What kernel-core has."""
        lib = f"lib/modules/{self.RELEASE}"
        return {f"{lib}/vmlinuz": bzimage(f"{self.RELEASE} (m@b) #1"), f"{lib}/config": MODULES}

    def test_recorded(self) -> None:
        one = self.found(f"rpm:{RECORDED}")
        self.assertEqual((one.label, str(one.version), one.package, one.package_version),
                         ("6.11.5-300.fc99", "6.11.5", "kernel-core", "6.11.5-300.fc99"))
        self.assertEqual(image.banner(one.obtain().image), f"{self.RELEASE} (m@b) #1")
        self.assertEqual(self.said[-1], f"{self.RELEASE}: CONFIG_PACKET not set: cases with packet "
                         "sockets are skipped; CONFIG_BPF_SYSCALL, CONFIG_CGROUPS, "
                         "CONFIG_CGROUP_BPF not set: rewritten_name is skipped; sch_tbf not at "
                         "hand (usually in kernel-modules-core or kernel-modules or "
                         "kernel-modules-extra): most cases are skipped")

    def test_recorded_and_cut(self) -> None:
        cut = self.top / "cut.rpm"
        for size in (3, 80, 1000, RECORDED.stat().st_size - 20):
            cut.write_bytes(RECORDED.read_bytes()[:size])
            self.refused(f"rpm:{cut}", "cut.rpm: (damaged or cut short; fetch it again|not a .rpm "
                         "package)")
        data = bytearray(RECORDED.read_bytes())
        data[-100] ^= 1
        cut.write_bytes(data)
        self.refused(f"rpm:{cut}", "damaged or cut short")

    def test_several_of_one_kernel(self) -> None:
        lib = f"lib/modules/{self.RELEASE}"
        core = self.rpm("kernel-core", self.core())
        self.rpm("kernel-modules-core", {f"{lib}/kernel/net/a.ko": ko()})
        self.rpm("kernel-modules-extra", {f"{lib}/extra/net/sch_tbf.ko.xz": lzma.compress(ko("a"))})
        self.rpm("kernel-debug-modules", {f"{lib}+debug/kernel/b.ko": ko()})
        one = self.found(f"rpm:{core}")
        self.assertEqual(self.said[0], "kernel-core.x86_64.rpm: also took kernel-modules-core, "
                         "kernel-modules-extra from its folder")
        self.assertEqual(self.said[2:], [])
        self.assertEqual(module.names(one.obtain().modules or Path()), {"a", "sch_tbf"})

    def test_other_architecture(self) -> None:
        self.refused(f"rpm:{self.rpm('kernel-core', {}, 'aarch64')}",
                     "for aarch64, and the guest is amd64")

    def test_no_kernel(self) -> None:
        self.refused(f"rpm:{self.rpm('hello', {})}", "has no kernel")


class Names(unittest.TestCase):
    """What packages of a kernel are called."""

    def named(self, kind: str, name: str) -> tuple[str, str]:
        one = package.Package(Path(), kind, name, "1", "amd64")
        return one.kernel, one.part

    def test_parts(self) -> None:
        for name, kernel_, part in (
                ("linux-image-6.1.0-56-cloud-amd64", "6.1.0-56-cloud-amd64", "image"),
                ("linux-image-6.1.0-56-amd64-unsigned", "6.1.0-56-amd64", "image"),
                ("linux-image-unsigned-6.8.0-45-generic", "6.8.0-45-generic", "image"),
                ("linux-modules-extra-6.8.0-45-generic", "6.8.0-45-generic", "modules-extra"),
                ("linux-image-amd64", "", ""), ("linux-headers-6.8.0-45-generic", "", "")):
            self.assertEqual(self.named("deb", name), (kernel_, part), name)
        for name, kernel_, part in (
                ("kernel", "kernel", ""), ("kernel-core", "kernel", "core"),
                ("kernel-modules-core", "kernel", "modules-core"),
                ("kernel-rt-core", "kernel-rt", "core"),
                ("kernel-uek-modules-extra", "kernel-uek", "modules-extra"),
                ("kernel-default", "kernel-default", ""),
                ("kernel-default-extra", "kernel-default", "extra"),
                ("kernel-uki-virt", "kernel", "uki-virt"), ("kernel-devel", "kernel-devel", ""),
                ("perl-core", "", "")):
            self.assertEqual(self.named("rpm", name), (kernel_, part), name)

    def test_where_a_module_may_be(self) -> None:
        for names, text in ((("kernel-default-base",), "usually in kernel-default"),
                            (("kernel-default",), "usually in kernel-default-extra"),
                            (("kernel-core", "kernel-modules", "kernel-modules-core"),
                             "usually in kernel-modules-extra"),
                            (("kernel",), "usually in kernel-modules-extra"),
                            (("hello",), "in no package that was named")):
            packages = [package.Package(Path(), "rpm", name, "1", "") for name in names]
            self.assertEqual(package._elsewhere(packages), text)


if __name__ == "__main__":
    unittest.main()
