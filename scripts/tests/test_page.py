"""The HTML page: the golden file, what a page on its own must keep to, hostile text,
and two runs in one."""

import json
import re
import unittest
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

from tests import sample
from kit.report import compare, page
from kit.report.folder import Folder
from kit.report.result import KernelResult

DATA = Path(__file__).parent / "data"
VOID = {"meta", "input"}


class Reader(HTMLParser):
    """Collects elements, and text outside of style and script;
    complains of a tag that is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.scripts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.open.pop() != tag:
            raise AssertionError(f"</{tag}> closes another element")

    def handle_data(self, data: str) -> None:
        if "script" in self.open:
            self.scripts.append(data)
        elif "style" not in self.open:
            self.text += data


def made(results: list[KernelResult], old: list[KernelResult] | None = None) -> str:
    new = Folder(DATA / "run-new", results, ["x/results.json: <empty>; left out"])
    if old is None:
        return "".join(page.document(new))
    return "".join(page.document(new, Folder(DATA / "run-old", old, []),
                                 compare.compare(results, old)))


def run_old() -> list[KernelResult]:
    return Folder.read(DATA / "run-old").results


class Page(unittest.TestCase):
    def check(self, text: str, results: list[KernelResult]) -> Reader:
        read = Reader(text)
        self.assertEqual(read.open, [])
        self.assertEqual(
            [tag for tag, _ in read.elements if tag in ("link", "img", "iframe", "base", "object")],
            [])
        self.assertEqual([name for _, given in read.elements for name in given
                          if name in ("src", "href", "srcset", "action") or name.startswith("on")],
                         [])
        style = text.partition("<style>")[2].partition("</style>")[0]
        self.assertNotRegex(style, r"url\(|@import")
        self.assertNotRegex(text, "[\0\x1b\ud800-\udfff\uffff]")
        self.assertEqual(len([tag for tag, _ in read.elements if tag == "script"]), 2)
        details = json.loads(read.scripts[0])
        cells = [given["data-i"] for _, given in read.elements if "data-i" in given]
        self.assertEqual(cells, [str(number) for number in range(len(details))])
        self.assertTrue(all(len(detail) == len(page.DETAIL) and detail[-1] for detail in details))
        ids = [given["id"] for _, given in read.elements if "id" in given]
        self.assertEqual(len(ids), len(set(ids)))
        self.assertEqual(sum("data-groups" in given for _, given in read.elements), len(results))
        return read

    def test_alone(self) -> None:
        read = self.check(made(sample.run_new()), sample.run_new())
        for words in ("‼ REGRESSION", "✗ FAIL (open)", "★ NEWLY FIXED", "⊘ did-not-boot",
                      "– skip", "✓ pass", "left out: x/results.json: <empty>"):
            self.assertIn(words, read.text)
        self.assertNotIn("Since", read.text)

    def test_two_runs(self) -> None:
        read = self.check(made(sample.run_new(), run_old()), sample.run_new())
        for words in ("Since run-old", "3 worse", "2 better", "was 6.1.0-55-cloud",
                      "✓ pass → ‼ REGRESSION", "✗ FAIL (open) → ★ NEWLY FIXED", "=✓ pass",
                      " failed → ⊘ did-not-boot"):
            self.assertIn(words, read.text)
        self.assertLess(read.text.index("3 worse"), read.text.index("show kernels with"))

    def test_details(self) -> None:
        details = [dict(zip(page.DETAIL, detail))
                   for detail in json.loads(Reader(made(sample.run_new())).scripts[0])]
        self.assertEqual(details[0]["title"], "6.1.0-56-cloud · lost-pointer · 64 bit")
        self.assertEqual(details[0]["command"],
                         "scripts/qa run --kernels debian:6.1.192 --program lost_pointer --abi 64")
        self.assertIn("not ok 1", details[0]["excerpt"])
        self.assertTrue(details[0]["commit"].startswith("4fe82aedeb8a"))
        dead = next(detail for detail in details if detail["state"] == "did-not-boot")
        self.assertEqual((dead["log"], "Unable to mount" in dead["excerpt"]),
                         ("6.12.117+deb13-cloud/console.log", True))
        self.assertTrue(all(len(detail["excerpt"]) <= page.LIMIT for detail in details))

    def test_a_kernel_that_warned(self) -> None:
        quiet, *others = results = sample.warned()
        read = self.check(made(results), results)
        # the filter, and a cell each
        self.assertEqual(read.text.count("⚠ warned"), 1 + len(others))
        told = [dict(zip(page.DETAIL, detail)) for detail in json.loads(read.scripts[0])
                if detail[1] == "warned"]
        self.assertEqual([(each["title"], each["log"]) for each in told],
                         [("w", "w/console.log"), ("f", "f/console.log")])
        self.assertIn("refcount_t: underflow", told[0]["reason"])
        read = self.check(made([replace(others[0], kernel="k")], [replace(quiet, kernel="k")]),
                          others[:1])
        self.assertIn("quiet → ⚠ warned", read.text)
        self.assertNotIn("⚠", Reader(made([quiet])).text)

    def test_a_log_that_was_not_read(self) -> None:
        deaf = replace(sample.warned()[0], unheard="/dev/kmsg: Operation not permitted")
        self.assertIn("its\xa0log\xa0was\xa0not\xa0read", self.check(made([deaf]), [deaf]).text)

    def test_a_run_of_nothing_is_one_cell(self) -> None:
        nothing = replace(sample.warned()[0], outcome="ran-nothing",
                          reason="a seccomp filter refuses it")
        read = self.check(made([nothing]), [nothing])
        self.assertIn("⊘ ran-nothing a seccomp filter refuses it", read.text)
        both = [replace(nothing, warnings=["BUG: x"])]
        self.assertIn("⚠ warned", self.check(made(both), both).text)

    def test_hostile_text(self) -> None:
        results = sample.hostile()
        other = [replace(result, outcome="hung") for result in results]
        for text in (made(results), made(results, other), made(other, results)):
            read = self.check(text, results)
            self.assertIn("<!--<script>alert(1)</script>]]>&amp;\"' onload=x", read.text)

    def test_golden(self) -> None:
        """scripts/qa report --format html --against run-old run-new,
        in data, less style and script."""
        folder, old = Folder.read(DATA / "run-new"), Folder.read(DATA / "run-old")
        text = "".join(page.document(folder, old, compare.compare(folder.results, old.results)))
        self.assertEqual(bare(text), (DATA / "run-new.html").read_text())

    def test_every_group_has_a_colour_and_a_sign(self) -> None:
        style = (Path(page.__file__).parent / "page.css").read_text()
        for name, (sign, _) in page.GROUPS.items():
            self.assertTrue(sign)
            self.assertTrue(name == "skipped" or f".{name.replace(' ', '-')}" in style)


def bare(text: str) -> str:
    """A page without page.css and page.js."""
    text = re.sub(r"(?s)<style>.*?</style>\n", "", text)
    return re.sub(r'(?s)<script>\n"use strict".*?</script>\n', "", text)


if __name__ == "__main__":
    unittest.main()
