"""What the module live/cure costs, changes and risks.

Stock kernels without and with it: instructions of a send as in cost.py, and the fuzzer, which must
find nothing that it does not find without. Kernels that are built here: KASAN and lockdep while it
comes and goes, and the error that all of this began with, in a kernel that has lost the fix for it.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import live_root, proof
from ..base import ktap, splat
from ..base.error import Unusable, Usage
from ..base.progress import Progress
from ..build import bundle, static
from ..guest import guest, initramfs, vm
from ..kernel.kernel import Kernel, Kernels
from ..variant import Builder, Flavour
from ..report import report
from ..series.tree import Tree
from . import cost, fuzz, live_race, record, watch

HELP = "the module live/cure: its cost, 100,000 fuzz buffers with it, races in debug kernels"
STEPS = ("cost", "fuzz", "race", "error")
FILE = "uring_msg_cure.ko"
LOADED = "# live: loaded"
CHANCE = "not repeated"                # what fuzz.c calls a difference that did not come again
TURN = "# live: turn"
LOAD = f'insmod /{FILE} && echo "{LOADED}" || dmesg | tail -n 3\n'
# A module and its probes, which go through ftrace as in kernels of distributions;
# and a disk for who wants one
LINES = ("CONFIG_MODULES=y", "CONFIG_MODULE_UNLOAD=y", "CONFIG_KPROBES=y", "CONFIG_FTRACE=y",
         "CONFIG_FUNCTION_TRACER=y")
DISK = ("CONFIG_BLOCK=y", "CONFIG_VIRTIO_BLK=y", "CONFIG_EXT4_FS=y", "CONFIG_FILE_LOCKING=y")
PLAIN = Flavour("live", (*LINES, *DISK))
DEBUG = Flavour("debug live", (*watch.FLAVOUR.lines, *LINES))
FIX = "lost-pointer-sendmsg-zc"        # what the report was about; a kernel without it is built
TURNS = 20
BUFFERS = 100000
REQUESTS = 21                          # of a run of cost


@dataclass
class Told:
    """What one step told of one kernel."""

    kernel: str
    step: str
    table: list[str] = field(default_factory=list)
    harm: list[str] = field(default_factory=list)
    data: Any = None


def parted(lines: Sequence[str]) -> tuple[list[str], list[str]]:
    """What a guest said before and after the module was loaded.

    Raises Unusable where it was not.
    """
    if LOADED not in lines:
        said = next((line for line in lines if live_root.NAME in line), "insmod failed")
        raise Unusable(f"the module was not loaded: {said}")
    place = list(lines).index(LOADED)
    return list(lines[:place]), list(lines[place:])


# -- what it costs ---------------------------------------------------------------------------------

def cost_script(runs: int) -> str:
    """Shell: the same measurements twice, without and with the module."""
    once = (f"for i in $(seq {runs}); do /cost instructions {REQUESTS}; /cost_32 instructions "
            f"{REQUESTS}; done\n")
    return f"echo 0 >/proc/sys/kernel/randomize_va_space\n{once}{LOAD}{once}"


def cost_told(kernel: str, lines: Sequence[str]) -> Told:
    """The table.

    A send that worked and does not any more is harm, and so is one that was not measured.
    """
    without, with_it = (cost.parse(half)["instructions"] for half in parted(lines))
    rows = [[f"Linux {kernel}, instructions", "control", "", "bits", "without", "with", "more"]]
    told = Told(kernel, "cost")
    for case, before in without.items():
        after = with_it.get(case, cost.Cost(fails="not measured"))
        more = f"{after.figure - before.figure:+d}" if after.figure and before.figure else ""
        rows.append([case.opcode, cost.CONTROLS[case.control], cost.WAYS[case.way], case.bits,
                     figure(before), figure(after), more])
        if after.fails and not before.fails:
            told.harm.append(f"{case}: fails with the module: {after.fails}")
    if not without:
        told.harm.append("nothing was measured")
    told.table = report.aligned(rows)
    told.data = [[str(case), half.get(case, cost.Cost()).runs] for half in (without, with_it)
                 for case in half]
    return told


def figure(one: cost.Cost) -> str:
    """The least of the runs, or how the send failed."""
    return one.fails or str(one.figure or "-")


# -- what it changes -------------------------------------------------------------------------------

def fuzz_script(buffers: int) -> str:
    """Shell: the same buffers twice, in both ABIs; control is left alone,
    or late-read would hide the rest."""
    words = f"--seed 1 --count {buffers // 2} --enough {buffers} --keep --json"
    once = "".join(f'/{name} {words}; echo "# exit {name} $?"\n' for name in fuzz.PROGRAMS.values())
    return (f"{once}{LOAD}{once}grep . /sys/module/{live_root.NAME}/counters/*; rmmod "
            f"{live_root.NAME}\n")


def fuzz_told(kernel: str, lines: Sequence[str], buffers: int) -> Told:
    """A line for each run.

    What was found with the module and not without it, or more often, is harm; what did not come
    again when it was tried again is chance, and counts for both ABIs together.
    """
    told = Told(kernel, "fuzz")
    rows = [[f"Linux {kernel}, fuzz", "bits", "buffers", "sends", "issued again", "differences"]]
    halves = [fuzz.parse(half) for half in parted(lines)]
    counts: list[dict[tuple[str, str], int]] = []
    for half, name in zip(halves, ("without", "with it")):
        counts.append({(run.bits, one.name): one.times for run in half.runs for one in run.found})
        for run in half.runs:
            found = ", ".join(f"{one.name} {one.times}" for one in run.found)
            rows.append([name, run.bits, str(run.buffers), str(run.sends),
                         str(run.retried), found or "none"])
        if sum(run.buffers for run in half.runs) < buffers // 2 * 2:
            told.harm.append(f"{name}: it did not come to its end")
    without, with_it = counts
    told.harm += [f"{bits} bit: {name} {times} times with the module, "
                  f"{without.get((bits, name), 0)} without"
                  for (bits, name), times in with_it.items()
                  if name != CHANCE and times > without.get((bits, name), 0)]
    odd = [sum(times for (_, name), times in count.items() if name == CHANCE) for count in counts]
    if odd[1] > odd[0]:
        told.harm.append(f"{CHANCE} {odd[1]} times with the module, {odd[0]} without")
    told.table = report.aligned(rows)
    told.table += [f"  {line.rpartition('/')[2]}" for line in lines if "/counters/" in line]
    told.data = [[vars(run) | {"found": [vars(one) for one in run.found]} for run in half.runs]
                 for half in halves]
    return told


# -- what it risks, and what it is for -------------------------------------------------------------

def error_script(turns: int) -> str:
    """Shell: the report's case so many times without the module, and with it."""
    once = (f"for i in $(seq {turns}); do echo '{TURN}'; "
            f"sh /bundle/run_kselftest.sh {bundle.request(['lost_pointer'])}; done\n")
    return f"{once}{LOAD}{once}rmmod {live_root.NAME}\n"


