"""NICs that QEMU emulates: which there are, what drives them,
and how two ports of one are joined outside the guest.

e1000e, igb and vmxnet3 do checksums and segmentation themselves, so a hub of QEMU's own joins their
ports. virtio-net offers checksums, scatter-gather and GSO only where its backend takes a
virtio_net_hdr, as taps do: two of them lie with a bridge in a network namespace that QEMU alone has
and that ends with it.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..base import command, host
from ..build import fragment
from ..kernel import module
from . import qemu
from ..base.error import Unusable, Usage

LOCAL_MAC, REMOTE_MAC = "52:54:00:c0:00:01", "52:54:00:c0:00:02"
SLOTS = {LOCAL_MAC: 4, REMOTE_MAC: 6}  # an igb has its virtual functions 16 slots behind it, in two
MTU = 9000                             # of the remote port and of all between the two
ALL = "all"
SSH = ":ssh"                           # behind a model: the remote port is in a second guest

# What runs before QEMU in its namespace. IPv6 is off,
# so that nothing but the guest speaks on the wire.
TAPS = f"""set -e
echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
ip link add wire mtu {MTU} type bridge forward_delay 0 mcast_snooping 0
ip link set wire up
for port in local remote; do
	ip tuntap add $port mode tap
	ip link set $port mtu {MTU} master wire up
done
exec "$@"
"""


class NoDriver(Unusable):
    """A kernel without a driver for a NIC: not its fault, and trying again will not help."""


@dataclass(frozen=True)
class Model:
    """A NIC that QEMU can emulate."""

    name: str
    device: str                        # what QEMU calls it
    drivers: dict[str, str]            # option of the kernel's configuration -> module
    cloud: bool                        # Debian's cloud kernels have the drivers, too
    taps: bool = False                 # has its offloads from the backend
    broken: str = ""                   # an offload that QEMU gets wrong, which the tests leave off
    since: tuple[int, int] = (0, 0)    # release of QEMU that has the device with all its offloads
    older: str = ""                    # what is missing in older ones; "" where that is the device

    @property
    def qemu(self) -> tuple[str, ...]:
        """The words that start a QEMU which has the device; none where there is none."""
        return qemu.at_least(self.since) or ((qemu.PROGRAM,) if self.older else ())


MODELS = {model.name: model for model in (
    Model("virtio-net", "virtio-net-pci",
          {"CONFIG_VIRTIO_PCI": "virtio_pci", "CONFIG_VIRTIO_NET": "virtio_net"}, cloud=True,
          taps=True, since=(8, 2), older="tx-udp-segmentation"),
    Model("e1000e", "e1000e", {"CONFIG_E1000E": "e1000e"}, cloud=False),
    Model("vmxnet3", "vmxnet3", {"CONFIG_VMXNET3": "vmxnet3"}, cloud=True),
    # QEMU 10.0 cuts a large datagram into IP fragments of one datagram where it was asked
    # for many datagrams
    Model("igb", "igb", {"CONFIG_IGB": "igb"}, cloud=False,
          broken="tx-udp-segmentation", since=(8, 0)))}
PACKAGES = ("iproute2",)
SSH_MODEL = "e1000e"                   # the one that `all` takes for two guests


@dataclass(frozen=True)
class Ports:
    """QEMU's arguments for the ports of a guest, and the program that QEMU is started by."""

    arguments: tuple[str, ...] = ()
    around: tuple[str, ...] = ()
    descriptors: tuple[int, ...] = ()  # open files that the arguments name
    notes: tuple[str, ...] = ()        # what is missing here, for the result
    qemu: tuple[str, ...] = (qemu.PROGRAM,)


