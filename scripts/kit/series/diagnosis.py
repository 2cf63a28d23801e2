"""Which defects the code of a kernel tree has: read from the code, not from its version.

What is looked for, in the functions that issue a sendmsg or sendmsg_zc of io_uring:
a statement that puts msg_control back, one that puts msg_controllen back, one that clears it after
a short send, and a copy of the control data that is made once. The last makes the others
unnecessary.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from . import reissue
from .ccode import Function, Source, block, parsed
from ..base.error import Unusable

# Where io_uring's send side has been over the years, newest first
PLACES = ("io_uring/net.c", "io_uring/io_uring.c", "fs/io_uring.c")
ISSUES = {"sendmsg": "io_sendmsg", "sendmsg_zc": "io_sendmsg_zc"}
SEND = r"\b__sys_sendmsg_sock\("
_POINTER = re.compile(r"->msg_control\s*=\s*\w+->msg\.msg_control")
_LENGTH = re.compile(r"->(?!msg\b)\w*controllen\s*=\s*\w+->msg\.msg_controllen")
TAKEN = "takes the control data once; every issue sends from the copy"
# How a finding begins that is about the code of a fix
CURED = ("takes ", "puts ", "clears ", "saves msg_control for 32-bit", "sends the rest without ")
REPEATED = "sends the rest after a short send with the same control"


@dataclass(frozen=True)
class Finding:
    """What the code does about one fix, for one opcode ("any" where both share the code)."""

    slug: str                          # as in patches/fixes.toml
    opcode: str
    present: bool                      # the tree has the defect that the fix of this slug cures
    where: str                         # file:line function()
    why: str                           # what was seen there

    @property
    def cured(self) -> bool:
        """Whether the code has what a fix brings, and not just no place for the defect."""
        return not self.present and self.why.startswith(CURED)


def diagnose(tree: Path, name: Path | None = None) -> list[Finding]:
    """What a tree does about each fix; empty where io_uring refuses control messages,
    as it did before 5.12.

    `name` is the tree's name in errors, where only copies of its files are read.
    Raises Unusable when it cannot be told, with the reason: no io_uring, a shape unknown here.
    """
    name = name or tree
    if not (tree / "Makefile").is_file() or not (tree / "net/socket.c").is_file():
        raise Unusable(f"{name}: not a kernel tree (no net/socket.c); give the top folder of one")
    there = {place: parsed(_text(tree / place)) for place in PLACES if (tree / place).is_file()}
    place = next((place for place, source in there.items() if "io_sendmsg" in source.functions),
                 None)
    if not place:
        raise Unusable(f"{name}: cannot tell: "
                       + (f"{next(iter(there))} has no io_sendmsg(), a shape unknown here"
                          if there else "no io_uring in this tree"))
    socket = parsed(_text(tree / "net/socket.c")).functions.get("__sys_sendmsg_sock")
    if not socket:
        raise Unusable(f"{name}: cannot tell: net/socket.c has no __sys_sendmsg_sock(), a shape "
                       "unknown here")
    refused = block(socket.body, r"msg_control")
    if refused and "return" in refused[1]:
        return []
    return _Send(there[place], place, name).findings()


def present(tree: Path) -> frozenset[tuple[str, str]]:
    """The (slug, opcode) of the fixes that a tree lacks. Raises what diagnose() raises."""
    return frozenset((each.slug, each.opcode) for each in diagnose(tree)
                     if each.present) | reissue.present(tree)


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError as bad:
        raise Unusable(f"{path}: {bad.strerror}") from bad


class _Send:
    """The send side of io_uring in one tree."""

    def __init__(self, source: Source, place: str, name: Path) -> None:
        self._source, self._place, self._name = source, place, name

    def findings(self) -> list[Finding]:
        """One Finding for each fix and opcode."""
        found = []
        taken = self._taken_once()
        for opcode, name in ISSUES.items():
            issue = self._source.functions.get(name)
            if not issue:
                continue
            if not any(re.search(SEND, function.body) for function in self._source.reached(name)):
                raise Unusable(f"{self._name}: cannot tell: {self._place}:{issue.line} {name}() "
                               "does not come to __sys_sendmsg_sock(), a shape unknown here")
            found += self._issue(opcode, issue, taken)
        return [self._compat(taken), *found]

    def _issue(self, opcode: str, issue: Function, taken: Function | None) -> list[Finding]:
        dash = "-" + opcode.replace("_", "-")
        short = block(issue.body, r"\bio_net_retry\(")
        rest = reissue.AF_ALG.sub("", short[1]) if short else ""
        cleared = re.search(r"\w*controllen\s*=\s*0\s*;", rest)
        by_type = re.search(r"\bmsg_rights_sent\s*=\s*1\s*;", rest)
        if taken:
            found = [Finding(slug, opcode, False, self._where(taken), TAKEN)
                     for slug in (f"lost-pointer{dash}", "wrong-length", "late-read")]
            bodies = [reissue.AF_ALG.sub("", one.body) for one in self._source.reached(issue.name)]
            dropped = any(re.search(r"\bmsg_controllen\s*=\s*0\s*;", body) for body in bodies)
            slug = f"repeated-control{dash}"
            if not short or dropped or by_type:
                return [*found, Finding(slug, opcode, False, self._where(taken), TAKEN)]
            return [*found, Finding(slug, opcode, True, self._where(issue, short[0]), REPEATED)]
        sent = self._sent(issue)
        before = issue.body[:sent]
        pointer = re.search(r"\bmsg_control(?:_user)?\s*=(?!=|\s*NULL\b)", before)
        length = re.search(r"\bmsg_controllen\s*=(?!=|\s*0\s*;)", before)
        return [
            self._finding(f"lost-pointer{dash}", opcode, issue, pointer,
                          "puts msg_control back before each issue",
                          "sends again with the msg_control that the last issue left"),
            self._finding("wrong-length", opcode, issue, length,
                          "puts msg_controllen back before each issue",
                          "sends again with the msg_controllen that the last issue left"),
            Finding(f"repeated-control{dash}", opcode, bool(short and not cleared and not by_type),
                    self._where(issue, short[0] if short else 0),
                    "does not send the rest after a short send" if not short else
                    "clears msg_controllen after a short send" if cleared else
                    "sends the rest without SCM_RIGHTS after a short send" if by_type else
                    REPEATED),
            Finding("late-read", opcode, True, self._where(issue, sent),
                    "leaves it to each issue to read the control data from user memory"),
        ]

    def _compat(self, taken: Function | None) -> Finding:
        slug = "lost-pointer-compat"
        if taken:
            return Finding(slug, "any", False, self._where(taken), TAKEN)
        saving = [function for function in self._source.functions.values()
                  if re.search(r"->msg_control\s*=\s*[\w>.-]+msg\.msg_control", function.body)]
        if not saving:    # then nothing is saved for anybody: that is lost-pointer itself
            return Finding(slug, "any", False, self._place, "saves msg_control for no task at all")
        for function in saving:
            branch = block(function.body, r"compat")
            if branch and "return" in branch[1] and not re.search(r"->msg_control\s*=", branch[1]):
                return Finding(slug, "any", True, self._where(function, branch[0]),
                               "does not save msg_control for a 32-bit task")
        return Finding(slug, "any", False, self._where(saving[0]),
                       "saves msg_control for 32-bit tasks, too")

    def _taken_once(self) -> Function | None:
        """The function that copies the control data out of user memory for the issues to come."""
        for function in self._source.functions.values():
            if re.search(r"copy_from_user\([^;]*msg_control|cmsghdr_from_user_compat_to_kern\(",
                         function.body):
                self._said_so(function)
                return function
        return None

    def _said_so(self, taken: Function) -> None:
        """Raises Unusable where an issue asks whether control is still the user's
        and none says no, or where what is asked was not saved."""
        asks = any(re.search(r"\bif \((?:un)?likely\(kmsg->\w*controllen\)\)", one.body)
                   for one in self._source.functions.values())
        if asks and not re.search(r"kmsg->(?!msg\b)\w*controllen\s*=\s*0\s*;", taken.body):
            raise Unusable(f"{self._name}: cannot tell: {self._place}:{taken.line} {taken.name}() "
                           "takes the control and does not say so, a shape unknown here")
        # What it leaves with the user needs both at each issue, for 32-bit tasks as well
        for one in self._source.functions.values() if asks else ():
            if len(_POINTER.findall(one.body)) != len(_LENGTH.findall(one.body)):
                raise Unusable(f"{self._name}: cannot tell: {self._place}:{one.line} {one.name}() "
                               "does not save msg_controllen wherever it saves msg_control, a "
                               "shape unknown here")

    def _sent(self, issue: Function) -> int:
        direct = re.search(SEND, issue.body)
        if direct:
            return direct.start()
        callee = next(name for name in re.findall(r"\b(\w+)\(", issue.body)
                      if any(re.search(SEND, function.body)
                             for function in self._source.reached(name)))
        return issue.body.index(f"{callee}(")

    def _finding(self, slug: str, opcode: str, issue: Function, cure: re.Match[str] | None,
                 good: str, bad: str) -> Finding:
        return Finding(slug, opcode, not cure,
                       self._where(issue, cure.start() if cure else self._sent(issue)),
                       good if cure else bad)

    def _where(self, function: Function, offset: int = 0) -> str:
        line = function.at(offset) if offset else function.line
        return f"{self._place}:{line} {function.name}()"
