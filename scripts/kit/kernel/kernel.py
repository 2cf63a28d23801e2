"""Which kernels to run, from the words of KERNELS, and their files on this machine."""

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from ..base import cache, host, progress, version
from ..series import diagnosis
from ..build import fragment
from . import config, debian, image, module, package, root, usermode
from ..base.arch import AMD64, UML, Architecture
from ..build.archive import open_archive, say
from ..base.command import run
from ..base.error import BuildFailed, Unusable, Usage
from ..base.paths import FRAGMENT


# The default set: the newest kernel of each of these groups of branches.
DEFAULT = (("5.10",), ("6.1",), ("6.12",), ("6.16", "6.17", "6.18", "6.19"), ("7.0", "7.1", "7.2"),
           ("7.3",))
WANTED = (*module.QDISCS, *module.NICS, *module.ERRORS)


@dataclass(frozen=True)
class Files:
    """A kernel on disk. `modules` holds plain .ko files in load order; `config` is its .config.

    `also` names modules that are loaded besides those that tests need.
    """

    image: Path
    modules: Path | None = None
    config: Path | None = None
    arch: Architecture = AMD64
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kernel:
    """A kernel that was asked for. obtain() downloads or builds its files."""

    label: str                        # one word, also the name of its results folder
    word: str                         # what to say in KERNELS to get exactly this one
    origin: str                       # "debian", "deb", "rpm", "dir", "image", "tree",
                                      # "uml" or "running"
    version: version.Version | None   # the upstream version, None when it cannot be told
    package: str = ""
    package_version: str = ""
    complete: bool = True             # False: the mirror no longer has its modules
    # What its code has, as (slug, opcode) of diagnosis:
    # predicts better than a version where it is known
    present: frozenset[tuple[str, str]] | None = None
    arch: Architecture = AMD64
    abis: tuple[str, ...] = ("64", "32")       # of the programs that it is asked to run
    obtain: Callable[[], Files] = field(default=lambda: Files(Path()), compare=False, repr=False)


