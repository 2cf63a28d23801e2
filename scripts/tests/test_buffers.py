"""Tests of patches/mainline/buffers, and of what the code of a tree says of provided buffers."""

import tempfile
import unittest
from pathlib import Path

from kit.series import fixes, patch, provided
from kit.series.tree import Tree, scratch


class BuffersTest(unittest.TestCase):
    """The series, and the names."""

    def test_heads(self) -> None:
        (main,) = [branch for branch in patch.branches() if branch.buffers]
        self.assertEqual(main.name, "mainline")
        for number, one in enumerate(main.buffers, 1):
            with self.subTest(patch=one.name):
                self.assertIn(f"[PATCH {number}/{len(main.buffers)}] ", one.text)
                self.assertNotIn("Signed-off-by:", one.text)
                self.assertRegex(one.message, r"\nFixes: [0-9a-f]{12} \(\".*\"\)")
                # Those that change what applications may rely on are not for stable
                self.assertEqual(one.message.endswith("Cc: stable@vger.kernel.org"),
                                 not one.slug.startswith("gapped-ring"))

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
        main = next(branch for branch in patch.branches() if branch.buffers)
        slugs = {one.slug for one in main.buffers} | {"repeated-peek"}
        self.assertEqual({slug for slug, _ in causes}, slugs)

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

    def test_the_end(self) -> None:
        bodies = {"io_recv_finish": "{ MSG_PEEK; IORING_RECV_MSHOT_LIM; }"}
        self.assertEqual(provided.present(bodies), {("missed-end", "queued-end")})
        bodies["io_poll_check_events"] = "{ atomic_sub(v - 1, &req->poll_refs); }"
        self.assertEqual(provided.present(bodies),
                         {("missed-end", "queued-end"), ("missed-end", "missed-end")})


if __name__ == "__main__":
    unittest.main()
