"""What breaks the rules of the layout, and what layout.toml allows."""

import tempfile
import unittest
from pathlib import Path

from kit import rules
from kit.base.error import Unusable
from tests.test_layout import house

LONG = "".join(f"A{number} = 0\n" for number in range(rules.FILE + 1))
TALL = "def f():\n" + "    a = 0\n" * rules.FUNCTION
WIDE = f"# {'-' * rules.COLUMNS}\n"


class Rules(unittest.TestCase):
    def wrong(self, files: dict[str, str], allowed: str = "") -> list[str]:
        """What rules.check() says of a tree, with this layout.toml."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "layout.toml")
            path.write_text(allowed)
            return rules.check(house(files), path)

    def one(self, files: dict[str, str], said: str, allowed: str = "") -> None:
        """Fails unless just one thing is wrong, and said so."""
        found = self.wrong(files, allowed)
        self.assertEqual(len(found), 1, found)
        self.assertIn(said, found[0])

    def test_nothing_is_wrong(self) -> None:
        self.assertEqual(self.wrong({
            "qa": "#!python3\nfrom kit import a\n", "kit/a.py": "from .base import b\n",
            "kit/base/b.py": "", "tests/test_a.py": "from kit import a\n",
            "tests/test_b.py": "from kit.base import b\n"}), [])

    def test_imports_that_go_up(self) -> None:
        tests = {f"tests/test_{name}.py": f"from kit.{floor} import {name}\n" for floor, name in
                 (("base", "a"), ("kernel", "k"), ("report", "r"), ("harm", "h"))}
        down = {"kit/base/a.py": "", "kit/kernel/k.py": "from ..base import a\n",
                "kit/report/r.py": "", "kit/harm/h.py": "from ..kernel import k\n", **tests}
        self.assertEqual(self.wrong(down), [])
        up = {**down, "kit/base/a.py": "from ..kernel import k\n"}
        self.one(up, "kit/base/a.py: imports kit/kernel/k.py: base is below kernel")
        self.one({**down, "kit/report/r.py": "from ..harm.h import x\n"}, "report is below harm")
        self.one({**down, "kit/report/r.py": "from ..kernel import k\n"},
                 "report does without kernel")
        self.one({**down, "kit/kernel/k.py": "from tests import test_a\n"},
                 "only a test imports a test")
        self.assertEqual(self.wrong(up, '[up]\n"base.a -> kernel.k" = "not yet moved"\n'), [])
        self.one(down, "[up] base.a -> kernel.k: nothing needs it",
                 '[up]\n"base.a -> kernel.k" = "not yet moved"\n')

    def test_a_folder_without_a_place(self) -> None:
        self.one({"kit/attic/a.py": "", "tests/test_a.py": "from kit.attic import a\n"},
                 "kit/attic: no place among base, series,")

    def test_files_of_c(self) -> None:
        long = "int main(void)\n{\n" + "\tf();\n" * rules.FUNCTION + "}\n"
        with tempfile.TemporaryDirectory() as folder:
            path, allowed = Path(folder, "long.c"), Path(folder, "layout.toml")
            allowed.write_text('[functions]\n"long.c main" = [60, "a switch"]\n')
            path.write_text(long)
            self.assertEqual(rules.check(house({"qa": "#!python3\n"}), allowed, [path]), [])
            path.write_text(long * 10)
            found = rules.check(house({"qa": "#!python3\n"}), allowed, [path])
            self.assertTrue(any("long.c: 530 lines, 350 are the most" in line for line in found))
            allowed.write_text("")
            self.assertIn("long.c: main() has 52 lines, not 50 at most",
                          rules.check(house({"qa": "#!python3\n"}), allowed, [path])[-1])
            path.write_text("int main(void)\n{\n\treturn 0;\n}\n")
            self.assertEqual(rules.check(house({"qa": "#!python3\n"}), allowed, [path]), [])

    def test_modules_without_a_test(self) -> None:
        tree = {"kit/a.py": "", "kit/b.py": "from . import a\n",
                "kit/test_b.py": "from kit import b\n"}
        self.one(tree, "kit/a.py: no test_a.py")
        self.assertEqual(self.wrong({**tree, "kit/a.py": '"""A.\n\nTested by test_b.\n"""\n'}), [])
        self.assertEqual(self.wrong(tree, '[covered]\na = "test_b"\n'), [])
        self.one(tree, "test_c, which is to test it, does not exist",
                 '[covered]\na = "test_c"\n')
        self.one({**tree, "kit/test_d.py": ""}, "does not import it",
                 '[covered]\na = "test_d"\n')
        self.one({**tree, "kit/test_a.py": ""}, "does not import it")
        self.one({**tree, "kit/test_a.py": "from kit import a\n"}, "take it out",
                 '[covered]\na = "test_b"\n')
        self.one({**tree, "kit/a.py": '"Tested by test_b"'},
                 "[covered] x: there is no such module", '[covered]\nx = "test_b"\n')

    def test_modules_that_only_a_check_runs(self) -> None:
        tree = {"kit/a.py": "", "check": '#!python3\nCHECKS = {"stock": 1, f"build-{1}": 2}\n'}
        self.assertEqual(self.wrong(tree, '[covered]\na = "check stock"\n'), [])
        self.assertEqual(self.wrong(tree, '[covered]\na = "check build"\n'), [])
        self.one(tree, "scripts/check has no check sto", '[covered]\na = "check sto"\n')

    def test_what_is_long(self) -> None:
        for text, table, key, most, said in (
                (LONG, "files", "test_a.py", 351, "kit/test_a.py: 351 lines"),
                (TALL, "functions", "test_a.py f", 51, "kit/test_a.py: f() has 51 lines")):
            tree = {"kit/test_a.py": text}
            self.one(tree, said)
            entry = f'[{table}]\n"{key}" = [%d, "why"]\n'
            self.assertEqual(self.wrong(tree, entry % most), [])
            self.one(tree, f"layout.toml allows {most - 1}", entry % (most - 1))
            self.one({"kit/test_a.py": ""}, f"[{table}] {key}: nothing needs it", entry % most)

    def test_no_line_is_wide(self) -> None:
        tree = {"kit/test_a.py": WIDE * 2}
        self.one(tree, "kit/test_a.py:2: 2 lines have more than 100 columns")
        self.assertEqual(self.wrong({"kit/test_a.py": WIDE.replace("--", "", 1)}), [])

    def test_a_table_that_cannot_be_read(self) -> None:
        wanted = "give a number and a reason"
        for text, said in (("[files", "layout.toml"), ("[file]\na = 1\n", "no such table: file"),
                           ('[files]\na = [400, " "]\n', rf"\[files\] a: {wanted}"),
                           ("[files]\na = 400\n", wanted),
                           ("[lines]\na = 4\n", "no such table: lines"),
                           ("files = 4\n", "layout.toml"), ('[up]\n"a -> b" = ""\n', wanted)):
            with self.assertRaisesRegex(Unusable, said, msg=text):
                self.wrong({"kit/test_a.py": ""}, text)
        with self.assertRaisesRegex(Unusable, "No such file"):
            rules.check(house({"kit/test_a.py": ""}), Path("/nonexistent/layout.toml"))


if __name__ == "__main__":
    unittest.main()
