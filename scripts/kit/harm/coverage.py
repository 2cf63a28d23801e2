"""Which lines of the send side run while the selftest, fault.c and the fuzzer do,
in a kernel with the series.

QEMU translates a piece of code just before it runs for the first time, and can write down what it
translates; the kernel itself counts nothing. Two objects are compiled with line numbers and so that
lines stay apart. A line that is not reached needs a reason in coverage.toml; one that the series
adds has to be reached.
"""

import argparse
import bisect
import difflib
import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from ..base import cache, command
from ..series import ccode, tree as trees
from ..build import bundle, static
from ..guest import guest, initramfs, vm
from ..report import report
from . import mutant, record, watch
from .. import proof
from ..base.error import Unusable
from ..kernel.kernel import Files, Kernel
from ..base.progress import Progress
from ..variant import Builder, Flavour, Variant, arrange
from ..series.tree import Tree

HELP = "which lines of the send side the selftest and the fuzzer reach"
REASONS = Path(__file__).with_name("coverage.toml")
PLACES = ("io_uring/net.c", "io_uring/net.h", "net/socket.c")
OBJECTS = tuple(place for place in PLACES if place.endswith(".c"))
# Line numbers, and as few lines as can be that share an instruction; the kernel does not compile
# with -O0 or -Og
_FLAGS = ("-g -O1 -fno-code-hoisting -fno-crossjumping -fno-if-conversion -fno-if-conversion2 "
          "-fno-reorder-blocks -fno-ssa-phiopt -fno-tree-ch -fno-tree-sink")
FLAVOUR = Flavour("coverage",
                  words=tuple(f"CFLAGS_{Path(place).stem}.o={_FLAGS}" for place in OBJECTS))
MACHINE = vm.Machine(overall=3600.0, silence=1200.0, boot=600.0)
STAGES = ("selftest", "fault.c", "fuzzer", "coverage.c")    # what runs, each in a guest of its own
BUFFERS = 20000                                    # that the fuzzer makes, of each ABI

Row = tuple[int, str, int]                         # address, path, line


@dataclass(frozen=True)
class Line:
    """A line with code in it."""

    path: str
    number: int
    function: str
    text: str
    by: tuple[str, ...]                            # the stages that reach it
    added: bool                                    # by the series


@dataclass
class Reasons:
    """coverage.toml: what belongs to the send side, and why a line is not reached:
    (function, text) -> reason.

    Without a text it stands for all of the function. What the series adds has to be reached, or
    made sure of elsewhere, or the file says that nothing here does.
    """

    functions: tuple[str, ...]                     # regular expressions
    why: dict[tuple[str, str], str] = field(default_factory=dict)
    elsewhere: dict[tuple[str, str], str] = field(default_factory=dict)
    used: set[tuple[str, str]] = field(default_factory=set)

    def covers(self, line: Line) -> bool:
        """Whether a line is of the send side."""
        return line.added or any(re.fullmatch(one, line.function) for one in self.functions)

    def reason(self, line: Line) -> str:
        """Why it is not reached; "" when nothing says so."""
        known = self.elsewhere if line.added else {**self.why, **self.elsewhere}
        for key in ((line.function, line.text), (line.function, "")):
            if key in known:
                self.used.add(key)
                return known[key]
        return ""


def reasons(path: Path, branch: str) -> Reasons:
    """Reads the file, for a branch such as "7.3".

    Raises Unusable when it is not as it should be.
    """
    try:
        data = tomllib.loads(path.read_text())
        why, elsewhere, unseen = ({(one["function"], one.get("line", "")): str(one["reason"])
                                   for one in data[kind]
                                   if branch in one.get("branches", [branch])}
                                  for kind in ("unreached", "elsewhere", "unseen"))
        return Reasons(tuple(data["send_side"]), why, elsewhere | unseen)
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as bad:
        raise Unusable(f"{path}: {bad!r}") from bad


def rows(said: str) -> list[Row]:
    """The line table that `objdump --dwarf=decodedline` prints, by address;
    line 0 is the end of an object.

    Of several lines that begin at one address the last has the instructions,
    the others have none there.
    """
    found: list[Row] = []
    place = ""
    for line in said.splitlines():
        words = line.split()
        if len(words) == 1 and line.endswith((":", "]")):
            path = line.partition(":")[0]
            # The first file of an object has no folder
            place = next((one for one in PLACES if f"/{path}".endswith(f"/{one}")),
                         next((one for one in OBJECTS
                               if "/" not in path and Path(one).name == path), ""))
        elif len(words) > 2 and words[2].startswith("0x") and words[1].isdigit():
            found.append((int(words[2], 16), place, int(words[1])))
        elif len(words) > 2 and words[1] == "-":
            found.append((int(words[2], 16), "", 0))
    return sorted(
        {row[0]: row for row in sorted(found, key=lambda row: (row[0], row[2] > 0))}.values())


