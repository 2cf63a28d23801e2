"""The selftest as upstream would take it: patches/upstream, made from selftests/.

Of the three patches the first has the core, the second what is about zero-copy and refused control,
the third the tests through a network card, which in the kernel's own tree are below drivers/net.
patches/selftest.patch is the first two as one, for stable trees.
"""

import difflib
import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from .base.error import Unusable

HOME = "tools/testing/selftests"
CORE = f"{HOME}/io_uring"
CARD = f"{HOME}/drivers/net/io_uring"
SECOND = ("zerocopy", "bad_control")               # the programs of the second patch
# The two files that name those; each name stands alone in a line there, or all of them do
LISTS = (f"{CORE}/Makefile", f"{CORE}/.gitignore")
# What names the place of the card's tests, or what is not offered: file -> old, new
MOVED: dict[str, tuple[tuple[str, str], ...]] = {
    "frame.mk": (
        ("What nic and bench have in common: the kselftest frame, both ABIs, and the\n"
         "# code that they share with the tests in ../io_uring. The variables of\n"
         "# ../io_uring/Makefile do the same here.\n",
         "The kselftest frame, both ABIs, and the code that is shared with the tests\n"
         "# in io_uring. The variables of its Makefile do the same here.\n"),
        ("CORE := ../io_uring\n", "CORE := ../../../io_uring\n"),
        ("$(wildcard *.h ../nic/*.h $(CORE)/*.h)", "$(wildcard *.h $(CORE)/*.h)"),
        ("/tools/testing/selftests,..)/lib.mk", "/tools/testing/selftests,../../..)/lib.mk")),
    "Makefile": (
        ("# In a kernel tree, beside io_uring:\n"
         '#     make -C tools/testing/selftests TARGETS="io_uring nic" run_tests\n'
         "# Anywhere else: make KSRC=/path/to/linux run_tests, see ../io_uring/Makefile\n",
         '# make -C tools/testing/selftests TARGETS="io_uring drivers/net/io_uring" run_tests\n'),),
    "nic.sh": (
        (' With "bench" as the first, what\n'
         "# follows goes to ../bench/bench, a measurement, which is run in place of nic.\n", "\n"),
        ("program=$nic\n"
         'if [ "$1" = bench ]; then\n\tshift\n\tprogram=$here/../bench/bench${NIC_ABI:+_$NIC_ABI}\n'
         '\t[ -z "$NETIF" ] && exec "$program" "$@"\t# over loopback\nfi\n', ""),
        ('for each in "$nic" "$program"; do\n', 'for each in "$nic"; do\n'),
        ('setsid "$program" "$@" &\n', 'setsid "$nic" "$@" &\n')),
}

# What the core tests; patches/selftest.patch, and the first of patches/upstream
SUBJECT = "selftests/io_uring: test messages that are issued again"
TEXT = """\
A send or receive that finds the socket full or empty is issued again, and
so is a short one with MSG_WAITALL. Test that the message is the one that
was asked for, whichever issue it is:

- control of a send: the pointer to it, its length, its contents and its
  files as they were at submit, and with which part of a short send it goes
- data, address and MSG_ZEROCOPY id of a send, and all of one with
  MSG_FASTOPEN
- control, name, records and boundaries of a receive, peeked and truncated
  data
- the error of a connection, which belongs to the next call
- {last}

Each case forces the second issue, asserts that it took place, and looks at
what the receiver got; most compare that with the blocking system call.
Every program is built for 64 and for 32 bit.
"""
SUBJECTS = (
    (SUBJECT,
     TEXT.format(last="that a zero-copy send in a broken link announces its notification")),
    ("selftests/io_uring: test notifications of sendmsg_zc, and refused control", """\
A sendmsg_zc has one completion, and one notification exactly if that said
so: after success, failure and cancellation. A closed ring and an ended
process leave nothing behind.

Control that has to be refused gives what sendmsg(2) gives, does not stop
the sends behind it, and leaves the socket usable.
"""),
    ("selftests: drv-net: test retried sends of io_uring through a card", """\
Only through a network card does sendmsg_zc send the program's own pages.
Test there what selftests/io_uring tests on lo, and GSO sends of all
sizes, with the card's offloads on and off. nic.sh takes the variables of
drivers/net/README.rst; without NETIF it is skipped.
"""),
)

LETTER = """\
There is no test in the kernel of what a message that io_uring issues more
than once comes to: after -EAGAIN, after a short transfer with MSG_WAITALL,
or late. Several bugs were found there, the first of them (a lost
msg_control) fixed by cac9e4418f4c and 4fe82aedeb8a.

Patch 1  the core: programs named after what they look for, over lo.
Patch 2  zero-copy notifications, and control that is refused.
Patch 3  the same through a network card, below drivers/net.

Patches 2 and 3 need patch 1 alone. The lines in TARGETS and MAINTAINERS
come apart, since their neighbours differ from tree to tree; until then

    make -C tools/testing/selftests TARGETS=io_uring run_tests

runs it. Cases fail on a kernel that has the bugs. liburing 2.3 or newer
is needed; without a 32-bit one the 64-bit programs are built alone.

Whoever posts this has to sign it off.
"""

