"""Lines as they were written, out of a log as a serial port and whoever recorded it left it.

Taken away: what terminals and engines add (colours, CR, times), and messages of the kernel between,
before, behind and amid the lines. fleets/cases.awk does the same.
"""

import re
from collections.abc import Iterable, Iterator

Lines = Iterable[str | tuple[float, str]]

_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1b[=>78cM]")
# ISO 8601 with what may follow it, or seconds with up to three digits; the kernel has six
_TIME = re.compile(r"^(?:\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S* |\[ *\d+\.\d\d?\d?\] )")
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
# What is before a message of the kernel: on a console and from dmesg; from dmesg -T; where printk
# writes no time; from journalctl
_PRINTK = re.compile(r"(?:<\d+>)?\[ *\d+\.\d{6}\](?: ?\[ *[TC]\d+\])? ?"
                     rf"|\[[A-Z][a-z][a-z] {_MONTH} [ 1-3]\d \d\d:\d\d:\d\d \d{{4}}\] ?"
                     r"|^<\d+>"
                     rf"|^{_MONTH} [ 0-3]\d \d\d:\d\d:\d\d \S+ [^\s:]+: ")
_OURS = re.compile(r"^(?:# |#$|1\.\.\d+$|TAP version |(?:not )?ok \d+ )"
                   r"|# selftests: |# (?:not )?ok \d+ |# #  RUN |(?:not )?ok \d+ selftests: ")
# A second line of ours in the same line: what was written before lacked its end
_GLUED = re.compile(r"[^#\s](?=\s*(?:# (?:not )?ok \d+ \w+\.|# #  RUN ))"
                    r"|[^\s](?=(?:not )?ok \d+ selftests: \S+: \S)")
_RESULT = re.compile(r"^# (?:not )?ok \d+ ")
_NAMED = re.compile(r"^(?:# )?(?:not )?ok \d+ [^#]* $")
_RUN = re.compile(r"^# #\s+RUN\s+(\S+) \.\.\.$")


def tidy(lines: Lines) -> Iterator[tuple[float | None, str]]:
    """The lines without all that, each with the second at which it was seen if the log has them."""
    # A line that a message of the kernel ended, as far as it came
    cut: tuple[float | None, str] | None = None
    running = ""
    for item in lines:
        second, line = item if isinstance(item, tuple) else (None, item)
        for text, ended in _pieces(line):
            if cut and text is not None:
                if _goes_on(cut[1], text, running):
                    second, text = cut[0], cut[1] + text
                else:
                    yield cut
                cut = None
            if text is None:
                continue
            if ended:
                run = _RUN.match(text)
                running = run[1] if run else running
                yield second, text
            else:
                cut = second, text
    if cut:
        yield cut


def _pieces(line: str) -> Iterator[tuple[str | None, bool]]:
    """What is ours in a line, and whether its end is; None for a line of the kernel's alone."""
    line = _ESCAPE.sub("", line.rstrip("\r\n")).rstrip("\r")
    while time := _TIME.match(line):
        line = line[time.end():]
    while printk := _PRINTK.search(line):
        if printk.start():
            yield line[:printk.start()], False
        rest = line[printk.end():]
        ours = _OURS.search(rest)
        if not ours:
            yield None, True
            return
        line = rest[ours.start():]
    start = 0
    for glued in _GLUED.finditer(line):
        yield line[start:glued.end()], True
        start = len(line) - len(line[glued.end():].lstrip())
    yield line[start:], True


def _goes_on(cut: str, text: str, running: str) -> bool:
    """Whether a text is the rest of a line that was cut, or a line of its own."""
    if re.match(r"# (?:SKIP|XFAIL|XPASS|TIMEOUT|exit=| )", text) and _NAMED.match(cut):
        return True
    if re.match(r"1\.\.\d+$|TAP version |#\s+RUN ", text):
        return bool(re.fullmatch(r"(?:# ?)+", cut))
    if text.startswith("#"):
        return False
    if re.match(r"ok \d+ selftests: ", text):
        return cut.rstrip() == "not"
    if re.match(r"(?:not )?ok \d+ ", text):
        return (bool(re.fullmatch(r"(?:# ?)*(?:not ?)?", cut))
                and not re.match(r"not ok \d+ selftests: ", text))
    whole = running and _RESULT.match(cut) and cut.endswith(f" {running}")
    return not whole or text.startswith(" ")
