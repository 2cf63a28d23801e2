"""A suite of tests that a guest runs one by one, each with a time limit,
and how two kernels compare in it.

A test is a line of shell. Its exit status says what came of it,
as for liburing's and the kernel's own tests.
"""

import argparse
import json
import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from ..base import command, splat
from ..build import bundle
from ..guest import guest, initramfs, vm
from . import record
from .. import proof
from .comparison import Outcome, Pair, Runs, as_data, text
from .mutant import MUTANTS, WITH
from ..base.error import Unusable, Usage
from ..kernel.kernel import Files
from ..series.patch import Patch
from ..guest.program import Files as Content
from ..base.progress import Progress
from ..variant import Builder, Flavour, Variant
from ..series.tree import Tree

Kernel = Callable[[], Files]           # builds it
AGAIN = 10                             # runs more, in both kernels, of what came out differently
LIMIT = 60                             # seconds in the guest that a test may take,
                                       # if nothing else is said
SKIP = 77                              # what a test ends with that cannot run; liburing's
# Time in the guest goes by instructions, 125 million a second, and jumps when it waits: so limits
# and timeouts do not depend on what else the host does, and sleeping takes no time
CLOCK = ("-icount", "shift=3,sleep=off")
SLOW = 20                              # how much longer than in the guest a second may take outside
HOME = "suite"                         # the folder in the guest in which the tests run
# Beyond Kconfig.fragment: what both kinds of suite need,
# 32-bit threads (COMPAT_32BIT_TIME) among it
FLAVOUR = Flavour("neighbours", tuple(f"CONFIG_{option}=y" for option in """
    AIO COMPAT_32BIT_TIME COREDUMP DEBUG_FS ELF_CORE FANOTIFY FILE_LOCKING FUTEX_PI HUGETLBFS
    INOTIFY_USER MEMBARRIER MEMFD_CREATE PID_NS RSEQ SECCOMP SIGNALFD SYSCTL TIMERFD TIME_NS
    TMPFS_POSIX_ACL TMPFS_XATTR TRANSPARENT_HUGEPAGE UNIX98_PTYS UTS_NS
    CLS_U32_MARK DUMMY IFB INET_DIAG INET_UDP_DIAG IP_ADVANCED_ROUTER IP_MULTIPLE_TABLES
    IPV6_MULTIPLE_TABLES NET_ACT_GACT NET_ACT_MIRRED NET_CLS_ACT NET_CLS_FLOWER NET_CLS_U32
    NET_SCH_ETF NET_SCH_FQ NET_SCH_INGRESS NET_SCH_NETEM PACKET VETH VLAN_8021Q
    """.split()))
_LINE = re.compile(r"# suite: (begin|end|says) (\S+) ?(.*)")
# A shell as the leader of a session of its own, so that whatever a test kills is not this script;
# then what it left behind is killed. The last words of a test are kept, as far as they can be
# printed.
_SCRIPT = f"""
ifconfig lo up
cd /{HOME} || exit
while IFS='	' read -r name limit command <&9; do
	echo "# suite: begin $name"
	began=$(cut -d ' ' -f 1 /proc/uptime)
	setsid timeout -s KILL "$limit" /bin/sh -c "$command" >/tmp/said 2>&1 9<&-
	rc=$?
	kill -9 -1
	[ $rc = 0 ] || tail -n 5 /tmp/said | tr -cd '\\n -~' | cut -c 1-200 |
		sed "s/^/# suite: says $name /"
	echo "# suite: end $name $rc $began $(cut -d ' ' -f 1 /proc/uptime)"
done 9<list
"""


def options(parser: argparse.ArgumentParser, runs: int, which: str = "each test") -> None:
    """The options that each suite has; `runs` is how often `which` runs if nothing else is said."""
    parser.add_argument("--abi", nargs="+", choices=("64", "32"), default=["64", "32"],
                        help="of the tests (default: both)")
    parser.add_argument("--tests", nargs="+", default=[], metavar="NAME",
                        help="only these (default: all)")
    parser.add_argument("--runs", type=int, default=runs, metavar="N",
                        help=f"of {which} (default: {runs})")