def turns_of(lines: Sequence[str]) -> list[int]:
    """How many cases of lost_pointer ended with -EFAULT, for each turn;
    -1 where none passed or failed so."""
    turns: list[list[str]] = []
    for line in lines:
        if line == TURN:
            turns.append([])
        elif turns:
            turns[-1].append(line)
    counts = []
    for turn in turns:
        cases = ktap.parse(turn, ["lost_pointer"])
        hit = sum(case.status == "fail" and "-EFAULT" in case.reason for case in cases)
        other = any(case.status not in ("pass", "skip") and "-EFAULT" not in case.reason
                    for case in cases)
        ran = hit or any(case.status == "pass" for case in cases)
        counts.append(hit if ran and not other else -1)
    return counts


def error_told(kernel: str, lines: Sequence[str], turns: int) -> Told:
    """Without the module each turn has to have the error, with it none."""
    told = Told(kernel, "error")
    without, with_it = (turns_of(half) for half in parted(lines))
    hit, cured = sum(one > 0 for one in without), sum(one == 0 for one in with_it)
    told.table = [f"Linux {kernel}: -EFAULT without the module in {hit} of {len(without)} runs of "
                  f"lost_pointer ({sum(max(one, 0) for one in without)} sends), with it gone in "
                  f"{cured} of {len(with_it)}"]
    if hit < turns:
        told.harm.append(f"without the module the error came in {hit} of {turns} runs alone")
    if cured < turns:
        told.harm.append(f"with the module it was gone in {cured} of {turns} runs alone")
    told.data = [without, with_it]
    return told


