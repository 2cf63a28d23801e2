"""The layout of scripts/: floors, imports and the picture, in small trees."""

import tempfile
import unittest
from pathlib import Path

from kit import layout
from kit.base.error import Unusable

VERB = "#!/usr/bin/python3\nfrom kit import matrix\nfrom kit.base import arch\n"
TREE = {
    "qa": VERB, "notes": "no script\n", "kit/__init__.py": '"""Nouns."""\n',
    "kit/base/arch.py": "", "kit/guest/vm.py": "from ..base import arch\nimport os\n",
    "kit/kernel/image.py": "def f():\n    from ..guest.vm import Run\n",
    "kit/matrix.py": "from .guest import vm\nfrom .kernel.image import f\n",
    "tests/test_vm.py": "from kit.guest import vm\n",
}
PICTURE = """\
verbs ==============================================================================================
    qa
  v top  base
top ================================================================================================
    matrix
  v guest  kernel
guest ==============================================================================================
    vm
  v base
kernel =============================================================================================
    image
  ^ guest
base ===============================================================================================
    arch
"""


def house(files: dict[str, str]) -> layout.House:
    """The house of these files, path below scripts/ -> text."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return layout.read(Path(folder))


class Reading(unittest.TestCase):
    def test_imports_of_all_forms(self) -> None:
        arrows = house(TREE).arrows
        self.assertEqual(arrows["qa"], ["kit.base.arch", "kit.matrix"])
        self.assertEqual(arrows["kit.guest.vm"], ["kit.base.arch"])
        self.assertEqual(arrows["kit.kernel.image"], ["kit.guest.vm"])
        self.assertEqual(arrows["kit.matrix"], ["kit.guest.vm", "kit.kernel.image"])

    def test_all_that_one_reaches(self) -> None:
        self.assertEqual(house(TREE).reached("tests.test_vm"), {"kit.guest.vm", "kit.base.arch"})

    def test_the_longest_chain(self) -> None:
        self.assertEqual(house(TREE).chain, 5)      # qa, matrix, image, vm, arch
        circle = {"kit/a.py": "from . import b\n", "kit/b.py": "from . import a\n"}
        self.assertEqual(house(circle).chain, 2)

    def test_functions_with_their_lengths(self) -> None:
        text = "class A:\n    def f(self):\n        def g():\n            pass\n        g()\n"
        files = house({"kit/a.py": text}).files
        self.assertEqual(list(files["kit.a"].functions()), [("A.f", 4), ("A.f.g", 2)])

    def test_what_cannot_be_read(self) -> None:
        with self.assertRaisesRegex(Unusable, "no scripts in it"):
            house({})
        for text, said in (("def\n", "a.py:1: "), ("\0", "a.py")):
            with self.assertRaisesRegex(Unusable, said):
                house({"kit/a.py": text})


class Picture(unittest.TestCase):
    def test_floors_and_arrows(self) -> None:
        self.assertEqual(layout.picture(house(TREE), figures=False), PICTURE)

    def test_figures(self) -> None:
        text = layout.picture(house(TREE))
        title, empty, verbs, *_rest = text.splitlines()
        self.assertEqual(title, "6 files on 5 floors, 1 tests; the longest chain of imports goes "
                         "through 5 files")
        self.assertEqual((empty, verbs[:26]), ("", "verbs (1 files, 3 lines) ="))
        self.assertIn("\n    image 2\n  ^ guest 1\n", text)

    def test_all_in_one_folder(self) -> None:
        text = layout.picture(house({"kit/a.py": "from . import b\n", "kit/b.py": "",
                                     "kit/test_a.py": "from kit import a\n"}))
        self.assertIn("2 files on 1 floors, 1 tests", text)
        self.assertIn("\n    a 1  b 0\n", text)

    def test_this_repository(self) -> None:
        self.assertIn("layout", layout.picture(layout.read(Path(layout.__file__).parents[1])))


if __name__ == "__main__":
    unittest.main()