def check(options: argparse.Namespace, known: Iterable[str] = ()) -> None:
    """Raises Usage for options that make no sense; `known` are the names of all tests,
    where they are known."""
    if options.runs < 1:
        raise Usage(f"--runs {options.runs}: at least one")
    unknown = sorted(set(options.tests).difference(known)) if known else []
    if unknown:
        raise Usage(f"no test {', '.join(unknown)}; there are {', '.join(known)}")


@dataclass(frozen=True)
class Test:
    """One test: its name without blanks, what the shell is told, how many seconds it may take,
    how it says skip."""

    name: str
    command: str
    limit: int = LIMIT
    skip: int = SKIP


class Bench:
    """The kernels of one tree that are compared. What gives one builds it."""

    def __init__(self, word: str, flavour: Flavour) -> None:
        self.tree = proof.find(word)
        self._builder = Builder(self.tree, flavour)
        self._variants = {variant.name: variant
                          for variant in proof.variants(self.tree, each=False)}
        if WITH not in self._variants:
            raise Unusable(f"{self.tree.release} has all fixes: there is nothing to compare")
        self._built: dict[str, Files] = {}

    def before(self) -> Files:
        """The tree as it is."""
        return self._kernel(self._variants["as it is"])

    def after(self) -> Files:
        """With the series."""
        return self._kernel(self._variants[WITH])

    def mutant(self, name: str) -> Files:
        """With the series, and with a mistake that stands in mutants/."""
        patches = (*self._variants[WITH].applied, Patch(MUTANTS / f"{name}.patch"))
        return self._kernel(Variant(f"{WITH} and {name}", patches))

    def _kernel(self, variant: Variant) -> Files:
        """Each is built once."""
        if variant.name not in self._built:
            self._built[variant.name] = self._builder.kernel(variant).obtain()
        return self._built[variant.name]


class Suite:
    """Tests, and the files that they need in the guest's /suite.
    run() is one pass in one kernel."""

    def __init__(self, tests: Sequence[Test], content: Content, progress: Progress) -> None:
        self._tests = {test.name: test for test in tests}
        self._content, self._progress = content, progress

    def pair(self, name: str, before: Kernel, after: Kernel, home: Path,
             names: Sequence[str]) -> Pair:
        """Runs tests in two kernels at once, and AGAIN times more
        in both what did not come out the same.

        What `home` has of an earlier call is taken instead.
        """
        kept = home / "runs.json"
        if kept.exists():
            return Pair(name, *(Runs.read(one) for one in json.loads(kept.read_text())))
        shutil.rmtree(home, ignore_errors=True)
        self._progress.phase(name, "building the kernels")
        second, first = after(), before()
        self._progress.done(name, "built")
        pair = Pair(name, Runs(), Runs())
        self._both(pair, first, second, home / "first", names)
        odd = [row.name for row in pair.rows if row.verdict != "same"]
        if odd:
            self._both(pair, first, second, home / "again", odd * AGAIN)
        kept.write_text(json.dumps([asdict(pair.before), asdict(pair.after)]))
        return pair

    def _both(self, pair: Pair, before: Files, after: Files, home: Path,
              names: Sequence[str]) -> None:
        command.together(2, [partial(self.run, before, home / "before", names, pair.before),
                             partial(self.run, after, home / "after", names, pair.after)])

    def run(self, files: Files, home: Path, names: Iterable[str], into: Runs) -> None:
        """Runs tests by their names, in as many guests as it takes; logs are left in `home`.

        A test that the guest does not survive is a crash, and the others have another guest.
        Raises Unusable when a guest does not even begin with the first.
        """
        base = initramfs.base(bundle.build())
        accelerator = vm.accelerator(files, base)
        left = [self._tests[name] for name in names]
        number = 0
        while left:
            number += 1
            place = home / str(number)
            place.mkdir(parents=True)
            done = self._boot(vm.Boot(accelerator, files, base, place, machine=self._machine(left)),
                              left)
            found = parse([line for _, line in done.lines], self._tests)
            if not found:
                raise Unusable(f"{place}: no test began: {done.ended or 'see console.log'}")
            into.outcomes += found
            into.splats += splats(done.console)
            left = left[len(found):]

    def _boot(self, plain: vm.Boot, tests: Sequence[Test]) -> vm.Run:
        """One guest. Its lines can be read in lines.log as they come."""
        place = plain.home
        with (place / "lines.log").open("w") as log:
            def seen(line: str) -> None:
                print(line, file=log, flush=True)
                if match := _LINE.search(line):
                    self._progress.phase(f"{place.parent.parent.name}/{place.parent.name}",
                                         f"test: {match[2]}")

            return guest.job(replace(plain, seen=seen), _SCRIPT,
                             {**self._content, f"{HOME}/list": listed(tests)})

    @staticmethod
    def _machine(tests: Sequence[Test]) -> vm.Machine:
        return vm.Machine(memory="2048", words=CLOCK,
                          overall=100 + SLOW * sum(test.limit for test in tests),
                          silence=100 + SLOW * max(test.limit for test in tests))


