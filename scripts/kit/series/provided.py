"""Which of the names of buffers the code of a tree has, read from what it does."""

import re
from collections.abc import Mapping

PLACES = ("io_uring/kbuf.c", "io_uring/rw.c", "io_uring/rsrc.c", "io_uring/poll.c")

# Name, slug, a function, what in it shows that there is the feature, and what the cure puts there
LACKS = (
    ("stuck-read", "stuck-length-read", "__io_import_rw_buffer",
     r"io_buffer_select", r"^(?!.*rw->len = sqe_len)"),
    ("stuck-read", "stuck-length-read", "__io_import_iovec",
     r"io_buffer_select", r"^(?!.*rw->len = sqe_len)"),
    ("refused-bundle", "refused-bundle", "io_wq_submit_work",
     r"\bREQ_F_MULTISHOT\b", r"~REQ_F_FORCE_ASYNC"),
    ("gapped-ring", "gapped-ring-send", "io_buffers_select", r"io_kbuf_commit", r"io_kbuf_keep\("),
    ("overtaken-bundle", "gapped-ring-send", "io_buffers_select",
     r"io_kbuf_commit", r"io_kbuf_keep\("),
    ("gapped-receive", "gapped-ring-recv", "io_ring_buffer_select",
     r"REQ_F_BUF_MORE|io_kbuf_commit\(", r"min_t\(u32, buf_len"),
    ("ignored-length", "ignored-length", "io_buffers_select", r"", r"out_len = arg->max_len"),
    ("longer-bundle", "ignored-length-bundle", "io_send_finish", r"BUNDLE", r"mshot_len"),
    ("mixed-stream", "mixed-stream", "io_recv_buf_select",
     r"PARTIAL_MAP", r"PARTIAL_MAP.*PARTIAL_MAP"),
    ("repeated-peek", "repeated-peek", "io_recv_finish", r"BUNDLE", r"MSG_PEEK"),
    ("failed-whole", "failed-whole", "io_recv",
     r"MSG_WAITALL", r"^(?!.*MSG_TRUNC \| MSG_CTRUNC)"),
    # With that, AF_UNIX says how much is left
    ("queued-end", "missed-end", "io_recv_finish",
     r"IORING_RECV_MSHOT_LIM", r"io_recv_more\("),
    ("first-only", "first-only", "io_recvmsg_mshot_prep", r"", r"(mshot|asked)_len = sr->len"),
    # Before the header was taken apart by a function of its own (6.1.83)
    ("first-only", "first-only", "__io_recvmsg_copy_hdr",
     r"REQ_F_APOLL_MULTISHOT", r"(mshot|asked)_len = sr->len"),
    ("zc-pieces", "zc-pieces", "io_vec_fill_bvec", r"", r"!iov_len\)\)\s*continue"),
)


def present(bodies: Mapping[str, str]) -> set[tuple[str, str]]:
    """The (slug, opcode) of the fixes about buffers that these functions, name -> body, lack."""
    found = {(slug, name) for name, slug, function, has, cure in LACKS
             if function in bodies and re.search(has, bodies[function])
             and not re.search(cure, bodies[function], re.S)}
    select = bodies.get("io_recv_buf_select", bodies.get("io_recv", ""))
    # Where an issue imports the buffer anew, it has what was asked for beside its length
    if ("io_buffer_select(" in select and re.search(r"\bsr->len = (len|arg\.)", select)
            and "asked_len" not in select):
        found.add(("stuck-length", "stuck-length"))
    if "rw->len = asked_len" in bodies.get("__io_read", ""):
        found.discard(("stuck-length-read", "stuck-read"))
    # The poll lets go of its references before the receive was asked to come again
    poll = bodies.get("io_poll_check_events", "")
    if ("missed-end", "queued-end") in found and "atomic_sub(v - 1" in poll:
        found.add(("missed-end", "missed-end"))
    return found
