"""Tests of proof: which kernels are built, and when one is said to agree with its code."""

import shutil
import unittest
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from unittest import mock

from kit.base import command, host
from kit.series import patch
from kit.build import fragment, source
from kit import evidence, proof, variant
from kit.base.error import Usage
from kit.series.fixes import load
from kit.kernel.kernel import Kernel
from kit.base.ktap import Case
from kit.variant import Builder, Flavour, Variant, builders
from kit.base.arch import ARM64
from kit.report.result import CaseResult, KernelResult, Outcome
from kit.verdict import judge
from kit.series.tree import Tree
from tests.test_diagnosis import CLEAR, TAKEN, code
from tests.test_plan import ALL, BASE, FILE, ZC, Fixture
from kit.base.version import parse


class Kept(unittest.TestCase):
    """Which records a proof leaves."""

    def names(self, *builds: str, there: list[evidence.Record]) -> list[tuple[list[str], bool]]:
        """The builds of each record that is kept, and whether it is of buffers too."""
        own = next(branch for branch in patch.branches() if branch.buffers)
        done = [(Variant(name, own.buffers if name == "with buffers" else ()), mock.Mock(cases=[]))
                for name in builds]
        with mock.patch.multiple(evidence, record=mock.DEFAULT, of=lambda name, *_: name,
                                 recorded=lambda: there) as mocks, \
                mock.patch.object(proof, "good", return_value=True):
            proof.record("x", "7.3.4", done)
        return [(call.args[2], call.args[6]) for call in mocks["record"].call_args_list]

    def test_the_series_alone(self) -> None:
        self.assertEqual(self.names("as it is", "with the series", there=[]),
                         [(["as it is", "with the series"], False)])

    def test_with_buffers_there_are_two(self) -> None:
        builds = ["as it is", "with the series", "with buffers"]
        self.assertEqual(self.names(*builds, there=[]), [(builds[:2], False), (builds, True)])

    def test_a_proof_with_more_builds_stays(self) -> None:
        builds = ["as it is", "with the series", "with buffers"]
        more = evidence.Record("x", "7.3.4", "2026-11-30", builds=[mock.Mock()] * 3)
        with mock.patch.object(evidence, "proved", return_value=True):
            self.assertEqual(self.names(*builds, there=[more]), [(builds, True)])
        self.assertEqual(len(self.names(*builds, there=[more])), 2)


class Choosing(Fixture):
    """Which variants of a tree there are."""

    def names(self, text: str, each: bool = False) -> list[str]:
        """The names of the variants of a tree with this send side."""
        return [variant.name for variant in proof.variants(self.make(text, False), each)]

    def test_without_and_with_the_series(self) -> None:
        self.assertEqual(self.names(BASE), ["as it is", "with the series"])

    def test_with_the_series_alone(self) -> None:
        found = [Variant("as it is"), Variant("with the series", cured=True)]
        self.assertEqual(proof.cured(found), found[1:])
        self.assertEqual(proof.cured(found[:1]), found[:1])

    def test_each_fix_alone_left_out(self) -> None:
        self.assertEqual(self.names(ZC, True)[2:4],
                         ["without wrong-length", "without repeated-control-sendmsg-zc"])

    def test_what_is_in_two_patches_is_left_out_as_one(self) -> None:
        own = self.patches / "linux-6.1.y"
        cured = ZC.replace("	kmsg->msg.msg_control = NULL;",
                           "	io_send_restore_iter(sock);\n	kmsg->msg.msg_control = NULL;")
        self.folder(own, {"eaten-data": self.diff(ZC, cured),
                          "eaten-data-vsock": self.diff(cured, "b\n" + cured)})
        for name in ("0001-wrong-length", "0002-repeated-control-sendmsg-zc", "0003-selftest"):
            (own / f"{name}.patch").unlink()
        self.assertEqual(self.names(ZC, True)[2:3], ["without eaten-data, eaten-data-vsock"])

    def test_what_does_not_apply_without_it_is_left_out_too(self) -> None:
        self.assertEqual(self.names(BASE, True)[2], "without lost-pointer-sendmsg-zc, wrong-length")

    def test_late_read_is_left_out_with_what_it_covers(self) -> None:
        own = self.patches / "linux-6.1.y"
        self.folder(own,
                    {"wrong-length": self.diff(ZC, ALL), "late-read": self.diff(ALL, TAKEN + ALL)})
        (own / "0002-repeated-control-sendmsg-zc.patch").unlink()
        (own / "0003-selftest.patch").unlink()
        found = proof.variants(self.make(ZC, False), True)
        self.assertEqual([variant.name for variant in found[2:4]],
                         ["without wrong-length, late-read", "without late-read"])
        self.assertEqual([[one.slug for one in variant.applied] for variant in found[2:4]],
                         [[], ["wrong-length"]])
        self.assertTrue(found[1].cured)
        self.assertFalse(found[2].cured)

    def test_what_the_branch_took_is_taken_out(self) -> None:
        self.assertIn("lost-pointer-sendmsg-zc taken out", self.names(ZC))
        self.assertNotIn("lost-pointer-sendmsg-zc taken out", self.names(BASE))

    def test_a_tree_that_lacks_nothing(self) -> None:
        self.assertEqual(self.names(TAKEN + code(zc_clear=CLEAR)), ["as it is"])

    def test_words(self) -> None:
        with mock.patch.object(source, "branches", return_value=["6.1"]), \
                self.assertRaisesRegex(Usage, "neither a folder nor a version"):
            proof.find("5.4")


