"""Architectures: what to compile for, build and boot on each, by Debian's names for them.

All but the first are cross-compiled and run under TCG.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .error import Usage

SERIAL = ("-serial", "chardev:console", "-serial", "chardev:results")
# A machine with one serial port of its own
PCI_SERIAL = ("-serial", "chardev:console", "-device", "pci-serial,chardev=results")


@dataclass(frozen=True)
class Architecture:
    """One architecture; ABI "32" stands for its programs
    that run through the kernel's compat code."""

    name: str                          # Debian's
    kernel: str                        # ARCH= of a kernel tree
    source: str                        # arch/<source> of a kernel tree
    targets: Mapping[str, tuple[str, str]]     # ABI -> what GNU and what Debian call it
    emulator: str                      # the package of the host that has its QEMU
    flavour: str                       # of Debian's kernels the one that is taken
                                       # when none is named
    qemu: str
    machine: tuple[str, ...]           # words for QEMU
    cpu: str
    console: str                       # terminal of dmesg
    results: str                       # terminal of the results
    image: str                         # what make builds, and below arch/<source>/boot
                                       # unless it has a place
    magic: tuple[int, bytes]           # offset in an image, and what stands there
    elf: tuple[int, int]               # EI_DATA and e_machine of its modules
    serial: tuple[str, ...] = SERIAL
    arguments: str = ""                # more of the kernel's command line
    # options without which no guest can tell anything
    needed: Mapping[str, str] = field(default_factory=dict)
    compat: str = ""                   # the option without which 32-bit programs cannot run
    place: str = ""                    # where the built image is, if not in boot
    headers_32: str = ""               # arch/<this> has the uAPI headers of 32-bit programs,
                                       # if not <source>
    debian: str = ""                   # what Debian's kernel packages call it, if not that
    rpm: str = ""                      # what RPM calls it, a pattern; "" where it is the same

    @property
    def made(self) -> str:
        """The image in a build folder."""
        return self.place or f"arch/{self.source}/boot/{self.image}"

    @property
    def abis(self) -> tuple[str, ...]:
        """The ABIs that programs can be built for."""
        return tuple(self.targets)

    @property
    def native(self) -> bool:
        """Whether it is the one of the hosts that all this runs on:
        nothing is cross-compiled for it."""
        return self.name in ("amd64", "uml")


def _8250(option: str) -> Mapping[str, str]:
    return {option: "a serial console",
            "CONFIG_SERIAL_8250_PCI": "a second serial port (8250 on PCI)"}


AMD64 = Architecture(
    name="amd64", kernel="x86_64", source="x86", emulator="qemu-system-x86", flavour="cloud",
    targets={"64": ("x86_64-linux-gnu", "amd64"), "32": ("i686-linux-gnu", "i386")},
    # TCG of QEMU 7.2 at times loses the flags over CMPXCHG16B, which ends in a double fault of the
    # guest; without the feature kernels use other ways.
    qemu="qemu-system-x86_64", machine=(), cpu="max,cx16=off", console="ttyS0", results="ttyS1",
    image="bzImage", magic=(0x202, b"HdrS"), elf=(1, 62),
    arguments="no_timer_check tsc=reliable ia32_emulation=1",
    needed={"CONFIG_SERIAL_8250_CONSOLE": "a serial console (8250)"},
    compat="CONFIG_IA32_EMULATION", rpm=r"x86_64(_v\d)?")
ARM64 = Architecture(
    name="arm64", kernel="arm64", source="arm64", emulator="qemu-system-arm", flavour="cloud",
    targets={"64": ("aarch64-linux-gnu", "arm64"), "32": ("arm-linux-gnueabihf", "armhf")},
    # Newer models have pointer authentication, which TCG is slow at, and no 32-bit programs
    qemu="qemu-system-aarch64", machine=("-machine", "virt"), cpu="cortex-a72", console="ttyAMA0",
    results="ttyS0", image="Image", magic=(0x38, b"ARMd"), elf=(1, 183), serial=PCI_SERIAL,
    needed=_8250("CONFIG_SERIAL_AMBA_PL011_CONSOLE"), compat="CONFIG_COMPAT", headers_32="arm",
    rpm="aarch64")
S390X = Architecture(
    name="s390x", kernel="s390", source="s390", emulator="qemu-system-misc", flavour="generic",
    targets={"64": ("s390x-linux-gnu", "s390x")},
    qemu="qemu-system-s390x", machine=("-machine", "s390-ccw-virtio"), cpu="max", console="ttyS0",
    results="ttysclp0", image="bzImage", magic=(0, b"\0\x08\0\0\x80\0\2\0"), elf=(2, 22),
    serial=("-device", "sclplmconsole,chardev=console", "-device", "sclpconsole,chardev=results"),
    needed={"CONFIG_SCLP_CONSOLE": "the line-mode console of SCLP",
            "CONFIG_SCLP_VT220_TTY": "the VT220 of SCLP"})
RISCV64 = Architecture(
    name="riscv64", kernel="riscv", source="riscv", emulator="qemu-system-misc", flavour="generic",
    targets={"64": ("riscv64-linux-gnu", "riscv64")},
    qemu="qemu-system-riscv64", machine=("-machine", "virt"), cpu="rv64", console="ttyS0",
    results="ttyS1", image="Image", magic=(0x38, b"RSC\5"), elf=(1, 243), serial=PCI_SERIAL,
    needed=_8250("CONFIG_SERIAL_8250_CONSOLE"))
PPC64EL = Architecture(
    name="ppc64el", kernel="powerpc", source="powerpc", emulator="qemu-system-ppc",
    flavour="generic", targets={"64": ("powerpc64le-linux-gnu", "ppc64el")},
    qemu="qemu-system-ppc64", machine=("-machine", "pseries,x-vof=on"), cpu="power9",
    console="hvc0", results="hvc1", image="vmlinux", magic=(0, b"\x7fELF\2\1"), elf=(1, 21),
    needed={"CONFIG_HVC_CONSOLE": "a console of the hypervisor"}, place="vmlinux",
    debian="powerpc64le", rpm="ppc64le")

# A kernel that is a program of an amd64 host; what runs in it is amd64's,
# so it is no word for --arch
UML = Architecture(
    name="uml", kernel="um", source="um", emulator="util-linux", flavour="",
    targets={"64": AMD64.targets["64"]}, qemu="", machine=(), cpu="", console="tty0",
    results="tty1", image="linux", magic=(0, b"\x7fELF\2\1"), elf=(1, 62),
    needed={"CONFIG_NULL_CHAN": "null channels for its consoles"}, place="linux")

ALL = {each.name: each for each in (AMD64, ARM64, S390X, RISCV64, PPC64EL)}
# What others call them
_ALSO = {"x86_64": "amd64", "x86": "amd64", "aarch64": "arm64", "s390": "s390x", "riscv": "riscv64",
         "ppc64le": "ppc64el", "powerpc": "ppc64el"}


def named(word: str) -> Architecture:
    """The architecture of a name: Debian's, the kernel's or uname's. Raises Usage for another."""
    found = ALL.get(_ALSO.get(word, word))
    if not found:
        raise Usage(f"{word}: no such architecture; there are {', '.join(ALL)}")
    return found
