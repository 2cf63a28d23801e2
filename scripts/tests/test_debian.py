"""Debian's kernels by version and flavour, with a mirror of a few lines."""

import re
import unittest

from kit.kernel import debian, kernel
from kit.base.arch import AMD64, ARM64, PPC64EL, Architecture
from kit.build.archive import Stanza
from kit.base.error import Usage

OLD = "linux-image-6.1.0-50-"
NEW = "7.3.4+deb13-"


class Archive:
    """Stanzas as apt has them."""

    def __init__(self, arch: str = "amd64") -> None:
        self.stanzas: list[Stanza] = []
        for flavour in ("", "cloud-", "rt-"):
            self.add(f"{OLD}{flavour}{arch}", "6.1.176-1")
            self.add(f"{OLD}{flavour}{arch}-unsigned", "6.1.176-1")
            self.add(f"linux-image-6.1-{flavour}{arch}", "6.1.176-1",
                     f"{OLD}{flavour}{arch} (= 6.1.176-1)")
            self.add(f"linux-image-{flavour}{arch}", "6.1.176-1",
                     f"{OLD}{flavour}{arch} (= 6.1.176-1)")
            self.add(f"linux-image-{NEW}{flavour}{arch}", "7.3.4-1", ", ".join(
                f"linux-{part}-{NEW}{flavour}{arch} (= 7.3.4-1)"
                for part in ("base", "binary", "modules")))
            self.add(f"linux-binary-{NEW}{flavour}{arch}", "7.3.4-1")
            self.add(f"linux-modules-{NEW}{flavour}{arch}", "7.3.4-1")
        self.add(f"linux-image-6.1.0-49-cloud-{arch}", "6.1.176-1~deb11u1")
        self.add(f"linux-image-6.1.0-50-{arch}-dbg", "6.1.176-1")
        gone = f"7.3.3+deb13-cloud-{arch}"
        self.add(f"linux-image-{gone}", "7.3.3-1", f"linux-modules-{gone} (= 7.3.3-1)")
        self.add(f"linux-image-7.2-rc7-{arch}", "7.2~rc7-1~exp1")

    def add(self, package: str, version: str, depends: str = "") -> None:
        """One more."""
        self.stanzas.append({"Package": package, "Version": version, "Depends": depends})

    def packages(self, prefix: str, pattern: str) -> list[Stanza]:
        """As Archive has it."""
        return [one for one in self.stanzas
                if one["Package"].startswith(prefix) and re.fullmatch(pattern, one["Package"])]


