"""What a trace tells of a tree, the reasons for what is not reached, and the table."""

import re
import tempfile
import unittest
from pathlib import Path

from kit.harm import coverage, fault
from kit.harm.coverage import Line, Reasons
from kit.base.error import Unusable
from kit.series import patch

BEFORE = """\
static int io_send(int a)
{
	return a;
}
"""
AFTER = """\
static int io_send(int a)
{
	if (!a)
		return -ENOMEM;
	return a;
}

static int io_recv(void)
{
	return 0;
}
"""
NET = "io_uring/net.c"


# As objdump of binutils 2.40 prints it
TABLE = """\
vmlinux:     file format elf64-x86-64

Contents of the .debug_line section:

net.c:
File name                            Line number    Starting address    View    Stmt
net.c                                          3  0xffffffff81000000               x
net.c                                          4  0xffffffff81000000       1       x

/tree/include/linux/net.h:
net.h                                          4  0xffffffff81000004               x

/tree/io_uring/net.c:
net.c                                          5  0xffffffff81000008               x
net.c                                          -  0xffffffff81000010


socket.c:
socket.c                                       9  0xffffffff82000000               x
socket.c                                       -  0xffffffff82000003
"""
LOG = """\
----------------
IN: io_send
0xffffffff81000002:  85 ff                    testl    %edi, %edi
0xffffffff81000004:  74 04                    je       0xffffffff8100000a
"""


def line(text: str, reached: bool = False, added: bool = False, function: str = "io_send") -> Line:
    return Line(NET, 7, function, text, ("fuzzer",) if reached else (), added)


class Trace(unittest.TestCase):
    table = coverage.rows(TABLE)

    def test_table(self) -> None:
        self.assertEqual([row[1:] for row in self.table],
                         [(NET, 4), ("", 4), (NET, 5), ("", 0), ("net/socket.c", 9), ("", 0)])

    def test_ranges(self) -> None:
        self.assertEqual(coverage.ranges(self.table),
                         "0xffffffff81000000..0xffffffff8100000f,"
                         "0xffffffff82000000..0xffffffff82000002")

    def test_reached(self) -> None:
        """An instruction counts for the line that it is within,
        and for no other that only begins there."""
        with tempfile.TemporaryDirectory() as work:
            log = Path(work, "log")
            log.write_text(LOG)
            self.assertEqual(coverage.reached(self.table, coverage.translated(log)), {(NET, 4)})
        self.assertEqual(coverage.reached(self.table, [0xffffffff81000010, 5]), set())


class Lines(unittest.TestCase):
    def test_joined(self) -> None:
        table = [(1, NET, 3), (2, NET, 4), (3, NET, 5), (4, NET, 10), (5, "net/socket.c", 4),
                 (6, NET, 3)]
        stages = {"selftest": {(NET, 3)}, "fuzzer": {(NET, 3), (NET, 5), ("net/socket.c", 4)}}
        found = coverage.joined(NET, BEFORE, AFTER, table, stages)
        self.assertEqual([(one.number, one.function, one.text, one.by, one.added) for one in found],
                         [(3, "io_send", "if (!a)", ("selftest", "fuzzer"), True),
                          (4, "io_send", "return -ENOMEM;", (), True),
                          (5, "io_send", "return a;", ("fuzzer",), False),
                          (10, "io_recv", "return 0;", (), True)])


