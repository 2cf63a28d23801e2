// SPDX-License-Identifier: GPL-2.0
/*
 * fastopen-unfinished: with MSG_FASTOPEN a send connects as well. The system
 * call waits for the connection on a blocking socket, then sends. A request that
 * ends with the -EINPROGRESS of its first issue has sent nothing; and one that
 * has sent a part with the SYN, and is issued again with the flag, is told that
 * the socket is connected and ends short.
 *
 * Proved: what a send with MSG_FASTOPEN on a blocking socket returns, and what
 * the other end then receives, is the same as by sendto(2) and sendmsg(2). The
 * SYN is held in a queue, so both have to wait for the connection.
 *
 * The references are sockets with O_NONBLOCK, where -EINPROGRESS is right, and
 * data that the SYN takes all of, with the cookie of an earlier connection.
 *
 * Needs: a network namespace, a queue for its lo; /proc.
 * Exit code: 0 all passed or skipped, 1 a case failed (kselftest harness).
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "report.h"
#include "twin.h"

#define LITTLE		100
#define LARGE		1048576	/* takes an issue behind that of the SYN's data */
#define SMALL_BUFFER	65536
#define FILLER		1200
#define OWN_ADDRS	0x7f100000	/* 127.16.0.0 and on */
#define MOST_SERVERS	4	/* of one test */

SHARE_NETNS()

FIXTURE(fastopen_unfinished)
{
	struct io_uring ring;
	struct story by_call, by_ring;
};

FIXTURE_VARIANT(fastopen_unfinished)
{
	const char *what;
	int opcode;
	size_t len;
	bool cookie;		/* of an earlier connection: data goes with the SYN */
	bool nonblock;
};

FIXTURE_SETUP(fastopen_unfinished)
{
}

FIXTURE_TEARDOWN(fastopen_unfinished)
{
}

FIXTURE_VARIANT_ADD(fastopen_unfinished, no_cookie_send) {
	.what = "tcp, MSG_FASTOPEN, no cookie",
	.opcode = IORING_OP_SEND,
	.len = LITTLE,
};

FIXTURE_VARIANT_ADD(fastopen_unfinished, no_cookie_sendmsg) {
	.what = "tcp, MSG_FASTOPEN, no cookie",
	.opcode = IORING_OP_SENDMSG,
	.len = LITTLE,
};

FIXTURE_VARIANT_ADD(fastopen_unfinished, no_cookie_send_zc) {
	.what = "tcp, MSG_FASTOPEN, no cookie",
	.opcode = OP_SEND_ZC,
	.len = LITTLE,
};

FIXTURE_VARIANT_ADD(fastopen_unfinished, no_cookie_sendmsg_zc) {
	.what = "tcp, MSG_FASTOPEN, no cookie",
	.opcode = IORING_OP_SENDMSG_ZC,
	.len = LITTLE,
};

FIXTURE_VARIANT_ADD(fastopen_unfinished, cookie_send) {
	.what = "tcp, MSG_FASTOPEN, cookie, more than a SYN takes",
	.opcode = IORING_OP_SEND,
	.len = LARGE,
	.cookie = true,
};

FIXTURE_VARIANT_ADD(fastopen_unfinished, cookie_sendmsg) {
	.what = "tcp, MSG_FASTOPEN, cookie, more than a SYN takes",
	.opcode = IORING_OP_SENDMSG,
	.len = LARGE,
	.cookie = true,
};

FIXTURE_VARIANT_ADD(fastopen_unfinished, cookie_send_zc) {
	.what = "tcp, MSG_FASTOPEN, cookie, more than a SYN takes",
	.opcode = OP_SEND_ZC,
	.len = LARGE,
	.cookie = true,
};

FIXTURE_VARIANT_ADD(fastopen_unfinished, cookie_sendmsg_zc) {
	.what = "tcp, MSG_FASTOPEN, cookie, more than a SYN takes",
	.opcode = IORING_OP_SENDMSG_ZC,
	.len = LARGE,
	.cookie = true,
};

FIXTURE_VARIANT_ADD(fastopen_unfinished, reference_nonblock_send) {
	.what = "tcp, MSG_FASTOPEN, no cookie, O_NONBLOCK",
	.opcode = IORING_OP_SEND,
	.len = LITTLE,
	.nonblock = true,
};

FIXTURE_VARIANT_ADD(fastopen_unfinished, reference_nonblock_sendmsg) {
	.what = "tcp, MSG_FASTOPEN, no cookie, O_NONBLOCK",
	.opcode = IORING_OP_SENDMSG,
	.len = LITTLE,
	.nonblock = true,
};

FIXTURE_VARIANT_ADD(fastopen_unfinished, reference_nonblock_sendmsg_zc) {
	.what = "tcp, MSG_FASTOPEN, no cookie, O_NONBLOCK",
	.opcode = IORING_OP_SENDMSG_ZC,
	.len = LITTLE,
	.nonblock = true,
};

FIXTURE_VARIANT_ADD(fastopen_unfinished, reference_cookie_nonblock_sendmsg) {
	.what = "tcp, MSG_FASTOPEN, cookie, O_NONBLOCK",
	.opcode = IORING_OP_SENDMSG,
	.len = LITTLE,
	.cookie = true,
	.nonblock = true,
};

