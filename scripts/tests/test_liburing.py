"""The build of liburing: no silent step to another version,
and no noise that looks like a reason."""

import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from kit.build import liburing
from kit.base.error import Unusable

ALL = "".join(f"{name}                yes\n" for name in liburing.PROBES)
# What a configure does that finds a clang: it is tried,
# and its complaint is the first line with an "error:"
CONFIGURE = """#!/bin/sh
if ! clang -target bpf -mcpu=v4; then :; fi
cat <<'EOF'
{said}EOF
exit {status}
"""


class Library(unittest.TestCase):
    def setUp(self) -> None:
        top = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.enterContext(mock.patch.dict(os.environ, {"XDG_CACHE_HOME": f"{top}/cache",
                                                       "PATH": f"{top}/bin:{os.environ['PATH']}"}))
        self.tree = top / "tree"
        for folder in (self.tree, top / "bin"):
            folder.mkdir()
        self.program(top / "bin/clang", "#!/bin/sh\necho \"error: unknown target CPU 'v4'\" >&2\n"
                     "exit 1\n")
        # All that it is asked for is said by it: no make is needed here
        self.program(top / "bin/make", "#!/bin/sh\necho 'queue.c:3:1: error: no good' >&2\n"
                     "exit $MADE\n")

    def program(self, path: Path, text: str) -> None:
        path.write_text(text)
        path.chmod(0o755)

    def build(self, said: str, status: int = 0, made: int = 0) -> None:
        self.program(self.tree / "configure", CONFIGURE.format(said=said, status=status))
        with mock.patch.dict(os.environ, {"MADE": str(made)}):
            liburing.library(self.tree, "cc", "liburing 1-1 for s390x, 64 bit")

    def test_good(self) -> None:
        self.build(ALL)

    def test_the_telling_line_is_the_failure_s(self) -> None:
        with self.assertRaisesRegex(
                Unusable,
                r"^building liburing 1-1 for s390x, 64 bit: queue.c:3:1: error: no good \(all"):
            self.build(ALL, made=2)
        with self.assertRaisesRegex(Unusable, "^configuring liburing 1-1 for s390x, 64 bit: ERROR: "
                                    "no such compiler"):
            self.build("ERROR: no such compiler\n", status=1)

    def test_a_compiler_that_cannot_link(self) -> None:
        with self.assertRaisesRegex(Unusable, "finds no open_how, so this compiler cannot link"):
            self.build(ALL.replace("open_how                yes", "open_how                no"))


if __name__ == "__main__":
    unittest.main()
