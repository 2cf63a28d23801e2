// SPDX-License-Identifier: GPL-2.0
/*
 * lost-error: a connection is reset after a part of what MSG_WAITALL asks for.
 * The part is the result, and the error stays in the socket for the next call. A
 * kernel whose second issue takes the error, and then has the part to return,
 * makes a broken stream look like one that has ended.
 *
 * Proved: after a part and a reset the result is a part, as by the blocking
 * system call, and so is what the next two calls on the socket say.
 *
 * TCP leaves the error. AF_UNIX takes it itself, in the system call as well, and
 * is a reference; so is the end of a connection without a reset.
 *
 * Needs: /proc; a network namespace, for its lo.
 * Exit code: 0 all passed or skipped, 1 a case failed (kselftest harness).
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "report.h"
#include "twin.h"

#define PART		1000	/* received; as much again never comes */

SHARE_NETNS()

FIXTURE(lost_error)
{
	struct io_uring ring;
	struct story by_call, by_ring;
};

FIXTURE_VARIANT(lost_error)
{
	const char *socket;
	bool af_unix;		/* or TCP */
	int opcode;
	bool sends;
	bool end;		/* instead of a reset */
};

FIXTURE_SETUP(lost_error)
{
}

FIXTURE_TEARDOWN(lost_error)
{
}

FIXTURE_VARIANT_ADD(lost_error, tcp_send) {
	.socket = "tcp, reset after a part",
	.opcode = IORING_OP_SEND,
	.sends = true,
};

FIXTURE_VARIANT_ADD(lost_error, tcp_sendmsg) {
	.socket = "tcp, reset after a part",
	.opcode = IORING_OP_SENDMSG,
	.sends = true,
};

FIXTURE_VARIANT_ADD(lost_error, tcp_send_zc) {
	.socket = "tcp, reset after a part",
	.opcode = OP_SEND_ZC,
	.sends = true,
};

FIXTURE_VARIANT_ADD(lost_error, tcp_sendmsg_zc) {
	.socket = "tcp, reset after a part",
	.opcode = IORING_OP_SENDMSG_ZC,
	.sends = true,
};

FIXTURE_VARIANT_ADD(lost_error, tcp_recv) {
	.socket = "tcp, reset after a part",
	.opcode = IORING_OP_RECV,
};

FIXTURE_VARIANT_ADD(lost_error, tcp_recvmsg) {
	.socket = "tcp, reset after a part",
	.opcode = IORING_OP_RECVMSG,
};

FIXTURE_VARIANT_ADD(lost_error, reference_unix_send) {
	.socket = "AF_UNIX stream, reset after a part",
	.af_unix = true,
	.opcode = IORING_OP_SEND,
	.sends = true,
};

FIXTURE_VARIANT_ADD(lost_error, reference_unix_sendmsg) {
	.socket = "AF_UNIX stream, reset after a part",
	.af_unix = true,
	.opcode = IORING_OP_SENDMSG,
	.sends = true,
};

FIXTURE_VARIANT_ADD(lost_error, reference_unix_recv) {
	.socket = "AF_UNIX stream, reset after a part",
	.af_unix = true,
	.opcode = IORING_OP_RECV,
};

FIXTURE_VARIANT_ADD(lost_error, reference_unix_recvmsg) {
	.socket = "AF_UNIX stream, reset after a part",
	.af_unix = true,
	.opcode = IORING_OP_RECVMSG,
};

FIXTURE_VARIANT_ADD(lost_error, reference_tcp_end_recv) {
	.socket = "tcp, the end after a part",
	.opcode = IORING_OP_RECV,
	.end = true,
};

FIXTURE_VARIANT_ADD(lost_error, reference_tcp_end_recvmsg) {
	.socket = "tcp, the end after a part",
	.opcode = IORING_OP_RECVMSG,
	.end = true,
};

/* sv[0] sends, sv[1] receives */
static const char *open_ends(bool af_unix, int *sv)
{
	if (af_unix && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv))
		return cannot("no AF_UNIX socket", errno,
			      "build the kernel with CONFIG_UNIX");
	return !af_unix ? tcp_pair(sv) : limit_time(sv[0]) ?: limit_time(sv[1]);
}

/* The call has sent or received a part: now the other end goes away */
static const char *part_and_close(struct call *call, int other, bool sends,
				  bool end)
{
	const struct linger reset = { .l_onoff = 1 };
	struct pollfd pfd = { .fd = other, .events = POLLIN };
	char data[PART];
	const char *wrong = NULL;

	payload(data, sizeof(data));
	if (sends) {
		if (poll(&pfd, 1, WAIT_MS) != 1)
			wrong = "no part of the data arrived";
	} else {
		/* A byte that is not read makes AF_UNIX reset */
		if (!end && send(call->fd, data, 1, 0) != 1)
			return reason("cannot send: %s", errno_name(errno));
		if (send(other, data, PART, 0) != PART)
			return reason("cannot send: %s", errno_name(errno));
		wrong = call_taken(call);
	}
	if (!wrong && call->done)
		wrong = reason("%s did not wait for all", call_name(call->opcode));
	if (!end)
		setsockopt(other, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(other);
	return wrong;
}

static void tell_next(struct story *story, int fd, bool sends)
{
	char byte = 0;
	ssize_t len;
	int i;

	for (i = 0; i < 2; i++) {
		len = sends ? send(fd, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT) :
			      recv(fd, &byte, 1, MSG_DONTWAIT);
		if (len < 0)
			tell(story, ", next -%s", errno_name(errno));
		else
			tell(story, ", next %zd", len);
	}
}

/* One side of a case; told is the result, and what the next calls say */
static const char *transfer(struct io_uring *ring, int opcode, int *sv,
			    bool sends, bool end, struct story *story)
{
	static char data[STREAM_TOTAL];
	struct iovec iov = {
		.iov_base = data,
		.iov_len = sends ? STREAM_TOTAL : 2 * PART,
	};
	struct call call = {
		.ring = ring, .opcode = opcode, .fd = sv[!sends],
		.flags = MSG_WAITALL | (sends ? MSG_NOSIGNAL : 0),
		.msg = { .msg_iov = &iov, .msg_iovlen = 1 },
	};
	struct story result = { };
	const char *wrong;

	if (sends)
		payload(data, sizeof(data));
	wrong = call_start(&call) ?: part_and_close(&call, sv[sends], sends, end) ?:
		call_end(&call, &result);
	if (wrong)
		return wrong;
	if (call.waited && call.res > 0 && call.res < (long)iov.iov_len)
		tell(story, "a part");
	else
		tell(story, "%s", result.text);
	tell_next(story, call.fd, sends);
	return NULL;
}

TEST_F(lost_error, waitall)
{
	int call[2], ring[2];

	if (!possible(netns_once()) ||
	    !possible(twin_ring(&self->ring, variant->opcode)) ||
	    !possible(goes_on(&self->ring)) ||
	    !possible(open_ends(variant->af_unix, call)) ||
	    !possible(open_ends(variant->af_unix, ring)))
		return;
	ASSERT_WELL(transfer(NULL, variant->opcode, call, variant->sends,
			     variant->end, &self->by_call));
	ASSERT_WELL(transfer(&self->ring, variant->opcode, ring, variant->sends,
			     variant->end, &self->by_ring));
	ASSERT_SAME("lost-error", call_name(variant->opcode), variant->socket,
		    &self->by_call, &self->by_ring);
}

TEST_HARNESS_MAIN
