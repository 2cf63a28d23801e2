"""Debian's kernels: which ones the mirror offers, in which flavours, and their files.

cloud, rt and generic ones are built of one source; arm64 and ppc64el also have one
with larger pages (16k, 64k).
"""

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..base import cache, progress, version
from . import module, wrapping
from ..base.arch import Architecture
from ..build.archive import Archive, Order, Stanza, debian_order
from ..base.error import Unusable, Usage

GENERIC = "generic"


@dataclass(frozen=True)
class Offer:
    """A kernel package on the mirror.

    `parts` are those, with their versions, that have its files.
    """

    package: str
    package_version: str
    flavour: str
    parts: tuple[tuple[str, str], ...]
    complete: bool                     # False: the mirror no longer has its modules

    @property
    def version(self) -> version.Version:
        """The upstream version."""
        return version.of_package(self.package_version)

    @property
    def order(self) -> Order:
        """Sorts them as their package versions do."""
        return debian_order(self.package_version)


class Mirror:
    """What the mirror has for one architecture."""

    def __init__(self, archive: Archive, arch: Architecture) -> None:
        self._archive, self._arch = archive, arch
        self._names = rf"linux-image-\d\S*?-(?:([a-z]+)-)?{arch.debian or arch.name}(?:-(\d+k))?"

    @cached_property
    def offers(self) -> list[Offer]:
        """The newest package for each upstream version and flavour, newest first;
        of each the usual flavour first."""
        best: dict[tuple[version.Version, str], Offer] = {}
        for stanza in self._archive.packages("linux-image-", self._names):
            flavour = self.flavour(stanza["Package"])
            if "linux-image-" in stanza.get("Depends", ""):
                continue                          # linux-image-6.1-rt-amd64 only points to another
            one = self._offer(stanza, flavour)
            key = one.version, flavour
            if key not in best or one.order > best[key].order:
                best[key] = one
        usual = self._arch.flavour

        def place(one: Offer) -> tuple[version.Version, bool, bool]:
            return one.version, one.flavour == usual, one.flavour == GENERIC

        return sorted(sorted(best.values(), key=lambda one: one.flavour), key=place, reverse=True)

    def flavour(self, package: str) -> str:
        """The flavour of a kernel package, by its name;
        "" for what is none of this architecture."""
        match = re.fullmatch(self._names, package)
        if not match:
            return ""
        return "-".join(filter(None, match.groups())) or GENERIC

    def find(self, name: str) -> Offer | None:
        """An upstream version or branch, VERSION+FLAVOUR, or a package by its name; None for what
        it does not have.

        Raises Usage for a flavour that this version does not have.
        """
        number, flavour = self._split(name)
        same = [one for one in self.offers
                if name in (one.package, one.package.removeprefix("linux-image-"))]
        same += [one for one in self.offers if number == str(one.version)]
        same += [one for one in self.offers if number == one.version.branch]
        for one in same:
            if not number or one.flavour == flavour and (one.complete
                                                         or str(one.version) == number):
                return one
        if name.endswith("+"):
            raise Usage(f"debian:{name}: no flavour behind the +; say "
                        f"debian:{name.rstrip('+')}, or +rt, +generic, ... behind it")
        if flavour not in (there := dict.fromkeys(one.flavour for one in same)) and there:
            raise Usage(f"debian:{name}: no such flavour; there are "
                        f"{', '.join(f'debian:{number}{self._suffix(each)}' for each in there)}")
        return self._package(name)

    def word(self, one: Offer) -> str:
        """What to say in KERNELS to get this one."""
        return f"debian:{one.version}{self._suffix(one.flavour)}"

    def generic(self, package: str, number: str) -> Offer | None:
        """The generic kernel that was built with a cloud one; None where there is none,
        and for other flavours."""
        if self.flavour(package) != "cloud":
            return None
        name = package.replace("-cloud-", "-")
        found = [one for one in self._archive.packages(name, re.escape(name))
                 if one["Version"] == number]
        return self._offer(found[0], GENERIC) if found else None

    def near(self, name: str) -> list[str]:
        """The upstream versions of the branch of a name."""
        start = ".".join(name.partition("+")[0].split(".")[:2])
        return list(dict.fromkeys(str(one.version) for one in self.offers
                                  if one.version.branch == start))

    def _suffix(self, flavour: str) -> str:
        return "" if flavour == self._arch.flavour else f"+{flavour}"

    def _split(self, name: str) -> tuple[str, str]:
        """The version or branch and the flavour that a name asks for;
        "" twice for a package's name."""
        match = re.fullmatch(r"(\d+\.\d+(?:\.\d+)?(?:-rc\d+)?)(?:\+([a-z0-9-]+))?", name)
        if not match or re.match(r"deb\d", match[2] or ""):
            return "", ""
        return match[1], match[2] or self._arch.flavour

    def _package(self, name: str) -> Offer | None:
        """A package that is not the newest of its kind.

        Those with the files since 6.19 stand for the whole.
        """
        name = re.sub(r"^linux-(binary|binary-unsigned|modules|base)-(?=\d)", "linux-image-", name)
        for candidate in (name, f"linux-image-{name}", f"linux-image-{name}-{self._arch.name}"):
            stanzas = self._archive.packages(candidate, re.escape(candidate))
            if stanzas:
                newest = max(stanzas, key=lambda stanza: debian_order(stanza["Version"]))
                real = re.search(r"\b(linux-image-\d\S*)", newest.get("Depends", ""))
                if real:                          # linux-image-rt-amd64 only points to another
                    return self.find(real[1])
                return self._offer(newest, self.flavour(candidate))
        return None

    @cached_property
    def _module_packages(self) -> set[tuple[str, str]]:
        return {(stanza["Package"], stanza["Version"])
                for stanza in self._archive.packages("linux-modules-", r"linux-modules-\d.*")}

    def _offer(self, stanza: Stanza, flavour: str) -> Offer:
        """Since 6.19 linux-image has no files; those that it depends on have them."""
        parts = re.findall(r"(linux-(?:binary|modules|base)-\d\S+) \(= (\S+)\)",
                           stanza.get("Depends", ""))
        complete = all(part in self._module_packages for part in parts
                       if part[0].startswith("linux-modules-"))
        return Offer(stanza["Package"], stanza["Version"], flavour, tuple(parts), complete)

    def files(self, one: Offer, wanted: Sequence[str]) -> Path:
        """A folder with vmlinuz, modules/ with those that are wanted and what they need, and,
        if there is, config."""
        # No other architecture has this name
        key = f"kernels/{one.package}_{one.package_version}_{cache.digest(*wanted)}"

        def make(into: Path) -> None:
            raw = into / "raw"
            raw.mkdir()
            self._archive.unpack(one.package, one.package_version, raw)
            for part in one.parts:
                if not part[0].startswith("linux-binary-") and not self._archive.has(*part):
                    continue                      # older ones have left the mirror: do without
                self._archive.unpack(*part, raw)
            progress.step("unpacking")
            image_file = _first(raw, "vmlinu[xz]*")
            if not image_file:
                raise Unusable(f"{one.package} {one.package_version}: has no vmlinuz")
            if wrapping.wrapped(image_file.read_bytes()[:wrapping.HEAD], self._arch):
                (into / "vmlinuz").write_bytes(wrapping.unwrap(image_file, self._arch))
            else:
                image_file.rename(into / "vmlinuz")
            config = _first(raw, "config*")
            if config:
                config.rename(into / "config")
            release = next((path for path in raw.glob("**/lib/modules/*/kernel") if path.is_dir()),
                           None)
            if release:
                module.gather(release.parent, into / "modules", wanted)
            else:
                (into / "modules").mkdir()
            shutil.rmtree(raw)

        return cache.folder(key, make)


def _first(top: Path, pattern: str) -> Path | None:
    places = [*sorted(top.glob(f"boot/{pattern}")), *sorted(top.glob(f"**/modules/*/{pattern}"))]
    return next((path for path in places if path.is_file()), None)