class Guests:
    """Where guests run, and what they told."""

    def __init__(self, home: Path, progress: Progress) -> None:
        self._home, self._progress = home, progress
        progress.phase("programs", "building")
        self._base, self._programs = initramfs.base(bundle.build()), static.build("harm")
        progress.done("programs", "ready")
        self.told: list[Told] = []

    def job(self, kernel: Kernel, step: str, script: str, machine: vm.Machine) -> list[str]:
        """Boots a kernel with its module and all programs; gives the lines. Raises Unusable."""
        home = self._home / f"{kernel.label}-{step}"
        home.mkdir(parents=True, exist_ok=True)
        self._progress.phase(kernel.label, "build")
        files = kernel.obtain()
        module = (live_root.of_tree(files, home) if kernel.origin == "tree"
                  else live_root.build(kernel))
        self._progress.phase(kernel.label, f"{step}: boot")
        names = ("cost", "cost_32", *fuzz.PROGRAMS.values(), *live_race.PROGRAMS,
                 *live_race.BLOCKED)
        engine = "tcg" if step == "cost" else vm.accelerator(files, self._base)
        done = guest.job(vm.Boot(engine, files, self._base, home, machine=machine), script,
                         {FILE: module, **{name: self._programs / name for name in names}})
        (home / "lines.log").write_text("".join(f"{second:8.1f} {line}\n"
                                                for second, line in done.lines))
        lines = guest.whole(done, kernel.label, home)
        if said := splat.lines(done.console):
            self.told.append(Told(kernel.label, step,
                                  harm=[f"the kernel said: {line}" for line in said]))
        return lines

    def step(self, kernel: Kernel, step: str, script: str, judge: Callable[[list[str]], Told],
             machine: vm.Machine = vm.Machine(memory="1024", cpus=2, overall=14400.0,
                                              silence=3600.0, boot=900.0)
             ) -> None:
        """One step in one kernel."""
        told = judge(self.job(kernel, step, script, machine))
        self._progress.done(kernel.label, f"{step}: {len(told.harm)} complaints",
                            good=not told.harm)
        self.told.append(told)


def options(parser: argparse.ArgumentParser) -> None:
    """The options of this part alone."""
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=list(STEPS), metavar="STEP",
                        help=f"some of it: {', '.join(STEPS)} (default: all)")
    parser.add_argument("--count", type=int, default=BUFFERS, metavar="N",
                        help=f"control buffers for fuzz (default: {BUFFERS})")
    parser.add_argument("--seconds", type=int, default=60, metavar="N",
                        help="of race (default: 60)")


def run(options: argparse.Namespace, home: Path) -> bool:
    """Does the steps on each tree; gives whether no harm was found."""
    if options.count < 2 or options.seconds < 1:
        raise Usage("--count: 2 or more; --seconds: 1 or more")
    trees = [proof.find(word) for word in options.trees[:1 if options.quick else None]]
    with Progress() as progress:
        guests = Guests(home, progress)
        for tree in trees:
            _stock(guests, tree, options)
            _built(guests, tree, options)
    bad = False
    for step in options.steps:
        told = [one for one in guests.told if one.step == step]
        if text := kept(told):
            bad |= any(one.harm for one in told)
            record.leave(f"live-{step}", home, text, [vars(one) for one in told], options.record)
    return not bad


def kept(told: Sequence[Told]) -> str:
    """What one step told of all kernels, and what was harm in it; empty if nothing was told."""
    lines = [line for one in told for line in (*one.table, "")]
    lines += [f"HARM: {one.kernel}, {one.step}: {line}" for one in told for line in one.harm]
    return "\n".join(lines).strip("\n") + "\n" if lines else ""


def _stock(guests: Guests, tree: Tree, options: argparse.Namespace) -> None:
    """Cost and fuzz, on the distribution's kernel of a tree's branch."""
    branch = ".".join(tree.release.split(".")[:2])
    kernel = Kernels().resolve([f"debian:{branch}"])[0]
    count = fuzz.QUICK if options.quick else options.count
    if "cost" in options.steps:
        guests.step(kernel, "cost", cost_script(1 if options.quick else cost.FULL.runs),
                    lambda lines: cost_told(kernel.label, lines), cost.MACHINE)
    if "fuzz" in options.steps:
        guests.step(kernel, "fuzz",
                    fuzz_script(count), lambda lines: fuzz_told(kernel.label, lines, count))


def _built(guests: Guests, tree: Tree, options: argparse.Namespace) -> None:
    """Races in a debug kernel of a tree, and the report's error
    where the tree can lose the fix for it."""
    found = proof.variants(tree, each=False)
    lost = next((one for one in found if one.removed and one.removed[0].slug == FIX), None)
    if "error" in options.steps and lost:
        kernel = Builder(tree, PLAIN).kernel(lost)
        guests.step(kernel, "error",
                    error_script(TURNS), lambda lines: error_told(kernel.label, lines, TURNS))
    if "race" in options.steps and not options.quick:
        debug = Builder(tree, DEBUG).kernel(lost or found[0])
        guests.step(debug, "race", live_race.script(options.seconds),
                    lambda lines: _race_told(debug.label, lines), watch.MACHINE)


def _race_told(kernel: str, lines: Sequence[str]) -> Told:
    came = live_race.read(lines, "")
    return Told(kernel, "race", [f"Linux {kernel}: {came}"],
                [] if came.well else ["not all went well"], vars(came))
