"""Kconfig fragments: lists of options that a kernel must have
(Documentation/kbuild/kconfig.rst)."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from . import cross
from ..base.arch import AMD64, Architecture
from ..base.command import run
from ..base.error import BuildFailed, Unusable

NICS = "# A NIC in the guest"          # the paragraph of Kconfig.fragment that only they need
# For a kernel of ours without them: QEMU can start vmlinux itself,
# and less is compiled that no guest has
LEAN = ("CONFIG_HYPERVISOR_GUEST=y", "CONFIG_PVH=y",
        *(f"CONFIG_{name}=n"
          for name in ("INPUT", "PERF_EVENTS_INTEL_CSTATE", "PERF_EVENTS_INTEL_RAPL",
                       "PERF_EVENTS_INTEL_UNCORE", "VT")))


def options(path: Path) -> dict[str, str]:
    """Option -> value of a fragment or a .config; comments and unset options left out."""
    lines = (line.partition("=") for line in path.read_text(errors="replace").splitlines()
             if line.startswith("CONFIG_"))
    return {name: value for name, _, value in lines}


def check(fragment: Path, needed: Path) -> None:
    """Raises BuildFailed unless `needed` is sorted and every line of it stands in the fragment."""
    names = list(options(needed))
    if names != sorted(set(names)):
        raise BuildFailed(f"{needed}: not sorted")
    missing = options(needed).items() - options(fragment).items()
    if missing:
        raise BuildFailed(f"{fragment}: lacks {', '.join(sorted(name for name, _ in missing))} of "
                          f"{needed}")


def whole(fragment: Path, tree: Path, config: Path) -> None:
    """Raises BuildFailed when a tree's .config has not all of a fragment: renamed,
    or its dependencies missing."""
    final = options(config)
    lost = [name for name, value in options(fragment).items() if final.get(name) != value]
    if lost:
        raise BuildFailed(f"{fragment}: {tree.name} does not take {', '.join(lost)}")


def make(tree: Path, out: Path, arch: Architecture, *words: str) -> list[str | Path]:
    """The command that builds in a tree for an architecture."""
    foreign = () if arch.native else (f"CROSS_COMPILE={cross.prefix(arch)}",)
    return ["make", "-C", tree, f"O={out}", f"ARCH={arch.kernel}", *foreign,
            f"-j{os.cpu_count() or 1}", *words]


def without(fragment: Path, heading: str) -> str:
    """The text of a fragment but for the paragraph that begins with this comment."""
    paragraphs = fragment.read_text().split("\n\n")
    rest = [text for text in paragraphs if not text.startswith(heading)]
    if rest == paragraphs:
        raise Unusable(f"{fragment}: no paragraph begins with {heading}")
    return "\n\n".join(rest) + "\n"


def configure(fragment: Path, tree: Path, out: Path, log: Path | None = None,
              more: Sequence[str] = (), words: Sequence[str] = (), arch: Architecture = AMD64,
              nics: bool = True) -> None:
    """Leaves out/.config: tinyconfig of a tree with the fragment,
    that of the architecture and more lines on top.

    `words` go to make; without `nics` the drivers of NICs are left out. Raises BuildFailed, also
    when a line is lost.
    """
    said = f"configuring {tree}"
    run(make(tree, out, arch, *words, "tinyconfig"), said, log=log, error=BuildFailed)
    base = out / "tinyconfig"
    shutil.copy(out / ".config", base)
    chosen = fragment.resolve()
    if not nics:
        chosen = out / "fragment"
        chosen.write_text(without(fragment, NICS))
        more = (*(LEAN if arch == AMD64 else ()), *more)
    extra = out / "extra"
    extra.write_text("".join(f"{line}\n" for line in more))
    # Its temporary files go to where it runs, and stay there when it is killed
    run([tree.resolve() / "scripts/kconfig/merge_config.sh", "-m", "-O", out, base, chosen,
         *_own(fragment.resolve(), arch), extra], said, cwd=out, log=log, error=BuildFailed)
    run(make(tree, out, arch, *words, "olddefconfig"), said, log=log, error=BuildFailed)
    final = options(out / ".config")
    lost = [name for path in (*_own(fragment, arch), extra) for name, value in options(path).items()
            if final.get(name, "n") != value]
    if lost:
        raise BuildFailed(f"{said}: it does not take {', '.join(lost)}")


def _own(fragment: Path, arch: Architecture) -> list[Path]:
    """The lines that one architecture needs besides."""
    return [] if arch == AMD64 else [fragment.with_name(f"{fragment.name}.{arch.name}")]


def compare(needed: Path, config: Path) -> None:
    """Raises BuildFailed when a config lacks an option of `needed`, built in or as a module."""
    has = options(config)
    missing = [name for name in options(needed) if has.get(name) not in ("y", "m")]
    if missing:
        raise BuildFailed(f"{config}: lacks {', '.join(missing)}")
