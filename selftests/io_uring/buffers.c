// SPDX-License-Identifier: GPL-2.0
/*
 * buffers: with IOSQE_BUFFER_SELECT a request takes its buffer when it is
 * issued, and perhaps another one when it is issued again. A kernel that keeps
 * something of the first, counts more than was used, or goes on where it must
 * not, cuts datagrams, leaves holes in streams, or sends what was not asked for.
 *
 * Proved: the bytes that an application finds by following the completions are
 * those that the system call receives or sends, in order and without a gap.
 * Where there is no such call, io_uring_register_buf_ring(3) promises that an
 * incremental buffer goes on behind the last completion, and
 * io_uring_prep_send(3) and io_uring_prep_recv(3) that a bundle has used the
 * buffers that its result fills, from the first one on.
 *
 * Each row is named after a way to go wrong. The references take another opcode
 * or a length that hides it.
 *
 * Needs: /proc; a network namespace, for its lo.
 * Exit code: 0 all passed or skipped, 1 a case failed (kselftest harness).
 */
#include "kselftest_harness.h"
#include "buffers.h"

SHARE_NETNS()

FIXTURE(buffers)
{
	struct pool pool;
	struct story by_call, by_ring;
};

FIXTURE_VARIANT(buffers)
{
	struct row row;
};

FIXTURE_SETUP(buffers)
{
}

FIXTURE_TEARDOWN(buffers)
{
}

/* The rows: words, scene, buffers, opcode, and whatever else one sets */

/* Two waiting sockets share a small buffer and a large one */
FIXTURE_VARIANT_ADD(buffers, stuck_length_ring_recv) {
	.row = { "stuck-length, ring", datagram, RING, IORING_OP_RECV,
		 .len = 4096 },
};

FIXTURE_VARIANT_ADD(buffers, stuck_length_incremental_recv) {
	.row = { "stuck-length, incremental", datagram, INCREMENTAL,
		 IORING_OP_RECV, .len = 4096 },
};

FIXTURE_VARIANT_ADD(buffers, stuck_length_classic_recv) {
	.row = { "stuck-length, classic", datagram, CLASSIC, IORING_OP_RECV,
		 .len = 4096 },
};

FIXTURE_VARIANT_ADD(buffers, stuck_length_multishot_recv) {
	.row = { "stuck-length, multishot", datagram, RING, IORING_OP_RECV,
		 .ioprio = MULTISHOT },
};

FIXTURE_VARIANT_ADD(buffers, stuck_read_ring_read) {
	.row = { "stuck-length, read", datagram, RING, IORING_OP_READ,
		 .len = 4096 },
};

FIXTURE_VARIANT_ADD(buffers, reference_stuck_length_recvmsg) {
	.row = { "ring, recvmsg", datagram, RING, IORING_OP_RECVMSG,
		 .len = 4096 },
};

/* An incremental buffer goes on where the last send or receive ended */
FIXTURE_VARIANT_ADD(buffers, gapped_ring_send) {
	.row = { "gapped-ring, short sends", sends, INCREMENTAL, IORING_OP_SEND,
		 .flags = MSG_DONTWAIT, .len = STREAM_TOTAL / 2,
		 .size = STREAM_TOTAL, .count = 1 },
};

FIXTURE_VARIANT_ADD(buffers, gapped_ring_full_send) {
	.row = { "gapped-ring, short sends, the first one waits", sends,
		 INCREMENTAL, IORING_OP_SEND, .len = STREAM_TOTAL / 2,
		 .size = STREAM_TOTAL, .count = 1, .full = true },
};

FIXTURE_VARIANT_ADD(buffers, gapped_receive_async_recv) {
	.row = { "gapped-ring, IOSQE_ASYNC", stream, INCREMENTAL,
		 IORING_OP_RECV, .async = true, .len = 1000, .size = 4096,
		 .count = 2, .parts = 2 },
};

FIXTURE_VARIANT_ADD(buffers, reference_gapped_ring_send) {
	.row = { "incremental, sends that end whole", sends, INCREMENTAL,
		 IORING_OP_SEND, .len = 10000, .size = 100000, .count = 1 },
};

FIXTURE_VARIANT_ADD(buffers, reference_gapped_ring_recv) {
	.row = { "incremental", stream, INCREMENTAL, IORING_OP_RECV,
		 .len = 1000, .size = 4096, .count = 2, .parts = 2 },
};

/* A multishot receive ends with the stream */
FIXTURE_VARIANT_ADD(buffers, missed_end_recv) {
	.row = { "missed-end, AF_UNIX stream", until_end, RING, IORING_OP_RECV,
		 .ioprio = MULTISHOT, .size = 10, .count = MOST_BUFFERS,
		 .parts = 40, .how = HOW_DEFER },
};

FIXTURE_VARIANT_ADD(buffers, queued_end_recv) {
	.row = { "queued-end, AF_UNIX stream", until_end,
		 RING, IORING_OP_RECV, .ioprio = MULTISHOT, .size = 10,
		 .count = MOST_BUFFERS, .parts = 40, .early = true },
};