class Judging(unittest.TestCase):
    """A kernel's results beside its code."""

    def result(self, present: set[tuple[str, str]], *failed: str) -> KernelResult:
        """A kernel with these causes, of whose cases those of the named defects fail."""
        kernel = Kernel("k", "k", "tree", parse("7.3.4"), present=frozenset(present))
        cases = [judge(Case(name.replace("-", "_"), abi, "f.v.sendmsg",
                            "fail" if name in failed else "pass", "why", 0),
                       kernel, load(), "again")
                 for name in ("lost-pointer", "wrong-length", "late-read") for abi in ("64", "32")]
        return KernelResult("k", "7.3.4", "", "", "tree", "tcg", "failed" if failed else "passed",
                            "", 1.0, "", True, cases)

    LATE = {("late-read", "sendmsg")}

    def test_good_is_what_the_code_says(self) -> None:
        plain = Variant("as it is")
        self.assertTrue(proof.good(plain, self.result(self.LATE, "late-read")))
        self.assertFalse(proof.good(plain, self.result(self.LATE)))
        self.assertFalse(proof.good(plain, self.result(self.LATE, "late-read", "lost-pointer")))
        self.assertFalse(
            proof.good(plain, replace(self.result(self.LATE, "late-read"), outcome="panicked")))

    def test_through_a_nic(self) -> None:
        plain = Variant("as it is")
        self.assertEqual([proof.through(plain, nic).name for nic in ("", "e1000e")],
                         ["as it is", "as it is, e1000e"])

    def test_a_cured_kernel_may_not_fail(self) -> None:
        self.assertTrue(proof.good(Variant("with", cured=True), self.result(set())))
        self.assertFalse(proof.good(Variant("with", cured=True),
                                    self.result(self.LATE, "late-read")))

    def test_the_table_counts(self) -> None:
        told = proof.text("7.3.4", [(Variant("as it is"), self.result(self.LATE, "late-read")),
                                    (Variant("with", cured=True),
                                     self.result(set(), "wrong-length"))])
        lines = told.splitlines()
        self.assertRegex(lines[1], r"as it is +3/3 +1/1 .*as its code says")
        self.assertEqual(lines[2], "    late-read 1/1")
        self.assertIn("NOT AS ITS CODE SAYS", lines[3])
        self.assertIn("64 f.v.sendmsg: fail, why", told)

    def test_why_it_is_not_as_its_code_says(self) -> None:
        late = self.result(self.LATE, "late-read")
        self.assertEqual(proof.complaints(Variant("as it is"), late), [])
        self.assertEqual(proof.complaints(Variant("as it is"), self.result(self.LATE))[0],
                         "64 f.v.sendmsg: passed, and its code has the defect")
        self.assertEqual(proof.complaints(Variant("with", cured=True), late)[0],
                         "64 f.v.sendmsg: fail, why")
        self.assertEqual(proof.complaints(Variant("as it is"),
                                          replace(late, outcome="panicked", reason="Oops"))[0],
                         "panicked Oops")

    def test_what_its_code_explains_is_no_complaint(self) -> None:
        """A series without late-file: its cases are known to fail, and hide none that is not."""
        late = self.result(self.LATE, "late-read")
        known = replace(late.cases[0], defect="late-file", test="late_file.x", outcome="fail",
                        verdict="known")
        odd = replace(known, defect="buffers", test="buffers.y", verdict="REGRESSION")
        found = proof.complaints(Variant("with", cured=True), replace(late, cases=[known, odd]))
        self.assertEqual([line.split(":")[0] for line in found], ["64 buffers.y"])

    def test_a_kernel_that_warned_is_not_as_its_code_says(self) -> None:
        warned = replace(self.result(self.LATE, "late-read"), warnings=["BUG: KASAN: x"])
        told = proof.text("7.3.4", [(Variant("as it is"), warned)])
        self.assertRegex(told, "(?s)NOT AS ITS CODE SAYS.*the kernel warned: BUG: KASAN: x")