static const char *allow(void)
{
	FILE *knob = fopen("/proc/sys/net/ipv4/tcp_fastopen", "we");

	if (!knob || fprintf(knob, "3") < 0 || fclose(knob))
		return cannot("no TCP Fast Open", errno,
			      "run as root, on a kernel with CONFIG_INET");
	return NULL;
}

/* At an address of its own, as the cookies of one are kept for all programs */
static const char *serve(int *listener, struct sockaddr_in *to)
{
	static unsigned int servers;
	const int backlog = 8;
	socklen_t len = sizeof(*to);

	*to = (struct sockaddr_in) {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(OWN_ADDRS + servers++ +
					 MOST_SERVERS * (getpid() & 0xffff)),
	};
	*listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(*listener, (void *)to, len) || listen(*listener, backlog) ||
	    getsockname(*listener, (void *)to, &len) ||
	    setsockopt(*listener, SOL_TCP, TCP_FASTOPEN, &backlog,
		       sizeof(backlog)))
		return cannot("no TCP Fast Open", errno,
			      "nothing to do, this kernel is too old");
	return limit_time(*listener);
}

/* The first connection comes with data behind the handshake, and a cookie back */
static const char *fetch_cookie(int listener, const struct sockaddr_in *to)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int other;

	if (sendto(fd, "", 1, MSG_FASTOPEN | MSG_NOSIGNAL, (void *)to,
		   sizeof(*to)) != 1)
		return reason("no first connection: %s", errno_name(errno));
	other = accept(listener, NULL, NULL);
	close(fd);
	close(other);
	return other < 0 ? "no first connection to accept" : NULL;
}

/* Until the queue lets nothing through any more, and what is sent next waits */
static const char *fill_queue(void)
{
	struct sockaddr_in lo = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	static const char filler[FILLER];
	socklen_t len = sizeof(lo);
	const int least = 1;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const char *wrong = qdisc_hold();

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
	if (bind(fd, (void *)&lo, len) || getsockname(fd, (void *)&lo, &len))
		return cannot("no UDP over lo", errno,
			      "build the kernel with CONFIG_INET");
	while (!wrong && sendto(fd, filler, sizeof(filler), MSG_DONTWAIT,
				(void *)&lo, len) > 0)
		;
	close(fd);
	return wrong;
}

/* The connection is there: what the other end has until this one's end */
static const char *receive(struct call *call, int listener,
			   struct story *result)
{
	struct story came = { };
	int rx = accept(listener, NULL, NULL);
	const char *wrong;
	char byte;

	if (rx < 0)
		return reason("no connection: %s", errno_name(errno));
	wrong = limit_time(rx) ?: call_drain(call, rx, NULL, &came) ?:
		call_end(call, result);
	shutdown(call->fd, SHUT_WR);
	tell(result, ", came%s, then %zd", came.text, recv(rx, &byte, 1, 0));
	close(rx);
	return wrong;
}

/* One side of a case: told is the result, and what came of it */
static const char *open_and_send(struct io_uring *ring, int opcode, size_t size,
				 bool cookie, bool nonblock, struct story *story)
{
	static char data[LARGE];
	struct iovec iov = { .iov_base = data, .iov_len = size };
	const int type = SOCK_STREAM | (nonblock ? SOCK_NONBLOCK : 0);
	const int small = SMALL_BUFFER;
	struct sockaddr_in to;
	struct call call = {
		.ring = ring, .opcode = opcode, .at_once = nonblock,
		.fd = socket(AF_INET, type | SOCK_CLOEXEC, 0),
		.flags = MSG_FASTOPEN | MSG_NOSIGNAL |
			 (nonblock ? 0 : MSG_WAITALL),
		.msg = {
			.msg_name = &to, .msg_namelen = sizeof(to),
			.msg_iov = &iov, .msg_iovlen = 1,
		},
	};
	const char *wrong;
	int listener = -1;

	payload(data, size);
	setsockopt(call.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	wrong = limit_time(call.fd) ?: serve(&listener, &to) ?:
		(cookie ? fetch_cookie(listener, &to) : NULL) ?: fill_queue() ?:
		call_start(&call) ?: qdisc_release() ?:
		receive(&call, listener, story);
	close(listener);
	close(call.fd);
	return wrong;
}

TEST_F(fastopen_unfinished, connect)
{
	if (!possible(netns_once()) || !possible(allow()) ||
	    !possible(twin_ring_addressed(&self->ring, variant->opcode)) ||
	    !possible(qdisc_hold() ?: qdisc_release()))
		return;
	ASSERT_WELL(open_and_send(NULL, variant->opcode, variant->len,
				  variant->cookie, variant->nonblock,
				  &self->by_call));
	ASSERT_WELL(open_and_send(&self->ring, variant->opcode, variant->len,
				  variant->cookie, variant->nonblock,
				  &self->by_ring));
	ASSERT_SAME("fastopen-unfinished", call_name(variant->opcode),
		    variant->what, &self->by_call, &self->by_ring);
}

TEST_HARNESS_MAIN