FIXTURE_VARIANT_ADD(buffers, reference_queued_end_recv) {
	.row = { "AF_UNIX stream, one round", until_end, RING, IORING_OP_RECV,
		 .ioprio = MULTISHOT, .size = 10, .count = MOST_BUFFERS,
		 .parts = 4, .early = true },
};

FIXTURE_VARIANT_ADD(buffers, reference_missed_end_tcp_recv) {
	.row = { "tcp", until_end, RING, IORING_OP_RECV, .tcp = true,
		 .ioprio = MULTISHOT, .size = 10, .count = MOST_BUFFERS,
		 .parts = 40 },
};

FIXTURE_VARIANT_ADD(buffers, missed_wakeup_recv) {
	.row = { "missed-wakeup, AF_UNIX stream", until_end,
		 RING, IORING_OP_RECV, .ioprio = MULTISHOT, .size = 10,
		 .count = MOST_BUFFERS, .parts = 4, .how = HOW_DEFER },
};

FIXTURE_VARIANT_ADD(buffers, reference_missed_wakeup_recv) {
	.row = { "AF_UNIX stream, one at a time", until_end,
		 RING, IORING_OP_RECV, .size = 10, .count = MOST_BUFFERS,
		 .parts = 4, .how = HOW_DEFER },
};

/* io-wq does not refuse a bundle */
FIXTURE_VARIANT_ADD(buffers, refused_bundle_send) {
	.row = { "refused-bundle, IOSQE_ASYNC", sends, RING, IORING_OP_SEND,
		 .async = true, .ioprio = BUNDLE, .size = 100, .count = 4,
		 .once = true },
};

FIXTURE_VARIANT_ADD(buffers, refused_bundle_dontwait_send) {
	.row = { "refused-bundle, IOSQE_ASYNC, MSG_DONTWAIT", no_room, RING,
		 IORING_OP_SEND, .async = true, .ioprio = BUNDLE,
		 .flags = MSG_DONTWAIT, .size = 100, .count = 4 },
};

FIXTURE_VARIANT_ADD(buffers, refused_bundle_error_queue_send) {
	.row = { "refused-bundle, error queue", no_room, RING, IORING_OP_SEND,
		 .tcp = true, .ioprio = BUNDLE, .size = 100, .count = 4 },
};

FIXTURE_VARIANT_ADD(buffers, reference_refused_error_queue_send) {
	.row = { "error queue, no bundle", no_room, RING, IORING_OP_SEND,
		 .tcp = true, .size = 400, .count = 1 },
};

FIXTURE_VARIANT_ADD(buffers, reference_refused_bundle_send) {
	.row = { "bundle", sends, RING, IORING_OP_SEND, .ioprio = BUNDLE,
		 .size = 100, .count = 4, .once = true },
};

/* A bundle takes the buffers that its result names, and no more */
FIXTURE_VARIANT_ADD(buffers, overtaken_bundle_short_send) {
	.row = { "overtaken-bundle, MSG_DONTWAIT", sends, RING, IORING_OP_SEND,
		 .ioprio = BUNDLE, .flags = MSG_DONTWAIT, .size = 100000,
		 .count = 8 },
};

FIXTURE_VARIANT_ADD(buffers, longer_bundle_send) {
	.row = { "overtaken-bundle, a length", sends, RING, IORING_OP_SEND,
		 .ioprio = BUNDLE, .len = 200, .size = 100, .count = 8,
		 .once = true },
};

FIXTURE_VARIANT_ADD(buffers, reference_overtaken_bundle_send) {
	.row = { "bundle that is sent at once", sends, RING, IORING_OP_SEND,
		 .ioprio = BUNDLE, .flags = MSG_DONTWAIT, .size = 1000,
		 .count = 8 },
};

/* A length is a length, whatever buffer it is sent from */
FIXTURE_VARIANT_ADD(buffers, ignored_length_send) {
	.row = { "ignored-length, classic", sends, CLASSIC, IORING_OP_SEND,
		 .len = 10, .size = 100, .count = 1, .once = true },
};

FIXTURE_VARIANT_ADD(buffers, reference_ignored_length_send) {
	.row = { "ring", sends, RING, IORING_OP_SEND, .len = 10, .size = 100,
		 .count = 1, .once = true },
};

FIXTURE_VARIANT_ADD(buffers, longer_bundle_recv) {
	.row = { "ignored-length, bundle", stream, RING, IORING_OP_RECV,
		 .tcp = true, .ioprio = BUNDLE, .len = 200, .size = 100,
		 .count = 16, .parts = 2 },
};

FIXTURE_VARIANT_ADD(buffers, reference_longer_bundle_recv) {
	.row = { "a length, no bundle", stream, RING, IORING_OP_RECV,
		 .tcp = true, .len = 200, .size = 400, .count = 16, .parts = 2 },
};

