// SPDX-License-Identifier: GPL-2.0
/*
 * repeated-control: with MSG_WAITALL a send on a stream socket that took only
 * a part of the data is issued again with the rest. Its control messages took
 * effect with the first part; a kernel that keeps them sends them again with
 * each part.
 *
 * Proved: one request of 1 MiB with SO_TIMESTAMPING as its control gives one
 * TX timestamp, as sendmsg(2) does, however many short sends it took. That it
 * took more than one is asserted: after submit the peer has data to read and
 * the request is not complete.
 *
 * Needs: nothing but loopback; uses a network namespace where that is allowed.
 * Exit code: 0 all passed or skipped, 1 a case failed (kselftest harness).
 */
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "network.h"
#include "report.h"
#include "ring.h"

#define REFERENCE	"tcp 1 MiB, MSG_WAITALL, no control"
#define WHAT		"tcp 1 MiB, MSG_WAITALL, SO_TIMESTAMPING"

static const struct route on_lo;

FIXTURE(repeated_control)
{
	struct io_uring ring;
	const char *why;	/* of a SKIP */
};

FIXTURE_VARIANT(repeated_control)
{
	enum opcode op;
	bool control;
};

FIXTURE_SETUP(repeated_control)
{
	if (variant->control)
		self->why = run_spoiled(variant->op);
	self->why = self->why ?: netns_enter(false) ?:
		    ring_open(&self->ring, variant->op, HOW_RETRY);
}

FIXTURE_TEARDOWN(repeated_control)
{
	if (self->ring.ring_fd > 0)
		io_uring_queue_exit(&self->ring);
}

/* Short sends without control: complete, in order, no timestamp */
FIXTURE_VARIANT_ADD(repeated_control, reference_sendmsg) {
	.op = OP_SENDMSG, .control = false
};

FIXTURE_VARIANT_ADD(repeated_control, reference_zc) {
	.op = OP_ZC, .control = false
};

/* The first part carries the control, the others must not */
FIXTURE_VARIANT_ADD(repeated_control, sendmsg) {
	.op = OP_SENDMSG, .control = true
};

FIXTURE_VARIANT_ADD(repeated_control, zc) {
	.op = OP_ZC, .control = true
};

TEST_F(repeated_control, short_send)
{
	const char *wrong, *defect, *why;

	if (!possible(self->why))
		return;
	wrong = stream_send(&self->ring, variant->op, false, &on_lo, &defect,
			    &why);
	if (!possible(why))
		return;
	judge(defect, opcode_name(variant->op), REFERENCE, wrong);
	if (!variant->control)
		return;
	wrong = stream_send(&self->ring, variant->op, true, &on_lo, &defect,
			    &why);
	judge(defect, opcode_name(variant->op), WHAT, wrong);
}

/* What sendmsg(2) gives for the same data and control: one timestamp */
TEST(reference_system_call)
{
	struct stream s;
	char buf[4096];
	pid_t reader;
	int status;

	if (!possible(netns_enter(false)))
		return;
	if (!possible(stream_open(&s, &on_lo)))
		return;
	stream_control(&s);
	reader = fork();
	ASSERT_LE(0, reader);
	if (!reader) {
		close(s.tx);
		while (read(s.rx, buf, sizeof(buf)) > 0)
			;
		_exit(0);
	}
	ASSERT_EQ(STREAM_TOTAL, sendmsg(s.tx, &s.msg, MSG_WAITALL | MSG_NOSIGNAL));
	judge(NULL, "sendmsg(2)", WHAT, stream_acked(&s));
	ASSERT_EQ(1, stream_timestamps(&s));
	stream_close(&s);
	ASSERT_EQ(reader, waitpid(reader, &status, 0));
}

TEST_HARNESS_MAIN
