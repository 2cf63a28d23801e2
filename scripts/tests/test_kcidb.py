"""KCIDB JSON: the golden file, and the rules of schema v5.3, written down here
from its definition."""

import json
import unittest
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests import sample
from kit.report import kcidb
from kit.base.error import Usage
from kit.report.folder import Folder
from kit.report.result import KernelResult

DATA = Path(__file__).parent / "data"
ID, TEXT, TIME = (r"[a-z0-9_]+:[^\0]*", r"[^\0]*",
                  r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
PATH = r"([a-zA-Z0-9_-]+(\.[a-zA-Z0-9_-]+)*)?"
STATUS = "FAIL|ERROR|MISS|PASS|DONE|SKIP"
# A form is a regular expression of a string, or a type
COMMON = {"id": ID, "origin": "[a-z0-9_]+", "comment": TEXT, "start_time": TIME,
          "log_excerpt": TEXT, "misc": dict}
FORMS: dict[str, dict[str, Any]] = {
    "checkouts": {**COMMON, "git_commit_name": TEXT, "valid": bool},
    "builds": {**COMMON, "checkout_id": ID, "architecture": "[a-z0-9_]*", "status": STATUS},
    "tests": {**COMMON, "build_id": ID, "path": PATH, "status": STATUS,
              "duration": (int, float), "environment": dict}}
NEEDED = {"checkouts": {"id", "origin"}, "builds": {"id", "origin", "checkout_id"},
          "tests": {"id", "origin", "build_id"}}


def made(results: Sequence[KernelResult], folder: Path = DATA / "run-new",
         origin: str = kcidb.ORIGIN) -> Any:
    return json.loads("".join(kcidb.document(results, folder, origin)))


class Schema(unittest.TestCase):
    def check(self, document: Any) -> None:
        self.assertEqual(document["version"], {"major": 5, "minor": 3})
        self.assertLessEqual(document.keys(), {"version", *FORMS})
        for kind, forms in FORMS.items():
            ids = [item["id"] for item in document[kind]]
            self.assertEqual(len(ids), len(set(ids)))
            for item in document[kind]:
                self.assertLessEqual(NEEDED[kind], item.keys())
                for name, value in item.items():
                    if isinstance(forms[name], str):
                        self.assertRegex(value, rf"\A(?:{forms[name]})\Z")
                    else:
                        self.assertIsInstance(value, forms[name])
                self.assertTrue(item["id"].startswith(item["origin"] + ":"))
                self.assertLessEqual(len(item.get("log_excerpt", "")), 16384)
                self.assertLessEqual(item.get("environment", {}).keys(),
                                     {"comment", "compatible", "misc"})
        known = {kind: {item["id"] for item in document[kind]} for kind in FORMS}
        self.assertTrue(all(build["checkout_id"] in known["checkouts"]
                            for build in document["builds"]))
        self.assertTrue(all(test["build_id"] in known["builds"] for test in document["tests"]))

    def test_rules(self) -> None:
        for name in ("run-new", "run-old"):
            self.check(made(Folder.read(DATA / name).results, DATA / name))

    def test_a_kernel_that_warned(self) -> None:
        results = sample.warned()
        document = made(results)
        self.check(document)
        whole = [test for test in document["tests"] if test["path"] == kcidb.ROOT]
        self.assertEqual(
            [(test["status"], test["comment"], test["misc"]["outcome"], test["misc"]["warnings"])
             for test in whole],
            [("FAIL", f"warned: {results[1].warnings[0]}", word, results[1].warnings)
             for word in ("warned", "failed")])

    def test_a_log_that_was_not_read(self) -> None:
        document = made([replace(sample.warned()[0], unheard="/dev/kmsg: x")])
        self.assertEqual({test["environment"]["misc"]["kernel_log"] for test in document["tests"]},
                         {"not read: /dev/kmsg: x"})

    def test_what_ran_it(self) -> None:
        for engine, word in (("uml", "User Mode Linux"), ("tcg", "QEMU tcg"), ("", "QEMU")):
            document = made([replace(sample.warned()[0], accelerator=engine)])
            self.assertEqual({test["environment"]["comment"] for test in document["tests"]},
                             {f"{word}, loopback"})

    def test_hostile_text(self) -> None:
        self.check(made(sample.hostile(), origin="a_lab_2"))

    def test_nothing(self) -> None:
        self.check(made([]))

    def test_golden(self) -> None:
        """scripts/qa report --format kcidb run-new, in data."""
        text = "".join(kcidb.document(Folder.read(DATA / "run-new").results, DATA / "run-new"))
        self.assertEqual(text, (DATA / "run-new.kcidb").read_text())

    def test_origin(self) -> None:
        for wrong in ("", "Lab", "a-b", "a:b", "a\n"):
            with self.assertRaises(Usage):
                kcidb.document([], DATA, wrong)


class Meaning(unittest.TestCase):
    def statuses(self, kernel: str) -> list[tuple[str, str]]:
        return [(test["path"].removeprefix("kselftest.io_uring"), test["status"])
                for test in made(sample.run_new())["tests"] if f":{kernel}:" in test["id"]]

    def test_what_did_not_boot_is_missing(self) -> None:
        self.assertEqual(self.statuses("6.12.117+deb13-cloud"), [
            ("", "MISS"), (".lost_pointer", "MISS"), (".lost_pointer_32", "MISS"),
            (".late_read", "MISS"), (".late_read_32", "MISS")])

    def test_in_a_panic_one_errs_and_the_rest_is_missing(self) -> None:
        self.assertEqual([status for _, status in self.statuses("7.3.4+deb13-cloud")],
                         ["FAIL", "PASS", "ERROR", "MISS"])

    def test_no_driver_is_skipped(self) -> None:
        self.assertEqual(self.statuses("6.1.0-56+igb"), [("", "SKIP")])
        result = replace(sample.run_new()[2], complete=False)
        self.assertEqual(made([result])["tests"][0]["status"], "MISS")

    def test_path(self) -> None:
        self.assertEqual(kcidb.path("late_read", "32", "late_read.udp4.after"),
                         "kselftest.io_uring.late_read_32.late_read.udp4.after")
        self.assertEqual(kcidb.path("nic", "64", "case 3 of 9"),
                         "kselftest.io_uring.nic.case_3_of_9")
        self.assertEqual(kcidb.path("a.b", "64", "..x..é."), "kselftest.io_uring.a_b.x._")

    def test_did_not_build(self) -> None:
        result = replace(sample.run_new()[0], outcome="did-not-build",
                         reason="net.c:1: error", cases=[])
        document = made([result])
        self.assertEqual((document["builds"][0]["status"],
                          document["builds"][0]["log_excerpt"], document["tests"]),
                         ("FAIL", "net.c:1: error", []))

    def test_two_nics_of_a_kernel_are_tests_of_one_build(self) -> None:
        document = made(sample.run_new()[:2])
        self.assertEqual((len(document["checkouts"]), len(document["builds"])), (1, 1))
        self.assertEqual({test["environment"]["misc"]["nic"] for test in document["tests"]},
                         {"lo", "virtio-net"})

    def test_ids_tell_runs_apart_and_stay(self) -> None:
        first = sample.run_new()[0]
        again = replace(first, started="2026-02-02T00:00:00Z")
        ids = [made([result])["tests"][0]["id"] for result in (first, sample.run_new()[0], again)]
        self.assertEqual(ids[0], ids[1])
        self.assertNotEqual(ids[0], ids[2])

    def test_predicted_failures_are_failures_that_say_so(self) -> None:
        test = next(test for test in made(sample.run_new())["tests"]
                    if test.get("misc", {}).get("verdict") == "known")
        self.assertEqual((test["status"], test["misc"]["because"], test["misc"]["predicted"]),
                         ("FAIL", "open", "fail"))


if __name__ == "__main__":
    unittest.main()
