"""Messages on every socket, both ways, done by the system call and through io_uring.

selftests/harm/messages.c does it. With the series a kernel must show no difference but those by
design; as it is, the program must find the defects that the series is for by itself, or its net has
a hole. Runs of one kernel and seed add up over calls with the same results folder, in
<kernel>-<bits>-<seed>.json.
"""

import argparse
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from .. import proof
from ..base import cache, command, splat
from ..base.error import Unusable, Usage
from ..base.progress import Progress
from ..build import bundle, static
from ..guest import guest, initramfs, vm
from ..kernel import module
from ..kernel.kernel import Kernel, Kernels
from ..report import report
from ..series import fixes, provided
from . import mutant, record
from ..variant import Flavour, Variant, builders
from .exchanges import Counts, Listener, Total, read, together

HELP = "random messages on every socket, both ways: is what io_uring does what the system call does"
PROGRAMS = {"64": "messages", "32": "messages_32"}
MACHINE = vm.Machine(overall=6 * 3600.0, silence=900.0)
TURN = 5000                           # exchanges of one run of the program
CHECKED = 3000                         # exchanges in which a fault has to be found
TWICE = 2000                           # and of the system call against itself
QUICK = 4000
ODD = ("unexplained", "not repeated")  # what has no name
SEVERAL = "several"                    # goes away when what several defects rest on does
# What it can find; the rest takes 5.10, or memory that is given back
FINDS = ("wrong-length", "late-read", "late-file", "unannounced-notification",
         "fastopen-unfinished", "repeated-id", "rewritten-name", "eaten-data", "cut-control",
         "lost-error", "merged-records", "repeated-peek", "grown-name", "used-up-control")
ONLY = {"wrong-length": ("32",)}       # what not every program can find
# The sockets that Kconfig.fragment has not: those of the selftest are enough for all else
SOCKETS = Flavour("sockets", tuple(f"CONFIG_{name}=y" for name in (
    "CAN", "CAN_DEV", "CAN_ISOTP", "CAN_VCAN", "CRYPTO", "CRYPTO_AES", "CRYPTO_CBC", "CRYPTO_GCM",
    "CRYPTO_SHA256", "CRYPTO_USER_API_AEAD", "CRYPTO_USER_API_HASH", "CRYPTO_USER_API_SKCIPHER",
    "IP_SCTP", "MPTCP", "NETDEVICES", "TIPC", "TLS")), drivers=False)
# Of provided buffers: the name of a difference -> the patch with which it is gone
BUFFERS = {"stuck-length": "stuck-length", "missed-end": "missed-end",
           **{name: slug for name, slug, *_ in provided.LACKS}}


def checks(program: str, seed: int) -> str:
    """Shell that shows first that the net has no hole, and that the oracle agrees with itself."""
    said = f"/tmp/messages-{seed}.said"
    quiet = f"--seed {seed} >{said} 2>&1; rc=$?; tail -n 3 {said}"
    return (f"{program} --self-check --count {CHECKED} {quiet}; echo \"# exit self-check $rc\"\n"
            f"{program} --twice --count {TWICE} {quiet}; echo \"# exit twice $rc\"\n")


def turns(program: str, seed: int, first: int, last: int) -> str:
    """Shell for exchanges number first to last, a few at a time."""
    return "".join(f"{program} --json --seed {seed} --first {at} --count {min(TURN, last - at)}\n"
                   for at in range(first, last, TURN))


def until_broken(each: Iterable[str]) -> str:
    """Shell for these commands, one after another, until one says that it cannot go on."""
    return "(\n" + "".join(f"{one}\n[ $? -lt 3 ] || exit 0\n" for one in each) + ")\n"


