"""Which of the five defects of patches/mainline/first the code of a kernel tree has, read from what it does."""

import re
from pathlib import Path

from .ccode import Source

PLACES = ("io_uring/net.c", "io_uring/io_uring.c", "fs/io_uring.c")
ZERO_COPY = {"send_zc": ("io_send_zc", "io_sendmsg_zc"), "sendmsg_zc": ("io_sendmsg_zc",)}


def present(tree: Path) -> frozenset[tuple[str, str]]:
    """The (slug, opcode) of the fixes that a tree lacks; what it does not have cannot lack one."""
    bodies: dict[str, str] = {}
    for place in (*reversed(PLACES), "io_uring/timeout.c", "net/socket.c"):
        if (tree / place).is_file():
            text = (tree / place).read_text(errors="replace")
            bodies |= {name: function.body for name, function in Source(text).functions.items()}
    found: set[tuple[str, str]] = set()

    def lacks(name: str, cure: str, where: str = "") -> bool:
        body = bodies.get(name, "")
        return bool(body and re.search(where, body) and not re.search(cure, body))

    restored = r"\b(iov_iter_restore|io_send_restore_iter)\("
    if lacks("io_sendmsg", restored):
        found.add(("eaten-data", "sendmsg"))
    # Before 6.10 a send imports its buffer for each issue
    if lacks("io_send", restored, r"\bkmsg = req->async_data"):
        found.add(("eaten-data", "send"))
    if lacks("io_recvmsg", r"\bmsg_controllen\s*=[^=]"):
        found.add(("used-up-control", "any"))
    if lacks("io_recvmsg", r"\bio_recv_retry\(", r"\bio_net_retry\("):
        found.add(("merged-records", "any"))
    for opcode, names in ZERO_COPY.items():
        if not any(name in bodies for name in names):
            continue
        if lacks("io_req_tw_fail_links", r"->fail\("):
            found.add(("unannounced-notification", opcode))
        if opcode == "sendmsg_zc" and lacks("__sys_sendmsg_sock", r"->msg_name\b"):
            found.add(("rewritten-name", opcode))
    if lacks("__sys_sendmsg_sock", r"->msg_name\b"):
        found.add(("rewritten-name", "sendmsg"))
    return frozenset(found)
