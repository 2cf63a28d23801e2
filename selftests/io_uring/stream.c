// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>

#include "network.h"
#include "report.h"
#include "ring.h"

#define SOCKET_BUFFER	65536

const char *stream_open(struct stream *s, const struct route *route)
{
	const int size = SOCKET_BUFFER;
	const int report = SOF_TIMESTAMPING_SOFTWARE |
			   SOF_TIMESTAMPING_OPT_TSONLY;
	struct sockaddr_storage to;
	socklen_t len;
	int listener = -1;
	size_t at;

	memset(s, 0, sizeof(*s));
	s->rx = -1;
	s->remote = route->remote;
	s->data = malloc(STREAM_TOTAL);
	if (!s->data)
		return "out of memory";
	for (at = 0; at < STREAM_TOTAL; at++)
		s->data[at] = stream_byte(at);

	if (route->remote) {
		const char *wrong;

		to = route->to;
		len = route->len;
		wrong = route->remote->open(route->remote, &to, "tcp");
		if (wrong)
			return wrong;
	} else {
		address(&to, &len, false, LO4_ADDR);
		listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
		if (bind(listener, (void *)&to, len) || listen(listener, 1) ||
		    getsockname(listener, (void *)&to, &len))
			return reason("no TCP over loopback: %s",
				      errno_name(errno));
	}
	s->tx = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(s->tx, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (route->remote && (bind(s->tx, (void *)&route->own, len) ||
			      setsockopt(s->tx, SOL_SOCKET, SO_BINDTOIFINDEX,
					 &route->ifindex,
					 sizeof(route->ifindex))))
		return reason("cannot send through the card: %s",
			      errno_name(errno));
	if (connect(s->tx, (void *)&to, len))
		return reason("no TCP connection: %s", errno_name(errno));
	if (listener >= 0) {
		s->rx = accept(listener, NULL, NULL);
		close(listener);
		if (s->rx < 0)
			return reason("no TCP connection: %s",
				      errno_name(errno));
	}
	if (setsockopt(s->tx, SOL_SOCKET, SO_TIMESTAMPING, &report,
		       sizeof(report)))
		return reason("cannot ask for timestamps: %s",
			      errno_name(errno));

	s->iov = (struct iovec){ .iov_base = s->data, .iov_len = STREAM_TOTAL };
	s->msg.msg_iov = &s->iov;
	s->msg.msg_iovlen = 1;
	return NULL;
}

void stream_close(struct stream *s)
{
	close(s->tx);
	close(s->rx);
	free(s->data);
}

void stream_control(struct stream *s)
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
 * is less than STREAM_TOTAL when it ended early. NULL or what was wrong.
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
			if (buf[i] != stream_byte(at))
				return reason("wrong content at byte %d", at);
		if (len <= 0)
			return reason("the stream ended after %d bytes", at);
	}
}

/* All data acknowledged, so that each timestamp that is due has been queued */
const char *stream_acked(const struct stream *s)
{
	const char *wrong = socket_drain(s->tx);
	struct tcp_info info;
	socklen_t len = sizeof(info);

	/* Takes the socket's lock: the last ACK is done with */
	if (!wrong)
		getsockopt(s->tx, IPPROTO_TCP, TCP_INFO, &info, &len);
	return wrong;
}

int stream_timestamps(const struct stream *s)
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

			if (((cmsg->cmsg_level == IPPROTO_IP &&
			      cmsg->cmsg_type == IP_RECVERR) ||
			     (cmsg->cmsg_level == IPPROTO_IPV6 &&
			      cmsg->cmsg_type == IPV6_RECVERR)) &&
			    err->ee_origin == SO_EE_ORIGIN_TIMESTAMPING &&
			    err->ee_info == SCM_TSTAMP_ACK)
				n++;
		}
	}
}

/* The peer has something to read, and the request is not complete */
static bool is_short(struct stream *s, struct io_uring *ring)
{
	struct pollfd pfd = { .fd = s->rx, .events = POLLIN };

	if (s->remote ? !!s->remote->readable(s->remote) :
			poll(&pfd, 1, WAIT_MS) != 1)
		return false;
	return !io_uring_cq_ready(ring);
}

/* What a send of STREAM_TOTAL bytes came to */
struct outcome {
	int res;
	bool was_short;		/* some had arrived, and it was not complete */
	int timestamps;
};

static const char *submit(struct stream *s, struct io_uring *ring,
			  enum opcode op, struct outcome *out)
{
	struct done done = { };
	const char *wrong;

	ring_prep(io_uring_get_sqe(ring), op, s->tx, &s->msg,
		  MSG_WAITALL | MSG_NOSIGNAL);
	wrong = ring_submit(ring);
	if (wrong)
		return wrong;
	out->was_short = is_short(s, ring);
	wrong = s->remote ? s->remote->drain(s->remote) : stream_read(s, ring);
	wrong = wrong ?: ring_collect(ring, &done, 1);
	if (!wrong && s->remote && done.res > 0)
		wrong = s->remote->drained(s->remote, done.res);
	wrong = wrong ?: stream_acked(s);
	out->res = done.res;
	out->timestamps = stream_timestamps(s);
	return wrong;
}

static const char *stream_judge(const struct outcome *out, bool control,
				const char **defect, const char **why)
{
	if (out->res < 0)
		return errno_name(-out->res);
	if (!control && out->res < STREAM_TOTAL) {
		*why = cannot("does not go on after a short send", 0,
			      "nothing to do, 5.19 and newer do");
		return NULL;
	}
	if (!out->was_short && out->res == STREAM_TOTAL)
		return "there was no short send";
	if (!control)
		return !out->timestamps ? NULL :
		       "timestamps came without being asked for";
	if (!out->timestamps)
		return "no timestamp came";
	*defect = "repeated-control";
	if (out->timestamps != 1)
		return reason("%d timestamps from one request instead of 1",
			      out->timestamps);
	/* In 32 bit the second copy is refused, and the rest with it */
	if (out->res != STREAM_TOTAL)
		return reason("the rest after %d of %d bytes was refused, with the control",
			      out->res, STREAM_TOTAL);
	return NULL;
}

const char *stream_send(struct io_uring *ring, enum opcode op, bool control,
			const struct route *route, const char **defect,
			const char **why)
{
	struct outcome out = { };
	struct stream s;
	const char *wrong = stream_open(&s, route);

	*defect = NULL;
	*why = NULL;
	if (wrong)
		return wrong;
	if (control)
		stream_control(&s);
	wrong = submit(&s, ring, op, &out);
	stream_close(&s);
	return wrong ?: stream_judge(&out, control, defect, why);
}
