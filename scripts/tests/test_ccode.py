"""Tests of ccode."""

import unittest

from kit.series.ccode import Source, blank, block, closing

TEXT = '''\
/* int not_this(void) { } */
#define CALL(x) do { \\
	x(); \\
} while (0)

static int first(int a,
		 struct thing *b)
{
	char *s = "} not the end";	/* nor { this */

	if (a > 1 && (b->x || second(b))) {
		b->y = 1;
		if (b->z)
			return 2;
	}
	return third(a);
}

#ifdef CONFIG_X
int second(struct thing *b)
{
	return b->x + b->y;
}
#else
int second(struct thing *b)
{
	return 0;
}
#endif

struct ops table = {
	.first = first,
};
'''


class Reading(unittest.TestCase):
    """What is found in a file."""

    def test_functions_and_lines(self) -> None:
        functions = Source(TEXT).functions
        self.assertEqual(set(functions), {"first", "second"})
        self.assertEqual(functions["first"].line, 6)
        self.assertEqual(functions["first"].at(functions["first"].body.index("third")), 16)

    def test_the_longer_of_two_is_taken(self) -> None:
        self.assertIn("b->y", Source(TEXT).functions["second"].body)

    def test_reached_follows_calls_within_the_file(self) -> None:
        self.assertEqual([function.name for function in Source(TEXT).reached("first")],
                         ["first", "second"])
        self.assertEqual(Source(TEXT).reached("nowhere"), [])

    def test_blank_keeps_lines_and_offsets(self) -> None:
        self.assertEqual(len(blank(TEXT)), len(TEXT))
        self.assertEqual(blank(TEXT).count("\n"), TEXT.count("\n"))
        self.assertNotIn("not the end", blank(TEXT))


class Blocks(unittest.TestCase):
    """The statement under an if."""

    def test_braces_are_followed(self) -> None:
        found = block(Source(TEXT).functions["first"].body, r"\bsecond\(")
        assert found
        self.assertIn("return 2", found[1])
        self.assertNotIn("third", found[1])

    def test_without_braces(self) -> None:
        found = block("if (x)\n\ty();\nz();\n", r"x")
        assert found
        self.assertEqual(found[1].strip(), "y()")

    def test_nothing_found(self) -> None:
        self.assertIsNone(block("if (x) y();", r"q"))
        self.assertIsNone(block("if (x", r"x"))
        self.assertIsNone(closing("((", 0, "()"))


if __name__ == "__main__":
    unittest.main()