class Kernels:
    """Turns words into kernels of one architecture; asks the archive only when a word needs it."""

    def __init__(self, refresh: bool = False, arch: Architecture = AMD64) -> None:
        self._refresh, self._arch = refresh, arch

    @cached_property
    def _mirror(self) -> debian.Mirror:
        return debian.Mirror(open_archive(self._refresh, self._arch), self._arch)

    @cached_property
    def listed(self) -> list[Kernel]:
        """Debian's kernels of all flavours, newest first, one
        for each upstream version and flavour."""
        return [self._packaged(one) for one in self._mirror.offers]

    @cached_property
    def offered(self) -> list[Kernel]:
        """The same in the usual flavour alone: cloud where there is one."""
        return [self._packaged(one) for one in self._mirror.offers
                if one.flavour == self._arch.flavour]

    def resolve(self, words: Iterable[str]) -> list[Kernel]:
        """The kernels that the words of KERNELS stand for, in their order, each once.

        Words: default, all, running, debian:<upstream version, branch or package>, uml:<version or
        path>, deb:, rpm: or dir:<path>, or the path of an image or a tree.
        Raises Usage for a word that stands for nothing, Unusable when the archive is out of reach.
        """
        found = {kernel.word: kernel for word in words for kernel in self._resolve(word)}
        taken: dict[str, int] = {}
        kernels = []
        for kernel in found.values():
            taken[kernel.label] = taken.get(kernel.label, 0) + 1
            again = f".{taken[kernel.label]}" if taken[kernel.label] > 1 else ""
            kernels.append(replace(kernel, label=kernel.label + again))
        if not kernels:
            raise Usage("no kernel given: KERNELS=default, all, running, debian:<version>, "
                        "uml:<version>, deb:, rpm: or dir:<path> or a path")
        return kernels

    def _resolve(self, word: str) -> list[Kernel]:
        if word == "all":
            return self.offered
        if word == "default":
            newest = (next((kernel for kernel in self.offered
                            if kernel.complete and kernel.version
                            and kernel.version.branch in branches), None)
                      for branches in DEFAULT)
            return [kernel for kernel in newest if kernel]
        if word == "running":
            if not self._arch.native:
                raise Usage(f"running: this host is not {self._arch.name}; without --arch it is "
                            "tested")
            return [_running()]
        if word.startswith("debian:"):
            return [self._debian(word.removeprefix("debian:"))]
        if word.startswith("uml:"):
            return [self._hosted(word.removeprefix("uml:"))]
        if word.startswith(("deb:", "rpm:", "dir:")):
            return [_found(word, self._arch)]
        if not word.strip():
            raise Usage("an empty word for a kernel: is a variable not set? give a path, or leave "
                        "--kernels out")
        path = Path(word).expanduser()
        if path.is_dir():
            return [_tree(path.resolve(), self._arch)]
        if path.is_file():
            if path.suffix in (".deb", ".rpm"):
                raise Usage(f"{path}: a package; say {path.suffix[1:]}:{path}")
            return [_image(path.resolve(), self._arch)]
        raise Usage(f"{word}: no such kernel; give default, all, running, debian:<version> or "
                    "uml:<version> (scripts/qa list shows them), deb:, rpm: or dir:<path>, or the "
                    "path of a kernel image or tree")

    def _debian(self, name: str) -> Kernel:
        found = self._mirror.find(name)
        if not found:
            near = self._mirror.near(name)
            hint = (f"of that branch: {', '.join(near)}" if near
                    else "scripts/qa list shows what there is")
            raise Usage(f"debian:{name}: the mirror has no such kernel; {hint}")
        return self._packaged(found)

    @cached_property
    def hosted(self) -> list[Kernel]:
        """User Mode Linux of Debian's, newest first, one for each branch."""
        found = usermode.offers(open_archive(self._refresh))
        return [_usermode(one)
                for one in {one.version.branch: one for one in reversed(found)}.values()][::-1]

    def _hosted(self, name: str) -> Kernel:
        if self._arch != AMD64 or os.uname().machine != "x86_64":
            raise Usage(f"uml:{name}: User Mode Linux runs amd64 programs on an amd64 host, "
                        "and nothing else")
        path = Path(name).expanduser()
        if not path.is_file():
            return _usermode(usermode.find(name, usermode.offers(open_archive(self._refresh))))
        path = path.resolve()
        release = usermode.release(path)
        return Kernel(_label(f"uml-{release}"), f"uml:{path}", "uml", version.upstream(release),
                      abis=UML.abis,
                      obtain=lambda: _able(f"uml:{path}", path, path.parent / ".config"))

    def generic(self, kernel: Kernel) -> Kernel:
        """The generic kernel beside one of Debian's cloud kernels; itself where there is none."""
        found = self._mirror.generic(kernel.package,
                                     kernel.package_version) if kernel.origin == "debian" else None
        return self._packaged(found) if found else kernel

    def _packaged(self, one: debian.Offer) -> Kernel:
        newest = one in self._mirror.offers
        return Kernel(label=one.package.removeprefix("linux-image-").removesuffix("-amd64"),
                      word=self._mirror.word(one) if newest else f"debian:{one.package}",
                      origin="debian", version=one.version, package=one.package,
                      package_version=one.package_version, complete=one.complete, arch=self._arch,
                      obtain=lambda: self._unpacked(one))

    def _unpacked(self, one: debian.Offer) -> Files:
        home = self._mirror.files(one, WANTED)
        config = home / "config"
        return _checked(Files(home / "vmlinuz", home / "modules",
                              config if config.exists() else None, self._arch))


def _usermode(one: usermode.Offer) -> Kernel:
    def obtain() -> Files:
        home = usermode.files(open_archive(), one)
        return _able(one.word, home / "linux", home / "config", home / "modules")

    return Kernel(f"uml-{one.version}", one.word, "uml", one.version, usermode.PACKAGE,
                  one.package_version, abis=UML.abis, obtain=obtain)


def _able(word: str, program: Path, settings: Path, modules: Path | None = None) -> Files:
    """A User Mode Linux, unless its configuration, where that is at hand, cannot run the tests."""
    if settings.exists() and (why := config.refusal(settings, UML)):
        raise Unusable(f"{word}: {why}")
    return Files(program, modules, settings if settings.exists() else None, UML,
                 usermode.ALSO if modules else ())


