"""Which defects the code of a tree has that are not in diagnosis.py, read from what it does."""

import re
from collections.abc import Mapping
from pathlib import Path

from . import provided
from .ccode import block, parsed

PLACES = ("io_uring/net.c", "io_uring/io_uring.c", "fs/io_uring.c")
# An IV is not repeated, and what is cleared for that says nothing of other control
AF_ALG = re.compile(r"\bif \(sock->ops->family == PF_ALG\) \{[^}]*\}")
# Behind what TCP has thrown away
ADVANCES = re.compile(r"\bio(?:_recv|v_iter)_advance\(")
# The fixes that are read here, if a tree has a place for them
SLUGS = ("eaten-data", "used-up-control", "merged-records", "fastopen-unfinished", "late-file",
         "unannounced-notification", "rewritten-name", "grown-name", "repeated-peek", "lost-error",
         "repeated-id", "cut-control")
ZERO_COPY = {"send_zc": ("io_send_zc", "io_sendmsg_zc"), "sendmsg_zc": ("io_sendmsg_zc",)}


def present(tree: Path) -> frozenset[tuple[str, str]]:
    """The (slug, opcode) of the fixes that a tree lacks; what it does not have cannot lack one."""
    bodies = _bodies(tree)
    return frozenset({key for key, lacks in _read(bodies).items()
                     if lacks} | provided.present(bodies))


def read(tree: Path) -> dict[tuple[str, str], bool]:
    """(slug, opcode) -> whether a tree lacks the fix, of what it has a place for; not of
    buffers/."""
    return _read(_bodies(tree))


def _bodies(tree: Path) -> dict[str, str]:
    bodies: dict[str, str] = {}
    for place in (*reversed(PLACES), *provided.PLACES, "io_uring/timeout.c", "net/socket.c"):
        if (tree / place).is_file():
            text = (tree / place).read_text(errors="replace")
            bodies |= {name: function.body for name, function in parsed(text).functions.items()}
    return bodies


def _read(bodies: Mapping[str, str]) -> dict[tuple[str, str], bool]:
    found: dict[tuple[str, str], bool] = {}

    def look(slug: str, opcode: str, name: str, cure: str, where: str = "") -> None:
        body = bodies.get(name, "")
        if body and re.search(where, body):
            found[slug, opcode] = not re.search(cure, body)

    restored = r"\b(iov_iter_restore|io_send_restore_iter)\("
    look("eaten-data", "sendmsg", "io_sendmsg", restored)
    # Before 6.10 a send imports its buffer for each issue
    look("eaten-data", "send", "io_send", restored, r"\bkmsg = req->async_data")
    # 5.10 clears it after a part, where there is none: that gives nothing back
    look("used-up-control", "any", "io_recvmsg", r"\bmsg_controllen\s*=(?!=|\s*0\s*;)")
    look("merged-records", "any", "io_recvmsg", r"\bio_recv_retry\(", r"\bio_(net|recv)_retry\(")
    look("fastopen-unfinished", "any", "io_sendmsg", r"MSG_FASTOPEN|\bio_net_fastopen\(")
    found |= _after_a_part(bodies)
    # Whoever holds files from submit on takes them out of the control; scm_fp_list has other uses
    if "io_sendmsg" in bodies:
        found["late-file", "any"] = not any("scm_fp_copy(" in body for body in bodies.values())
    # Once control is taken at submit sock_sendmsg() is called, which keeps the name by itself
    kept = bool(re.search(r"\bsock_sendmsg\(", bodies.get("__io_sendmsg", ""))
                and "msg_name" in bodies.get("sock_sendmsg", ""))
    for opcode, names in ZERO_COPY.items():
        if not any(name in bodies for name in names):
            continue
        look("unannounced-notification", opcode, "io_req_tw_fail_links", r"->fail\(")
        if opcode == "sendmsg_zc":
            found["rewritten-name", opcode] = not kept and _name_changes(bodies)
    if "__sys_sendmsg_sock" in bodies:
        found["rewritten-name", "sendmsg"] = not kept and _name_changes(bodies)
    return found


def _name_changes(bodies: Mapping[str, str]) -> bool:
    body = bodies.get("__sys_sendmsg_sock", "")
    return bool(body and not re.search(r"->msg_name\b", body))


def _after_a_part(bodies: Mapping[str, str]) -> dict[tuple[str, str], bool]:
    """The same of the fixes about MSG_WAITALL, for these functions, name -> body."""
    found: dict[tuple[str, str], bool] = {}
    receive, send = bodies.get("io_recvmsg", ""), bodies.get("io_sendmsg", "")
    if re.search(r"\bio_(recv|net)_retry\(", receive):
        found["grown-name", "any"] = not re.search(r"\buaddr\s*=\s*NULL", receive)
        peeks = "MSG_PEEK" not in bodies.get("io_recv_retry", "")
        for opcode in ("recv", "recvmsg"):
            found["repeated-peek", opcode] = peeks
        found["repeated-peek", "recvmsg_trunc"] = peeks or not ADVANCES.search(receive)
        # Before 6.10 a receive imports its buffer for each issue
        if "kmsg" in bodies.get("io_recv", ""):
            found["repeated-peek", "recv_trunc"] = peeks or not ADVANCES.search(bodies["io_recv"])
        found["lost-error", "any"] = not re.search(r"\bio_net_keep_error\(|\bsk_err\b", receive)
    short = block(send, r"\bio_net_retry\(")
    if short:
        # Whoever holds an id from the first issue on takes it there
        found["repeated-id", "any"] = not any("msg_zerocopy_realloc(" in body
                                              for body in bodies.values())
        cuts = bool(re.search(r"\bmsg_controllen\s*=\s*0\s*;", AF_ALG.sub("", short[1])))
        # Where it does neither, all goes with each part: that is repeated-control
        if cuts or "msg_rights_sent" in short[1]:
            found["cut-control", "sendmsg"] = cuts
    return found
