"""Which defects the code of a tree has that are not in diagnosis.py, read from what it does."""

import re
from pathlib import Path

from . import provided
from .ccode import Source, block

PLACES = ("io_uring/net.c", "io_uring/io_uring.c", "fs/io_uring.c")
# An IV is not repeated, and what is cleared for that says nothing of other control
AF_ALG = re.compile(r"\bif \(sock->ops->family == PF_ALG\) \{[^}]*\}")
ZERO_COPY = {"send_zc": ("io_send_zc", "io_sendmsg_zc"), "sendmsg_zc": ("io_sendmsg_zc",)}


def present(tree: Path) -> frozenset[tuple[str, str]]:
    """The (slug, opcode) of the fixes that a tree lacks; what it does not have cannot lack one."""
    bodies: dict[str, str] = {}
    for place in (*reversed(PLACES), *provided.PLACES, "io_uring/timeout.c", "net/socket.c"):
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
    # 5.10 clears it after a part, where there is none: that gives nothing back
    if lacks("io_recvmsg", r"\bmsg_controllen\s*=(?!=|\s*0\s*;)"):
        found.add(("used-up-control", "any"))
    if lacks("io_recvmsg", r"\bio_recv_retry\(", r"\bio_net_retry\("):
        found.add(("merged-records", "any"))
    found |= _after_a_part(bodies) | provided.present(bodies)
    if lacks("io_sendmsg", r"MSG_FASTOPEN|\bio_net_fastopen\("):
        found.add(("fastopen-unfinished", "any"))
    # Whoever holds files from submit on takes them out of the control; scm_fp_list has other uses
    if "io_sendmsg" in bodies and not any("scm_fp_copy(" in body for body in bodies.values()):
        found.add(("late-file", "any"))
    # Once control is taken at submit sock_sendmsg() is called, which keeps the name by itself
    kept = (re.search(r"\bsock_sendmsg\(", bodies.get("__io_sendmsg", ""))
            and "msg_name" in bodies.get("sock_sendmsg", ""))
    for opcode, names in ZERO_COPY.items():
        if not any(name in bodies for name in names):
            continue
        if lacks("io_req_tw_fail_links", r"->fail\("):
            found.add(("unannounced-notification", opcode))
        if opcode == "sendmsg_zc" and not kept and lacks("__sys_sendmsg_sock", r"->msg_name\b"):
            found.add(("rewritten-name", opcode))
    if not kept and lacks("__sys_sendmsg_sock", r"->msg_name\b"):
        found.add(("rewritten-name", "sendmsg"))
    return frozenset(found)


def _after_a_part(bodies: dict[str, str]) -> set[tuple[str, str]]:
    """The (slug, opcode) of the fixes about MSG_WAITALL that these functions,
    name -> body, lack."""
    found: set[tuple[str, str]] = set()
    receive, send = bodies.get("io_recvmsg", ""), bodies.get("io_sendmsg", "")
    if re.search(r"\bio_(recv|net)_retry\(", receive):
        if not re.search(r"\buaddr\s*=\s*NULL", receive):
            found.add(("grown-name", "any"))
        if "MSG_PEEK" not in bodies.get("io_recv_retry", ""):
            found |= {("repeated-peek", opcode) for opcode in ("recv", "recvmsg", "recvmsg_trunc")}
            # Before 6.10 a receive imports its buffer for each issue
            if "kmsg" in bodies.get("io_recv", ""):
                found.add(("repeated-peek", "recv_trunc"))
        if not re.search(r"\bio_net_keep_error\(|\bsk_err\b", receive):
            found.add(("lost-error", "any"))
    short = block(send, r"\bio_net_retry\(")
    if short:
        # Whoever holds an id from the first issue on takes it there
        if not any("msg_zerocopy_realloc(" in body for body in bodies.values()):
            found.add(("repeated-id", "any"))
        if re.search(r"\bmsg_controllen\s*=\s*0\s*;", AF_ALG.sub("", short[1])):
            found.add(("cut-control", "sendmsg"))
    return found
