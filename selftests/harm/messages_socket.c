// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/icmp.h>
#include <linux/if_packet.h>
#include <linux/net_tstamp.h>
#include <linux/netlink.h>
#include <linux/vm_sockets.h>

#include "messages_socket.h"

#define SMALL		16384	/* buffers of a stream */
#define ETHERTYPE	0x88b5	/* for local experiments */
#define T_PASSPIDFD	76	/* headers of old distributions lack it */

static int listeners[32];		/* by kind, 0: none yet */

const char *refused(const struct ends *e, const char *what)
{
	return reason("%s: %s: %s", e->kind->name, what, strerror(errno));
}

void set(int fd, int level, int option, int value)
{
	setsockopt(fd, level, option, &value, sizeof(value));
}

/* -- opening -------------------------------------------------------------- */

static const char *open_pair(struct ends *e, const struct plan *p)
{
	struct sockaddr_storage any = { .ss_family = AF_UNIX };
	int sv[2];

	if (socketpair(AF_UNIX, e->kind->type | SOCK_CLOEXEC, 0, sv))
		return refused(e, "socketpair");
	e->tx = sv[0];
	e->rx = sv[1];
	/* The sender has a name only if it binds one */
	if (receives(p) && p->named && e->kind->family == AF_UNIX &&
	    bind(e->tx, (void *)&any, sizeof(sa_family_t)))
		return refused(e, "bind");
	return NULL;
}

/* Where both ends are bound first, and the receiver knows no sender */
static void own_address(const struct ends *e, struct sockaddr_storage *at,
			socklen_t *len)
{
	memset(at, 0, sizeof(*at));
	at->ss_family = e->kind->family;
	*len = sizeof(sa_family_t);
	if (e->kind->family == AF_NETLINK)
		*len = sizeof(struct sockaddr_nl);
	else if (e->kind->family == AF_VSOCK)
		*(struct sockaddr_vm *)at = (struct sockaddr_vm) {
			.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_LOCAL,
			.svm_port = VMADDR_PORT_ANY,
		}, *len = sizeof(struct sockaddr_vm);
	else if (e->kind->traits & T_INET)
		address(at, len, e->kind->traits & T_V6,
			e->kind->traits & T_V6 ? LO6_ADDR : LO4_ADDR);
}

/* An IPv4 address as IPv6 has it, as a v4-mapped sender needs it */
static void map(struct sockaddr_storage *at, socklen_t *len)
{
	in_port_t port = ((struct sockaddr_in *)at)->sin_port;

	address(at, len, true, MAPPED_ADDR);
	((struct sockaddr_in6 *)at)->sin6_port = port;
}

static const char *open_bound(struct ends *e, const struct plan *p)
{
	const struct socket_kind *k = e->kind;
	int family = k->family;

	e->rx = socket(family, k->type | SOCK_CLOEXEC, k->protocol);
	own_address(e, &e->to, &e->to_len);
	if (e->rx < 0 || bind(e->rx, (void *)&e->to, e->to_len))
		return refused(e, "bind");
	own_address(e, &e->own, &e->own_len);
	e->to_len = sizeof(e->to);
	getsockname(e->rx, (void *)&e->to, &e->to_len);
	if (!strcmp(k->name, "udp mapped")) {
		map(&e->to, &e->to_len);
		map(&e->own, &e->own_len);
		family = AF_INET6;
	}
	e->tx = socket(family, k->type | SOCK_CLOEXEC, k->protocol);
	if (e->tx < 0 || bind(e->tx, (void *)&e->own, e->own_len))
		return refused(e, "bind");
	if (!(p->named && !receives(p)) &&
	    connect(e->tx, (void *)&e->to, e->to_len))
		return refused(e, "connect");
	return NULL;
}

static const char *open_listener(struct ends *e, int *listener)
{
	const struct socket_kind *k = e->kind;
	int late;

	if (!*listener) {
		*listener = socket(k->family, k->type | SOCK_CLOEXEC | SOCK_NONBLOCK,
				   k->protocol);
		if (k->protocol != IPPROTO_MPTCP)
			set(*listener, SOL_SOCKET, SO_RCVBUF, SMALL);
		own_address(e, &e->to, &e->to_len);
		if (*listener < 0 || bind(*listener, (void *)&e->to, e->to_len) ||
		    listen(*listener, 8))
			return refused(e, "listen");
	}
	/* Of a case in which a connection came late */
	while ((late = accept(*listener, NULL, NULL)) >= 0)
		close(late);
	e->to_len = sizeof(e->to);
	getsockname(*listener, (void *)&e->to, &e->to_len);
	return NULL;
}

/*
 * What is left of a request of before may interrupt it, so that SCTP finds itself
 * connected; a busy vsock may refuse it
 */
int connect_to(const struct ends *e)
{
	int tries = 10;

	while (connect(e->tx, (void *)&e->to, e->to_len)) {
		if (errno == EISCONN && e->kind->traits & T_SCTP)
			break;
		if ((errno != EINTR && errno != ECONNRESET) || !tries--)
			return -1;
	}
	return 0;
}

