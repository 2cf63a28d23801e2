"""One HTML page for a results folder: a table that needs no script,
and a script that filters and shows details.

page.css and page.js go into the page, which loads nothing. What is behind the cells is JSON in a
script element: an array for each cell that has a button, in the order of DETAIL; it is parsed at
the first click.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from . import compare, cure, excerpt, report
from .compare import Change, Comparison
from .excerpt import Excerpts
from .folder import CONSOLE, Folder
from ..base.markup import attribute, body, clean
from .result import ONLY_REFERENCES, CaseResult, KernelResult

DETAIL = ("title", "state", "test", "reason", "commit", "log", "excerpt", "command")
LIMIT = 1500                           # characters of a log for a cell
_HOME = Path(__file__).parent
# What a filter is called, the sign in its cells, the verdicts or outcomes in it;
# in the order of the page
GROUPS: dict[str, tuple[str, tuple[str, ...]]] = {
    "regression": ("‼", ("REGRESSION",)), "error": ("?", ("error",)),
    "warned": ("⚠", ("warned",)),
    "no result": ("⊘",
                  ("did-not-build", "did-not-boot", "panicked", "hung", "ran-nothing", "not-run")),
    "newly fixed": ("★", ("NEWLY FIXED",)), "failed": ("✗", ("fail",)),
    "known failure": ("✗", ("known",)), "skipped": ("–", ("skip",)), "passed": ("✓", ("pass",))}
_GROUP = {word: name for name, (_, words) in GROUPS.items() for word in words}
_ABIS = ("64", "32")
_WARNED = "warned"                     # the column for what the kernels said,
                                       # where one of them warned
_SHOWN = 30                            # changes that are no worse, before the rest is folded away


def document(folder: Folder, against: Folder | None = None,
             compared: Comparison | None = None) -> Iterator[str]:
    """The page in pieces; with `against`, an older run, both in each cell,
    and on top what came of comparing them."""
    columns = report.topics(folder.results)
    if any(result.warnings for result in folder.results):
        columns = (*columns, _WARNED)
    title = f"io_uring reissue: {folder.path.absolute().name}"
    yield (f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
           f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
           f'<meta name="color-scheme" content="light dark">\n<title>{body(title)}</title>\n'
           '<style>\n'
           f"{(_HOME / 'page.css').read_text()}</style>\n</head>\n<body>\n<header>\n"
           f"<h1>{body(title)}</h1>\n<p>{body(report.summary(folder.results))}</p>\n")
    for line in folder.broken:
        yield f'<p class="broken">left out: {body(line)}</p>\n'
    yield "</header>\n"
    if against and compared:
        yield from _changes(compared, against.path.absolute().name)
    details: list[str] = []
    logs = Excerpts(folder.path)
    rows = [_row(result, compared.before.get(result.folder) if compared else None,
                 columns, logs, details)
            for result in folder.results]
    yield from _filters([groups for groups, _ in rows])
    yield (f'<table role="grid" id="matrix" style="--columns:{len(columns)}">\n'
           '<thead role="rowgroup"><tr role="row"><th role="columnheader">kernel</th>'
           + "".join(f'<th role="columnheader">{body(name)}</th>' for name in columns)
           + '</tr></thead>\n<tbody role="rowgroup">\n')
    for _, markup in rows:
        yield markup
    yield ('</tbody>\n</table>\n<p id="none" hidden>No kernel has such a cell.</p>\n'
           '<dialog id="detail" aria-labelledby="title"><form method="dialog"><h2 id="title"></h2>'
           '<button aria-label="close">✕</button></form><dl></dl><h3>log</h3><pre tabindex="0">'
           '</pre><p id="told" role="status"></p></dialog>\n<script type="application/json" '
           'id="details">[\n')
    yield ",\n".join(details)
    yield f"\n]</script>\n<script>\n{(_HOME / 'page.js').read_text()}</script>\n</body>\n</html>\n"


def _filters(rows: Sequence[set[str]]) -> Iterator[str]:
    """The filters, with how many rows have such a cell."""
    yield '<form id="filter" hidden><fieldset><legend>show kernels with</legend>\n'
    for name, (sign, _) in GROUPS.items():
        count = sum(name in groups for groups in rows)
        if count:
            yield (f'<button type="button" aria-pressed="false" class="chip {_class(name)}" '
                   f'data-group="{_class(name)}">{sign} {name} <small>{count}</small></button>\n')
    yield ('</fieldset><label>kernel <input type="search" name="kernel" placeholder="6.1 cloud" '
           'autocomplete="off"></label><output></output>\n<p>Arrow keys go from cell to cell; '
           'Enter or a click shows what is behind one '
           "and copies the command that reproduces it.</p></form>\n")


def _row(result: KernelResult, before: KernelResult | None, columns: Sequence[str], logs: Excerpts,
         details: list[str]) -> tuple[set[str], str]:
    """The groups of a row's cells, and its markup; what is behind them is added to `details`."""
    old = _cells(before) if before else {}
    groups: set[str] = set()
    parts = []
    cases = _cells(result)
    if result.warnings:
        groups.add(_WARNED)
    words = {_word(result, cases.get((column, abi), []))[0]
             for column in columns if column != _WARNED for abi in _ABIS}
    if result.outcome == "ran-nothing" or words <= {result.outcome}:
        # Nothing ran: one cell says so
        groups.add("no result")
        was = (str(before.outcome), _GROUP.get(before.outcome, "")) if before else ("", "")
        chip = _chip("", result.outcome, "no result", was, len(details))
        details.append(_detail(result, "", "", [], result.outcome, logs))
        warned = _warned(result, before, logs, details)
        parts.append(f'<td role="gridcell" class="whole" data-column="all">{chip} '
                     f'{body(result.reason)}{warned and " "}{warned}</td>')
        columns = ()
    for column in columns:
        chips = []
        for abi in _ABIS:
            mine = cases.get((column, abi), [])
            word, group = _word(result, mine)
            if group and column != _WARNED:
                groups.add(group)
                was = _word(before, old.get((column, abi), [])) if before else ("", "")
                chips.append(_chip(abi, word, group, was, len(details)))
                details.append(_detail(result, column, abi, mine, word, logs))
        if column == _WARNED:
            chips.append(_warned(result, before, logs, details))
        text = "".join(chips) or '<span class="none">·</span>'
        parts.append(f'<td role="gridcell" data-column="{attribute(column)}">{text}</td>')
    nic = f" <b>{body(result.nic)}</b>" if result.nic else ""
    other = (f" <i>was {body(before.kernel)}</i>" if before and before.kernel != result.kernel
             else "")
    version = "" if result.kernel.startswith(result.version) else result.version
    when = f"{result.started[:16].replace('T', ' ')} UTC" if result.started else ""
    facts = " · ".join(fact.replace(" ", "\xa0") for fact in (
        version, when, f"{result.seconds:.0f} s",
        "its log was not read" if result.unheard else "") if fact)
    return groups, (
        f'<tr role="row" data-groups="{" ".join(sorted(map(_class, groups)))}">'
        '<th role="rowheader">'
        f"{body(result.kernel)}{nic}{other}<small>{body(facts)}</small></th>"
        f"{''.join(parts)}</tr>\n")


