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
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <linux/sockios.h>

#include "gate.h"
#include "run.h"
#include "verdict.h"

#define DEFECT		"repeated-control"
#define WHAT		"tcp 1 MiB, MSG_WAITALL, SO_TIMESTAMPING"
#define TOTAL		1048576
#define SOCKET_BUFFER	65536

struct stream {
	int tx;
	int rx;
	char *data;
	union {
		struct cmsghdr cmsg;
		char room[CMSG_SPACE(sizeof(uint32_t))];
	} control;
	struct iovec iov;
	struct msghdr msg;
};

/* What a send of TOTAL bytes came to */
struct outcome {
	int res;
	bool was_short;		/* some had arrived, and it was not complete */
	int timestamps;
};

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

static char pattern(size_t at)
{
	return at * 7 + (at >> 11);
}

static const char *stream_open(struct stream *s)
{
	const int size = SOCKET_BUFFER;
	const int report = SOF_TIMESTAMPING_SOFTWARE |
			   SOF_TIMESTAMPING_OPT_TSONLY;
	struct sockaddr_in addr = { .sin_family = AF_INET };
	socklen_t len = sizeof(addr);
	int listener;
	size_t at;

	memset(s, 0, sizeof(*s));
	s->data = malloc(TOTAL);
	if (!s->data)
		return "out of memory";
	for (at = 0; at < TOTAL; at++)
		s->data[at] = pattern(at);

	inet_pton(AF_INET, LO4_ADDR, &addr.sin_addr);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	s->tx = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	setsockopt(s->tx, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (bind(listener, (void *)&addr, len) || listen(listener, 1) ||
	    getsockname(listener, (void *)&addr, &len) ||
	    connect(s->tx, (void *)&addr, len))
		return reason("no TCP over loopback: %s", errno_name(errno));
	s->rx = accept(listener, NULL, NULL);
	close(listener);
	if (s->rx < 0 || setsockopt(s->tx, SOL_SOCKET, SO_TIMESTAMPING, &report,
				    sizeof(report)))
		return reason("cannot set up a TCP connection: %s",
			      errno_name(errno));

	s->iov = (struct iovec){ .iov_base = s->data, .iov_len = TOTAL };
	s->msg.msg_iov = &s->iov;
	s->msg.msg_iovlen = 1;
	return NULL;
}

static void stream_close(struct stream *s)
{
	close(s->tx);
	close(s->rx);
	free(s->data);
}

static void stream_control(struct stream *s)
{
	const uint32_t flags = SOF_TIMESTAMPING_TX_ACK;
	struct cmsghdr *cmsg = &s->control.cmsg;

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SO_TIMESTAMPING;
	cmsg->cmsg_len = CMSG_LEN(sizeof(flags));
	memcpy(CMSG_DATA(cmsg), &flags, sizeof(flags));
	s->msg.msg_control = &s->control;
	s->msg.msg_controllen = sizeof(s->control);
}

/*
 * Read until the request is complete and all that it sent has arrived, which
 * is less than TOTAL when it ended early. NULL or what was wrong.
 */
static const char *stream_read(struct stream *s, struct io_uring *ring)
{
	struct pollfd pfd[] = {
		{ .fd = s->rx, .events = POLLIN },
		{ .fd = ring->ring_fd, .events = POLLIN },
	};
	static char buf[SOCKET_BUFFER];
	struct io_uring_cqe *cqe;
	ssize_t len, i;
	int at = 0;

	for (;;) {
		if (!io_uring_peek_cqe(ring, &cqe)) {
			if (cqe->res <= at)
				return NULL;
			pfd[1].fd = -1;
		}
		if (poll(pfd, 2, WAIT_MS) < 1)
			return reason("%d bytes arrived, then none for 10 s",
				      at);
		if (!pfd[0].revents)
			continue;
		len = read(s->rx, buf, sizeof(buf));
		for (i = 0; i < len; i++, at++)
			if (buf[i] != pattern(at))
				return reason("wrong content at byte %d", at);
		if (len <= 0)
			return reason("the stream ended after %d bytes", at);
	}
}

/* All data acknowledged, so that each timestamp that is due has been queued */
static const char *stream_acked(const struct stream *s)
{
	const struct timespec ms = { .tv_nsec = 1000 * 1000 };
	struct tcp_info info;
	socklen_t len = sizeof(info);
	int i, left = 1;

	for (i = 0; i < WAIT_MS; i++) {
		if (ioctl(s->tx, SIOCOUTQ, &left))
			return "cannot ask for unacknowledged data";
		if (!left) {
			/* Takes the socket's lock: the last ACK is done with */
			getsockopt(s->tx, IPPROTO_TCP, TCP_INFO, &info, &len);
			return NULL;
		}
		nanosleep(&ms, NULL);
	}
	return reason("%d bytes were not acknowledged within 10 s", left);
}

static int stream_timestamps(const struct stream *s)
{
	char control[256];
	struct cmsghdr *cmsg;
	int n = 0;

	for (;;) {
		struct msghdr msg = {
			.msg_control = control,
			.msg_controllen = sizeof(control),
		};

		if (recvmsg(s->tx, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
			return n;
		for (cmsg = CMSG_FIRSTHDR(&msg); cmsg;
		     cmsg = CMSG_NXTHDR(&msg, cmsg)) {
			struct sock_extended_err *err = (void *)CMSG_DATA(cmsg);

			if (cmsg->cmsg_level == IPPROTO_IP &&
			    cmsg->cmsg_type == IP_RECVERR &&
			    err->ee_origin == SO_EE_ORIGIN_TIMESTAMPING &&
			    err->ee_info == SCM_TSTAMP_ACK)
				n++;
		}
	}
}

/* One request through the ring, read by the peer only after it was submitted */
static const char *send_through(struct io_uring *ring, enum opcode op,
				bool control, struct outcome *outcome)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	struct pollfd pfd = { .events = POLLIN };
	struct done done = { };
	struct stream s;
	const char *wrong = stream_open(&s);

	if (wrong)
		return wrong;
	if (control)
		stream_control(&s);
	ring_prep(sqe, op, s.tx, &s.msg, MSG_WAITALL | MSG_NOSIGNAL);
	wrong = ring_submit(ring);
	if (!wrong) {
		pfd.fd = s.rx;
		outcome->was_short = poll(&pfd, 1, WAIT_MS) == 1 &&
				     !io_uring_cq_ready(ring);
		wrong = stream_read(&s, ring) ?: ring_collect(ring, &done, 1) ?:
			stream_acked(&s);
	}
	outcome->res = done.res;
	outcome->timestamps = stream_timestamps(&s);
	stream_close(&s);
	return wrong;
}

TEST_F(repeated_control, short_send)
{
	const char *opcode = opcode_name(variant->op);
	struct outcome out = { };

	if (variant->control &&
	    !possible(_metadata, run_spoiled(variant->op)))
		return;
	if (!possible(_metadata, netns_enter(false)))
		return;
	if (!possible(_metadata, ring_open(&self->ring, variant->op, RETRY)))
		return;
	judge(_metadata, NULL, opcode, "tcp 1 MiB, MSG_WAITALL, no control",
	      send_through(&self->ring, variant->op, false, &out));
	if (out.res > 0 && out.res < TOTAL)
		if (!possible(_metadata, cannot("does not go on after a short send", 0,
						"nothing to do, 5.19 and newer do")))
			return;
	judge(_metadata, NULL, opcode, "tcp 1 MiB, MSG_WAITALL, no control",
	      out.res != TOTAL ? errno_name(-out.res) :
	      !out.was_short ? "there was no short send" :
	      out.timestamps ? "timestamps came without being asked for" :
	      NULL);
	if (!variant->control)
		return;

	judge(_metadata, NULL, opcode, WHAT,
	      send_through(&self->ring, variant->op, true, &out));
	judge(_metadata, NULL, opcode, WHAT,
	      out.res < 0 ? errno_name(-out.res) :
	      !out.was_short ? "there was no short send" :
	      !out.timestamps ? "no timestamp came" : NULL);
	judge(_metadata, DEFECT, opcode, WHAT, out.timestamps == 1 ? NULL :
	      reason("%d timestamps from one request instead of 1",
		     out.timestamps));
	/* In 32 bit the second copy is refused, and the rest with it */
	judge(_metadata, DEFECT, opcode, WHAT, out.res == TOTAL ? NULL :
	      reason("the rest after %d of %d bytes was refused, with the control",
		     out.res, TOTAL));
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
	if (!possible(_metadata, stream_open(&s)))
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
	ASSERT_EQ(TOTAL, sendmsg(s.tx, &s.msg, MSG_WAITALL | MSG_NOSIGNAL));
	judge(_metadata, NULL, "sendmsg(2)", WHAT, stream_acked(&s));
	ASSERT_EQ(1, stream_timestamps(&s));
	stream_close(&s);
	ASSERT_EQ(reader, waitpid(reader, &status, 0));
}

TEST_HARNESS_MAIN
