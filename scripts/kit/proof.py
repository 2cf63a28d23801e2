"""The proof of a series: kernels built without it, with it,
and with parts of it, each one booted and tested.

What is predicted of a build is what diagnosis reads in its code; the kernel then agrees or does
not.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from .series import order, patch, plan, tree as trees
from .build import source
from . import evidence
from .report import report
from .base.arch import AMD64, Architecture
from .base.error import Usage
from .series.patch import Patch
from .report.result import CONTROL, FINISHED, OTHER, CaseResult, KernelResult
from .series.tree import Tree
from .variant import Variant

ENGINES = ("qemu", "auto", "uml", "both")


def find(word: str) -> Tree:
    """The tree for a path, or for a version whose source Debian has; else raises Usage."""
    if Path(word).is_dir():
        return Tree(Path(word))
    branch = ".".join(word.split(".")[:2])
    if branch not in source.branches():
        raise Usage(f"{word}: neither a folder nor a version whose source Debian has "
                    f"({', '.join(source.branches())})")
    found = Tree(source.full(branch))
    if word not in (branch, found.release):
        raise Usage(f"{word}: Debian has {found.release} of that branch; get the tree of {word} "
                    "and give its path")
    return found


def variants(tree: Tree, each: bool) -> list[Variant]:
    """What to build: the tree as it is and with all that it lacks; with `each`,
    and with each fix alone missing.

    late-read makes the fixes for other defects of new trees unnecessary, so it is left out with any
    of them; so is a patch that has the missing one's lines in its context.
    What the branch itself took for the report's bug (lost-pointer of sendmsg_zc) is taken out where
    that is possible; with `each`, so is all else that the branch took.
    """
    found_steps = plan.plan(tree, selftest=False)
    steps = [step.patch for step in found_steps]
    whole = not plan.unoffered(tree, found_steps)
    found = [Variant("as it is", cured=whole and not steps)]
    if steps:
        found.append(Variant("with the series", tuple(steps), cured=whole))
    for one in _heads(steps) if each else ():
        rest = _without(tree, steps, one)
        left = ", ".join([one.slug,
                          *(other.slug for other in steps if other != one and other not in rest)])
        found.append(Variant(f"without {left}", rest))
    own = plan.own_branch(tree)
    taken = [one for patches in own.taken.values() for one in patches] if own else []
    for one in taken:
        if ((each or one.slug == "lost-pointer-sendmsg-zc") and one not in steps
            and _comes_out(tree, one)):
            found.append(Variant(f"{one.slug} taken out", removed=(one,)))
    return found


def buffers(tree: Tree, each: bool) -> list[Variant]:
    """What to build for the fixes about provided buffers, which go on top of the series.

    Without both, without them, and with them; with `each` also with each of them alone missing.
    Raises Usage where there are none.
    """
    own = plan.own_branch(tree)
    if not own or not own.buffers:
        raise Usage(f"{tree.release}: its branch has no fixes about provided buffers")
    found_steps = plan.plan(tree, selftest=False)
    whole = not plan.unoffered(tree, found_steps)
    steps = [step.patch for step in found_steps]
    both = [*steps, *own.buffers]
    found = [Variant("as it is"), Variant("with the series", tuple(steps)),
             Variant("with buffers", tuple(both), cured=whole)]
    for one in own.buffers if each else ():
        rest = _without(tree, both, one)
        left = ", ".join(other.slug for other in both if other not in rest)
        found.append(Variant(f"without {left}", rest))
    return found


def cured(found: Sequence[Variant]) -> list[Variant]:
    """Those that have every fix; all, where the series does not bring every one."""
    return [variant for variant in found if variant.cured] or list(found)


def _heads(steps: Sequence[Patch]) -> list[Patch]:
    """The patches that are a fix by themselves, and not part of another's."""
    return [one for one in steps if not any(order.is_part(one.slug, other.slug)
                                              for other in steps)]


def _without(tree: Tree, steps: Sequence[Patch], one: Patch) -> tuple[Patch, ...]:
    """The steps but one, and but those that are part of it, cover for it
    or do not apply without it."""
    rest: list[Patch] = []
    covered = plan.read_from_code(tree) - {patch.LATE_READ} | {"rewritten-name"}
    with trees.scratch(tree) as copies:
        for other in steps:
            covers = other.slug == patch.LATE_READ and one.slug in covered
            if other == one or covers or order.is_part(other.slug, one.slug):
                continue
            if copies.apply(other) or copies.apply(other, merge=True):
                rest.append(other)
    return tuple(rest)


def _comes_out(tree: Tree, one: Patch) -> bool:
    with trees.scratch(tree) as copies:
        return copies.apply(one, reverse=True) and one.slug in copies.lacks()