def _cells(result: KernelResult) -> dict[tuple[str, str], list[CaseResult]]:
    """The cases by column and ABI."""
    cells: dict[tuple[str, str], list[CaseResult]] = {}
    for case in result.cases:
        cells.setdefault((case.defect, case.abi), []).append(case)
    return cells


def _word(result: KernelResult, cases: Sequence[CaseResult]) -> tuple[str, str]:
    """What a cell says, and its group; both "" when nothing was asked for."""
    if not cases:
        silent = result.outcome in GROUPS["no result"][1] and result.outcome != "ran-nothing"
        return (result.outcome, "no result") if silent else ("", "")
    word = report.state(cases, result)
    return word, _GROUP[word] if word in _GROUP else _GROUP[report.deciding(cases).verdict]


def _chip(abi: str, word: str, group: str, was: tuple[str, str], number: int) -> str:
    """The button in a cell.

    `was` is the word and the group of the older run, "" where it says nothing.
    """
    then, changed = "", ""
    if was[0] == word:
        then = '<span class="was">=</span>'
    elif was[0]:
        changed = " changed"
        then = f'<span class="was">{GROUPS[was[1]][0] if was[1] else ""} {body(was[0])} →</span> '
    bits = f"<small>{abi}</small>" if abi else ""
    return (f'<button type="button" class="chip {_class(group)}{changed}" data-i="{number}" '
            'tabindex="-1">'
            f"{bits}{then}<span>{GROUPS[group][0]} {body(word)}</span></button>")


