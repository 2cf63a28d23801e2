"""What counts as a warning that was noticed; scripts/check warned provokes one."""

import tempfile
import unittest
from dataclasses import replace
from pathlib import Path

from tests import sample
from kit import provoked
from kit.base.error import Unusable
from kit.kernel.kernel import Files, Kernel


class Wrong(unittest.TestCase):
    quiet = replace(sample.warned()[0], cases=[])
    line = "WARNING: CPU: 0 PID: 61 at /tmp/x/warn.c:7 warn_init+0x5/0x1000 [warn]"
    loud = replace(quiet, kernel="k-warns", outcome="warned", reason=line, warnings=[line])

    def test_right(self) -> None:
        self.assertEqual(provoked.wrong(self.quiet, self.loud), "")
        newer = "WARNING: /tmp/x/warn.c:7 at warn_init+0x5/0x1000 [warn], CPU#0: insmod/61"
        self.assertEqual(provoked.wrong(self.quiet, replace(self.loud, warnings=[newer])), "")

    def test_not_noticed(self) -> None:
        self.assertIn("passed",
                      provoked.wrong(self.quiet, replace(self.loud, outcome="passed", warnings=[])))
        another = replace(self.loud,
                          warnings=["WARNING: CPU: 0 PID: 1 at net/core/sock.c:1 x+0x1/0x2"])
        self.assertIn("sock.c", provoked.wrong(self.quiet, another))
        self.assertIn("not all", provoked.wrong(self.quiet, replace(self.loud, cases=[
            replace(sample.warned()[0].cases[0], verdict="REGRESSION")])))

    def test_a_false_alarm(self) -> None:
        self.assertIn("BUG: x", provoked.wrong(replace(self.quiet, warnings=["BUG: x"]), self.loud))


class Warning_(unittest.TestCase):
    def test_without_modules(self) -> None:
        bare = Kernel("k", "k", "image", None, obtain=lambda: Files(Path("/nonexistent")))
        with self.assertRaisesRegex(Unusable, "no folder of modules"):
            provoked.warning(bare).obtain()

    def test_loaded_behind_the_others(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            modules, into = Path(name, "m"), Path(name, "i")
            for path in (modules, into):
                path.mkdir()
            for path in (modules / "00-sch_tbf.ko", Path(name, "warn.ko")):
                path.touch()
            provoked._beside(modules, Path(name, "warn.ko"), into)
            self.assertEqual(sorted(path.name for path in into.iterdir()),
                             ["00-sch_tbf.ko", "99-warn.ko"])


if __name__ == "__main__":
    unittest.main()