def _running() -> Kernel:
    release = Path("/proc/sys/kernel/osrelease").read_text().strip()
    banner = Path("/proc/sys/kernel/version").read_text().strip()
    return Kernel(label=f"running-{_label(release)}", word="running", origin="running",
                  version=version.upstream(f"{release} {banner}"))


def _label(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.+_-]", "-", text).strip("-.") or "kernel"


def _found(word: str, arch: Architecture) -> Kernel:
    origin, _, text = word.partition(":")
    try:
        it = (root.find(text, WANTED, arch) if origin == "dir"
              else package.find(origin, text, WANTED, arch))
    except OSError as bad:
        raise Unusable(f"{word}: {bad.filename or 'a file'}: {bad.strerror}") from bad
    if it.lacking:
        say(f"{it.release}: {it.lacking}")
    return Kernel(label=_label(re.sub(r"[-.](amd64|x86_64)$", "", it.release)), word=it.word,
                  origin=origin, version=it.version, package=it.package,
                  package_version=it.package_version, arch=arch,
                  obtain=lambda: _checked(Files(it.image, it.modules, it.config, arch)))


def _image(path: Path, arch: Architecture) -> Kernel:
    inner = image.bootable(path, arch)
    banner = image.banner(inner, arch)
    release = banner.split()[0]

    def obtain() -> Files:
        near = [path.parent / f"config-{release}", path.parent / "config"]
        if path.match(arch.made):                 # arch/x86/boot/bzImage of a build
            near += [path.parents[arch.made.count("/")] / ".config"]
        config = next((file for file in near if file.is_file()), None)
        modules = Path("/lib/modules") / release
        if path.parent.name == release:
            modules = path.parent
        if not (modules / "kernel").is_dir():
            return _checked(Files(inner, None, config, arch))
        key = f"modules/{_label(release)}-{cache.digest(str(modules), banner, *WANTED)}"
        return _checked(Files(
            inner, cache.folder(key, lambda into: module.gather(modules, into, WANTED)),
            config, arch))

    return Kernel(label=_label(release), word=str(path), origin="image",
                  version=version.upstream(banner), arch=arch, obtain=obtain)


def _tree(tree: Path, arch: Architecture) -> Kernel:
    text = version.of_makefile(tree)
    if text is None:
        raise Usage(f"{tree}: neither a kernel image nor a kernel tree (its Makefile has no "
                    f"VERSION); an unpacked kernel is dir:{tree}")
    return Kernel(label=_label(f"{tree.name}-{text}"), word=str(tree), origin="tree",
                  version=version.upstream(text), present=_present(tree), arch=arch,
                  obtain=lambda: _built(tree, arch))


def _present(tree: Path) -> frozenset[tuple[str, str]] | None:
    try:
        return diagnosis.present(tree)
    except Unusable:
        return None


def _built(tree: Path, arch: Architecture) -> Files:
    ready = tree / arch.made
    if ready.is_file():
        return _image(ready, arch).obtain()
    if not FRAGMENT.is_file():
        raise Unusable(f"{FRAGMENT} is missing: build {tree} yourself, its {arch.made} is taken "
                       "then")
    host.need((*host.BUILD, *host.KERNEL_BUILD))
    out = cache.root() / "builds" / f"{_label(tree.name)}-{arch.name}-{cache.digest(str(tree))}"
    out.mkdir(parents=True, exist_ok=True)
    log = out.with_name(f"{out.name}.log")
    with cache.lock(f"builds/{out.name}"):
        fragment.configure(FRAGMENT, tree, out, log, arch=arch)
        progress.step("building")
        run(fragment.make(tree, out, arch, arch.image), f"building {tree}", log=log,
            error=BuildFailed)
    return _checked(Files(out / arch.made, None, out / ".config", arch))


def _checked(files: Files) -> Files:
    """Refuses a kernel whose configuration cannot run the tests, and says why."""
    image.banner(files.image, files.arch)
    if files.config and (why := config.refusal(files.config, files.arch)):
        raise Unusable(f"{files.image}: {why}")
    return files