def _class(group: str) -> str:
    return group.replace(" ", "-")


def _detail(result: KernelResult, column: str, abi: str, cases: Sequence[CaseResult], word: str,
            logs: Excerpts) -> str:
    """What is behind a cell, as a JSON array."""
    title = " · ".join(filter(None, (result.kernel, result.nic, column, abi and f"{abi} bit")))
    if not cases:
        told = [title, word, "", result.reason, "", excerpt.log(result),
                logs.console(result, LIMIT), result.command]
    else:
        case = report.deciding(cases)
        same = sum(other.verdict == case.verdict for other in cases)
        why = cure.told(case)
        lines = ""
        if case.verdict not in ("pass", "skip"):
            log = excerpt.log(result, case)
            lines = (logs.console(result, LIMIT) if log.endswith(CONSOLE)
                     else logs.case(result, case, LIMIT))
        told = [title, word, f"{case.test} ({same} of {len(cases)} cases)",
                why.reason or (ONLY_REFERENCES if word == "skip" else ""),
                why.commit, excerpt.log(result, case), lines, case.command]
    return _json(told)


def _warned(result: KernelResult, before: KernelResult | None, logs: Excerpts,
            details: list[str]) -> str:
    """The button for a kernel that warned, "" for another.

    What is behind it is added to `details`.
    """
    if not result.warnings:
        return ""
    was = ("", "") if not before else (_WARNED, _WARNED) if before.warnings else ("quiet", "")
    told = [" · ".join(filter(None, (result.kernel, result.nic))), _WARNED, "",
            "\n".join(result.warnings), "", excerpt.console(result), logs.console(result, LIMIT),
            result.command]
    details.append(_json(told))
    return _chip("", _WARNED, _WARNED, was, len(details) - 1)


def _json(told: Sequence[str]) -> str:
    return json.dumps([clean(text) for text in told]).replace("<", "\\u003c")


def _changes(compared: Comparison, name: str) -> Iterator[str]:
    yield f'<section id="changes"><h2>Since {body(name)}</h2>\n<p>{body(compared.summary)}</p>\n'
    for kind in compare.KINDS:
        changes = [change for change in compared.changes if change.kind == kind]
        if not changes:
            continue
        opened = " open" if kind == "worse" or len(changes) <= _SHOWN else ""
        yield f'<details{opened}><summary class="{kind}">{len(changes)} {kind}</summary>\n<ul>\n'
        for change in changes:
            yield _change(change)
        yield "</ul></details>\n"
    yield "</section>\n"


def _change(change: Change) -> str:
    name = " ".join(
        filter(None, (change.kernel, change.nic, change.abi and f"{change.abi} bit", change.test)))
    other = f" <i>({body(change.before)})</i>" if change.before != change.kernel else ""
    reason = f"<p>{body(change.reason)}</p>" if change.reason else ""
    return (f"<li><b>{body(name)}</b> <s>{body(change.was)}</s>{other} → "
            f"<strong>{body(change.now)}</strong>{reason}"
            f"<code>{body(change.command)}</code></li>\n")