class Engines(Fixture):
    """Which engine answers, and what two of them said of one variant."""

    def result(self, engine: str, abi: str, *failed: str,
               outcome: Outcome = "passed") -> KernelResult:
        """Three cases of one ABI, of which these fail."""
        cases = [CaseResult("k", "7.3.4", "", abi, "late-read", f"f.{name}.sendmsg",
                            "fail" if name in failed else "pass", "", "pass", "", "", 1.0, "",
                            engine=engine) for name in "abc"]
        return KernelResult(f"k-{engine}", "7.3.4", "", "", "tree", engine,
                            "failed" if failed else outcome, "", 1.5, "", cases=cases)

    def test_who_is_asked(self) -> None:
        tree = self.make(ZC, False)

        def asked(engine: str) -> list[tuple[str, tuple[str, ...]]]:
            variant = Variant("as it is")
            return [(kernel.word[:4], kernel.abis) for kernel in
                    (builder.kernel(variant, abis)
                     for builder, abis in builders(tree, engine))]

        self.assertEqual([abis for _, abis in asked("auto")], [("64",), ("32",)])
        self.assertEqual([word == "uml:" for word, _ in asked("auto")], [True, False])
        self.assertEqual([abis for _, abis in asked("both")], [("64",), ("64", "32")])
        self.assertEqual(asked("uml"), [("uml:", ("64",))])
        self.assertEqual([abis for _, abis in asked("qemu")], [("64", "32")])

    def test_a_flavour(self) -> None:
        """Its kernels have a name of their own, and drivers of NICs if it may ask for them."""
        tree = self.make(ZC, False)
        for drivers, image in ((False, "vmlinux"), (True, "bzImage")):
            flavour = Flavour("odd", ("CONFIG_TLS=y",), drivers=drivers)
            kernels = [builder.kernel(Variant("as it is"), abis) for builder, abis
                       in builders(tree, "auto", flavour=flavour)]
            self.assertEqual([one.label.partition("-")[2] for one in kernels],
                             ["uml-odd-as-it-is", "odd-as-it-is"])
            self.assertTrue(kernels[1].word.endswith(image))

    def test_what_user_mode_linux_cannot(self) -> None:
        tree = self.make(ZC, False)
        for engine in ("uml", "both"):
            with self.assertRaisesRegex(Usage, f"--engine {engine}: User Mode Linux has no NICs"):
                builders(tree, engine, nics=True)
            with self.assertRaisesRegex(Usage, "amd64 programs alone"):
                builders(tree, engine, ARM64)
        self.assertEqual([abis for _, abis in builders(tree, "auto", ARM64)], [("64", "32")])
        self.assertEqual([abis for _, abis in builders(tree, "auto", nics=True)],
                         [("64", "32")])

    def test_merged(self) -> None:
        whole = proof.merged([self.result("uml", "64"), self.result("tcg", "32", "a")])
        self.assertEqual((whole.accelerator, whole.outcome, whole.seconds, len(whole.cases)),
                         ("uml, tcg", "failed", 3.0, 6))
        self.assertEqual(evidence.engines(whole.cases), {"64": "uml", "32": "tcg"})
        self.assertEqual(
            proof.merged([self.result("uml", "64"), self.result("tcg", "64", "a")]).cases,
            self.result("uml", "64").cases)

    def test_an_engine_that_did_not_come_to_its_end(self) -> None:
        for number in (0, 1):
            parts = [self.result("uml", "64", "a"), self.result("tcg", "32", "a")]
            parts[number] = replace(parts[number], outcome="panicked", warnings=["BUG: x"])
            self.assertEqual((proof.merged(parts).outcome, proof.merged(parts).warnings),
                             ("panicked", ["BUG: x"]))

    def test_differences(self) -> None:
        same = [self.result("uml", "64", "a"), self.result("tcg", "64", "a"),
                self.result("tcg", "32")]
        self.assertEqual(proof.differences(same), [])
        self.assertEqual(
            proof.differences([self.result("uml", "64", "a"), self.result("tcg", "64", "b")]),
            ["64 f.a.sendmsg: fail in uml, pass in tcg",
             "64 f.b.sendmsg: pass in uml, fail in tcg"])
        less = self.result("tcg", "64")
        less.cases.pop()
        self.assertEqual(proof.differences([self.result("uml", "64"), less]),
                         ["64 f.c.sendmsg: pass in uml, missing in tcg"])

    def test_the_table_names_them(self) -> None:
        whole = proof.merged([self.result("uml", "64"), self.result("tcg", "32")])
        self.assertIn("uml, tcg", proof.text("7.3.4", [(Variant("as it is"), whole)]))


