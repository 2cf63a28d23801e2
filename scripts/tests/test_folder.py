"""Results folders: whole, of an older version, half written, none;
and what scripts/qa report makes of each."""

import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

from kit.report.folder import Folder, parse

from tests.verbs import script

DATA = Path(__file__).parent / "data"
QA = Path(__file__).parents[1] / "qa"
WHOLE = (DATA / "run-new/6.1.0-56-cloud/results.json").read_text()


class Read(unittest.TestCase):
    def test_order_and_fields(self) -> None:
        found = Folder.read(DATA / "run-new")
        self.assertEqual([(result.kernel, result.nic, len(result.cases))
                          for result in found.results],
                         [("6.1.0-56-cloud", "", 10), ("6.1.0-56-cloud", "virtio-net", 3),
                          ("6.1.0-56", "igb", 0), ("6.12.117+deb13-cloud", "", 4),
                          ("7.2.13+deb14-cloud", "", 10), ("7.3.4+deb13-cloud", "", 3)])
        self.assertEqual(found.broken, [])
        self.assertTrue(all((DATA / "run-new" / result.folder).is_dir()
                            for result in found.results))

    def test_older_version(self) -> None:
        """run-old was written before there were NICs and start times."""
        self.assertNotIn('"nic"', (DATA / "run-old/6.1.0-55-cloud/results.json").read_text())
        self.assertEqual({(result.nic, result.nic_info, result.started)
                          for result in Folder.read(DATA / "run-old").results}, {("", "", "")})

    def complaint(self, text: str) -> str:
        with self.assertRaises(ValueError) as caught:
            parse(text, {})
        self.assertNotIn("\n", str(caught.exception))
        return str(caught.exception)

    def changed(self, case: bool = False, **fields: Any) -> str:
        data = json.loads(WHOLE)
        (data["cases"][0] if case else data).update(fields)
        return self.complaint(json.dumps(data))

    def test_broken(self) -> None:
        self.assertEqual(self.complaint(""), "empty")
        self.assertIn("half written", self.complaint(WHOLE[:300]))
        self.assertIn("lacks the list cases", self.complaint("[]"))
        self.assertIn("lacks the list cases", self.complaint('{"cases": 1}'))
        self.assertEqual(self.complaint('{"cases": []}'), "lacks the field kernel")
        self.assertEqual(self.complaint("[" * 100000), "no results: nested too deeply")
        self.assertEqual(self.changed(seconds="long"), "field seconds is of type str")
        self.assertEqual(self.changed(seconds=True), "field seconds is of type bool")
        self.assertEqual(self.changed(kernel=None), "field kernel is of type NoneType")
        self.assertIn("newer", self.changed(colour="red"))
        self.assertIn("outcome 'odd'", self.changed(outcome="odd"))
        self.assertIn("RFC 3339", self.changed(started="yesterday"))
        self.assertIn("UTC", self.changed(started="2026-01-02T03:04:05+01:00"))
        self.assertEqual(self.changed(cases=[1]), "a case is no object")
        self.assertIn("verdict 'odd'", self.changed(True, verdict="odd"))
        self.assertIn("ABI '16'", self.changed(True, abi="16"))
        self.assertIn("field reason is of type list", self.changed(True, reason=[]))


class Command(unittest.TestCase):
    """scripts/qa report with input of all kinds: exit status, and one line of complaint."""

    def setUp(self) -> None:
        work = tempfile.TemporaryDirectory()
        self.addCleanup(work.cleanup)
        self.work = Path(work.name)

    def report(self, *words: str | Path) -> tuple[int, str, str]:
        done = subprocess.run([sys.executable, QA, "report", *words], capture_output=True,
                              text=True, check=False, encoding="utf-8")
        self.assertNotIn("Traceback", done.stderr)
        return done.returncode, done.stdout, done.stderr

    def copy(self, name: str = "run-new") -> Path:
        return Path(shutil.copytree(DATA / name, self.work / name))

    def test_no_folder(self) -> None:
        for path, why in ((self.work / "none", "no such folder"), (QA, "is no folder"),
                          (self.work, "no results")):
            status, out, complaint = self.report(path)
            self.assertEqual((status, out, complaint.count("\n")), (2, "", 1))
            self.assertIn(why, complaint)
            self.assertIn("give a folder that scripts/qa run left", complaint)

    def test_wrong_use(self) -> None:
        wrong: list[list[str | Path]] = [
            ["--format", "yaml"], ["--format", "junit", "--against", DATA / "run-old"],
            ["--origin", "x"], ["--format", "kcidb", "--origin", "Big Lab"]]
        for words in wrong:
            status, out, _ = self.report(*words, DATA / "run-new")
            self.assertEqual((status, out), (2, ""), words)

    def test_broken_one_is_named_and_left_out(self) -> None:
        folder = self.copy()
        broken = folder / "7.2.13+deb14-cloud/results.json"
        broken.write_text(broken.read_text()[:1000])
        (folder / "6.12.117+deb13-cloud/results.json").unlink()
        for name in script("qa").FORMATS:
            status, out, complaint = self.report("--format", name, folder)
            self.assertEqual((status, complaint.count("\n")), (3, 2), complaint)
            self.assertIn(f"{broken}: half written", complaint)
            self.assertIn("6.12.117+deb13-cloud/results.json: not there, it was interrupted",
                          complaint)
            self.assertIn(f"scripts/qa run --resume {folder}", complaint)
            self.assertIn("6.1.0-56-cloud", out)
            # which says that it is left out
            self.assertEqual("7.2.13+deb14-cloud" in out, name == "html")

    def test_all_broken(self) -> None:
        folder = self.copy()
        for file in folder.glob("*/results.json"):
            file.write_text("{")
        status, out, complaint = self.report(folder)
        self.assertEqual((status, out, complaint.count("\n")), (2, "", 1))
        self.assertIn("half written", complaint)

    def test_against(self) -> None:
        new, old = DATA / "run-new", self.copy("run-old")
        status, out, _ = self.report(new, "--against", old)
        self.assertEqual((status, out), (1, (DATA / "run-new.changes").read_text()))
        self.assertEqual(self.report(new, "--against", old, "--format", "html")[0], 1)
        self.assertEqual(self.report(new, "--against", new)[0], 0)
        (old / "6.1.0-55-cloud/results.json").write_text("")
        (old / "6.12.116+deb13-cloud/results.json").write_text("")
        status, out, complaint = self.report(new, "--against", old)
        self.assertEqual((status, complaint.count("\n")), (3, 2))
        self.assertIn("1 compared: 0 worse, 2 better", out)

    def test_any_locale(self) -> None:
        done = subprocess.run([sys.executable, QA, "report", "--format", "html", DATA / "run-new"],
                              capture_output=True, check=False,
                              env={"PYTHONIOENCODING": "ascii", "PATH": "/usr/bin"})
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertIn("✓ pass".encode(), done.stdout)


if __name__ == "__main__":
    unittest.main()
