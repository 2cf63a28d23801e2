"""Tests of prove_all: what is proved is passed over, and what was stopped goes on."""

import json
from pathlib import Path
from unittest import mock

from kit import evidence, prove_all
from kit.base.error import Unusable
from kit.report.result import CaseResult
from kit.series import plan
from tests.test_plan import ZC, Fixture


class All(Fixture):
    """A tree, and a prover that only notes that it was called."""

    def setUp(self) -> None:
        super().setUp()
        self.make(ZC, False)
        self.job = prove_all.Job("a tree", self.tree)
        proofs = self.top / "proofs"
        self.enterContext(mock.patch.object(evidence, "PROOFS", proofs))
        self.enterContext(mock.patch.object(evidence, "PATCHES", self.patches))
        self.enterContext(mock.patch.object(prove_all, "RESULTS", self.top / "results"))
        self.calls: list[Path] = []
        self.said: list[str] = []

    def prove(self, job: prove_all.Job, folder: Path) -> bool:
        """As the real one: leaves a record."""
        self.calls.append(folder)
        build = evidence.Build("with the series", True, 1.0, {}, {}, {})
        case = CaseResult("k", "6.1.50", "", "64", "late-read", "late_read.one", "pass", "",
                          "pass", "", "", None, "")
        evidence.record(job.name, job.tree.release, [build],
                        [step.patch for step in plan.plan(job.tree, selftest=False)], [case])
        return True

    def go(self) -> int:
        """One run of all."""
        return prove_all.go(self.prove, [self.job], say=self.said.append)

    def test_what_is_proved_is_passed_over(self) -> None:
        self.assertEqual((self.go(), len(self.calls)), (0, 1))
        self.assertEqual((self.go(), len(self.calls)), (0, 1))
        self.assertEqual(self.said[-1], "1 of 1, 6.1.50 (a tree): is proved")

    def test_another_text_is_proved_anew_and_elsewhere(self) -> None:
        self.go()
        path = self.patches / "linux-6.1.y/0001-wrong-length.patch"
        path.write_text(path.read_text().replace("= kmsg->controllen;", "= kmsg->length;"))
        self.go()
        self.assertEqual(len(set(self.calls)), 2)

    def test_what_was_stopped_goes_on_in_its_folder(self) -> None:
        """There the kernels that have run are found again."""
        with mock.patch.object(self, "prove", side_effect=KeyboardInterrupt) as stopped, \
                self.assertRaises(KeyboardInterrupt):
            prove_all.go(stopped, [self.job], say=self.said.append)
        self.go()
        self.assertEqual(stopped.call_args.args[1], self.calls[0])

    def test_a_program_or_configuration_that_changed(self) -> None:
        self.go()
        path = next((self.top / "proofs").glob("*.json"))
        for name, value in (("configuration", "other"), ("programs", {"late_read": "other"})):
            with self.subTest(name=name):
                kept = json.loads(path.read_text())
                path.write_text(json.dumps({**kept, name: value}))
                self.assertFalse(prove_all.proved(self.job))
                path.write_text(json.dumps(kept))
                self.assertTrue(prove_all.proved(self.job))

    def test_a_kernel_that_did_not_behave_is_no_proof(self) -> None:
        self.go()
        path = next((self.top / "proofs").glob("*.json"))
        kept = json.loads(path.read_text())
        kept["builds"][0]["as_its_code_says"] = False
        path.write_text(json.dumps(kept))
        self.assertFalse(prove_all.proved(self.job))

    def test_one_that_cannot_be_built_does_not_stop_the_next(self) -> None:
        def first_fails(job: prove_all.Job, folder: Path) -> bool:
            self.calls.append(folder)
            if len(self.calls) == 1:
                raise Unusable("no space")
            return True

        self.assertEqual(prove_all.go(first_fails, [self.job, self.job], say=self.said.append), 1)
        self.assertEqual(len(self.calls), 2)
        self.assertIn("no space", self.said[1])

    def test_branches_without_a_tree_are_named(self) -> None:
        self.assertEqual(prove_all.go(self.prove, [], ["6.6"], self.said.append), 3)
        self.assertIn("6.6.y: no tree at hand", self.said[0])

    def test_trees_of_a_folder(self) -> None:
        with mock.patch("kit.build.source.branches", return_value=[]), \
                mock.patch("kit.series.fixes.live", return_value={"6.1": "", "6.6": ""}):
            found, absent = prove_all.jobs(self.top)
        self.assertEqual(([job.name for job in found], absent), (["tree"], ["6.6"]))
