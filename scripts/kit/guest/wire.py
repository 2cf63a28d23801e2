"""Two network namespaces of this host joined by a veth pair: a wire on which nic.sh can be tried
where there is no card.

A veth copies data that a card would not; everything else in nic.sh is the same.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..base import command
from ..base.error import Unusable

PORT = "wire0"                         # the near end; the far one is wire1
ADDRESSES = ("192.0.2.1/24", "192.0.2.3/24", "2001:db8:1::1/64", "2001:db8:1::3/64")
REMOTE = ("192.0.2.2/24", "2001:db8:1::2/64")


@dataclass(frozen=True)
class Wire:
    """The names of the two namespaces."""

    near: str
    far: str

    @property
    def environment(self) -> Mapping[str, str]:
        """What nic.sh has to be told."""
        return {"NETIF": PORT, "LOCAL_V4": "192.0.2.1", "LOCAL_V6": "2001:db8:1::1",
                "REMOTE_V4": "192.0.2.2", "REMOTE_V6": "2001:db8:1::2", "REMOTE_TYPE": "netns",
                "REMOTE_ARGS": self.far}

    def here(self, *words: str | Path) -> list[str | Path]:
        """A command line that runs in the near namespace."""
        return ["ip", "netns", "exec", self.near, *words]

    def state(self) -> str:
        """What a test has to leave as it was: MTU, addresses, queueing discipline and offloads
        of the near end."""
        return "".join(command.run(self.here(*words), words[0]) for words in (
            ("ip", "-o", "address", "show", "dev", PORT, "scope", "global"),
            ("cat", f"/sys/class/net/{PORT}/mtu"), ("tc", "qdisc", "show", "dev", PORT),
            ("ethtool", "-k", PORT)))


@contextlib.contextmanager
def laid() -> Iterator[Wire]:
    """A wire for as long as the block runs.

    Raises Unusable where this host has no namespaces or no veth.
    """
    wire = Wire(f"near-{os.getpid()}", f"far-{os.getpid()}")
    lines = [f"netns add {wire.near}", f"netns add {wire.far}",
             f"link add {PORT} netns {wire.near} type veth peer name wire1 netns {wire.far}"]
    for name, port, mtu, addresses in ((wire.near, PORT, 1500, ADDRESSES),
                                       (wire.far, "wire1", 9000, REMOTE)):
        lines += [f"-n {name} link set lo up", f"-n {name} link set {port} mtu {mtu} up",
                  *(f"-n {name} address add {each} dev {port}{' nodad' if ':' in each else ''}"
                    for each in addresses)]
    try:
        for line in lines:
            command.run(["ip", *line.split()], f"ip {line}")
        yield wire
    finally:
        for name in (wire.near, wire.far):
            with contextlib.suppress(Unusable):
                command.run(["ip", "netns", "delete", name], "ip netns delete")
