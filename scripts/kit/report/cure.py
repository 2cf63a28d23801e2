"""The commit that a kernel may lack where a case failed: from the test, or from fixes.toml."""

import functools
import re
from dataclasses import dataclass

from ..base import version
from ..series import fixes
from . import result
from ..series.fixes import Defect
from .result import CaseResult

NONE_YET = "no release has one; patches/mainline has a fix"
_SAID = re.compile(
    r"; (?:may lack (?P<commits>[0-9a-f]{12}.*)|no released kernel has the fix yet)$")
_COMMIT = re.compile(r"[0-9a-f]{12,40} \(\".*?\"(?:, \S+?)?\)")


@dataclass(frozen=True)
class Told:
    """The reason of a case, and apart from it the commits:
    `<12 hex> ("<subject>", v<release>)`, by commas."""

    reason: str
    commit: str    # NONE_YET where none exists, "" where nothing is known or nothing failed


def told(case: CaseResult) -> Told:
    """Splits the reason of a case.

    The test names commits at the end of it; where it did not, the table does.
    """
    if case.outcome != "fail":
        return Told(case.reason or (_UNEXPECTED if case.verdict == "NEWLY FIXED" else ""), "")
    said = _SAID.search(case.reason)
    if said:
        named = _COMMIT.findall(said["commits"] or "")
        return Told(case.reason[:said.start()], ", ".join(named) or said["commits"] or NONE_YET)
    if case.reference or case.defect not in _table():
        return Told(case.reason, "")
    return Told(case.reason, _looked_up(case.defect, result.opcode(case.test), case.abi,
                                        case.version, case.because))


_UNEXPECTED = "passes, though the table has no fix for it here"


@functools.cache
def _table() -> dict[str, Defect]:
    return fixes.load()


@functools.cache
def _looked_up(defect: str, opcode: str, abi: str, text: str, because: str) -> str:
    causes = [cause for cause in _table()[defect].causes
              if cause.opcode in (opcode, "any") and abi in cause.abi]
    try:
        number = version.parse(text)
        causes = [cause for cause in causes if cause.present(number)] or causes
    except ValueError:
        pass
    named = [f'{cause.commit[:12]} ("{cause.subject}", v{cause.mainline})' for cause in causes
             if cause.commit]
    return NONE_YET if because == "open" or not named else ", ".join(named)
