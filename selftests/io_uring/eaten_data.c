// SPDX-License-Identifier: GPL-2.0
/*
 * eaten-data: a protocol may take data out of the iterator before it finds that
 * it has to wait, and returns -EAGAIN. The second issue has to start with the
 * first byte again; a kernel that goes on behind sends a message without its
 * beginning, or nothing at all, and may call that a success.
 *
 * Proved: what io_uring sends when the socket was full at first is what the
 * system call sends, byte for byte: same result, same messages, and the next
 * message on the socket is whole. Both times the call is seen to wait, and only
 * then room is made.
 *
 * AF_UNIX datagrams, netlink, packet and ping sockets take the data first; the
 * other sockets do not, or wait at another place, and must stay right.
 *
 * Needs: for a queue on lo a network namespace, CAP_NET_RAW in it; /proc.
 * Exit code: 0 all passed or skipped, 1 a case failed (kselftest harness).
 */
#include <errno.h>
#include <net/if.h>		/* before the kernel's, which step back for it */
#include <netinet/in.h>
#include <stdio.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/icmp.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>

#include "kselftest_harness.h"
#include "report.h"
#include "twin.h"

#define LENGTH		100	/* of the message that waits, behind its head */
#define NEXT		7	/* of the one after it */
#define LARGE		1200	/* of those that fill a queue, which lets 8000 bytes by */
#define MOST_HEAD	24
#define ETHERTYPE	0x88b5	/* for local experiments */

/* Both ends of one socket, and what a message begins with on either side */
struct ends {
	int tx, rx;
	size_t head, front;	/* bytes before the payload, sent and received */
	unsigned char start[MOST_HEAD];
	struct sockaddr_storage to;
	socklen_t to_len;
	bool hold;		/* filled by a queue on lo, not by the receiver */
	bool stream;
	unsigned int filled;	/* messages, or bytes of a stream */
};

static const char *refused(const char *what, const char *remedy)
{
	return cannot(what, errno, remedy);
}

static const char *unix_ends(struct ends *e, int type)
{
	int sv[2];

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, sv))
		return refused("no AF_UNIX socket", "CONFIG_UNIX");
	e->tx = sv[0];
	e->rx = sv[1];
	return NULL;
}

static const char *open_unix_pair(struct ends *e)
{
	return unix_ends(e, SOCK_DGRAM);
}

static const char *open_unix_seqpacket(struct ends *e)
{
	return unix_ends(e, SOCK_SEQPACKET);
}

static const char *open_unix_stream(struct ends *e)
{
	e->stream = true;
	return unix_ends(e, SOCK_STREAM);
}

/* A socket whose receiver is not connected back, such as syslog's */
static const char *connected_ends(struct ends *e, int family, int type,
				  int protocol, socklen_t len)
{
	e->to.ss_family = family;
	e->rx = socket(family, type | SOCK_CLOEXEC, protocol);
	e->tx = socket(family, type | SOCK_CLOEXEC, protocol);
	if (e->rx < 0 || e->tx < 0 || bind(e->rx, (void *)&e->to, len))
		return refused("no socket of that family", "build the kernel with it");
	e->to_len = sizeof(e->to);
	if (getsockname(e->rx, (void *)&e->to, &e->to_len) ||
	    connect(e->tx, (void *)&e->to, e->to_len))
		return refused("cannot connect", "run as root");
	return NULL;
}

static const char *open_unix_dgram(struct ends *e)
{
	return connected_ends(e, AF_UNIX, SOCK_DGRAM, 0, sizeof(sa_family_t));
}

static const char *open_netlink(struct ends *e)
{
	return connected_ends(e, AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK,
		       sizeof(struct sockaddr_nl));
}

static const char *open_udp(struct ends *e)
{
	e->hold = true;
	return connected_ends(e, AF_INET, SOCK_DGRAM, 0, sizeof(struct sockaddr_in));
}

static const char *open_ping(struct ends *e)
{
	const uint32_t others = ~(1U << ICMP_ECHO);
	struct sockaddr_in lo = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	FILE *range = fopen("/proc/sys/net/ipv4/ping_group_range", "we");

	if (!range || fprintf(range, "0 0") < 0 || fclose(range))
		return refused("no ping sockets", "run as root");
	e->tx = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP);
	e->rx = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	if (e->tx < 0 || e->rx < 0 ||
	    setsockopt(e->rx, SOL_RAW, ICMP_FILTER, &others, sizeof(others)) ||
	    connect(e->tx, (void *)&lo, sizeof(lo)))
		return refused("no ping sockets", "run as root");
	e->hold = true;
	e->head = sizeof(struct icmphdr);
	e->front = 20 + e->head;
	e->start[0] = ICMP_ECHO;
	return NULL;
}