def ranges(table: Sequence[Row]) -> str:
    """The addresses that a table is about, as QEMU's -dfilter takes them."""
    found, begin = [], None
    for address, _, number in table:
        if begin is None and number:
            begin = address
        elif begin is not None and not number:
            found.append(f"{begin:#x}..{address - 1:#x}")
            begin = None
    return ",".join(found)


def translated(log: Path) -> set[int]:
    """The addresses of the instructions that QEMU's `-d in_asm` has written down."""
    with log.open(errors="replace") as lines:
        return {int(match[1], 16) for line in lines
                if (match := re.match(r"0x([0-9a-f]+): ", line))}


def reached(table: Sequence[Row], ran: Iterable[int]) -> set[tuple[str, int]]:
    """The lines that these instructions belong to."""
    addresses = [row[0] for row in table]
    found = {table[after - 1][1:] for one in ran if (after := bisect.bisect_right(addresses, one))}
    return {(path, number) for path, number in found if path}


def added(before: Sequence[str], after: Sequence[str]) -> set[int]:
    """The numbers of the lines of `after` that are not in `before`."""
    blocks = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    return {number + 1 for tag, _, _, first, end in blocks if tag != "equal"
            for number in range(first, end)}


def joined(place: str, before: str, after: str, table: Iterable[Row],
           stages: dict[str, set[tuple[str, int]]]) -> list[Line]:
    """The lines of a file that have code: function, text, which stages reach them,
    and whether they are new."""
    texts = after.splitlines()
    new = added(before.splitlines(), texts)
    functions = {number: one.name for one in ccode.Source(after).functions.values()
                 for number in range(one.line, one.at(len(one.body)) + 1)}
    return [Line(place, number, functions.get(number, ""), texts[number - 1].strip(),
                 tuple(stage for stage, lines in stages.items() if (place, number) in lines),
                 number in new)
            for number in sorted({number for _, path, number in table if path == place})
            if texts[number - 1].strip() not in ("{", "}")]


@dataclass(frozen=True)
class Covered:
    """What came of one tree."""

    release: str
    lines: tuple[Line, ...]                        # of the send side
    why: dict[Line, str]                           # of those that are not reached
    stale: tuple[str, ...]                         # reasons that nothing needs
    failed: tuple[str, ...] = ()                   # programs that did not end as they should

    @property
    def missed(self) -> list[Line]:
        """The lines that are not reached, and nothing says why."""
        return [line for line, why in self.why.items() if not why]

    @property
    def harm(self) -> list[str]:
        """A line for each of them, and for each program that failed."""
        return [*(f"{line.path}:{line.number} {line.function}(): {'added and ' * line.added}not "
                  f"reached: {line.text}" for line in self.missed), *self.failed]


def judge(release: str, lines: Iterable[Line], known: Reasons) -> Covered:
    """Looks up the reasons of what is not reached."""
    mine = tuple(line for line in lines if known.covers(line))
    why = {line: known.reason(line) for line in mine if not line.by}
    stale = tuple(f"{function}: {line or 'all of it'}"
                  for function, line in {**known.why, **known.elsewhere}
                  if (function, line) not in known.used)
    return Covered(release, mine, why, stale)


def text(done: Covered) -> str:
    """How many lines each function has, how many each stage reaches and all together,
    and what is not reached."""
    cells = [[f"Linux {done.release}", *("lines", *STAGES, "reached") * 2]]
    cells[0][len(STAGES) + 3] = "added"
    functions: dict[str, list[Line]] = {}
    for line in done.lines:
        functions.setdefault(f"{line.path} {line.function}".strip(), []).append(line)
    for name, lines in [*functions.items(), ("all", list(done.lines))]:
        row = [name]
        for some in (lines, [line for line in lines if line.added]):
            by = [sum(stage in line.by for line in some) for stage in STAGES]
            row += map(str, (len(some), *by, sum(bool(line.by) for line in some)))
        cells.append(row)
    out = [*report.aligned(cells), "", "Not reached, and why:"]
    grouped: dict[tuple[str, str], list[str]] = {}
    for line, why in done.why.items():
        grouped.setdefault((line.function, why), []).append(line.text)
    for (function, why), texts in grouped.items():
        every = len(texts) == sum(line.function == function for line in done.lines)
        out += [f"  {function}(): {why or 'NO REASON'}",
                *([f"    all {len(texts)} lines"] if every and why
                  else [f"    {one}" for one in texts])]
    out += [f"a reason that nothing needs: {one}" for one in done.stale]
    return "\n".join([*out, *(f"HARM: {one}" for one in done.harm)]) + "\n"


