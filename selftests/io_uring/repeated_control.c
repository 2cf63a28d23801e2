// SPDX-License-Identifier: GPL-2.0
/*
 * repeated-control: with MSG_WAITALL a send on a stream socket that took only
 * a part of the data is issued again with the rest. Its control messages have
 * had their effect with the first part; a kernel that keeps them sends them
 * again with each part.
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

#include "gate.h"
#include "run.h"
#include "short_send.h"

#define WHAT	"tcp 1 MiB, MSG_WAITALL, SO_TIMESTAMPING"

static const struct route on_lo;

FIXTURE(repeated_control)
{
	struct io_uring ring;
};

FIXTURE_VARIANT(repeated_control)
{
	enum opcode op;
	bool control;
};

FIXTURE_SETUP(repeated_control)
{
}

FIXTURE_TEARDOWN(repeated_control)
{
}

/* Short sends without control: complete, in order, no timestamp */
FIXTURE_VARIANT_ADD(repeated_control, reference_sendmsg) {
	SENDMSG, false
};

FIXTURE_VARIANT_ADD(repeated_control, reference_zc) {
	SENDMSG_ZC, false
};

/* The first part carries the control, the others must not */
FIXTURE_VARIANT_ADD(repeated_control, sendmsg) {
	SENDMSG, true
};

FIXTURE_VARIANT_ADD(repeated_control, zc) {
	SENDMSG_ZC, true
};

TEST_F(repeated_control, short_send)
{
	if (variant->control &&
	    !possible(_metadata, run_spoiled(variant->op)))
		return;
	if (!possible(_metadata, netns_enter(false)))
		return;
	if (!possible(_metadata, ring_open(&self->ring, variant->op, RETRY)))
		return;
	short_send(_metadata, &self->ring, variant->op, variant->control,
		   &on_lo);
}

/* What sendmsg(2) gives for the same data and control: one timestamp */
TEST(reference_system_call)
{
	struct stream s;
	char buf[4096];
	pid_t reader;
	int status;

	if (!possible(_metadata, netns_enter(false)))
		return;
	if (!possible(_metadata, stream_open(&s, &on_lo)))
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
	judge(_metadata, NULL, "sendmsg(2)", WHAT, stream_acked(&s));
	ASSERT_EQ(1, stream_timestamps(&s));
	stream_close(&s);
	ASSERT_EQ(reader, waitpid(reader, &status, 0));
}

TEST_HARNESS_MAIN
