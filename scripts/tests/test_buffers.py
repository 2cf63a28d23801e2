"""Tests of the folders buffers/ of patches/, and of what the code of a tree says of them."""

import tempfile
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from kit import proof
from kit.base.error import Usage
from kit.series import fixes, patch, plan, provided
from kit.series.tree import Tree, scratch


class BuffersTest(unittest.TestCase):
    """The series, and the names."""

    def test_heads(self) -> None:
        for branch in patch.branches():
            prefix = "" if branch.name == "mainline" else f"{branch.number.branch} "
            for number, one in enumerate(branch.buffers, 1):
                with self.subTest(patch=one.name):
                    self.assertIn(f"[PATCH {prefix}{number}/{len(branch.buffers)}] ", one.text)
                    self.assertNotIn("Signed-off-by:", one.text)
                    self.assertRegex(one.message, r"\nFixes: [0-9a-f]{12} \(\".*\"\)")
                    # Those that change what applications may rely on are not for stable
                    self.assertEqual(one.message.endswith("Cc: stable@vger.kernel.org"),
                                     not one.slug.startswith("gapped-ring"))

    def test_branches(self) -> None:
        """What a branch has is what mainline has, in its order, for the base of its series."""
        having = [branch for branch in patch.branches() if branch.buffers]
        self.assertEqual([branch.name for branch in having],
                         [*(f"linux-{name}.y"
                            for name in ("6.1", "6.6", "6.12", "6.18", "7.2", "7.3")), "mainline"])
        whole = [one.slug for one in having[-1].buffers]
        for branch in having:
            with self.subTest(branch=branch.name):
                slugs = [one.slug for one in branch.buffers]
                self.assertEqual(slugs, [slug for slug in whole if slug in slugs])
                letter = patch.read(branch.home / "buffers/cover-letter.txt")
                self.assertTrue(letter.endswith(f"\nbase: {branch.base}\n"))
                self.assertIn(f" 0/{len(slugs)}] ", letter.splitlines()[0])

    def test_what_is_read_is_among_the_copies(self) -> None:
        """Files that no patch changes are looked at, too: missed-end is told by poll.c."""
        with tempfile.TemporaryDirectory() as name:
            for path in ("Makefile", "net/socket.c", *provided.PLACES):
                (Path(name) / path).parent.mkdir(exist_ok=True)
                (Path(name) / path).write_text("x\n")
            with scratch(Tree(Path(name))) as copies:
                for path in provided.PLACES:
                    self.assertEqual(copies.file(path), ["x"], path)

    def test_names(self) -> None:
        # Those with a commit are of kernels for which there is no series here
        causes = {(cause.slug, cause.opcode) for cause in fixes.load()["buffers"].causes
                  if not cause.commit}
        read = {(slug, name) for name, slug, *_ in provided.LACKS}
        read |= {("stuck-length", "stuck-length"), ("missed-end", "missed-end")}
        self.assertEqual(read, causes)
        main = next(branch for branch in patch.branches() if branch.name == "mainline")
        slugs = {one.slug for one in main.buffers} | {"repeated-peek"}
        self.assertEqual({slug for slug, _ in causes}, slugs)

    def test_what_is_built(self) -> None:
        """They come on top of the series, and one of them at a time is left out."""
        without = mock.patch.object(proof, "_without",
                                    lambda _, steps, one: tuple({*steps} - {one}))
        whole = mock.patch.object(plan, "unoffered", return_value=[])
        with self.tree("6", "6") as tree, without, whole:
            found = proof.buffers(tree, True)
        names = [one.name for one in found]
        self.assertEqual(names[:3], ["as it is", "with the series", "with buffers"])
        self.assertEqual(names[-1:], ["without first-only"])
        self.assertEqual([one.name for one in found if one.cured], ["with buffers"])
        with self.tree("5", "15") as tree:
            self.assertRaises(Usage, proof.buffers, tree, False)

    @contextmanager
    def tree(self, version: str, level: str) -> Iterator[Tree]:
        """A tree that lacks nothing of its series."""
        with (tempfile.TemporaryDirectory() as name,
              mock.patch.object(plan, "plan", return_value=[])):
            lines = (f"VERSION = {version}", f"PATCHLEVEL = {level}", "SUBLEVEL = 1", "")
            Path(name, "Makefile").write_text("\n".join(lines))
            Path(name, "net").mkdir()
            yield Tree(Path(name))

    def test_what_a_tree_lacks(self) -> None:
        self.assertEqual(provided.present({}), set())
        receive = {"io_recv_buf_select": "{ *sel = io_buffer_select(req); sr->len = len; }"}
        self.assertEqual(provided.present(receive), {("stuck-length", "stuck-length")})
        send = {"io_buffers_select": "{ io_kbuf_commit(req); }"}
        lacked = {("gapped-ring-send", "gapped-ring"), ("gapped-ring-send", "overtaken-bundle"),
                  ("ignored-length", "ignored-length")}
        self.assertEqual(provided.present(send), lacked)
        send["io_buffers_select"] += "{ io_kbuf_keep(req); arg->out_len = arg->max_len; }"
        self.assertEqual(provided.present(send), set())

    def test_what_an_old_tree_lacks(self) -> None:
        """Before 6.10 an issue imports the buffer anew: what was asked for is beside its length."""
        bodies = {"io_recv": "{ buf = io_buffer_select(req); sr->len = len; "
                             "if (MSG_WAITALL && MSG_TRUNC | MSG_CTRUNC) }",
                  "__io_import_iovec": "{ buf = io_buffer_select(req); rw->len = sqe_len; }",
                  "__io_read": "{ return -EAGAIN; }", "io_recvmsg_mshot_prep": "{ }"}
        lacked = {(slug, slug) for slug in ("stuck-length", "failed-whole", "first-only")}
        self.assertEqual(provided.present(bodies), lacked | {("stuck-length-read", "stuck-read")})
        bodies["io_recv"] = ("{ len = sr->asked_len; buf = io_buffer_select(req); "
                             "sr->len = len; MSG_WAITALL; }")
        bodies["__io_read"] = "{ if (selects) rw->len = asked_len; }"
        bodies["io_recvmsg_mshot_prep"] = "{ sr->asked_len = sr->len; }"
        self.assertEqual(provided.present(bodies), set())

    def test_first_only_before_6_1_83(self) -> None:
        """There the iovec is read in a function that 5.15 has without multishot receives."""
        text = "if (req->flags & REQ_F_BUFFER_SELECT) { sr->len = msg.msg_iov[0].iov_len; "
        shots = "if (req->flags & REQ_F_APOLL_MULTISHOT) iomsg->namelen = msg.msg_namelen; }"
        name = "__io_recvmsg_copy_hdr"
        self.assertIn(("first-only", "first-only"), provided.present({name: text + shots}))
        self.assertEqual(provided.present({name: text + "}"}), set())

    def test_gapped_receive_before_6_12_117(self) -> None:
        """The first kernels with incremental buffers say nothing of a rest, but commit all."""
        body = "if (issue_flags & IO_URING_F_UNLOCKED) {\n io_kbuf_commit(req, bl, *len, 1); }"
        name = "io_ring_buffer_select"
        self.assertIn(("gapped-ring-recv", "gapped-receive"), provided.present({name: body}))
        self.assertEqual(provided.present({name: body.replace("io_kbuf_commit(req", "x(req")}),
                         set())

    def test_the_end(self) -> None:
        bodies = {"io_recv_finish": "{ MSG_PEEK; IORING_RECV_MSHOT_LIM; }"}
        self.assertEqual(provided.present(bodies), {("missed-end", "queued-end")})
        bodies["io_poll_check_events"] = "{ atomic_sub(v - 1, &req->poll_refs); }"
        self.assertEqual(provided.present(bodies),
                         {("missed-end", "queued-end"), ("missed-end", "missed-end")})


if __name__ == "__main__":
    unittest.main()