@dataclass(frozen=True)
class Plan:
    """What is run for one tree and ABI."""

    suite: Suite
    names: Sequence[str]               # each as often as it shall run
    control: Sequence[str]             # of those, the ones that the control runs; none:
                                       # there is no control


def compare_all(trees: Iterable[str], flavour: Flavour, abis: Sequence[str], mutant: str,
                home: Path,
                plan: Callable[[Tree, str, Progress], Plan]) -> tuple[list[Pair], list[Pair]]:
    """Carries out the plan for each tree and ABI; gives the pairs, and the control,
    which the first of them has."""
    pairs: list[Pair] = []
    controls: list[Pair] = []
    with Progress() as progress:
        for word in trees:
            bench = Bench(word, flavour)
            for abi in abis:
                name = f"{bench.tree.release}, {abi} bit"
                made = plan(bench.tree, abi, progress)
                pairs.append(made.suite.pair(name, bench.before, bench.after,
                                             home / f"{bench.tree.release}-{abi}", made.names))
                if made.control and not controls:
                    controls.append(made.suite.pair(f"{name}, {mutant}", bench.after,
                                                    partial(bench.mutant, mutant), home / mutant,
                                                    made.control))
    return pairs, controls


def listed(tests: Sequence[Test]) -> bytes:
    """The tests as the script reads them."""
    return "".join(f"{test.name}\t{test.limit}\t{test.command}\n" for test in tests).encode()


def parse(lines: Iterable[str], tests: dict[str, Test]) -> list[Outcome]:
    """What came of the tests that a guest began, in their order;
    the last one crashed when it has no end."""
    found: list[Outcome] = []
    said: list[str] = []
    under_way = ""
    for line in lines:
        # What the kernel prints may stand before it in a line
        match = _LINE.search(line)
        if not match:
            continue
        what, name, rest = match.groups()
        if what == "begin":
            under_way, said = name, []
        elif what == "says":
            said.append(rest)
        else:
            under_way = ""
            status, began, ended = rest.split()
            seconds = round(float(ended) - float(began), 1)
            word = _word(tests[name], int(status), seconds)
            found.append(Outcome(name, word, seconds, "" if word == "pass" else "; ".join(said)))
    if under_way:
        found.append(Outcome(under_way, "crash", said="the guest ended in it"))
    return found


def _word(test: Test, status: int, seconds: float) -> str:
    if status in (0, test.skip):
        return "skip" if status else "pass"
    return "timeout" if status == 128 + 9 and seconds >= test.limit - 1 else "fail"


def splats(console: str) -> list[str]:
    """The lines with which a kernel complained of itself, without times and addresses."""
    return splat.alike(line for line in console.splitlines() if splat.SPLAT.search(line))


def finish(part: str, head: str, home: Path, pairs: Sequence[Pair], controls: Sequence[Pair],
           keep: bool) -> bool:
    """Prints the table of a part and leaves it as <part>.txt and .json;
    True when nothing is worse but in controls.

    With `keep` it is kept in Documentation/harm as well. A control is a pair whose second kernel
    has a mistake put in: a suite that does not show it shows nothing.
    """
    said = [text(head, pairs)]
    for pair in controls:
        shown = [row.name for row in pair.rows if row.verdict == "worse"]
        what = (f"shown by {len(shown)} of {len(pair.rows)}: {', '.join(shown)}" if shown
                else "NOT SHOWN by any test")
        said.append(f"control, {pair.name}: {what}\n")
    record.leave(part, home, "".join(said), {"pairs": [as_data(pair) for pair in pairs],
                                             "controls": [as_data(pair) for pair in controls]},
                 keep)
    return not any(pair.harm for pair in pairs) and all(pair.harm for pair in controls)
