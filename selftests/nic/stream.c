// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>

#include "network.h"
#include "remote.h"
#include "report.h"
#include "stream.h"

#define SOCKET_BUFFER	65536

struct stream {
	int tx;
	struct remote *remote;
	char *data;
	union {
		struct cmsghdr cmsg;
		char room[CMSG_SPACE(sizeof(uint32_t))];
	} control;
	struct iovec iov;
	struct msghdr msg;
};

/* NULL or what went wrong */
static const char *stream_open(struct stream *s, const struct route *route)
{
	const int size = SOCKET_BUFFER;
	const int report = SOF_TIMESTAMPING_SOFTWARE |
			   SOF_TIMESTAMPING_OPT_TSONLY |
			   SOF_TIMESTAMPING_OPT_ID;
	struct sockaddr_storage to = route->to;
	const char *wrong;
	size_t at;

	memset(s, 0, sizeof(*s));
	s->remote = route->remote;
	s->data = malloc(STREAM_TOTAL);
	if (!s->data)
		return "out of memory";
	for (at = 0; at < STREAM_TOTAL; at++)
		s->data[at] = stream_byte(at);
	wrong = route->remote->open(route->remote, &to, "tcp");
	if (wrong)
		return wrong;
	s->tx = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(s->tx, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (bind(s->tx, (void *)&route->own, route->len) ||
	    setsockopt(s->tx, SOL_SOCKET, SO_BINDTOIFINDEX, &route->ifindex,
		       sizeof(route->ifindex)))
		return reason("cannot send through the card: %s",
			      errno_name(errno));
	if (connect(s->tx, (void *)&to, route->len))
		return reason("no TCP connection: %s", errno_name(errno));
	if (setsockopt(s->tx, SOL_SOCKET, SO_TIMESTAMPING, &report,
		       sizeof(report)))
		return reason("cannot ask for timestamps: %s",
			      errno_name(errno));

	s->iov = (struct iovec){ .iov_base = s->data, .iov_len = STREAM_TOTAL };
	s->msg.msg_iov = &s->iov;
	s->msg.msg_iovlen = 1;
	return NULL;
}

static void stream_close(struct stream *s)
{
	close(s->tx);
	free(s->data);
}

/* Ask for a TX timestamp by control: SO_TIMESTAMPING with TX_ACK */
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

/* All data acknowledged, so that each timestamp that is due has been queued */
static const char *stream_acked(const struct stream *s)
{
	const char *wrong = socket_drain(s->tx);
	struct tcp_info info;
	socklen_t len = sizeof(info);

	/* Takes the socket's lock: the last ACK is done with */
	if (!wrong)
		getsockopt(s->tx, IPPROTO_TCP, TCP_INFO, &info, &len);
	return wrong;
}

/* What a send of STREAM_TOTAL bytes came to */
struct outcome {
	int res;
	bool was_short;		/* some had arrived, and it was not complete */
	bool last;		/* the last byte has a timestamp */
	int earlier;		/* timestamps of bytes before it */
};

/* TX_ACK timestamps in the error queue, which this empties, by their ids */
static void stream_timestamps(const struct stream *s, struct outcome *out)
{
	char control[256];
	struct cmsghdr *cmsg;

	for (;;) {
		struct msghdr msg = {
			.msg_control = control,
			.msg_controllen = sizeof(control),
		};

		if (recvmsg(s->tx, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
			return;
		for (cmsg = CMSG_FIRSTHDR(&msg); cmsg;
		     cmsg = CMSG_NXTHDR(&msg, cmsg)) {
			struct sock_extended_err *err = (void *)CMSG_DATA(cmsg);

			if (!((cmsg->cmsg_level == IPPROTO_IP &&
			       cmsg->cmsg_type == IP_RECVERR) ||
			      (cmsg->cmsg_level == IPPROTO_IPV6 &&
			       cmsg->cmsg_type == IPV6_RECVERR)) ||
			    err->ee_origin != SO_EE_ORIGIN_TIMESTAMPING ||
			    err->ee_info != SCM_TSTAMP_ACK)
				continue;
			if (err->ee_data == STREAM_TOTAL - 1)
				out->last = true;
			else
				out->earlier++;
		}
	}
}

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
	out->was_short = !s->remote->readable(s->remote) &&
			 !io_uring_cq_ready(ring);
	wrong = s->remote->drain(s->remote) ?: ring_collect(ring, &done, 1);
	if (!wrong && done.res > 0)
		wrong = s->remote->drained(s->remote, done.res);
	wrong = wrong ?: stream_acked(s);
	out->res = done.res;
	stream_timestamps(s, out);
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
		return !out->last && !out->earlier ? NULL :
		       "timestamps came without being asked for";
	if (!out->last && !out->earlier)
		return "no timestamp came";
	*defect = "cut-control";
	/* In 32 bit the second copy is refused, and the rest with it */
	if (out->res != STREAM_TOTAL)
		return reason("the rest after %d of %d bytes was refused, with the control",
			      out->res, STREAM_TOTAL);
	/* Those of earlier bytes may come: TCP stamps each part that it takes */
	if (!out->last)
		return reason("no timestamp of the last byte, %d of earlier ones",
			      out->earlier);
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
