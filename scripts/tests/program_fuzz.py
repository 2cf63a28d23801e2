"""The program fuzz, as far as it needs no privileges.

No unit test: it is built with the headers of a kernel and with liburing. `scripts/check programs`.
"""

import re
import tempfile
import unittest
from functools import cache
from pathlib import Path

from kit.base import command, host
from kit.build import cross, liburing, source, static
from kit.harm import fuzz
from kit.base.arch import AMD64


@cache
def programs() -> dict[str, Path]:
    """fuzz by ABI."""
    built = static.build("harm")
    return {bits: built / name for bits, name in fuzz.PROGRAMS.items()}


def said(*words: str, bits: str = "64") -> str:
    """What fuzz prints, both streams, and its exit status at the end."""
    line = " ".join(words)
    return command.run(["sh", "-c", f"{programs()[bits]} {line} 2>&1; echo rc $?"], "fuzz")


class Program(unittest.TestCase):
    def test_a_seed_gives_the_same_buffers(self) -> None:
        first = said("--show", "40", "--seed", "7")
        self.assertEqual(first, said("--show", "40", "--seed", "7"))
        self.assertNotEqual(first, said("--show", "40", "--seed", "8"))

    def test_all_sorts_and_places_are_made(self) -> None:
        found = said("--show", "400", "--seed", "1")
        for word in ("valid", "nearly valid", "garbage", "at the end of the mapping", "misaligned",
                     "partly unmapped", "NULL", "large", "UDP_SEGMENT", "IP_PKTINFO", "IPV6_RTHDR",
                     "SCM_RIGHTS", "SO_TIMESTAMPING"):
            self.assertIn(word, found)

    def test_wrong_use(self) -> None:
        for words, why in ((("--count", "0"), "--count 0: give a number from 1 up"),
                           (("--count", "-5"), "-5: give"),
                           (("--seed", "x"), "--seed x: give a number"),
                           (("--wrong",), "--wrong: no such option"),
                           (("--kinds", "udp4,udp5"), "not a socket that it knows"),
                           (("word",), "takes no arguments")):
            found = said(*words)
            self.assertIn(why, found)
            self.assertTrue(found.endswith("; see fuzz --help\nrc 2\n"), found)

    def test_its_programs_compile(self) -> None:
        """Some for each kind of socket, and all ways among them."""
        for bits in fuzz.PROGRAMS if host.runs_32_bit() else ("64",):
            made = fuzz.parse(said("--programs", bits=bits).splitlines()).programs
            self.assertGreater(len(made), 90)
            with tempfile.TemporaryDirectory() as work:
                # not a multiple of the ways: each stands with some socket
                chosen = list(made.items())[::3]
                for name, text in chosen:
                    Path(work, name).write_text(text)
                command.run([*cross.compiler(AMD64, bits).split(), "-fsyntax-only", "-Wall",
                             "-Wextra", "-Werror", "-isystem", source.frame() / "usr/include",
                             f"-I{liburing.prefix(bits)}/include",
                             *(Path(work, name) for name, _ in chosen)], "programs")

    def test_a_program_says_what_it_is(self) -> None:
        text = fuzz.parse(said("--programs").splitlines()).programs["made-up-0-64.c"]
        self.assertIsNone(re.search(r"^@", text, re.M))
        self.assertIn(" * Compile: gcc -O2 reproducer.c -luring; run it as root.\n", text)


if __name__ == "__main__":
    unittest.main()