def options(_parser: argparse.ArgumentParser) -> None:
    """None but those that each part has."""


def run(options: argparse.Namespace, home: Path) -> bool:
    """Does this part; gives whether no line was missed."""
    done: list[Covered] = []
    with Progress() as progress:
        for tree in map(proof.find, options.trees[:1 if options.quick else None]):
            series = mutant.series_of(tree)
            kernel = Builder(tree, FLAVOUR).kernel(series)
            if options.quick and not watch.built(kernel):
                print(f"coverage: no kernel of {tree.release} has been built for it, `scripts/harm "
                      "coverage` does")
                continue
            buffers = BUFFERS // 20 if options.quick else BUFFERS
            lines, failed = _trace(tree, series, kernel, buffers, home / tree.release, progress)
            known = reasons(REASONS, tree.version.branch if tree.version else "")
            done.append(replace(judge(tree.release, lines, known), failed=failed))
            progress.done(kernel.label, f"{len(done[-1].missed)} lines missed",
                          good=not done[-1].harm)
    table = "\n".join(map(text, done))
    record.leave("coverage", home, table,
                 {one.release: [asdict(line) for line in one.lines] for one in done},
                 options.record)
    return not any(one.harm for one in done)


def _trace(tree: Tree, series: Variant, kernel: Kernel, buffers: int, home: Path,
           progress: Progress) -> tuple[list[Line], tuple[str, ...]]:
    """Builds a kernel and boots it for each stage: its lines, and which programs failed.

    Raises Unusable.
    """
    progress.phase(kernel.label, "build")
    programs, tests = static.build("harm"), bundle.build()
    files = kernel.obtain()
    table = _table(files)
    base = initramfs.base(tests)
    names = [f"{name}{abi}" for name in ("fault", "fuzz", "coverage") for abi in ("", "_32")]
    jobs = {"selftest": "sh /bundle/run_kselftest.sh " + bundle.request(bundle.on_loopback(tests)),
            "fault.c": watch.exits("rest", names[:2]),
            "fuzzer": watch.exits(f"--seed=1 --count={buffers}", names[2:4]),
            "coverage.c": watch.exits("", names[4:])}
    stages, failed = {}, []
    for stage in STAGES:
        into, log = home / stage, home / stage / "translated.log"
        into.mkdir(parents=True, exist_ok=True)
        progress.phase(kernel.label, f"boot: {stage}")
        words = ("-d", "in_asm", "-D", str(log), "-dfilter", ranges(table))
        done = guest.job(vm.Boot("tcg", files, base, into, machine=replace(MACHINE, words=words)),
                         jobs[stage] + "\n", {name: programs / name for name in names})
        (into / "lines.log").write_text("".join(f"{second:8.1f} {line}\n"
                                                for second, line in done.lines))
        exits = watch.ended(guest.whole(done, f"{kernel.label}, {stage}", into))
        stages[stage] = reached(table, translated(log))
        failed += [f"{name} ended with {status}, see {into}"
                   for name, status in exits.items() if status]
    found = []
    with trees.scratch(tree) as copies:
        before = {place: "\n".join(copies.file(place)) for place in PLACES}
        arrange(copies, tree, series)
        for place in PLACES:
            found += joined(place, before[place], "\n".join(copies.file(place)), table, stages)
    return found, tuple(failed)


def _table(files: Files) -> list[Row]:
    """The line table of a kernel that was built just now.

    Raises Unusable when somebody else has built there since.
    """
    assert files.config
    out = files.config.parent
    with cache.lock(f"proofs/{out.stem}"):
        if (out / "arch/x86/boot/bzImage").read_bytes() != files.image.read_bytes():
            raise Unusable(f"{out}: another kernel has been built there since; try again")
        return rows(command.run(["objdump", "--dwarf=decodedline", out / "vmlinux"], "objdump"))
