// SPDX-License-Identifier: GPL-2.0
/*
 * Sockets are filled, let go, and found to be quiet.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "messages_socket.h"

#define LARGE		1200	/* of what fills a queue, which lets 8000 bytes by */
#define LITTLE		500	/* and of what fills another socket */
#define FILL_MOST	2000

static int marker = -1;		/* a datagram socket that sends to itself */

/* Without what would wait for the other end, or for a time */
void ends_close(struct ends *e)
{
	const struct linger at_once = { .l_onoff = 1 };

	if (e->kind->traits & T_KEPT)
		return;
	if (e->kind->traits & (T_TCP | T_SCTP) && e->tx >= 0)
		setsockopt(e->tx, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	if (e->tx >= 0)
		close(e->tx);
	if (e->rx >= 0)
		close(e->rx);
	e->tx = -1;
	e->rx = -1;
}

/* Acknowledgments would make room once more: none is due, the window is shut */
static bool stays_full(const struct ends *e)
{
	int all = 0, unsent = 0;

	if (!(e->kind->traits & T_TCP))
		return true;
	set(e->rx, SOL_TCP, TCP_QUICKACK, 1);
	return ioctl(e->tx, SIOCOUTQ, &all) || ioctl(e->tx, SIOCOUTQNSD, &unsent) ||
	       all == unsent;
}

const char *ends_fill(struct ends *e)
{
	static uint8_t data[MOST_HEAD + LARGE];
	const unsigned int traits = e->kind->traits;
	size_t size = e->head + (traits & (T_HOLD | T_STREAM) ? LARGE : LITTLE);
	unsigned int i, idle = 0;
	const char *why = traits & T_HOLD ? qdisc_hold() : NULL;
	ssize_t len;

	memcpy(data, e->start, e->head);
	for (i = 0; i < FILL_MOST && idle < 2 && !why; i++) {
		len = sendto(e->tx, data, size, MSG_DONTWAIT | MSG_NOSIGNAL |
			     (traits & T_CIPHER ? MSG_MORE : 0),
			     e->to_len && traits & T_ADDRESS ? (void *)&e->to : NULL,
			     traits & T_ADDRESS ? e->to_len : 0);
		if (len > 0) {
			e->filled += traits & T_STREAM ? len : 1;
			idle = 0;
		} else if (errno != EAGAIN) {
			why = refused(e, "filling it");
		} else {
			why = traits & T_HOLD ? NULL : ends_flush(e);
			idle = stays_full(e) ? idle + 1 : 0;
		}
	}
	e->total = e->filled;
	return why ?: i < FILL_MOST ? NULL :
	       reason("%s: %u sends did not fill it", e->kind->name, FILL_MOST);
}

const char *ends_free(struct ends *e)
{
	return e->kind->traits & T_HOLD ? qdisc_release() : NULL;
}

const char *flush_begin(void)
{
	struct sockaddr_storage at;
	socklen_t len;

	if (marker >= 0)
		return NULL;
	address(&at, &len, false, LO4_ADDR);
	marker = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (marker < 0 || bind(marker, (void *)&at, len) ||
	    getsockname(marker, (void *)&at, &len) ||
	    connect(marker, (void *)&at, len))
		return cannot("no UDP over lo", errno, "build the kernel with CONFIG_INET");
	/* As long as one socket wants them, all packets have them */
	set(marker, SOL_SOCKET, SO_TIMESTAMP, 1);
	return NULL;
}

/*
 * Packets over lo stand in one queue for a processor, which the kernel may leave
 * to a thread: what comes out of it last has overtaken nothing.
 */
const char *ends_flush(const struct ends *e)
{
	struct pollfd pfd = { .fd = marker, .events = POLLIN };
	const char *wrong = NULL;
	char byte = 0;

	if (e->kind->traits & T_LATE)
		usleep(500);
	if (!(e->kind->traits & T_INET))
		return NULL;
	if (send(marker, &byte, 1, 0) < 0 || poll(&pfd, 1, WAIT_MS) != 1 ||
	    recv(marker, &byte, 1, 0) < 0)
		wrong = "a datagram over lo did not arrive within 10 s";
	return wrong;
}
