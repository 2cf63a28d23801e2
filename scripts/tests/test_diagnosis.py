"""Tests of diagnosis: made-up send functions in the shapes that kernels had."""

import tempfile
import unittest
from pathlib import Path

from kit.series import diagnosis
from kit.base.error import Unusable

SOCKET = """\
long __sys_sendmsg_sock(struct socket *sock, struct msghdr *msg, unsigned int flags)
{
	return deliver(sock, msg, flags);
}
"""
REFUSING = SOCKET.replace("	return", "	if (msg->msg_control || msg->msg_controllen)\n"
                          "		return -EINVAL;\n	return")
SAVE = "	sr->msg_control = hdr->msg.msg_control_user;\n"
COPY = """\
static int io_sendmsg_copy_hdr(struct io_kiocb *req, struct io_async_msghdr *hdr)
{
	if (is_compat(req)) {
		struct compat_msghdr c;

%s		return from_compat(hdr, &c);
	}
	from_native(hdr);
%s	return 0;
}
"""
ISSUE = """\
int io_%s(struct io_kiocb *req, unsigned int issue_flags)
{
%s	ret = __sys_sendmsg_sock(sock, &kmsg->msg, flags);
	if (ret < min_ret) {
		if (ret > 0 && io_net_retry(sock, flags)) {
%s			sr->done_io += ret;
			return -EAGAIN;
		}
	}
	kmsg->msg.msg_control = NULL;
	return 0;
}
"""
POINTER = "	kmsg->msg.msg_control_user = sr->msg_control;\n"
LENGTH = "	if (kmsg->msg.msg_controllen)\n		kmsg->msg.msg_controllen = kmsg->controllen;\n"
CLEAR = "			kmsg->msg.msg_controllen = 0;\n"
SENT = "			kmsg->msg.msg_rights_sent = 1;\n"
IV = "			if (sock->ops->family == PF_ALG) {\n				kmsg->msg.msg_controllen = 0;\n			}\n"
TAKEN = """\
static int io_copy_control(struct io_kiocb *req, struct io_async_msghdr *kmsg)
{
	if (copy_from_user(control, kmsg->msg.msg_control_user, len))
		return -EFAULT;
	return 0;
}
"""


def code(sendmsg: str = POINTER, clear: str = CLEAR, zc: str = POINTER, zc_clear: str = "",
         compat: str = "	" + SAVE) -> str:
    """The send side with these statements in place."""
    return (COPY % (compat, SAVE) + ISSUE % ("sendmsg", sendmsg, clear)
            + ISSUE % ("sendmsg_zc", zc, zc_clear))