class Building(Fixture):
    """What the builder makes, with a make(1) that only writes which send side it was given."""

    def setUp(self) -> None:
        super().setUp()
        self.made: list[str] = []

        def pretend(argv: Sequence[str | Path], *_words: object, **_named: object) -> str:
            words = [str(word) for word in argv]
            if words[0] == "rsync":
                shutil.copytree(words[-2], words[-1], dirs_exist_ok=True)
            elif words[0] != "gcc":
                out = Path(next(word for word in words if word.startswith("O="))[2:])
                out.mkdir(parents=True, exist_ok=True)
                (out / "vmlinux").write_text((Path(words[2]) / FILE).read_text())
                (out / ".config").touch()
                self.made.append(words[-1])
            return ""

        self.enterContext(mock.patch.dict("os.environ", XDG_CACHE_HOME=str(self.top / "cache")))
        self.enterContext(mock.patch.object(variant, "run", pretend))
        self.enterContext(mock.patch.object(host, "need"))
        self.enterContext(mock.patch.object(command, "run", pretend))
        self.enterContext(mock.patch.object(fragment, "configure"))

    def test_each_kernel_stays_as_it_was_built(self) -> None:
        tree = self.make(ZC, False)
        builder = Builder(tree, nics=False)
        kernels = [builder.kernel(step) for step in proof.variants(tree, False)[:2]]
        # Seven of each are what kit/series/reissue.py looks for, which this series does not bring
        self.assertEqual([len(kernel.present or ()) for kernel in kernels], [12, 9])
        files = [kernel.obtain() for kernel in kernels]
        self.assertEqual([file.image.read_text() for file in files], [ZC, ALL])
        self.assertEqual((self.tree / FILE).read_text(), ZC)

    def test_what_is_the_same_is_not_built_again(self) -> None:
        """As long as nobody else built one of that name, and nobody can change the tree unseen."""
        for place, again in (("cache/io-uring-reissue/sources/x", 2), ("elsewhere", 6)):
            self.make(ZC, False)
            shutil.copytree(self.tree, self.top / place)
            tree, self.made = Tree(self.top / place), []
            steps = proof.variants(tree, False)[:2]
            for number in range(3):
                builder = Builder(tree, nics=False, kept=True)
                files = [builder.kernel(step).obtain() for step in steps]
                self.assertEqual([file.image.read_text() for file in files], [ZC, ALL], number)
            self.assertEqual(len(self.made), again)
            Builder(tree, nics=False).kernel(steps[0]).obtain()
            Builder(tree, nics=False, kept=True).kernel(steps[0]).obtain()
            self.assertEqual(len(self.made), again + 2)
            with mock.patch.object(fragment, "__file__", __file__):
                Builder(tree, nics=False, kept=True).kernel(steps[0]).obtain()
            self.assertEqual(len(self.made), again + 3)


class Folders(Fixture):
    """Which branch comes first for a version."""

    def test_near(self) -> None:
        for name in ("linux-6.12.y", "linux-7.3.y", "mainline"):
            (self.patches / name).mkdir()
        for version, first in (("6.1.9", "linux-6.1.y"), ("6.12.1", "linux-6.12.y"),
                               ("6.11", "linux-6.1.y"),
                               ("7.3.1", "linux-7.3.y"), ("7.4-rc1", "mainline"),
                               ("5.4", "linux-6.1.y")):
            self.assertEqual(patch.near(parse(version))[0].name, first, version)
        self.assertEqual(patch.near(None)[0].name, "mainline")


if __name__ == "__main__":
    unittest.main()
