"""Tests of patches/mainline/buffers, and of what the code of a tree says of provided buffers."""

import unittest

from kit.series import fixes, patch, provided


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