def through(variant: Variant, nic: str) -> Variant:
    """The same state, named as one that is run through a NIC; itself for loopback, which is ""."""
    return replace(variant, name=f"{variant.name}, {nic}") if nic else variant


def merged(results: Sequence[KernelResult]) -> KernelResult:
    """What the engines said of one variant, as one result; of an ABI
    that several were asked the first one's cases."""
    worst = next((each for each in results if each.outcome not in FINISHED),
                 next((each for each in results if each.outcome == "failed"), results[0]))
    first = evidence.engines(case for each in results for case in each.cases)
    return replace(worst, accelerator=", ".join(
        dict.fromkeys(filter(None, (each.accelerator for each in results)))),
                   seconds=round(sum(each.seconds for each in results), 1),
                   complete=all(each.complete for each in results),
                   warnings=list(dict.fromkeys(line for each in results for line in each.warnings)),
                   cases=[case for each in results for case in each.cases
                          if case.engine == first[case.abi]])


def differences(results: Sequence[KernelResult]) -> list[str]:
    """The cases that two engines answered differently,
    or that only one of them had, a line for each."""
    told: dict[str, dict[str, dict[str, str]]] = {}
    for case in (case for each in results for case in each.cases):
        told.setdefault(case.abi, {}).setdefault(case.engine, {})[case.test] = case.outcome
    found = []
    for abi, answers in told.items():
        for test in sorted({test for cases in answers.values() for test in cases}):
            said = {engine: cases.get(test, "missing") for engine, cases in answers.items()}
            if len(set(said.values())) > 1:
                found.append(f"{abi} {test}: " + ", ".join(f"{word} in {engine}"
                                                           for engine, word in said.items()))
    return found


def good(variant: Variant, result: KernelResult) -> bool:
    """Whether the kernel behaved as the code of the variant says,
    and without a fault where it has every fix.

    What a series does not bring may fail there, too: the defects of patches/mainline/first,
    if the code has them.
    """
    failed = variant.cured and any(map(fault, result.cases))
    return result.outcome in FINISHED and not result.surprising and not failed


def fault(case: CaseResult) -> bool:
    """Whether a case failed that no defect of the code explains."""
    return case.outcome in ("fail", "error") and (
        case.verdict != "known" or case.defect in (*CONTROL, OTHER))


def complaints(variant: Variant, result: KernelResult) -> list[str]:
    """Why a build is not good(), the most telling line first."""
    if good(variant, result):
        return []
    odd = [case for case in result.cases
           if case.verdict not in ("pass", "known", "skip") or variant.cured and fault(case)]
    return [*(f"{result.outcome} {result.reason}" for _ in [0] if result.outcome not in FINISHED),
            *(f"the kernel warned: {line}" for line in result.warnings[:5]),
            *(f"{case.abi} {case.test}: {case.outcome}, {case.reason}" if case.outcome != "pass"
              else f"{case.abi} {case.test}: passed, and its code has the defect"
              for case in odd[:5])]


def text(release: str, done: Sequence[tuple[Variant, KernelResult]]) -> str:
    """The table: a row for each build, below it what fails,
    and at the end what is behind the bad rows."""
    rows = [[release, "ran, 64/32 bit", "failed", "time", "engine", ""]]
    fails: list[str] = []
    details = []
    for variant, result in done:
        said = complaints(variant, result)
        build = evidence.of(variant.name, result, not said)
        rows.append([f"  {variant.name}", evidence.total(build.ran), evidence.total(build.failed),
                     f"{result.seconds:.0f} s", result.accelerator,
                     "as its code says" if not said else "NOT AS ITS CODE SAYS" if result.cases
                     else result.outcome])
        fails.append(evidence.wrapped(build.fails(), "    "))
        details += [f"  {variant.name}: {line}" for line in said]
        if variant.removed and not said:
            slug = variant.removed[0].slug
            details += [f"  {variant.name}: {case.reason}" for case in result.cases
                        if case.outcome == "fail" and slug.startswith(case.defect)][:1]
    head, *lines = report.aligned(rows)
    body = [head, *(part for line, below in zip(lines, fails) for part in (line, below) if part)]
    return "\n".join(body + details) + "\n"


def record(tree: str, release: str, done: Sequence[tuple[Variant, KernelResult]],
           arch: Architecture = AMD64) -> list[Path]:
    """Keeps a proof in patches/proofs; gives its files, see evidence.records()."""
    return evidence.records(tree, release, [
        evidence.Row(evidence.of(variant.name, result, good(variant, result)),
                     (*variant.applied, *variant.removed), tuple(result.cases))
        for variant, result in done], arch)
