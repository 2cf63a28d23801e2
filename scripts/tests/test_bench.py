"""The JSON of selftests/bench: reading it, the table, and the script for gnuplot.

The numbers of the file are made up.
"""

import json
import tempfile
import unittest
from pathlib import Path
from typing import Any

from kit import bench, bench_plot
from kit.base.error import Unusable, Usage

DATA = Path(__file__).parent / "data"
TEXT = (DATA / "bench.json").read_text()
BODY = TEXT.partition("\n")[2]             # without the comment ahead of it


def measured() -> bench.Measured:
    return bench.parse(TEXT, "bench.json")


def changed(**fields: Any) -> str:
    return json.dumps({**json.loads(BODY), **fields})


class Read(unittest.TestCase):
    def complaint(self, text: str) -> str:
        with self.assertRaises(Usage) as caught:
            bench.parse(text, "file")
        self.assertNotIn("\n", str(caught.exception))
        return str(caught.exception)

    def test_comments_ahead_are_passed_over(self) -> None:
        self.assertEqual(bench.parse(BODY, "file"), measured())

    def test_nothing_in_it(self) -> None:
        self.assertEqual(self.complaint(""), "file: empty; give a file that scripts/bench left")
        self.assertIn("file: empty", self.complaint("# nic: a comment\n"))

    def test_broken(self) -> None:
        self.assertIn("no JSON", self.complaint(BODY[:200]))

    def test_something_else(self) -> None:
        for text in ("[]", "3", "null", "[" * 100000, changed(rows=3), changed(rows=[]),
                     changed(left_out=None), changed(bits="many"),
                     changed(rows=[{"sender": "sendmsg", "segments": 0, "bytes": 1, "runs": []}])):
            self.complaint(text)

    def test_a_field_lacks(self) -> None:
        whole = json.loads(BODY)
        for name in ("kernel", "rows", "answer"):
            self.assertIn(f"lacks '{name}'",
                          self.complaint(json.dumps(
                              {key: value for key, value in whole.items() if key != name})))

    def test_no_such_file(self) -> None:
        with self.assertRaisesRegex(Usage, "No such file"):
            bench.read(DATA / "none.json")
        with self.assertRaisesRegex(Usage, "directory"):
            bench.read(DATA)

    def test_no_text(self) -> None:
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"\xff\xfe\x00")
            file.flush()
            with self.assertRaisesRegex(Usage, "no text"):
                bench.read(Path(file.name))


class Table(unittest.TestCase):
    def test_golden(self) -> None:
        self.assertEqual(bench.table(measured()), (DATA / "bench.expected").read_text())

    def test_a_run_with_an_error_does_not_count(self) -> None:
        row = next(row for row in measured().rows
                   if row.sender == "sendmsg_zc" and row.segments == 8)
        self.assertEqual(row.trouble, "1 of 3 runs: -EIO")
        assert row.rate
        self.assertLess(row.rate.least, row.rate.most)
        self.assertAlmostEqual(row.rate.median, (row.rate.least + row.rate.most) / 2)

    def test_no_good_run(self) -> None:
        row = measured().rows[-1]
        self.assertEqual((row.rate, row.cpu, row.copied), (None, None, None))


class Plot(unittest.TestCase):
    def test_a_curve_for_each_sender_in_both_panels(self) -> None:
        script = bench_plot.script(measured())
        for sender in measured().senders:
            self.assertEqual(script.count(f'title "{sender}"'), 2)

    def test_points_are_median_least_most(self) -> None:
        block = (bench_plot.script(measured()).partition("$rate0 << END\n")[2].partition("\nEND")[0]
                 .splitlines())
        self.assertEqual(len(block), 3)
        for line in block:
            _x, median, least, most = map(float, line.split())
            self.assertTrue(least < median < most)

    def test_a_row_of_errors_has_no_point(self) -> None:
        block = (bench_plot.script(measured()).partition("$cpu3 << END\n")[2].partition("\nEND")[0]
                 .splitlines())
        self.assertEqual(len(block), 2)

    def test_no_text_is_a_command(self) -> None:
        self.assertEqual(bench_plot.plain('a"`rm -rf`\\n\n$b_c'), "a??rm -rf??n??b_c")
        self.assertNotIn("`", bench_plot.script(measured()))

    def test_nothing_to_plot(self) -> None:
        rows = json.loads(BODY)["rows"][-1:]
        with self.assertRaisesRegex(Usage, "nothing to plot"):
            bench_plot.script(bench.parse(changed(rows=rows), "file"))


class Listen(unittest.TestCase):
    def test_progress_is_passed_on(self) -> None:
        said: list[str] = []
        out = bench.listen(["sh", "-c", "echo bench: run 1 of 1 >&2; echo '{}'"], said.append)
        self.assertEqual((out, said), ("{}\n", ["bench: run 1 of 1"]))

    def test_complaints_become_errors(self) -> None:
        for status, kind in ((2, Usage), (3, Unusable)):
            with self.assertRaises(kind) as caught:
                bench.listen(["sh", "-c", f"echo bench: no card >&2; exit {status}"], print)
            self.assertEqual(str(caught.exception), "no card")


if __name__ == "__main__":
    unittest.main()