const char *open_stream(struct ends *e, const struct plan *p)
{
	const struct socket_kind *k = e->kind;
	int *listener = &listeners[k - kinds];
	const char *why = open_listener(e, listener);
	const unsigned long long size = SMALL;
	struct pollfd pfd = { .events = POLLIN };

	if (why)
		return why;
	e->tx = socket(k->family, k->type | SOCK_CLOEXEC, k->protocol);
	if (k->family == AF_VSOCK)
		setsockopt(e->tx, AF_VSOCK, SO_VM_SOCKETS_BUFFER_SIZE, &size,
			   sizeof(size));
	else
		set(e->tx, SOL_SOCKET, SO_SNDBUF, SMALL);
	if (k->traits & T_FASTOPEN && !receives(p)) {
		e->listener = *listener;
		return NULL;
	}
	if (connect_to(e))
		return refused(e, "connect");
	pfd.fd = *listener;
	poll(&pfd, 1, WAIT_MS);
	e->rx = accept4(*listener, NULL, NULL, SOCK_CLOEXEC);
	if (e->rx < 0)
		return refused(e, "accept");
	if (k->traits & T_TCP)
		set(e->tx, SOL_TCP, TCP_NODELAY, 1);
	return NULL;
}

static const char *open_ping(struct ends *e, const struct plan *p)
{
	FILE *range = fopen("/proc/sys/net/ipv4/ping_group_range", "we");

	(void)p;
	if (!range || fprintf(range, "0 0") < 0 || fclose(range))
		return refused(e, "ping_group_range");
	own_address(e, &e->to, &e->to_len);
	e->tx = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP);
	e->rx = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	set(e->rx, SOL_RAW, ICMP_FILTER, ~(1U << ICMP_ECHO));
	if (e->tx < 0 || e->rx < 0 || connect(e->tx, (void *)&e->to, e->to_len))
		return refused(e, "connect");
	e->head = sizeof(struct icmphdr);
	e->front = 20 + e->head;
	e->start[0] = ICMP_ECHO;
	return NULL;
}

/* A virtio_net_hdr of zeros and an Ethernet header come before the payload */
static const char *open_packet(struct ends *e, const struct plan *p)
{
	struct sockaddr_ll ll = { .sll_family = AF_PACKET, .sll_ifindex = 1 };
	static int tx = -1, rx = -1;
	char byte;

	(void)p;
	e->head = 10 + 14;
	e->front = 14;
	e->start[e->head - 2] = ETHERTYPE >> 8;
	e->start[e->head - 1] = ETHERTYPE & 0xff;
	e->tx = tx;
	e->rx = rx;
	while (rx >= 0 && recv(rx, &byte, 1, MSG_DONTWAIT) >= 0)
		;
	if (rx >= 0)
		return NULL;
	e->tx = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	e->rx = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	set(e->tx, SOL_PACKET, PACKET_VNET_HDR, 1);
	if (e->tx < 0 || e->rx < 0 || bind(e->tx, (void *)&ll, sizeof(ll)))
		return refused(e, "bind");
	ll.sll_protocol = htons(ETHERTYPE);
	if (bind(e->rx, (void *)&ll, sizeof(ll)))
		return refused(e, "bind");
	tx = e->tx;
	rx = e->rx;
	return NULL;
}

#define UNIX_SENDS	(T_UNIX | T_SENDS)
#define UDP		(T_INET | T_ZC | T_HOLD | T_SENDS | T_ADDRESS)
#define TCP		(T_STREAM | T_INET | T_TCP | T_SENDS)
#define SCTP		(T_RECORDS | T_INET | T_HOLD | T_SENDS | T_SCTP)