@dataclass(frozen=True)
class Nic:
    """What one run has: a model, and whether the other port is in a second guest,
    reached by ssh."""

    model: Model
    ssh: bool = False

    @property
    def word(self) -> str:
        """What to say after --nic."""
        return self.model.name + (SSH if self.ssh else "")

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules that the guest needs for it."""
        return tuple(self.model.drivers.values())

    def lacking(self, config: Path | None, modules: Path | None) -> str:
        """Why a kernel with this configuration and these modules cannot drive it; "" when it can,
        or a boot tells."""
        if not config:
            return ""
        has = fragment.options(config)
        there = module.names(modules) if modules else set()
        for option, name in self.model.drivers.items():
            value = has.get(option)
            if value not in ("y", "m"):
                return f"the kernel has no driver for {self.model.name} ({option} is not set)"
            if value == "m" and name not in there:
                return (f"the driver for {self.model.name} is a module of the kernel that is not "
                        f"at hand ({name}.ko)")
        return ""

    def need(self) -> None:
        """Raises Unusable when QEMU is too old for it."""
        if self.model.name not in offered():
            raise Unusable(f"{self.word}: needs QEMU {_release(self.model.since)}, here is "
                           f"{_release(qemu.release())}; there are {', '.join(offered())}")

    def ports(self) -> Ports:
        """Both ports in one guest."""
        if not self.model.taps:
            return self._hub()
        user = ("-n",) if os.geteuid() == 0 else ("-Urn",)
        around = ("unshare", *user, "sh", "-c", TAPS, "sh")
        try:
            command.run([*around, "test", "-w", "/dev/net/tun"], "taps")
        except Unusable as bad:
            return self._hub(f"{bad}: joined by a hub, so without checksum offload")
        return self._made(
            (*self._port("local", LOCAL_MAC, "tap,ifname=local,script=no,downscript=no"),
             *self._port("remote", REMOTE_MAC, "tap,ifname=remote,script=no,downscript=no")),
            around)

    def port(self, mac: str, descriptor: int) -> Ports:
        """One port, whose wire is an open stream socket."""
        notes = ("joined by a socket, so without checksum offload",) if self.model.taps else ()
        return self._made(self._port("wire", mac, f"socket,fd={descriptor}"), (),
                          (descriptor,), notes)

    def _hub(self, *notes: str) -> Ports:
        return self._made((*self._port("local", LOCAL_MAC, "hubport,hubid=0"),
                           *self._port("remote", REMOTE_MAC, "hubport,hubid=0")), notes=notes)

    def _made(self, arguments: tuple[str, ...], around: tuple[str, ...] = (),
              descriptors: tuple[int, ...] = (), notes: tuple[str, ...] = ()) -> Ports:
        self.need()
        if self.model.broken:
            notes += (f"{self.model.broken} is off, since QEMU gets it wrong",)
        if around and not qemu.at_least(self.model.since):
            notes += (f"QEMU {_release(qemu.release())} has no {self.model.older}",)
        return Ports(arguments, around, descriptors, notes, self.model.qemu)

    def _port(self, name: str, mac: str, backend: str) -> tuple[str, ...]:
        kind, _, rest = backend.partition(",")
        # No boot ROM: nothing is booted from there, and not each host has its file
        return ("-netdev", f"{kind},id={name},{rest}", "-device",
                f"{self.model.device},netdev={name},mac={mac},addr={SLOTS[mac]},romfile=")


def named(word: str) -> Nic:
    """The NIC for a word. Raises Usage when there is none."""
    name, colon, way = word.partition(":")
    if name not in MODELS or colon and f":{way}" != SSH:
        raise Usage(
            f"no NIC {word}; there are {', '.join(MODELS)}, each also with {SSH}, and {ALL}")
    return Nic(MODELS[name], bool(colon))


def resolve(words: Sequence[str]) -> tuple[str, ...]:
    """The rows that words ask for, each once: words for named(), and "" for loopback.

    Raises Usage for an unknown word, Unusable for a model that QEMU is too old for.
    """
    if not words:
        return ("",)
    asked = [named(word) for word in words if word != ALL]
    host.need(host.RUN)
    for nic in asked:
        nic.need()
    rows = [nic.word for nic in asked]
    if ALL in words:
        rows = ["", *offered(), *([SSH_MODEL + SSH] if SSH_MODEL in offered() else []), *rows]
    return tuple(dict.fromkeys(rows))


def missing() -> str:
    """A line on the models that QEMU is too old for; "" when there are all."""
    left = [f"{name} (QEMU {_release(model.since)})"
            for name, model in MODELS.items() if name not in offered()]
    return (f"left out, for QEMU {_release(qemu.release())} does not have it: {', '.join(left)}"
            if left else "")


@cache
def offered() -> tuple[str, ...]:
    """The models that there is a QEMU for."""
    return tuple(name for name, model in MODELS.items() if model.qemu)


def _release(release: tuple[int, int]) -> str:
    return ".".join(map(str, release))
