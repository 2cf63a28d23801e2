"""What is made from patches/fixes.toml and the last recorded run:
the copies of their facts in other files."""

from collections.abc import Container, Iterable, Sequence
from pathlib import Path

from .base.error import Unusable
from .series.fixes import Cause, Defect
from .base.version import Version
from .series.patch import EXTRA, Branch

MADE = "made by scripts/tables from patches/fixes.toml"
BEGIN = "<!-- matrix: made by scripts/tables from Documentation/matrix.txt -->"
END = "<!-- end of matrix -->"
UNPROVED = "failed cases: none recorded for this text of the series\n"


def header(defects: dict[str, Defect]) -> str:
    """selftests/hints/fixes.h: the commits that a failure message names."""
    lines = ["/* SPDX-License-Identifier: GPL-2.0 */",
             f"/* The cures known for each defect, {MADE} */",
             "#ifndef IO_URING_SELFTEST_FIXES_H", "#define IO_URING_SELFTEST_FIXES_H", "",
             "static const struct fix {", "\tconst char *defect;", "\tconst char *opcode;",
             "\tint bits;\t\t/* ABIs, or-ed */", "\tconst char *commit;", "\tconst char *subject;",
             "\tconst char *mainline;", "} fixes[] = {"]
    for name, defect in defects.items():
        for cause in defect.causes:
            lines += ["\t{", f'\t\t.defect = "{name}",', f'\t\t.opcode = "{cause.opcode}",',
                      f"\t\t.bits = {' | '.join(cause.abi)},"]
            if cause.commit:
                lines += [f'\t\t.commit = "{cause.commit}",', f'\t\t.subject = "{cause.subject}",',
                          f'\t\t.mainline = "{cause.mainline}",']
            lines += ["\t},"]
    return "\n".join([*lines, "\t{ }", "};", "", "#endif", ""])


def fixes(defects: dict[str, Defect]) -> str:
    """Documentation/fixes.inc: for each defect a table of its causes and their cures."""
    out = [f".. {MADE}", ""]
    for name, defect in defects.items():
        out += [f".. _fixes-{name}:", "", f".. list-table:: {name}: {defect.title}",
                "   :header-rows: 1", ""]
        rows = [("Opcode", "ABI", "Broken since", "Commit", "Mainline",
                 "Stable releases", "Evidence")]
        rows += [(f"``{cause.opcode}``", ", ".join(f"{bits} bit" for bits in cause.abi),
                  _since(cause), _commit(cause), f"v{cause.mainline}" if cause.mainline else "open",
                  _releases(cause.releases) or "none", cause.evidence) for cause in defect.causes]
        for row in rows:
            out += [f"   {'*' if not place else ' '} - {cell}" for place, cell in enumerate(row)]
        out += [""]
    return "\n".join(out)


def series(branches: Sequence[Branch], live: Container[str]) -> str:
    """Documentation/series.inc: each fix, what its patch says it does, and which branches have it.

    `live` are the numbers of the branches that still have releases.
    """
    mainline = [one.slug for one in branches[-1].tip if one.slug not in EXTRA]
    subjects: dict[str, str] = {}
    tip: dict[str, list[str]] = {}
    older: dict[str, list[str]] = {}
    for branch in reversed(branches):
        name = branch.number.branch if branch.name != "mainline" else branch.name
        for one in branch.tip:
            subjects.setdefault(one.slug, one.subject)
            if name in live or name == "mainline":
                tip.setdefault(one.slug, []).append(name)
        for one in (one for patches in branch.taken.values() for one in patches):
            subjects.setdefault(one.slug, one.subject)
            older.setdefault(one.slug, []).append(name)
    out = [".. made by scripts/tables from the patches", "",
           ".. list-table::", "   :header-rows: 1", "",
           "   * - Fix", "     - Subject of its patch",
           "     - At the tip of", "     - For older trees of"]
    others = sorted(subjects.keys() - set(mainline) - set(EXTRA))
    for slug in [*others, *mainline]:
        out += [f"   * - ``{slug}``", f"     - {subjects[slug]}",
                f"     - {', '.join(tip.get(slug, ['-']))}",
                f"     - {', '.join(dict.fromkeys(older.get(slug, ['-'])))}"]
    return "\n".join([*out, ""])


def proofs(builds: Iterable[str]) -> str:
    """Documentation/proofs.inc: the tables of all recorded proofs."""
    made = [f".. {MADE.replace('fixes.toml', 'proofs')}", ""]
    for one in builds:
        made += ["::", "", *(f"    {line}" for line in one.splitlines()), ""]
    return "\n".join(made)


def cover(text: str, builds: str | None) -> str:
    """A cover letter with the table of its proof: from the line "failed cases"
    to the next empty one.

    Without a proof of its text that line says so; a letter may do without it then. Raises Unusable
    for one with a proof and no such line.
    """
    before, mark, rest = text.partition("\nfailed cases")
    if not mark:
        if builds is None:
            return text
        raise Unusable("a cover letter lacks the line 'failed cases', where the table of its proof "
                       "goes")
    return f"{before}\n{builds or UNPROVED}\n{rest.partition(chr(10) * 2)[2]}"


def readme(text: str, matrix: str) -> str:
    """README.md with the recorded matrix between its two marks.

    Raises Unusable when they are not there.
    """
    before, begin, rest = text.partition(BEGIN)
    _old, end, after = rest.partition(END)
    if not begin or not end:
        raise Unusable(f"README.md: put the lines '{BEGIN}' and '{END}' where the matrix goes")
    return f"{before}{BEGIN}\n```\n{matrix}```\n{END}{after}"


def matrix(report: str) -> str:
    """The matrix alone of the text that scripts/qa prints: all up to the first empty line."""
    return report.partition("\n\n")[0].rstrip("\n") + "\n"


def write(path: Path, text: str) -> None:
    """Replaces a file whole. Raises Unusable when that cannot be done."""
    try:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    except OSError as bad:
        raise Unusable(f"{path}: {bad.strerror}") from bad


def _since(cause: Cause) -> str:
    return ", ".join([str(cause.introduced),
                      *(str(first) for first in cause.introduced_in.values())])


def _commit(cause: Cause) -> str:
    return f'{cause.commit[:12]} ("{cause.subject}")' if cause.commit else "none in any release"


def _releases(releases: dict[str, Version]) -> str:
    return ", ".join(str(first) for first in releases.values())
