// SPDX-License-Identifier: GPL-2.0
/*
 * Of fault: sends with MSG_ZEROCOPY over TCP, each of which has the next id in
 * the error queue of the socket. One that sends nothing has none.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/errqueue.h>
#include <linux/sockios.h>

#include "fault.h"
#include "report.h"
#include "twin.h"

#define LENGTH		1000
#define FILL_MOST	2000	/* pieces, and times that it is full */
#define ROOM		65536	/* of the socket, while it is filled */

static long next;		/* id */
static size_t filled;		/* bytes in the socket */

static const char *open_pair(struct way *way)
{
	const char *why = netns_enter(true);
	const int one = 1;
	int sv[2];

	why = why ?: tcp_pair(sv);
	if (why)
		return why;
	way->run.pair.tx = sv[0];
	way->run.pair.rx = sv[1];
	if (setsockopt(sv[0], SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)))
		return cannot("no MSG_ZEROCOPY for TCP", errno,
			      "nothing to do, this kernel is too old");
	return run_start(&way->run, way->op, HOW_DEFER, false);
}

/* Acknowledgments would make room once more: none is due, the window is shut */
static bool stays_full(const struct udp_pair *pair)
{
	int all = 0, unsent = 0;
	const int one = 1;

	setsockopt(pair->rx, SOL_TCP, TCP_QUICKACK, &one, sizeof(one));
	return ioctl(pair->tx, SIOCOUTQ, &all) ||
	       ioctl(pair->tx, SIOCOUTQNSD, &unsent) || all == unsent;
}

static void make_room(const struct udp_pair *pair, int size)
{
	setsockopt(pair->tx, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

/*
 * What is left of the window is less than a segment, which over lo is as much
 * as half of the room: it is sent when the timer for a shut one goes off. What
 * remains after that has to be more than there is room for, so take most of it
 * away in the end.
 */
static const char *fill_up(struct way *way)
{
	const struct udp_pair *pair = &way->run.pair;
	static char data[FILLING];
	unsigned int i, full = 0;
	ssize_t len;

	make_room(pair, ROOM);
	for (i = 0; i < FILL_MOST && full < 2; i++) {
		len = send(pair->tx, data, sizeof(data),
			   MSG_DONTWAIT | MSG_NOSIGNAL);
		if (len > 0) {
			filled += len;
			full = 0;
		} else if (errno != EAGAIN) {
			return reason("cannot fill the socket: %s",
				      errno_name(errno));
		} else {
			/* What is in ksoftirqd's hands gets there meanwhile */
			usleep(1000);
			full = stays_full(pair) ? full + 1 : 0;
		}
	}
	make_room(pair, 1);
	return full < 2 ? reason("%zu bytes did not fill the socket", filled) :
	       NULL;
}

static const char *let_go(struct way *way)
{
	return drain(way->run.pair.rx, &filled);
}

static const char *pack(struct way *way)
{
	struct message *p = &way->run.messages[0];

	message_shape(p, &way->run.pair, way->sends++, CTL_NONE, LENGTH, 0);
	p->msg.msg_name = NULL;
	return NULL;
}

static const char *look_at_ids(struct way *way, bool sent)
{
	struct pollfd pfd = { .fd = way->run.pair.tx };
	long id;

	if (sent) {
		/* The request lets go of it, and the last packet does */
		io_uring_get_events(&way->run.ring);
		poll(&pfd, 1, WAIT_MS);
		id = next_id(pfd.fd, SO_EE_ORIGIN_ZEROCOPY);
		if (id != next)
			return reason("id %ld instead of %ld", id, next);
		next++;
	}
	id = next_id(pfd.fd, SO_EE_ORIGIN_ZEROCOPY);
	return id < 0 ? NULL : reason("id %ld, of no send", id);
}

/* What TCP could not send at once comes later, but comes */
static const char *arrived(struct way *way, bool sent, bool struck)
{
	const struct message *p = &way->run.messages[0];
	const int rx = way->run.pair.rx;
	const char *wrong = tcp_acked(way->run.pair.tx);
	char data[LENGTH];
	ssize_t len;

	(void)struck;
	if (!wrong && sent) {
		len = recv(rx, data, sizeof(data), MSG_WAITALL);
		if (len != LENGTH || memcmp(data, p->payload.iov_base, LENGTH))
			wrong = reason("%zd bytes came, not those that were sent",
				       len);
	}
	if (!wrong && recv(rx, data, sizeof(data), MSG_DONTWAIT) >= 0)
		wrong = sent ? "more came than was sent" :
			"not sent, but it came";
	return wrong ?: look_at_ids(way, sent);
}

const struct carried carried_zerocopy = {
	.name = "zerocopy",
	/* Without MSG_WAITALL there is no second issue that could take an id */
	.flags = MSG_WAITALL | MSG_ZEROCOPY,
	.open = open_pair,
	.fill = fill_up,
	.let_go = let_go,
	.pack = pack,
	.arrived = arrived,
};
