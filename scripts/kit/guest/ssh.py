"""ssh from one guest to another: a client, a server, and keys that are made for this run alone."""

import tempfile
from pathlib import Path

from ..base import command
from . import program
from .program import Files

PACKAGES = ("openssh-client", "dropbear-bin")
ETC: Files = {
    "etc/passwd": b"root:x:0:0:root:/root:/bin/sh\n", "etc/group": b"root:x:0:\n",
    "etc/shells": b"/bin/sh\n"}
# A host key that is as old as the guest says nothing
CONFIG = (b"Host *\nUser root\nStrictHostKeyChecking no\nUserKnownHostsFile /dev/null\n"
          b"LogLevel ERROR\n")


def pair() -> tuple[Files, Files]:
    """Files for the guest that is tested and for its peer, which lets in nobody else;
    the host has PACKAGES."""
    with tempfile.TemporaryDirectory() as work:
        key, door = Path(work, "key"), Path(work, "door")
        command.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key],
                    "ssh-keygen")
        command.run(["dropbearkey", "-t", "ed25519", "-f", door], "dropbearkey")
        local: Files = {**ETC, **program.files("ssh"), "root/.ssh/config": CONFIG,
                        "root/.ssh/id_ed25519": key.read_bytes()}
        remote: Files = {**ETC, **program.files("dropbear"), "etc/dropbear/key": door.read_bytes(),
                         "root/.ssh/authorized_keys": key.with_suffix(".pub").read_bytes()}
    return local, remote