/* A bundle goes on in the next buffer when the last one is full */
FIXTURE_VARIANT_ADD(buffers, mixed_stream_recv) {
	.row = { "mixed-stream, bundle, IOSQE_ASYNC", stream, RING,
		 IORING_OP_RECV, .tcp = true, .async = true, .ioprio = BUNDLE,
		 .size = 100, .count = 16, .parts = 2, .overtaken = true },
};

FIXTURE_VARIANT_ADD(buffers, reference_mixed_stream_recv) {
	.row = { "bundle", stream, RING, IORING_OP_RECV, .tcp = true,
		 .ioprio = BUNDLE, .size = 100, .count = 16, .parts = 2,
		 .overtaken = true },
};

/* What a peek has left is not looked at twice */
FIXTURE_VARIANT_ADD(buffers, repeated_peek_recv) {
	.row = { "repeated-peek, bundle", stream, RING, IORING_OP_RECV,
		 .tcp = true, .ioprio = BUNDLE, .flags = MSG_PEEK, .size = 100,
		 .count = 16, .parts = 2 },
};

FIXTURE_VARIANT_ADD(buffers, reference_repeated_peek_recv) {
	.row = { "peek", stream, RING, IORING_OP_RECV, .tcp = true,
		 .flags = MSG_PEEK, .size = 100, .count = 16, .parts = 2 },
};

/* A receive that got all has not failed, whatever of control had no room */
FIXTURE_VARIANT_ADD(buffers, failed_whole_recv) {
	.row = { "failed-whole, SO_PASSCRED", linked, CLASSIC, IORING_OP_RECV,
		 .flags = MSG_WAITALL, .len = 100, .credentials = true },
};

FIXTURE_VARIANT_ADD(buffers, reference_failed_whole_recv) {
	.row = { "MSG_WAITALL", linked, CLASSIC, IORING_OP_RECV,
		 .flags = MSG_WAITALL, .len = 100 },
};

FIXTURE_VARIANT_ADD(buffers, reference_failed_whole_recvmsg) {
	.row = { "SO_PASSCRED, recvmsg", linked, CLASSIC, IORING_OP_RECVMSG,
		 .ioprio = POLL_FIRST, .flags = MSG_WAITALL, .len = 100,
		 .credentials = true },
};

/* What the first receive of a multishot was given is for the next ones, too */
FIXTURE_VARIANT_ADD(buffers, first_only_recvmsg) {
	.row = { "first-only, an iovec of 200", alike, RING, IORING_OP_RECVMSG,
		 .ioprio = MULTISHOT, .len = 200, .size = 4096, .count = 4 },
};

FIXTURE_VARIANT_ADD(buffers, reference_first_only_recvmsg) {
	.row = { "no iovec", alike, RING, IORING_OP_RECVMSG,
		 .ioprio = MULTISHOT, .size = 4096, .count = 4 },
};

/* Three pieces of a registered buffer, one of them empty */
FIXTURE_VARIANT_ADD(buffers, zc_pieces_sendmsg_zc) {
	.row = { "zc-pieces, an empty piece", pieces, CLASSIC,
		 IORING_OP_SENDMSG_ZC, .tcp = true },
};

FIXTURE_VARIANT_ADD(buffers, reference_zc_pieces_sendmsg_zc) {
	.row = { "three pieces", pieces, CLASSIC, IORING_OP_SENDMSG_ZC,
		 .tcp = true, .len = 100 },
};

static const char *able(const struct row *row, struct pool *p)
{
	struct row plain = *row;
	struct story story = { };
	struct io_uring ring;
	const char *why = pool_open(p, row->kind, row->how,
				    row->ioprio & BUNDLE ||
				    row->opcode == IORING_OP_SEND);
	int sv[2];

	if (!why && row->ioprio & (MULTISHOT | POLL_FIRST) &&
	    twin_ring(&ring, OP_SEND_ZC))
		return cannot("no multishot receives, nor POLL_FIRST", 0,
			      "nothing to do, they came with 6.0 and 5.19");
	why = why ?: row_ends(row, SOCK_STREAM, sv);
	if (why || row->scene != pieces)
		return why;
	plain.len = 100;
	why = twin_ring(&ring, row->opcode) ?: pieces(&plain, p, &story);
	if (!why && !strncmp(story.text, "-EINVAL", 7))
		why = cannot("no registered buffer vectors for sendmsg_zc", 0,
			     "nothing to do, they came with 6.15");
	return why;
}

TEST_F(buffers, same)
{
	const struct row *row = &variant->row;

	if (!possible(able(row, &self->pool)))
		return;
	ASSERT_WELL(row->scene(row, NULL, &self->by_call));
	ASSERT_WELL(row->scene(row, &self->pool, &self->by_ring));
	ASSERT_SAME("buffers", row->opcode == IORING_OP_READ ? "read" :
		    call_name(row->opcode), row->what, &self->by_call,
		    &self->by_ring);
}

TEST_HARNESS_MAIN
