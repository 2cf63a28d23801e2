"""The rows of selftests/errors, what it prints, and the page and the table that have
to be about them."""

import unittest

from kit import errors
from kit.errors import Cell, Row

SAID = ["TAP version 13", "1..5", "# zc_unix: sendmsg_zc -EOPNOTSUPP, system call 2700",
        "ok 1 zc_unix",
        "# no_checksum: sendmsg 2700, system call 2700",
        "ok 2 no_checksum # SKIP not in this kernel: 2700 by both",
        "ok 3 ipsec # SKIP no ESP (Protocol not supported): modprobe esp6",
        "# no_route: sendmsg -EINVAL, system call -ENETUNREACH", "not ok 4 no_route",
        "# eaten_unix: not finished within 20 s", "not ok 5 eaten_unix"]
ROWS = [Row("zc_unix", "sendmsg_zc", "-EOPNOTSUPP", "2700", errors.NOBODY),
        Row("eaten_unix", "sendmsg", "0", "2700", "eaten-data")]
PAGE = """\
-EOPNOTSUPP
-----------

   * - ``zc_unix``
     - None: AF_UNIX

No error, but wrong
-------------------

   * - ``eaten_unix``
     - **eaten-data**: an empty datagram
"""
TABLE = """\
row         by          io_uring     call  5.10.262  6.18.44
zc_unix     sendmsg_zc  -EOPNOTSUPP  2700  -         yes
eaten_unix  sendmsg     0            2700  yes       2700

5.10.262
  zc_unix: this kernel has no sendmsg_zc
"""


class Rows(unittest.TestCase):
    def test_source(self) -> None:
        every = errors.rows()
        found = {row.name: row for row in every}
        self.assertEqual(len(found), len(every))
        self.assertEqual(found["lost_pointer"],
                         Row("lost_pointer", "sendmsg_zc", "-EFAULT", "2700", "lost-pointer"))
        self.assertEqual(found["optmem"].ring, "-ENOBUFS")    # of "ABI_32 ? -ENOMEM : -ENOBUFS"
        self.assertEqual(found["fragments"].call, "1800")          # of "PIECES * PIECE"
        self.assertEqual(found["copied"].ring, "-2147483648")

    def test_printed(self) -> None:
        self.assertEqual(errors.column(SAID), {
            "zc_unix": Cell("yes"), "no_checksum": Cell("2700"),
            "ipsec": Cell("-", "no ESP (Protocol not supported): modprobe esp6"),
            "no_route": Cell("FAIL", "no_route: sendmsg -EINVAL, system call -ENETUNREACH"),
            "eaten_unix": Cell("FAIL", "eaten_unix: not finished within 20 s")})


class Table(unittest.TestCase):
    def test_32_bit(self) -> None:
        every = {row.name: Cell("yes") for row in errors.rows()}
        large = {**every, "wrong_length": Cell("-", "32-bit programs alone"),
                 "ipsec": Cell("-", "no ESP")}
        small = {**every, "ipsec": Cell("-", "no IPsec"),
                 "lost_pointer": Cell("-", "wrong-length comes first")}
        text = errors.table({"6.1.192": {"64": large, "32": small}, "6.18.44": {"64": large}})
        words = errors.recorded(text)[1]
        self.assertEqual([words[kernel]["wrong_length"] for kernel in words], ["32:yes", "-"])
        self.assertEqual(words["6.1.192"]["lost_pointer"], "yes")
        notes = text.partition("\n\n")[2].splitlines()
        self.assertEqual(notes, ["6.1.192", "  ipsec: no ESP",
                                 "  32 bit, lost_pointer: wrong-length comes first", "", "6.18.44",
                                 "  wrong_length: 32-bit programs alone", "  ipsec: no ESP",
                                 "  32 bit: this kernel runs no such programs"])


class Stale(unittest.TestCase):
    def test_ours(self) -> None:
        self.assertEqual(
            errors.stale(errors.PAGE.read_text(), errors.RECORD.read_text(), errors.rows()), "")

    def test_page(self) -> None:
        self.assertEqual(errors.stale(PAGE, TABLE, ROWS), "")
        for page, said in ((PAGE.replace("zc_unix", "zc_other"), "the program has no row zc_other"),
                           (PAGE.partition("No error")[0], "says nothing of the row eaten_unix"),
                           (PAGE.replace("-EOPNOTSUPP", "-EINVAL"),
                            "zc_unix gives -EOPNOTSUPP and stands below '-EINVAL'"),
                           (PAGE.replace("None: AF", "**late-read**: AF"),
                            "zc_unix is none, not late-read"),
                           (PAGE.replace("**eaten-data**", "None"),
                            "eaten_unix is eaten-data, not none")):
            self.assertIn(said, errors.stale(page, TABLE, ROWS))

    def test_table(self) -> None:
        for table in (TABLE.replace("0            2700", "-ENODATA     2700"),
                      TABLE.replace("zc_unix ", "zc_old  ")):
            self.assertIn("not about the rows", errors.stale(PAGE, table, ROWS))


class Changed(unittest.TestCase):
    def test_branch(self) -> None:
        self.assertEqual(errors.of_branch(TABLE, "6.18.15"),
                         {"zc_unix": "yes", "eaten_unix": "2700"})
        self.assertEqual(errors.of_branch(TABLE, "6.1.192"), {})

    def test_cells(self) -> None:
        then = errors.of_branch(TABLE, "5.10.262")
        self.assertEqual(errors.changed({"zc_unix": Cell("yes"), "eaten_unix": Cell("yes")}, then),
                         "")
        self.assertEqual(errors.changed({"eaten_unix": Cell("2700")}, then),
                         "eaten_unix: 2700, recorded: yes")
        self.assertEqual(errors.changed({"eaten_unix": Cell("-", "not here")}, then), "")
        self.assertEqual(errors.changed({"zc_unix": Cell("FAIL", "it died")}, {}),
                         "zc_unix: it died")


if __name__ == "__main__":
    unittest.main()