class Words(unittest.TestCase):
    """What a word stands for."""

    def kernels(self, arch: Architecture = AMD64, archive: Archive | None = None) -> kernel.Kernels:
        """Kernels of such a mirror."""
        one = kernel.Kernels(arch=arch)
        mirror = debian.Mirror(archive or Archive(arch.name), arch)  # type: ignore[arg-type]
        setattr(one, "_mirror", mirror)
        return one

    def found(self, name: str, arch: Architecture = AMD64) -> tuple[str, str]:
        """Package and word."""
        one, = self.kernels(arch).resolve([f"debian:{name}"])
        return one.package, one.word

    def test_flavours_of_a_version(self) -> None:
        for name, package, word in (("7.3.4", "cloud-amd64", "7.3.4"),
                                    ("7.3.4+cloud", "cloud-amd64", "7.3.4"),
                                    ("7.3.4+rt", "rt-amd64", "7.3.4+rt"),
                                    ("7.3+rt", "rt-amd64", "7.3.4+rt"),
                                    ("7.3+generic", "amd64", "7.3.4+generic"),
                                    ("7.3", "cloud-amd64", "7.3.4")):
            self.assertEqual(self.found(name), (f"linux-image-{NEW}{package}", f"debian:{word}"),
                             name)
        self.assertEqual(self.found("6.1+rt"), (f"{OLD}rt-amd64", "debian:6.1.176+rt"))
        self.assertEqual(self.found("6.1.176"), (f"{OLD}cloud-amd64", "debian:6.1.176"))

    def test_a_plus_without_a_flavour(self) -> None:
        with self.assertRaisesRegex(Usage,
                                    r"debian:7.3\+: no flavour behind the \+; say debian:7.3, or"):
            self.found("7.3+")

    def test_names_of_packages(self) -> None:
        rt = (f"linux-image-{NEW}rt-amd64", "debian:7.3.4+rt")
        for name in (rt[0], f"{NEW}rt-amd64", f"{NEW}rt", f"linux-binary-{NEW}rt-amd64",
                     f"linux-modules-{NEW}rt-amd64", f"linux-binary-unsigned-{NEW}rt-amd64",
                     f"linux-base-{NEW}rt-amd64"):
            self.assertEqual(self.found(name), rt, name)
        old = "linux-image-6.1.0-49-cloud-amd64"
        self.assertEqual(self.found(old), (old, f"debian:{old}"))
        self.assertEqual(self.found("linux-image-rt-amd64"),
                         (f"{OLD}rt-amd64", "debian:6.1.176+rt"))

    def test_no_such_flavour(self) -> None:
        for name in ("7.3.4+foo", "7.3.4+16k"):
            with self.assertRaisesRegex(
                    Usage, r"no such flavour; there are debian:7.3.4, debian:7.3.4\+generic, "
                           r"debian:7.3.4\+rt$"):
                self.found(name)
        with self.assertRaisesRegex(Usage,
                                    r"debian:7.3.3\+rt: no such flavour; there are debian:7.3.3$"):
            self.found("7.3.3+rt")
        with self.assertRaisesRegex(Usage, "no such kernel; of that branch: 7.3.4, 7.3.3"):
            self.found("7.3.9+rt")

    def test_branch_is_its_newest_that_is_whole(self) -> None:
        archive = Archive()
        archive.add("linux-image-7.3.5+deb13-rt-amd64", "7.3.5-1",
                    "linux-modules-7.3.5+deb13-rt-amd64 (= 7.3.5-1)")
        kernels = self.kernels(archive=archive)
        self.assertEqual(
            [one.word for one in kernels.resolve(["debian:7.3+rt", "debian:7.3.5+rt"])],
            ["debian:7.3.4+rt", "debian:7.3.5+rt"])

    def test_list_has_all_flavours_and_all_has_one(self) -> None:
        kernels = self.kernels()
        self.assertEqual([one.word for one in kernels.listed],
                         ["debian:7.3.4", "debian:7.3.4+generic", "debian:7.3.4+rt", "debian:7.3.3",
                          "debian:7.2-rc7+generic", "debian:6.1.176", "debian:6.1.176+generic",
                          "debian:6.1.176+rt"])
        self.assertEqual([one.word for one in kernels.resolve(["all"])],
                         ["debian:7.3.4", "debian:7.3.3", "debian:6.1.176"])
        self.assertEqual([one.complete for one in kernels.listed[:4]], [True, True, True, False])

    def test_generic_one_of_a_cloud_kernel(self) -> None:
        kernels = self.kernels()
        words = {one.word: kernels.generic(one).word for one in kernels.listed}
        self.assertEqual([words[f"debian:7.3.{name}"] for name in ("4", "4+generic", "4+rt", "3")],
                         ["debian:7.3.4+generic", "debian:7.3.4+generic",
                          "debian:7.3.4+rt", "debian:7.3.3"])

    def test_other_architectures(self) -> None:
        for arch, package, flavour in ((ARM64, "linux-image-7.3.4+deb13-arm64-16k", "16k"),
                                       (ARM64, "linux-image-7.3.4+deb13-rt-arm64", "rt"),
                                       (ARM64, "linux-image-6.12-arm64-16k", "16k"),
                                       (ARM64, "linux-image-7.3.4+deb13-amd64", ""),
                                       (PPC64EL,
                                        "linux-image-6.12.117+deb13-powerpc64le-64k", "64k"),
                                       (PPC64EL,
                                        "linux-image-6.12.117+deb13-powerpc64le", "generic"),
                                       (AMD64, f"{OLD}amd64-unsigned", ""),
                                       (AMD64, f"{OLD}rt-amd64-dbg", "")):
            mirror = debian.Mirror(Archive(), arch)      # type: ignore[arg-type]
            self.assertEqual(mirror.flavour(package), flavour, package)
        self.assertEqual(self.found("7.3+rt", ARM64),
                         ("linux-image-7.3.4+deb13-rt-arm64", "debian:7.3.4+rt"))


if __name__ == "__main__":
    unittest.main()
