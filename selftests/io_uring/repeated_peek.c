// SPDX-License-Identifier: GPL-2.0
/*
 * repeated-peek: MSG_WAITALL goes on with the rest after a part. With MSG_PEEK
 * the part is still there and comes again; with MSG_TRUNC the data is thrown
 * away and the buffer does not fill, so a kernel that asks for all of it once
 * more throws away too much.
 *
 * Proved: a receive with MSG_WAITALL and either flag, which gets its data in
 * parts, has the same data as recv(2) and recvmsg(2), blocking, and leaves the
 * same in the socket: with MSG_PEEK all, with MSG_TRUNC what is behind the bytes
 * of its result. That a result is shorter is a difference with a name: see
 * short-peek in difference.h.
 *
 * TCP and AF_UNIX streams go on after a part. Datagrams and receives without
 * either flag are the references, and AF_UNIX, which takes no notice of
 * MSG_TRUNC.
 *
 * Needs: /proc; a network namespace, for its lo.
 * Exit code: 0 all passed or skipped, 1 a case failed (kselftest harness).
 */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "report.h"
#include "twin.h"

#define PART		1000
#define ASKED		(2 * PART)
#define PARTS		3
#define LOOK_MS		20	/* that a peek gets to look at a part */

SHARE_NETNS()

/* What came of one side */
struct side {
	struct story story;
	long res;
};

FIXTURE(repeated_peek)
{
	struct io_uring ring;
	struct side by_call, by_ring;
};

FIXTURE_VARIANT(repeated_peek)
{
	const char *socket;
	int type;		/* of an AF_UNIX pair, or 0: TCP */
	int opcode;
	int flag;		/* beside MSG_WAITALL */
};

FIXTURE_SETUP(repeated_peek)
{
}

FIXTURE_TEARDOWN(repeated_peek)
{
}

FIXTURE_VARIANT_ADD(repeated_peek, tcp_peek_recv) {
	.socket = "tcp, MSG_PEEK",
	.opcode = IORING_OP_RECV,
	.flag = MSG_PEEK,
};

FIXTURE_VARIANT_ADD(repeated_peek, tcp_peek_recvmsg) {
	.socket = "tcp, MSG_PEEK",
	.opcode = IORING_OP_RECVMSG,
	.flag = MSG_PEEK,
};

FIXTURE_VARIANT_ADD(repeated_peek, unix_stream_peek_recv) {
	.socket = "AF_UNIX stream, MSG_PEEK",
	.type = SOCK_STREAM,
	.opcode = IORING_OP_RECV,
	.flag = MSG_PEEK,
};

FIXTURE_VARIANT_ADD(repeated_peek, unix_stream_peek_recvmsg) {
	.socket = "AF_UNIX stream, MSG_PEEK",
	.type = SOCK_STREAM,
	.opcode = IORING_OP_RECVMSG,
	.flag = MSG_PEEK,
};

FIXTURE_VARIANT_ADD(repeated_peek, tcp_trunc_recv) {
	.socket = "tcp, MSG_TRUNC",
	.opcode = IORING_OP_RECV,
	.flag = MSG_TRUNC,
};

FIXTURE_VARIANT_ADD(repeated_peek, tcp_trunc_recvmsg) {
	.socket = "tcp, MSG_TRUNC",
	.opcode = IORING_OP_RECVMSG,
	.flag = MSG_TRUNC,
};

FIXTURE_VARIANT_ADD(repeated_peek, reference_unix_stream_trunc_recv) {
	.socket = "AF_UNIX stream, MSG_TRUNC",
	.type = SOCK_STREAM,
	.opcode = IORING_OP_RECV,
	.flag = MSG_TRUNC,
};

FIXTURE_VARIANT_ADD(repeated_peek, reference_unix_stream_trunc_recvmsg) {
	.socket = "AF_UNIX stream, MSG_TRUNC",
	.type = SOCK_STREAM,
	.opcode = IORING_OP_RECVMSG,
	.flag = MSG_TRUNC,
};

FIXTURE_VARIANT_ADD(repeated_peek, reference_unix_dgram_peek_recv) {
	.socket = "AF_UNIX datagram, MSG_PEEK",
	.type = SOCK_DGRAM,
	.opcode = IORING_OP_RECV,
	.flag = MSG_PEEK,
};

