"""Tests of the folders first/ of patches/: small fixes that are posted before the series."""

import re
import tempfile
import unittest
from pathlib import Path

from kit.series import fixes, patch, reissue


class FirstTest(unittest.TestCase):
    """What is in each of them."""

    def test_names(self) -> None:
        with_first = [branch for branch in patch.branches() if branch.first]
        self.assertEqual([branch.name for branch in with_first],
                         ["linux-6.1.y", "linux-6.12.y", "mainline"])
        for branch in with_first:
            with self.subTest(branch=branch.name):
                self.assertEqual([one.slug for one in branch.first],
                                 [one.slug for one in with_first[-1].first])
                self.assertLessEqual({one.slug for one in branch.first}, set(fixes.load()))

    def test_heads(self) -> None:
        for branch in patch.branches():
            for number, one in enumerate(branch.first, 1):
                with self.subTest(patch=one.name):
                    self.assertIn(f"[PATCH {number}/{len(branch.first)}] ", one.text)
                    self.assertNotIn("Signed-off-by:", one.text)
                    self.assertRegex(one.message, r"\nFixes: [0-9a-f]{12} \(\".*\"\)\n")
                    self.assertTrue(one.message.endswith("Cc: stable@vger.kernel.org"))
                    # net/ and io_uring/ have other maintainers
                    self.assertEqual(len({path.partition("/")[0] for path in one.paths}), 1)

    def test_base(self) -> None:
        for branch in patch.branches():
            if branch.first:
                base = branch.number.branch if branch.name != "mainline" else ""
                self.assertRegex(patch.read(branch.home / "first/cover-letter.txt"),
                                 re.compile(rf"^base: {base}", re.M))

    def test_what_a_tree_lacks(self) -> None:
        """Nothing where there is nothing; what a receive does not put back where it does not."""
        with tempfile.TemporaryDirectory() as name:
            tree = Path(name)
            self.assertEqual(reissue.present(tree), frozenset())
            (tree / "io_uring").mkdir()
            net = tree / "io_uring/net.c"
            body = ("int io_recvmsg(struct io_kiocb *req)\n{\n%s\tif (io_net_retry(sock, "
                    "flags))\n\t\treturn 1;\n}\n")
            net.write_text(body % "")
            five = {("used-up-control", "any"), ("merged-records", "any")}
            later = {("grown-name", "any"), ("lost-error", "any"), ("repeated-peek", "recv"),
                     ("repeated-peek", "recvmsg"), ("repeated-peek", "recvmsg_trunc")}
            self.assertEqual(reissue.present(tree), five | later)
            # What 5.10 clears after a part is not put back
            net.write_text(body % "\tmsg.msg_controllen = 0;\n")
            self.assertEqual(reissue.present(tree), five | later)
            body = body.replace("io_net_retry", "io_recv_retry")
            net.write_text(body % "\tmsg.msg_controllen = len;\n")
            self.assertEqual(reissue.present(tree), later)
            retry = "bool io_recv_retry(int flags)\n{\n\treturn !(flags & MSG_PEEK);\n}\n"
            cured = body % "\tmsg.msg_controllen = len;\n\tuaddr = NULL;\n" \
                           "\tio_net_keep_error(sock, ret);\n%s"
            net.write_text(retry + cured % "")
            self.assertEqual(reissue.present(tree), {("repeated-peek", "recvmsg_trunc")})
            cured %= "\tio_recv_advance(kmsg, left);\n"
            net.write_text(retry + cured)
            self.assertEqual(reissue.present(tree), frozenset())
            # Since 6.10 a receive keeps its buffer as well
            own = "int io_recv(void)\n{\n\tkmsg->msg.msg_flags = 0;\n%s}\n"
            net.write_text(retry + cured + own % "")
            self.assertEqual(reissue.present(tree), {("repeated-peek", "recv_trunc")})
            net.write_text(retry + cured + own % "\tio_recv_advance(kmsg, left);\n")
            self.assertEqual(reissue.present(tree), frozenset())

    def test_what_a_send_lacks_after_a_part(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            tree = Path(name)
            (tree / "io_uring").mkdir()
            net = tree / "io_uring/net.c"
            body = ("int io_sendmsg(struct io_kiocb *req)\n{\n"
                    "\tif (io_net_retry(sock, flags)) {\n%s\t}\n}\n")
            always = {("eaten-data", "sendmsg"), ("fastopen-unfinished", "any"),
                      ("late-file", "any"), ("repeated-id", "any")}
            net.write_text(body % "")
            self.assertEqual(reissue.present(tree), always)
            net.write_text(body % "\t\tkmsg->msg.msg_controllen = 0;\n")
            self.assertEqual(reissue.present(tree), always | {("cut-control", "sendmsg")})
            # An IV that is not repeated says nothing of other control
            net.write_text(body % ("\t\tif (sock->ops->family == PF_ALG) {\n"
                                   "\t\t\tkmsg->msg.msg_controllen = 0;\n\t\t}\n"))
            self.assertEqual(reissue.present(tree), always)
            # io_uring.c passes files over a socket of its own
            net.write_text("static int pass(void)\n{\n\tstruct scm_fp_list *fpl;\n}\n" + body % "")
            self.assertEqual(reissue.present(tree), always)
            held = ("static int hold(void)\n{\n\tscm_fp_copy(cmsg, "
                    "&fp);\n\tmsg_zerocopy_realloc(sk);\n}\n")
            net.write_text(held + body % "")
            self.assertEqual(reissue.present(tree),
                             always - {("late-file", "any"), ("repeated-id", "any")})

    def test_a_send_that_goes_another_way_keeps_the_name(self) -> None:
        way = "static int __io_sendmsg(void)\n{\n\treturn sock_sendmsg(sock, &kmsg->msg);\n}\n"
        call = "long __sys_sendmsg_sock(void)\n{\n\treturn ____sys_sendmsg();\n}\n"
        keeps = "int sock_sendmsg(void)\n{\n\tsave_addr = msg->msg_name;\n}\n"
        for net, socket, lacks in (("", call, True), (way, call, True), (way, call + keeps, False),
                                   ("", call + keeps, True)):
            with tempfile.TemporaryDirectory() as name:
                for path, text in (("io_uring/net.c", net), ("net/socket.c", socket)):
                    (Path(name) / path).parent.mkdir(exist_ok=True)
                    (Path(name) / path).write_text(text)
                self.assertEqual(("rewritten-name", "sendmsg") in reissue.present(Path(name)),
                                 lacks)


if __name__ == "__main__":
    unittest.main()