class Runner:
    """Runs the program on kernels, in guests or here."""

    def __init__(self, progress: Progress, home: Path, seeds: Sequence[int]) -> None:
        self._progress, self._home, self._seeds = progress, home, seeds
        progress.phase("programs", "building")
        built = static.build("harm")
        self._programs = {name: built / name for name in PROGRAMS.values()}
        self._base: Path | None = None
        progress.done("programs", "ready")

    def run(self, kernel: Kernel, bits: str, count: int) -> Total:
        """Goes on until so many exchanges are done, an equal part with each seed, all at once.

        Raises Unusable when it cannot.
        """
        each = -(-count // len(self._seeds))
        if kernel.origin != "running":
            self._base = self._base or initramfs.base(bundle.build())
            kernel.obtain()                             # once
        return together(command.together(len(self._seeds), [
            partial(self._one, kernel, bits, each, seed) for seed in self._seeds]))

    def _one(self, kernel: Kernel, bits: str, count: int, seed: int) -> Total:
        program = PROGRAMS[bits]
        path = self._home / f"{kernel.label}-{bits}-{seed}.json"
        label = f"{kernel.label}, seed {seed}" if len(self._seeds) > 1 else kernel.label
        total = read(path, Total(kernel.label, cache.digest(self._programs[program]), seed))
        if total.done >= count:
            return total
        listener = Listener(total, path, partial(self._progress.phase, label))
        if kernel.origin == "running":
            self._here(program, total, count, listener)
        else:
            self._in_guest(kernel, program, total, count, listener)
        total.write(path)
        self._progress.done(label, f"{total.done} exchanges, {total.differences} differences")
        return total

    def _here(self, name: str, total: Total, count: int, listener: Listener) -> None:
        program = str(self._programs[name])
        for script in (checks(program, total.seed),
                       *turns(program, total.seed, total.done, count).splitlines()):
            before = total.done
            said = command.run(["sh", "-c", f"{{ {script}\n}} 2>&1; :"], name, limit=3600)
            for line in said.splitlines():
                listener(line)
            if "--first" in script and total.done == before:
                raise Unusable(f"{name}: {said.strip().splitlines()[-1] if said else 'no word'}")

    def _in_guest(self, kernel: Kernel, name: str, total: Total, count: int,
                  listener: Listener) -> None:
        assert self._base
        home = self._home / f"{kernel.label}-{total.seed}"
        home.mkdir(parents=True, exist_ok=True)
        files = kernel.obtain()
        each = turns(f"/{name}", total.seed, total.done, count).splitlines()
        script = checks(f"/{name}", total.seed) + until_broken(each)
        engine = vm.accelerator(files, self._base)
        done = guest.job(vm.Boot(engine, files, self._base, home, listener, MACHINE), script,
                         {name: self._programs[name]}, module.QDISCS)
        guest.whole(done, kernel.label, home)
        total.notes += splat.reports(done.console)
        if total.done < count and not total.differences:
            raise Unusable(f"{kernel.label}: ended at exchange {total.done}: "
                           f"{total.notes[-1] if total.notes else 'no word'}")


# -- what came of it -------------------------------------------------------------------------------

def harm(total: Total, bits: str, count: int, expected: Iterable[str],
         cured: Collection[str]) -> list[str]:
    """A line for each thing that is not as it should be; `cured` has the defects that are gone."""
    where = f"{total.kernel}, {bits} bit"
    bad = []
    if total.done < count:
        bad.append(f"{where}: it ended after {total.done} of {count} exchanges")
    if total.checks.get("self-check") != 0:
        bad.append(f"{where}: a fault put in on purpose was not found")
    if total.checks.get("twice") != 0:
        bad.append(f"{where}: the system call differs from itself")
    for name, (times, first, seed) in total.found.items():
        if name in cured or name in ODD or (name == SEVERAL and cured):
            bad.append(f"{where}: {name} {times} times, first in --seed {seed} "
                       f"--first {first} --count 1")
    bad += [f"{where}: {name} was not found in {total.done} exchanges" for name in expected
            if name not in total.found]
    return bad


def text(total: Total, bits: str, seeds: int = 1) -> str:
    """Its tables: what was found and how soon, through which sockets, in which ways."""
    last = total.seed + seeds - 1
    which = f"seeds {total.seed} to {last}" if seeds > 1 else f"seed {last}"
    done = [sum(counts[at] for counts in total.ways.values()) for at in range(3)]
    head = [[f"{total.kernel}, {bits} bit", "exchanges", "waited", "issued again", "differences",
             "a second"],
            [f"  {which}", *map(str, done), str(total.differences),
             f"{total.done / total.seconds:.0f}" if total.seconds else "-"]]
    out = [*report.aligned(head), ""]
    if total.found:
        rows = [["  found", "times", "first in exchange", "of seed"]]
        rows += [[f"    {name}", str(times), str(first), str(seed)]
                 for name, (times, first, seed)
                 in sorted(total.found.items(), key=lambda one: one[1][1])]
        out += [*report.aligned(rows), ""]
    out += [*_designs(total), "", *_sockets(total), "", *_ways(total)]
    if total.slow:
        out += ["", f"  not compared, as a timer of TCP's may have run: {total.slow}"]
    if total.missing:
        out += ["", f"  not there: {', '.join(total.missing)}"]
    return "\n".join(line.rstrip() for line in out) + "\n"


def _designs(total: Total) -> list[str]:
    return report.aligned([["  by design", "times"],
                           *([f"    {name}", str(met)] for name, met in total.designs.items())])


def _sockets(total: Total) -> list[str]:
    """Exchanges and, behind the slash, those that were issued again."""
    acts = list(next(iter(total.kinds.values()), {}))
    rows = [["  done/issued again", *acts]]
    for kind, counts in total.kinds.items():
        if any(done for done, _, _ in counts.values()):
            rows.append([f"    {kind}", *(f"{counts[act][0]}/{counts[act][2]}" for act in acts)])
    return report.aligned(rows)


def _ways(total: Total) -> list[str]:
    return report.aligned([["  ways", "done", "waited", "issued again"],
                           *([f"    {way}", *map(str, counts)]
                             for way, counts in total.ways.items() if counts[0])])


def options(parser: argparse.ArgumentParser) -> None:
    """The options of this part alone."""
    parser.add_argument("--count", type=int, default=1000000, metavar="N",
                        help="exchanges for each kernel with the series, or that is named, in "
                             "64 bit; in 32 bit a tenth (default: 1000000)")
    parser.add_argument("--hunt", type=int, default=100000, metavar="N",
                        help="exchanges for each kernel as it is (default: 100000)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="which ones (default: 1)")
    parser.add_argument("--at-once", type=int, default=1, metavar="N",
                        help="guests at once, or runs on the running kernel, each with a seed of "
                             "its own, from --seed on (default: 1)")
    parser.add_argument("--kernels", nargs="+", default=[], metavar="KERNEL",
                        help="these kernels as they are, as scripts/qa has them, such as running; "
                             "no trees then")
    parser.add_argument("--engine", choices=("auto", "uml", "qemu"), default="auto",
                        help="what runs the kernels of trees (default: auto): uml is User Mode "
                             "Linux, 64 bit alone; auto is that for 64 and QEMU for 32 bit")
    parser.add_argument("--buffers", action="store_true",
                        help="with the fixes about provided buffers on top of the series")


def run(options: argparse.Namespace, home: Path) -> bool:
    """Does this part; gives whether no harm was found."""
    if min(options.count, options.hunt, options.at_once) < 1 or options.seed < 0:
        raise Usage("--count, --hunt and --at-once: 1 or more; --seed: 0 or more")
    count, hunt = (QUICK, QUICK) if options.quick else (options.count, options.hunt)
    done: list[tuple[Total, str]] = []
    bad: list[str] = []
    with Progress() as progress:
        runner = Runner(progress, home, range(options.seed, options.seed + options.at_once))
        for kernel, many, expected, cured in _asked(options, count, hunt):
            for bits in (each for each in kernel.abis if each in PROGRAMS):
                each = many if bits == "64" else -(-many // 10)
                total = runner.run(kernel, bits, each)
                done.append((total, bits))
                wanted = [name for name in expected
                          if not options.quick and bits in ONLY.get(name, PROGRAMS)]
                bad += harm(total, bits, each, wanted, cured)
    table = "\n".join([*(text(total, bits, options.at_once) for total, bits in done),
                       *(f"HARM: {line}" for line in bad)]).rstrip("\n") + "\n"
    record.leave("messages", home, table, [asdict(total) for total, _ in done], options.record)
    return not bad


def _asked(options: argparse.Namespace, count: int,
           hunt: int) -> Iterable[tuple[Kernel, int, list[str], set[str]]]:
    """Each kernel, how many exchanges, which defects it must show, and which it must not."""
    for kernel in Kernels().resolve(options.kernels) if options.kernels else ():
        yield kernel, count, predicted(kernel), set()
    trees = [] if options.kernels else options.trees[:1 if options.quick else None]
    for tree in map(proof.find, trees):
        series = proof.buffers(tree, each=False)[-1] if options.buffers else mutant.series_of(tree)
        slugs = {patch.slug for patch in series.applied}
        gone = {name for name in FINDS if name in slugs}
        gone |= {name for name, slug in BUFFERS.items() if slug in slugs}
        asked = builders(tree, options.engine, flavour=SOCKETS)
        for builder, abis in asked:
            before = builder.kernel(Variant("as it is"), abis)
            expected = {name for name in gone if name not in BUFFERS or
                        (BUFFERS[name], name) in (before.present or ())}
            yield before, hunt, sorted(expected), set()
        if set(BUFFERS.values()) <= slugs:
            gone.add("buffers")
        for builder, abis in asked:
            yield builder.kernel(series, abis), count, [], gone


def predicted(kernel: Kernel) -> list[str]:
    """What fixes.toml says that a kernel of this version has, of what the program can find."""
    version = kernel.version
    defects = fixes.load()
    if not version:
        return []
    found = {name for name in FINDS if name in defects and
             any(defects[name].expected(opcode, abi, version)
                 for opcode in ("sendmsg", "send_zc", "any") for abi in ONLY.get(name, ("64",)))}
    found |= {name for name in BUFFERS if defects["buffers"].expected(name, "64", version)}
    return sorted(found)
