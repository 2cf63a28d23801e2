// SPDX-License-Identifier: GPL-2.0
/*
 * repeated-id: a send with MSG_ZEROCOPY has an id, which its notification in the
 * error queue names: the program counts its sends, and so knows which buffer it
 * may use again. A kernel that takes a new id for each issue of one send with
 * MSG_WAITALL makes it free the buffers of later ones too early.
 *
 * Proved: the notifications of one send of 1 MiB, which takes several issues,
 * go up to the same id as those of send(2) and sendmsg(2), blocking: 0 for the
 * first on a socket; and those of the next send to the same one again.
 *
 * The references are timestamps, switched on for the socket, which have the
 * byte for an id: the last one comes, and those before it are a difference with
 * a name, early-timestamps in difference.h; and sends that one issue takes.
 *
 * Needs: /proc; a network namespace, for its lo.
 * Exit code: 0 all passed or skipped, 1 a case failed (kselftest harness).
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>

#include "kselftest_harness.h"
#include "report.h"
#include "twin.h"

#define LENGTH		1048576
#define LITTLE		1000

SHARE_NETNS()

/* What came of one side */
struct side {
	struct story story;
	long early;		/* timestamps of bytes before the last */
};

FIXTURE(repeated_id)
{
	struct io_uring ring;
	struct side by_call, by_ring;
};

FIXTURE_VARIANT(repeated_id)
{
	const char *what;
	int opcode;
	size_t len;
	bool timestamps;	/* or MSG_ZEROCOPY */
};

FIXTURE_SETUP(repeated_id)
{
}

FIXTURE_TEARDOWN(repeated_id)
{
}

FIXTURE_VARIANT_ADD(repeated_id, tcp_send) {
	.what = "tcp 1 MiB, MSG_ZEROCOPY",
	.opcode = IORING_OP_SEND,
	.len = LENGTH,
};

FIXTURE_VARIANT_ADD(repeated_id, tcp_sendmsg) {
	.what = "tcp 1 MiB, MSG_ZEROCOPY",
	.opcode = IORING_OP_SENDMSG,
	.len = LENGTH,
};

FIXTURE_VARIANT_ADD(repeated_id, reference_tcp_little_send) {
	.what = "tcp 1000 bytes, MSG_ZEROCOPY",
	.opcode = IORING_OP_SEND,
	.len = LITTLE,
};

FIXTURE_VARIANT_ADD(repeated_id, reference_tcp_little_sendmsg) {
	.what = "tcp 1000 bytes, MSG_ZEROCOPY",
	.opcode = IORING_OP_SENDMSG,
	.len = LITTLE,
};

FIXTURE_VARIANT_ADD(repeated_id, reference_tcp_timestamps_send) {
	.what = "tcp 1 MiB, SO_TIMESTAMPING of the socket",
	.opcode = IORING_OP_SEND,
	.len = LENGTH,
	.timestamps = true,
};

FIXTURE_VARIANT_ADD(repeated_id, reference_tcp_timestamps_sendmsg) {
	.what = "tcp 1 MiB, SO_TIMESTAMPING of the socket",
	.opcode = IORING_OP_SENDMSG,
	.len = LENGTH,
	.timestamps = true,
};

static const char *open_ends(bool timestamps, int *sv)
{
	const int flags = SOF_TIMESTAMPING_TX_ACK | SOF_TIMESTAMPING_SOFTWARE |
			  SOF_TIMESTAMPING_OPT_TSONLY |
			  SOF_TIMESTAMPING_OPT_ID;
	const int one = 1;
	const char *why = netns_once() ?: tcp_pair(sv);

	if (!why && (timestamps ? setsockopt(sv[0], SOL_SOCKET, SO_TIMESTAMPING,
					     &flags, sizeof(flags)) :
				  setsockopt(sv[0], SOL_SOCKET, SO_ZEROCOPY,
					     &one, sizeof(one))))
		why = cannot("no ids for TCP", errno,
			     "nothing to do, this kernel is too old");
	return why;
}

static void tell_timestamps(struct side *side, int tx, long last)
{
	bool came = false;
	long id;

	while ((id = next_id(tx, SO_EE_ORIGIN_TIMESTAMPING)) >= 0) {
		if (id == last)
			came = true;
		else
			side->early++;
	}
	tell(&side->story, came ? ", a timestamp of the last byte" :
	     ", no timestamp of the last byte");
}

/* The highest id that came until now */
static void tell_id(struct story *story, int tx)
{
	struct pollfd pfd = { .fd = tx };
	long id, highest = -1;

	/* The buffer is free when the last of its packets is */
	poll(&pfd, 1, WAIT_MS);
	while ((id = next_id(tx, SO_EE_ORIGIN_ZEROCOPY)) >= 0)
		highest = id > highest ? id : highest;
	tell(story, ", highest id %ld", highest);
}

/* One side of a case: a send that is read after it was found to wait */
static const char *send_one(struct io_uring *ring, int opcode, size_t len,
			    bool timestamps, struct side *side)
{
	static char data[LENGTH], byte;
	struct iovec iov = { .iov_base = data, .iov_len = len };
	struct call call = {
		.ring = ring, .opcode = opcode, .at_once = len == LITTLE,
		.flags = MSG_WAITALL | MSG_NOSIGNAL |
			 (timestamps ? 0 : MSG_ZEROCOPY),
		.msg = { .msg_iov = &iov, .msg_iovlen = 1 },
	};
	struct story came = { };
	const char *wrong;
	int sv[2];

	payload(data, len);
	wrong = open_ends(timestamps, sv);
	if (wrong)
		return wrong;
	call.fd = sv[0];
	wrong = call_start(&call) ?: call_drain(&call, sv[1], NULL, &came) ?:
		call_end(&call, &side->story) ?: tcp_acked(sv[0]);
	if (wrong)
		return wrong;
	tell(&side->story, "%s", came.text);
	if (timestamps) {
		tell_timestamps(side, sv[0], (long)len - 1);
		return NULL;
	}
	tell_id(&side->story, sv[0]);
	/* And whether the next has the next one */
	if (send(sv[0], &byte, 1, MSG_ZEROCOPY | MSG_NOSIGNAL) != 1 ||
	    recv(sv[1], &byte, 1, 0) != 1)
		return reason("cannot send: %s", errno_name(errno));
	wrong = tcp_acked(sv[0]);
	tell_id(&side->story, sv[0]);
	return wrong;
}

TEST_F(repeated_id, short_send)
{
	int sv[2];

	if (!possible(twin_ring(&self->ring, variant->opcode)) ||
	    !possible(goes_on(&self->ring)) ||
	    !possible(open_ends(variant->timestamps, sv)))
		return;
	ASSERT_WELL(send_one(NULL, variant->opcode, variant->len,
			     variant->timestamps, &self->by_call));
	ASSERT_WELL(send_one(&self->ring, variant->opcode, variant->len,
			     variant->timestamps, &self->by_ring));
	ASSERT_SAME("repeated-id", call_name(variant->opcode), variant->what,
		    &self->by_call.story, &self->by_ring.story);
	if (self->by_call.early != self->by_ring.early)
		differs(EARLY_TIMESTAMPS, self->by_call.early,
			self->by_ring.early);
}

TEST_HARNESS_MAIN
