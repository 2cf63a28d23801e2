"""JUnit XML: the golden file, the rules of the two schemas that it keeps,
and what becomes of a predicted failure."""

import re
import unittest
import xml.etree.ElementTree as tree
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests import sample
from kit.report import junit
from kit.report.folder import Folder
from kit.report.result import KernelResult

DATA = Path(__file__).parent / "data"
# Of each element: attributes that must be there, that may be there, and children, in order where
# the schema has one. Where junit-10.xsd (Jenkins) and JUnit.xsd (Ant) differ, the narrower one.
RULES: dict[str, tuple[set[str], set[str], str]] = {
    "testsuites": (set(), set(), r"(testsuite )*"),
    "testsuite": ({"name", "tests", "failures", "errors", "time", "hostname", "id", "package"},
                  {"skipped", "timestamp"}, r"properties (testcase )*system-out system-err "),
    "properties": (set(), set(), r"(property )*"),
    "property": ({"name", "value"}, set(), ""),
    "testcase": ({"name", "classname", "time"}, set(), r"((skipped|error|failure) )?"),
    "skipped": (set(), {"message"}, ""), "error": ({"type"}, {"message"}, ""),
    "failure": ({"type"}, {"message"}, ""), "system-out": (set(), set(), ""),
    "system-err": (set(), set(), "")}
FORMS = {"time": r"\d+\.\d{3}", "timestamp": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", "tests": r"\d+",
         "failures": r"\d+", "errors": r"\d+", "skipped": r"\d+", "id": r"\d+"}


def made(results: Sequence[KernelResult], folder: Path = DATA / "run-new",
         strict: bool = False) -> tree.Element:
    return tree.fromstring("".join(junit.document(results, folder, strict)).encode())


class Schema(unittest.TestCase):
    def check(self, root: tree.Element) -> None:
        for element in root.iter():
            needed, allowed, children = RULES[element.tag]
            self.assertLessEqual(needed, element.attrib.keys(), element.tag)
            self.assertLessEqual(element.attrib.keys(), needed | allowed, element.tag)
            self.assertRegex("".join(f"{child.tag} " for child in element), f"^{children}$")
            for name, value in element.attrib.items():
                self.assertRegex(value, f"^{FORMS.get(name, '')}" + ("$" if name in FORMS else ""))
            self.assertTrue(element.tag != "property" or element.get("name"))
        for number, suite in enumerate(root):
            self.assertEqual(suite.get("id"), str(number))
            self.assertEqual([suite.get(name)
                              for name in ("tests", "failures", "errors", "skipped")],
                             [str(len(suite.findall(path))) for path in (
                                 "testcase", "testcase/failure", "testcase/error",
                                 "testcase/skipped")])
            names = [(case.get("classname"), case.get("name"))
                     for case in suite.findall("testcase")]
            self.assertEqual(len(names), len(set(names)))

    def test_rules(self) -> None:
        for name in ("run-new", "run-old"):
            for strict in (False, True):
                self.check(made(Folder.read(DATA / name).results, DATA / name, strict))

    def test_a_kernel_that_warned(self) -> None:
        """A case of its own, which fails; the others stay what they are."""
        root = made(sample.warned())
        self.check(root)
        told = {suite.get("name", ""): suite.findall("testcase/failure") for suite in root}
        self.assertNotIn("7.2.13+deb14-cloud", told)
        for name in ("w", "f"):
            (failure,) = told[name]
            self.assertEqual((failure.get("type"), failure.get("message")),
                             ("warned", sample.warned()[1].warnings[0]))
            self.assertIn("refcount_t: underflow", failure.text or "")
            self.assertIn(f"log: {name}/console.log", failure.text or "")
            self.assertEqual(len(told[f"{name}, 64 bit"]), len(told["7.2.13+deb14-cloud, 64 bit"]))

    def test_a_log_that_was_not_read(self) -> None:
        root = made([replace(sample.warned()[0], unheard="/dev/kmsg: Operation not permitted")])
        said = {each.get("name"): each.get("value") for each in root.iter("property")}
        self.assertEqual(said["kernel_log"], "not read: /dev/kmsg: Operation not permitted")

    def test_hostile_text(self) -> None:
        self.check(made(sample.hostile()))

    def test_each_suite_has_a_time_if_any_has(self) -> None:
        self.assertEqual({suite.get("timestamp", "")[:10] for suite in made(sample.run_new())},
                         {"2026-01-02"})
        old = made(Folder.read(DATA / "run-old").results, DATA / "run-old")
        self.assertFalse(any("timestamp" in suite.attrib for suite in old))

    def test_golden(self) -> None:
        """scripts/qa report --format junit run-new, in data."""
        text = "".join(junit.document(Folder.read(DATA / "run-new").results, DATA / "run-new"))
        self.assertEqual(text, (DATA / "run-new.junit").read_text())