class Diagnosing(unittest.TestCase):
    """Which defects are told from which code."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.tree = Path(folder.name)

    def tell(self, text: str, place: str = "io_uring/net.c",
             socket: str = SOCKET) -> set[tuple[str, str]]:
        """The (slug, opcode) that are present in a tree with this send side."""
        for path, content in (("Makefile", ""), ("net/socket.c", socket), (place, text)):
            (self.tree / path).parent.mkdir(parents=True, exist_ok=True)
            (self.tree / path).write_text(content)
        return {(each.slug, each.opcode) for each in diagnosis.diagnose(self.tree) if each.present}

    OPEN = {("wrong-length", "sendmsg"), ("wrong-length", "sendmsg_zc"), ("late-read", "sendmsg"),
            ("late-read", "sendmsg_zc"), ("repeated-control-sendmsg-zc", "sendmsg_zc")}

    def test_the_newest_kernels(self) -> None:
        self.assertEqual(self.tell(code()), self.OPEN)

    def test_each_statement_cures_its_own_defect(self) -> None:
        for change, gone in (({"sendmsg": POINTER + LENGTH}, ("wrong-length", "sendmsg")),
                             ({"zc": POINTER + LENGTH}, ("wrong-length", "sendmsg_zc")),
                             ({"zc_clear": CLEAR}, ("repeated-control-sendmsg-zc", "sendmsg_zc")),
                             ({"zc_clear": "			kmsg->controllen = 0;\n"},
                              ("repeated-control-sendmsg-zc", "sendmsg_zc"))):
            with self.subTest(change=change):
                self.assertEqual(self.tell(code(**change)), self.OPEN - {gone})

    def test_each_statement_that_lacks_is_told(self) -> None:
        for change, come in (({"sendmsg": ""}, ("lost-pointer-sendmsg", "sendmsg")),
                             ({"zc": ""}, ("lost-pointer-sendmsg-zc", "sendmsg_zc")),
                             ({"compat": ""}, ("lost-pointer-compat", "any")),
                             ({"clear": ""}, ("repeated-control-sendmsg", "sendmsg"))):
            with self.subTest(change=change):
                self.assertEqual(self.tell(code(**change)), self.OPEN | {come})

    def test_a_statement_in_the_wrong_function_cures_nothing(self) -> None:
        astray = code(clear="") + ISSUE.replace("io_%s", "io_recvmsg%s") % ("", "", CLEAR)
        self.assertIn(("repeated-control-sendmsg", "sendmsg"), self.tell(astray))

    def test_a_comment_cures_nothing(self) -> None:
        self.assertEqual(self.tell(code(sendmsg=POINTER + "	/* msg_controllen = sr->len; */\n")),
                         self.OPEN)

    def test_a_pointer_cleared_is_no_pointer_put_back(self) -> None:
        self.assertIn(("lost-pointer-sendmsg", "sendmsg"),
                      self.tell(code(sendmsg="	kmsg->msg.msg_control = NULL;\n")))

    def test_control_taken_once_makes_all_else_unnecessary(self) -> None:
        for rest in (CLEAR, SENT):
            whole = code(sendmsg="", zc="", clear=rest, zc_clear=rest, compat="")
            self.assertEqual(self.tell(TAKEN + whole), set())

    def test_what_is_taken_once_may_be_sent_twice(self) -> None:
        whole = code(sendmsg="", zc="", clear=IV, zc_clear=SENT, compat="")
        self.assertEqual(self.tell(TAKEN + whole),
                         {("repeated-control-sendmsg", "sendmsg")})

    def test_what_is_taken_and_not_said_to_be_is_not_told(self) -> None:
        asks = ("static int __io_sendmsg(int x)\n{\n	if (unlikely(kmsg->controllen))\n"
                "		return 1;\n	return 0;\n}\n")
        length = SAVE.rstrip("\n") + " iomsg->controllen = iomsg->msg.msg_controllen;\n"
        whole = asks + code(sendmsg="", zc="", clear=SENT, zc_clear=SENT).replace(SAVE, length)
        said = TAKEN.replace("	return 0;\n", "	kmsg->controllen = 0;\n	return 0;\n")
        self.assertEqual(self.tell(said + whole), set())
        with self.assertRaisesRegex(Unusable, r"takes the control and does not say so"):
            self.tell(TAKEN + whole)
        for number in (1, 2):          # one of both, or both
            with self.assertRaisesRegex(Unusable, r"does not save msg_controllen wherever it "):
                self.tell(said + whole.replace(length, SAVE, number))

    def test_before_sendmsg_zc(self) -> None:
        text = COPY % ("	" + SAVE, SAVE) + ISSUE % ("sendmsg", POINTER, CLEAR)
        self.assertEqual(self.tell(text, "fs/io_uring.c"),
                         {("wrong-length", "sendmsg"), ("late-read", "sendmsg")})

    def test_without_partial_retry_nothing_repeats(self) -> None:
        text = code().replace("io_net_retry(sock, flags)", "other(sock)")
        self.assertNotIn(("repeated-control-sendmsg-zc", "sendmsg_zc"), self.tell(text))

    def test_kernels_that_refuse_control(self) -> None:
        self.assertEqual(self.tell(code(sendmsg=""), socket=REFUSING), set())

    def test_through_a_helper(self) -> None:
        text = code().replace("__sys_sendmsg_sock(sock", "hand_over(sock")
        helper = ("static int hand_over(struct socket *sock)\n{\n	return __sys_sendmsg_sock(sock, "
                  "NULL, 0);\n}\n")
        self.assertEqual(self.tell(helper + text), self.OPEN)

    def test_what_cannot_be_told_says_why(self) -> None:
        elsewhere = code().replace("__sys_sendmsg_sock", "other")
        for text, place, words in ((elsewhere, "io_uring/net.c", "does not come to"),
                                   ("int nothing;\n", "io_uring/net.c", "has no io_sendmsg()"),
                                   ("", "elsewhere.c", "no io_uring in this tree")):
            with self.subTest(words=words), self.assertRaises(Unusable) as caught:
                (self.tree / "io_uring/net.c").unlink(missing_ok=True)
                self.tell(text, place)
            self.assertIn(words, str(caught.exception))

    def test_no_tree(self) -> None:
        with self.assertRaises(Unusable):
            diagnosis.diagnose(self.tree)


if __name__ == "__main__":
    unittest.main()