class Judged(unittest.TestCase):
    def known(self, *why: tuple[str, str]) -> Reasons:
        return Reasons(("io_send.*",), {one: "nobody does" for one in why})

    def test_reached(self) -> None:
        done = coverage.judge("7.3.4", [line("return 0;", reached=True)], self.known())
        self.assertEqual((done.missed, done.stale), ([], ()))

    def test_without_a_reason(self) -> None:
        done = coverage.judge("7.3.4", [line("return 0;")], self.known())
        self.assertIn("HARM: io_uring/net.c:7 io_send(): not reached: return 0;",
                      coverage.text(done))

    def test_with_a_reason(self) -> None:
        for key in (("io_send", "return 0;"), ("io_send", "")):
            self.assertEqual(coverage.judge("7.3.4", [line("return 0;")], self.known(key)).missed,
                             [])

    def test_what_is_added_has_no_excuse(self) -> None:
        done = coverage.judge("7.3.4", [line("return 0;", added=True)], self.known(("io_send", "")))
        self.assertIn("io_send(): added and not reached: return 0;", coverage.text(done))
        self.assertEqual(done.stale, ("io_send: all of it",))

    def test_what_is_added_may_be_made_sure_of_elsewhere(self) -> None:
        known = Reasons(("io_send.*",), {}, {("io_send", "return 0;"): "fault"})
        self.assertEqual(coverage.judge("7.3.4", [line("return 0;", added=True)], known).missed, [])

    def test_not_the_send_side(self) -> None:
        self.assertEqual(coverage.judge("7.3.4", [line("return 0;", function="io_recv")],
                                        self.known()).lines, ())
        new = line("x", function="io_recv", added=True)
        self.assertEqual(coverage.judge("7.3.4", [new], self.known()).lines, (new,))

    def test_table(self) -> None:
        table = coverage.text(coverage.judge("7.3.4",
                                             [line("a"), line("b", True, True)], self.known()))
        self.assertEqual(table.splitlines()[1].split()[2:], "2 0 0 1 0 1 1 0 0 1 0 1".split())


class File(unittest.TestCase):
    def read(self, text: str, branch: str = "7.3") -> Reasons:
        with tempfile.TemporaryDirectory() as work:
            path = Path(work, "coverage.toml")
            path.write_text(text)
            return coverage.reasons(path, branch)

    def test_branches(self) -> None:
        text = ('send_side = ["io_.*"]\nelsewhere = []\nunseen = []\n'
                '[[unreached]]\nfunction = "f"\nreason = "old"\nbranches = ["6.1"]\n'
                '[[unreached]]\nfunction = "g"\nline = "x"\nreason = "all"\n')
        self.assertEqual(self.read(text).why, {("g", "x"): "all"})
        self.assertEqual(self.read(text, "6.1").why, {("f", ""): "old", ("g", "x"): "all"})

    def test_broken(self) -> None:
        for text in ("[", "a = 1\n",
                     'send_side = []\n[[unreached]]\nfunction = "f"\n',
                     "send_side = 1\nunreached = [2]\nelsewhere = []\nunseen = []\n"):
            with self.assertRaises(Unusable):
                self.read(text)

    def test_ours(self) -> None:
        self.assertTrue(coverage.reasons(coverage.REASONS, "7.3").functions)


class Series(unittest.TestCase):
    """coverage.toml and the patches."""

    def test_what_is_added_elsewhere_is_in_the_series(self) -> None:
        """Function and line of each reason for an added line, in the trees that harm takes."""
        for number in ("7.3", "6.1"):
            branch = next(one for one in patch.branches() if one.name == f"linux-{number}.y")
            text = "".join(one.text for one in branch.tip)
            for function, line in coverage.reasons(coverage.REASONS, number).elsewhere:
                with self.subTest(branch=number, function=function):
                    self.assertRegex(text, rf"(?m)^(?:[+ ]|@@.*@@ ).*\b{function}\(")
                    self.assertRegex(text, rf"(?m)^\+\s*{re.escape(line)}$")

    def test_the_send_side_has_what_the_series_adds_there(self) -> None:
        """Each function of io_uring/net.c that is new in it, but those of receives."""
        mainline = patch.branches()[-1]
        names = {name for one in mainline.tip if "io_uring/net.c" in one.paths
                 for name in re.findall(r"(?m)^\+(?:static )?\w+ \*?((?:__)?io_\w+)\(", one.text)}
        self.assertIn(fault.CONTROL, names)
        side = coverage.reasons(coverage.REASONS, "7.3").functions
        self.assertEqual([name for name in sorted(names) if not name.startswith("io_recv_")
                          and not any(re.fullmatch(one, name) for one in side)], [])


if __name__ == "__main__":
    unittest.main()