class Meaning(unittest.TestCase):
    def kinds(self, strict: bool) -> dict[str, int]:
        found: dict[str, int] = {}
        for case in made(sample.run_new(), strict=strict).iter("testcase"):
            for child in case:
                known = ("known " if (child.get("message") or "")
                         .startswith("known failure (open): ") else "")
                kind = f"{child.tag} {known}{child.get('type') or ''}".rstrip()
                found[kind] = found.get(kind, 0) + 1
        return found

    def test_predicted_failures(self) -> None:
        """They are as good as the exit status has them: skipped, with --strict failures."""
        same = {"failure REGRESSION": 3, "failure NEWLY FIXED": 2, "error error": 6,
                "error did-not-boot": 1, "error panicked": 1}
        self.assertEqual(self.kinds(False), {**same, "skipped known": 5, "skipped": 5})
        self.assertEqual(self.kinds(True), {**same, "failure known known": 5, "skipped": 5})

    def test_predicted_failures_are_a_property(self) -> None:
        suites = {suite.get("name"): suite for suite in made(sample.run_new())}
        known = {prop.get("name"): prop.get("value")
                 for prop in suites["7.2.13+deb14-cloud, 32 bit"].iter("property")
                 if (prop.get("name") or "").startswith("known.")}
        self.assertEqual(known, {"known.wrong_length.udp4_sendmsg_segment.retry": "open"})

    def test_a_suite_for_each_kernel_nic_and_abi(self) -> None:
        self.assertEqual([suite.get("name") for suite in made(sample.run_new())], [
            "6.1.0-56-cloud, 64 bit", "6.1.0-56-cloud, 32 bit", "6.1.0-56-cloud virtio-net, 64 bit",
            "6.1.0-56 igb", "6.12.117+deb13-cloud", "6.12.117+deb13-cloud, 64 bit",
            "6.12.117+deb13-cloud, 32 bit", "7.2.13+deb14-cloud, 64 bit",
            "7.2.13+deb14-cloud, 32 bit", "7.3.4+deb13-cloud", "7.3.4+deb13-cloud, 64 bit"])

    def test_jenkins_groups_by_kernel(self) -> None:
        """It takes what stands before the last dot of a class name for the package."""
        classes = {case.get("classname") for case in made(sample.run_new()[:2]).iter("testcase")}
        self.assertTrue(all(re.fullmatch(r"6_1_0-56-cloud(\+virtio-net)?\.[a-z_0-9]+", str(name))
                            for name in classes))

    def test_failure_says_all(self) -> None:
        text = next(made(sample.run_new()).iter("failure")).text or ""
        for part in ("-EFAULT", 'commit: 4fe82aedeb8a ("', "log: 6.1.0-56-cloud/ktap.log",
                     "reproduce: scripts/qa run --kernels debian:6.1.192 --program lost_pointer "
                     "--abi 64", "not ok 1 "):
            self.assertIn(part, text)

    def test_unpredicted_failure_without_a_version(self) -> None:
        result = sample.run_new()[0]
        case = replace(result.cases[0], verdict="fail", predicted="")
        self.assertEqual(next(made([replace(result, cases=[case])]).iter("failure")).get("type"),
                         "fail")


if __name__ == "__main__":
    unittest.main()