/* A virtio_net_hdr of zeros and an Ethernet header come before the payload */
static const char *open_packet(struct ends *e)
{
	const int one = 1;
	struct sockaddr_ll ll = {
		.sll_family = AF_PACKET,
		.sll_ifindex = 1,
	};

	e->tx = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	e->rx = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (e->tx < 0 || e->rx < 0)
		return refused("no packet sockets", "run as root, or set CONFIG_PACKET");
	if (setsockopt(e->tx, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) ||
	    bind(e->tx, (void *)&ll, sizeof(ll)))
		return refused("no PACKET_VNET_HDR", "run as root");
	ll.sll_protocol = htons(ETHERTYPE);
	if (bind(e->rx, (void *)&ll, sizeof(ll)))
		return refused("cannot bind to lo", "run as root");
	e->hold = true;
	e->head = 10 + 14;
	e->front = 14;
	e->start[e->head - 2] = ETHERTYPE >> 8;
	e->start[e->head - 1] = ETHERTYPE & 0xff;
	return NULL;
}

/* Room for a few messages at the receiver's, or until the queue lets them go */
static const char *fill_up(struct ends *e)
{
	const int least = 1;
	size_t size = e->head + (e->hold ? LARGE : LENGTH);
	char buf[MOST_HEAD + LARGE];
	const char *why;
	ssize_t len;

	why = limit_time(e->tx) ?: limit_time(e->rx);
	if (e->hold && !why) {
		setsockopt(e->tx, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
		why = qdisc_hold();
	}
	if (why)
		return why;
	memcpy(buf, e->start, e->head);
	payload(buf + e->head, LARGE);
	do {
		len = send(e->tx, buf, size, MSG_DONTWAIT);
		e->filled += len < 0 ? 0 : e->stream ? len : 1;
	} while (len >= 0);
	return errno == EAGAIN ? NULL :
	       refused("cannot fill the socket",
		       "nothing to do, this kernel refuses instead of waiting");
}

/* Take away what filled it */
static const char *make_room(struct ends *e)
{
	const char *wrong = e->hold ? qdisc_release() : NULL;
	char buf[MOST_HEAD + LARGE];
	unsigned int left = e->filled;
	ssize_t len;

	while (left && !wrong) {
		len = recv(e->rx, buf, left < sizeof(buf) ? left : sizeof(buf), 0);
		if (len <= 0)
			wrong = reason("what filled the socket does not come: %s",
				       errno_name(errno));
		left -= len < 0 ? 0 : e->stream ? len : 1;
	}
	return wrong;
}

/* Two messages, the first of which has to wait; told is what came of them */
static const char *send_two(struct ends *e, struct io_uring *ring, int opcode,
			    bool addressed, struct story *story)
{
	char data[MOST_HEAD + LENGTH];
	struct iovec iov = { .iov_base = data, .iov_len = e->head + LENGTH };
	struct call call = {
		.ring = ring, .opcode = opcode, .fd = e->tx,
		.flags = MSG_NOSIGNAL,
		.msg = { .msg_iov = &iov, .msg_iovlen = 1 },
	};
	const char *wrong;
	ssize_t len;

	if (addressed) {
		call.msg.msg_name = &e->to;
		call.msg.msg_namelen = e->to_len;
	}
	memcpy(data, e->start, e->head);
	payload(data + e->head, LENGTH);
	wrong = call_start(&call) ?: make_room(e) ?: call_end(&call, story);
	if (wrong)
		return wrong;
	len = send(e->tx, data, e->head + NEXT, MSG_NOSIGNAL);
	tell(story, ", then %zd; came", len);
	do
		len = tell_message(story, e->rx, e->front);
	while (len >= 0 && len != (ssize_t)e->front + NEXT && !e->stream);
	close(e->tx);
	close(e->rx);
	return NULL;
}

SHARE_NETNS()

FIXTURE(eaten_data)
{
	struct io_uring ring;
	struct story by_call, by_ring;
};

FIXTURE_VARIANT(eaten_data)
{
	const char *socket;
	const char *(*open)(struct ends *e);
	int opcode;
	bool addressed;		/* connected, and with an address all the same */
	bool queue;		/* on lo makes it wait */
};

FIXTURE_SETUP(eaten_data)
{
}

FIXTURE_TEARDOWN(eaten_data)
{
}

FIXTURE_VARIANT_ADD(eaten_data, unix_dgram_send) {
	.socket = "an AF_UNIX datagram socket",
	.open = open_unix_dgram,
	.opcode = IORING_OP_SEND,
};

FIXTURE_VARIANT_ADD(eaten_data, unix_dgram_sendmsg) {
	.socket = "an AF_UNIX datagram socket",
	.open = open_unix_dgram,
	.opcode = IORING_OP_SENDMSG,
};

FIXTURE_VARIANT_ADD(eaten_data, unix_dgram_sendmsg_to) {
	.socket = "an AF_UNIX datagram socket",
	.open = open_unix_dgram,
	.opcode = IORING_OP_SENDMSG,
	.addressed = true,
};

FIXTURE_VARIANT_ADD(eaten_data, netlink_send) {
	.socket = "netlink",
	.open = open_netlink,
	.opcode = IORING_OP_SEND,
};

FIXTURE_VARIANT_ADD(eaten_data, netlink_sendmsg) {
	.socket = "netlink",
	.open = open_netlink,
	.opcode = IORING_OP_SENDMSG,
};

FIXTURE_VARIANT_ADD(eaten_data, ping_send) {
	.socket = "a ping socket",
	.open = open_ping,
	.opcode = IORING_OP_SEND,
	.queue = true,
};

FIXTURE_VARIANT_ADD(eaten_data, ping_sendmsg) {
	.socket = "a ping socket",
	.open = open_ping,
	.opcode = IORING_OP_SENDMSG,
	.queue = true,
};

FIXTURE_VARIANT_ADD(eaten_data, packet_send) {
	.socket = "a packet socket with PACKET_VNET_HDR",
	.open = open_packet,
	.opcode = IORING_OP_SEND,
	.queue = true,
};

FIXTURE_VARIANT_ADD(eaten_data, packet_sendmsg) {
	.socket = "a packet socket with PACKET_VNET_HDR",
	.open = open_packet,
	.opcode = IORING_OP_SENDMSG,
	.queue = true,
};

/* A reference waits before it takes any data, and has always been right */
FIXTURE_VARIANT_ADD(eaten_data, reference_unix_pair_sendmsg) {
	.socket = "an AF_UNIX datagram pair",
	.open = open_unix_pair,
	.opcode = IORING_OP_SENDMSG,
};

FIXTURE_VARIANT_ADD(eaten_data, reference_unix_seqpacket_send) {
	.socket = "AF_UNIX seqpacket",
	.open = open_unix_seqpacket,
	.opcode = IORING_OP_SEND,
};

FIXTURE_VARIANT_ADD(eaten_data, reference_unix_stream_sendmsg) {
	.socket = "an AF_UNIX stream",
	.open = open_unix_stream,
	.opcode = IORING_OP_SENDMSG,
};

FIXTURE_VARIANT_ADD(eaten_data, reference_udp_sendmsg) {
	.socket = "udp4",
	.open = open_udp,
	.opcode = IORING_OP_SENDMSG,
	.queue = true,
};

FIXTURE_VARIANT_ADD(eaten_data, reference_udp_send_zc) {
	.socket = "udp4",
	.open = open_udp,
	.opcode = OP_SEND_ZC,
	.queue = true,
};

FIXTURE_VARIANT_ADD(eaten_data, reference_udp_sendmsg_zc) {
	.socket = "udp4",
	.open = open_udp,
	.opcode = IORING_OP_SENDMSG_ZC,
	.queue = true,
};

TEST_F(eaten_data, full_socket)
{
	const char *name = call_name(variant->opcode);
	struct ends call = { }, ring = { };

	if (!possible(variant->queue ? netns_once() : NULL) ||
	    !possible(twin_ring(&self->ring, variant->opcode)) ||
	    !possible(variant->open(&call) ?: fill_up(&call)))
		return;
	ASSERT_WELL(send_two(&call, NULL, variant->opcode, variant->addressed,
			     &self->by_call));
	ASSERT_WELL(variant->open(&ring) ?: fill_up(&ring) ?:
		    send_two(&ring, &self->ring, variant->opcode,
			     variant->addressed, &self->by_ring));
	ASSERT_SAME("eaten-data", name, variant->socket, &self->by_call,
		    &self->by_ring);
}

TEST_HARNESS_MAIN