const struct socket_kind kinds[] = {
	{ "unix stream", open_pair, AF_UNIX, SOCK_STREAM, 0,
	  UNIX_SENDS | T_STREAM, 20 },
	{ "unix dgram pair", open_pair, AF_UNIX, SOCK_DGRAM, 0, UNIX_SENDS, 6 },
	{ "unix dgram", open_bound, AF_UNIX, SOCK_DGRAM, 0,
	  UNIX_SENDS | T_ADDRESS | T_EATS, 10 },
	{ "unix seqpacket", open_pair, AF_UNIX, SOCK_SEQPACKET, 0,
	  UNIX_SENDS | T_RECORDS, 12 },
	{ "udp4", open_bound, AF_INET, SOCK_DGRAM, 0, UDP, 8 },
	{ "udp6", open_bound, AF_INET6, SOCK_DGRAM, 0, UDP | T_V6, 5 },
	{ "udp mapped", open_bound, AF_INET, SOCK_DGRAM, 0, UDP, 3 },
	{ "udp4 rewritten", open_rewritten, AF_INET, SOCK_DGRAM, 0,
	  UDP | T_REWRITES, 3 },
	{ "udplite4", open_bound, AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE,
	  UDP & ~T_ZC, 2 },
	{ "tcp4", open_stream, AF_INET, SOCK_STREAM, 0, TCP | T_ZC, 12 },
	{ "tcp6", open_stream, AF_INET6, SOCK_STREAM, 0, TCP | T_ZC | T_V6, 4 },
	{ "tcp fastopen", open_stream, AF_INET, SOCK_STREAM, 0,
	  TCP | T_ZC | T_FASTOPEN, 3 },
	{ "mptcp", open_stream, AF_INET, SOCK_STREAM, IPPROTO_MPTCP, TCP | T_LATE, 1 },
	{ "netlink", open_bound, AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK,
	  T_ADDRESS | T_SENDS | T_EATS, 5 },
	{ "raw4", open_bound, AF_INET, SOCK_RAW, 253, T_INET | T_ADDRESS, 3 },
	{ "ping", open_ping, AF_INET, SOCK_DGRAM, IPPROTO_ICMP,
	  T_INET | T_HOLD | T_SENDS | T_ONE_WAY | T_EATS, 3 },
	{ "packet vnet", open_packet, AF_PACKET, SOCK_RAW, 0,
	  T_INET | T_HOLD | T_SENDS | T_EATS | T_KEPT, 3 },
	{ "vsock stream", open_stream, AF_VSOCK, SOCK_STREAM, 0,
	  T_STREAM | T_SENDS | T_LATE | T_TCP, 2 },
	{ "vsock seqpacket", open_stream, AF_VSOCK, SOCK_SEQPACKET, 0,
	  T_RECORDS | T_SENDS | T_LATE | T_EATS, 2 },
	{ "tls", open_tls, AF_INET, SOCK_STREAM, 0, TCP | T_TLS, 8 },
	{ "sctp", open_sctp, AF_INET, SOCK_STREAM, IPPROTO_SCTP, SCTP, 5 },
	{ "sctp many", open_sctp_many, AF_INET, SOCK_SEQPACKET, IPPROTO_SCTP,
	  SCTP | T_ADDRESS, 3 },
	{ "alg skcipher", open_cipher, AF_ALG, SOCK_SEQPACKET, 0,
	  T_STREAM | T_SENDS | T_CIPHER, 8 },
	{ "tipc stream", open_pair, AF_TIPC, SOCK_STREAM, 0, T_STREAM | T_SENDS, 2 },
	{ "tipc seqpacket", open_pair, AF_TIPC, SOCK_SEQPACKET, 0,
	  T_RECORDS | T_SENDS, 2 },
};

const unsigned int kinds_known = ARRAY_SIZE(kinds);

/* What the receiver wants to know of each message */
static void set_options(const struct ends *e, unsigned int options)
{
	const unsigned int traits = e->kind->traits;
	const int stamps = SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_ID |
			   SOF_TIMESTAMPING_OPT_TSONLY;

	if (options & O_CREDENTIALS && (traits & T_UNIX || e->kind->family == AF_NETLINK))
		set(e->rx, SOL_SOCKET, SO_PASSCRED, 1);
	if (options & O_CREDENTIALS && traits & T_INET && !(traits & T_V6)) {
		set(e->rx, SOL_IP, IP_PKTINFO, 1);
		set(e->rx, SOL_IP, IP_RECVTOS, 1);
	}
	if (options & O_CREDENTIALS && traits & T_V6) {
		set(e->rx, SOL_IPV6, IPV6_RECVPKTINFO, 1);
		set(e->rx, SOL_IPV6, IPV6_RECVTCLASS, 1);
	}
	set(e->rx, SOL_SOCKET, SO_TIMESTAMP, !!(options & O_STAMP));
	if (options & O_PIDFD && traits & T_UNIX)
		set(e->rx, SOL_SOCKET, T_PASSPIDFD, 1);
	if (options & O_IDS && traits & T_INET)
		set(e->tx, SOL_SOCKET, SO_TIMESTAMPING, stamps);
	if (options & O_ZEROCOPY)
		set(e->tx, SOL_SOCKET, SO_ZEROCOPY, 1);
}

const char *ends_open(struct ends *e, const struct plan *p)
{
	const struct socket_kind *k = &kinds[p->kind];
	const char *why;

	*e = (struct ends) { .kind = k, .tx = -1, .rx = -1, .listener = -1 };
	why = k->open(e, p);
	if (why)
		return why;
	e->own_len = sizeof(e->own);
	if (getsockname(e->tx, (void *)&e->own, &e->own_len))
		e->own_len = 0;
	if (k->traits & T_HOLD || k->family == AF_UNIX)
		set(e->tx, SOL_SOCKET, SO_SNDBUF, k->traits & T_STREAM ? SMALL / 2 : 1);
	if (k->family == AF_NETLINK)
		set(e->rx, SOL_SOCKET, SO_RCVBUF, 1);
	set_options(e, p->options);
	return NULL;
}

const char *kind_missing(unsigned int kind)
{
	struct plan p = { .kind = kind };
	struct ends e = { .kind = &kinds[kind], .tx = -1, .rx = -1 };
	const char *why;

	p.act = kinds[kind].traits & T_FASTOPEN ? A_RECV : A_SEND;
	why = flush_begin();
	why = why ?: ends_open(&e, &p);
	ends_close(&e);
	return why;
}