FIXTURE_VARIANT_ADD(repeated_peek, reference_unix_dgram_peek_recvmsg) {
	.socket = "AF_UNIX datagram, MSG_PEEK",
	.type = SOCK_DGRAM,
	.opcode = IORING_OP_RECVMSG,
	.flag = MSG_PEEK,
};

FIXTURE_VARIANT_ADD(repeated_peek, reference_tcp_recv) {
	.socket = "tcp",
	.opcode = IORING_OP_RECV,
};

FIXTURE_VARIANT_ADD(repeated_peek, reference_tcp_recvmsg) {
	.socket = "tcp",
	.opcode = IORING_OP_RECVMSG,
};

static const char *open_ends(int type, int *sv)
{
	if (type && socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, sv))
		return cannot("no AF_UNIX socket", errno,
			      "build the kernel with CONFIG_UNIX");
	return type ? limit_time(sv[1]) : tcp_pair(sv);
}

/* Let the call see a part, before the next one comes */
static const char *seen(struct call *c, int flag)
{
	int i;

	if (flag != MSG_PEEK)
		return c->done ? NULL : call_taken(c);
	for (i = 0; i < LOOK_MS && !call_done(c); i++)
		;
	return NULL;
}

static const char *send_parts(struct call *call, int tx, int flag)
{
	char data[PARTS * PART];
	const char *wrong = NULL;
	int i;

	payload(data, sizeof(data));
	for (i = 0; i < PARTS && !wrong; i++) {
		if (send(tx, data + i * PART, PART, 0) != PART)
			return reason("cannot send: %s", errno_name(errno));
		if (i + 1 < PARTS)
			wrong = seen(call, flag);
	}
	/* A call that still waits ends with this */
	shutdown(tx, SHUT_WR);
	return wrong;
}

/* As tell_data(), without the length of what is as it should be */
static void tell_right(struct story *story, const char *data, ssize_t len,
		       size_t at)
{
	struct story more = { };

	tell_data(&more, data, len, at);
	tell(story, "%s", strstr(more.text, "wrong") ? more.text : "right data");
}

/* One side of a case: received before it is sent; told is what came */
static const char *receive(struct io_uring *ring, int opcode, int flag,
			   const int *sv, struct side *side)
{
	char data[PARTS * PART] = { };
	struct iovec iov = { .iov_base = data, .iov_len = ASKED };
	struct call call = {
		.ring = ring, .opcode = opcode, .fd = sv[1],
		.flags = MSG_WAITALL | flag,
		.msg = { .msg_iov = &iov, .msg_iovlen = 1 },
	};
	struct story result = { };
	size_t taken;
	const char *wrong = call_start(&call) ?: send_parts(&call, sv[0], flag) ?:
			    call_end(&call, &result);
	ssize_t len;

	if (wrong)
		return wrong;
	side->res = call.res;
	taken = flag == MSG_PEEK ? 0 : call.res;
	if (!flag || call.res <= 0 || call.res > ASKED)
		tell(&side->story, "%s", result.text);
	else if (flag == MSG_PEEK)
		tell_right(&side->story, data, call.res, 0);
	else
		tell(&side->story, "at most what was asked");
	len = recv(sv[1], data, sizeof(data), MSG_WAITALL);
	tell(&side->story, ", then ");
	if (len && taken + len == sizeof(data))
		tell_right(&side->story, data, len, taken);
	else
		tell_data(&side->story, data, len, taken);
	return NULL;
}

TEST_F(repeated_peek, waitall)
{
	const char *name = call_name(variant->opcode);
	int call[2], ring[2];

	if (!possible(netns_once()) ||
	    !possible(twin_ring(&self->ring, variant->opcode)) ||
	    !possible(goes_on(&self->ring)) ||
	    !possible(open_ends(variant->type, call)) ||
	    !possible(open_ends(variant->type, ring)))
		return;
	ASSERT_WELL(receive(NULL, variant->opcode, variant->flag, call,
			    &self->by_call));
	ASSERT_WELL(receive(&self->ring, variant->opcode, variant->flag, ring,
			    &self->by_ring));
	ASSERT_SAME("repeated-peek", name, variant->socket,
		    &self->by_call.story, &self->by_ring.story);
	if (self->by_ring.res < self->by_call.res)
		differs(SHORT_PEEK, self->by_call.res, self->by_ring.res);
	else
		ASSERT_EQ(self->by_call.res, self->by_ring.res);
}

TEST_HARNESS_MAIN
