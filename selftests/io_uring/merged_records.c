// SPDX-License-Identifier: GPL-2.0
/*
 * merged-records: MSG_WAITALL has no meaning for a seqpacket socket, as a record
 * is all that one receive gives. A kernel that goes on with the next record to
 * fill the buffer makes one of two, or does not complete at all.
 *
 * Proved: a receive with MSG_WAITALL and a buffer for two records, submitted
 * before the first one comes, ends as recv(2) does: with one record of a
 * seqpacket or datagram socket, with both parts on a stream. The second is not
 * sent before the first has been taken; and the next receive gives what is left.
 *
 * Needs: /proc.
 * Exit code: 0 all passed or skipped, 1 a case failed (kselftest harness).
 */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "report.h"
#include "twin.h"

#define RECORD		100

FIXTURE(merged_records)
{
	struct io_uring ring;
	struct story by_call, by_ring;
};

FIXTURE_VARIANT(merged_records)
{
	const char *socket;
	int type;		/* of an AF_UNIX pair */
	int opcode;
};

FIXTURE_SETUP(merged_records)
{
}

FIXTURE_TEARDOWN(merged_records)
{
}

FIXTURE_VARIANT_ADD(merged_records, seqpacket_recv) {
	.socket = "AF_UNIX seqpacket, MSG_WAITALL",
	.type = SOCK_SEQPACKET,
	.opcode = IORING_OP_RECV,
};

FIXTURE_VARIANT_ADD(merged_records, seqpacket_recvmsg) {
	.socket = "AF_UNIX seqpacket, MSG_WAITALL",
	.type = SOCK_SEQPACKET,
	.opcode = IORING_OP_RECVMSG,
};

/* A stream has no records, and a datagram was never waited for beyond its end */
FIXTURE_VARIANT_ADD(merged_records, reference_stream_recv) {
	.socket = "AF_UNIX stream, MSG_WAITALL",
	.type = SOCK_STREAM,
	.opcode = IORING_OP_RECV,
};

FIXTURE_VARIANT_ADD(merged_records, reference_stream_recvmsg) {
	.socket = "AF_UNIX stream, MSG_WAITALL",
	.type = SOCK_STREAM,
	.opcode = IORING_OP_RECVMSG,
};

FIXTURE_VARIANT_ADD(merged_records, reference_dgram_recv) {
	.socket = "AF_UNIX datagram, MSG_WAITALL",
	.type = SOCK_DGRAM,
	.opcode = IORING_OP_RECV,
};

FIXTURE_VARIANT_ADD(merged_records, reference_dgram_recvmsg) {
	.socket = "AF_UNIX datagram, MSG_WAITALL",
	.type = SOCK_DGRAM,
	.opcode = IORING_OP_RECVMSG,
};

static const char *open_ends(int type, int *sv)
{
	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, sv))
		return cannot("no AF_UNIX socket", errno,
			      "build the kernel with CONFIG_UNIX");
	return limit_time(sv[1]);
}

/* The call has taken what was sent, whether that is enough for it or not */
static const char *taken(struct call *c)
{
	char byte;
	int i;

	for (i = 0; i < WAIT_MS; i++) {
		call_done(c);
		if (recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0)
			return NULL;
	}
	return "what was sent is not received within 10 s";
}

/* One side of a case: two records, sent one after the other is taken */
static const char *receive(struct io_uring *ring, int opcode, const int *sv,
			   struct story *story)
{
	char sent[2 * RECORD], data[2 * RECORD] = { };
	struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) };
	struct call call = {
		.ring = ring, .opcode = opcode, .fd = sv[1],
		.flags = MSG_WAITALL,
		.msg = { .msg_iov = &iov, .msg_iovlen = 1 },
	};
	const char *wrong = call_start(&call);
	ssize_t len;

	if (wrong)
		return wrong;
	payload(sent, sizeof(sent));
	if (send(sv[0], sent, RECORD, 0) != RECORD)
		return reason("cannot send: %s", errno_name(errno));
	wrong = taken(&call);
	if (wrong)
		return wrong;
	if (send(sv[0], sent + RECORD, RECORD, 0) != RECORD)
		return reason("cannot send: %s", errno_name(errno));
	wrong = call_end(&call, story);
	if (wrong)
		return wrong;
	tell_data(story, data, call.res < 0 ? 0 : call.res, 0);
	len = recv(sv[1], data, sizeof(data), MSG_DONTWAIT);
	tell(story, ", next %zd", len);
	if (len > 0)
		tell_data(story, data, len, RECORD);
	return NULL;
}

TEST_F(merged_records, waitall)
{
	int call[2], ring[2];

	if (!possible(twin_ring(&self->ring, variant->opcode)) ||
	    !possible(open_ends(variant->type, call)) ||
	    !possible(open_ends(variant->type, ring)))
		return;
	ASSERT_WELL(receive(NULL, variant->opcode, call, &self->by_call));
	ASSERT_WELL(receive(&self->ring, variant->opcode, ring,
			    &self->by_ring));
	ASSERT_SAME("merged-records", call_name(variant->opcode),
		    variant->socket, &self->by_call, &self->by_ring);
}

TEST_HARNESS_MAIN