HEAD = """\
From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001
From: {author}
Date: Mon, 23 Nov 2026 00:00:00 +0000
Subject: [PATCH{number}] {subject}

{text}---
 {summary}

"""


def patches(core: Iterable[Path], card: Iterable[Path], author: str) -> dict[str, str]:
    """The files of patches/upstream by their names.

    `core` and `card` are the files of the two folders in git. Raises Unusable when one
    of them does not read as this module expects.
    """
    whole = {f"{CORE}/{path.name}": path for path in core}
    text = {name: path.read_text() for name, path in whole.items()}
    modes = {name: _mode(path) for name, path in whole.items()}
    later = {f"{CORE}/{program}.c" for program in SECOND}
    first = {name: _without(name, content) if name in LISTS else content
             for name, content in text.items() if name not in later}
    moved = {f"{CARD}/{path.name}": _moved(path) for path in card}
    modes |= {f"{CARD}/{path.name}": _mode(path) for path in card}
    steps: tuple[dict[str, str], ...] = ({}, first, text, text | moved)
    made = {"0000-cover-letter.patch": _letter(author)}
    for number, (subject, why) in enumerate(SUBJECTS, 1):
        diff, summary = _difference(steps[number - 1], steps[number], modes)
        slug = re.sub(r"\W+", "-", subject.lower())[:52].strip("-")
        made[f"{number:04}-{slug}.patch"] = _head(author, number, subject, why, summary) + diff
    return made


def whole(core: Iterable[Path], author: str) -> str:
    """patches/selftest.patch: the core as one patch, all its programs in it."""
    paths = {f"{CORE}/{path.name}": path for path in core}
    diff, summary = _difference({}, {name: path.read_text() for name, path in paths.items()},
                                {name: _mode(path) for name, path in paths.items()})
    text = TEXT.format(last="notifications of zero-copy sends, and control that has to be refused")
    return HEAD.format(author=author, number="", subject=SUBJECT, text=text, summary=summary) + diff


def _head(author: str, number: int, subject: str, text: str, summary: str) -> str:
    return HEAD.format(author=author, number=f" {number}/{len(SUBJECTS)}", subject=subject,
                       text=text, summary=summary)


def _letter(author: str) -> str:
    subject = "selftests: messages that io_uring issues again"
    return _head(author, 0, subject, LETTER, "").replace("---\n \n\n", "")


def _mode(path: Path) -> str:
    return "100755" if os.access(path, os.X_OK) else "100644"


def _without(name: str, text: str) -> str:
    """A list of programs without those of the second patch."""
    kept = [line for line in text.splitlines(keepends=True)
            if not set(line.replace("/", " ").split()) & set(SECOND)]
    if len(kept) == len(text.splitlines()):
        raise Unusable(f"{name}: no line names {' and '.join(SECOND)} alone")
    return "".join(kept)


def _moved(path: Path) -> str:
    """A file of the card's tests as it has to read below drivers/net."""
    text = path.read_text()
    for old, new in MOVED.get(path.name, ()):
        if text.count(old) != 1:
            raise Unusable(f"{path}: has not once {old!r}, which MOVED in kit/upstream.py replaces")
        text = text.replace(old, new)
    return text


def _difference(before: Mapping[str, str], after: Mapping[str, str],
                modes: Mapping[str, str]) -> tuple[str, str]:
    """What leads from one state of the tree to another, in git's format, and a line on its size."""
    parts: list[str] = []
    files = 0
    for name in sorted(after):
        old, new = before.get(name), after[name]
        if old == new:
            continue
        files += 1
        ids = f"{_blob(old)}..{_blob(new)}"
        parts.append(f"diff --git a/{name} b/{name}\n")
        if old is None:
            parts += [f"new file mode {modes[name]}\n", f"index {ids}\n"]
        else:
            parts += [f"index {ids} {modes[name]}\n"]
        parts += difflib.unified_diff((old or "").splitlines(keepends=True),
                                      new.splitlines(keepends=True),
                                      "/dev/null" if old is None else f"a/{name}", f"b/{name}")
    added = sum(line[0] == "+" and line[:4] != "+++ " for line in parts)
    return "".join(parts), f"{files} files changed, {added} insertions(+)"


def _blob(text: str | None) -> str:
    data = (text or "").encode()
    return "0" * 40 if text is None else hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
