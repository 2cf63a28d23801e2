// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <linux/sockios.h>
#include <linux/udp.h>

#include "datagram.h"
#include "network.h"
#include "report.h"

static uint8_t payload_byte(unsigned int id, size_t at)
{
	uint32_t word = id << 16 | (uint32_t)(at / 4);

	return word >> (8 * (3 - at % 4));
}

bool address(struct sockaddr_storage *ss, socklen_t *len, bool v6,
	     const char *text)
{
	struct sockaddr_in6 *sin6 = (void *)ss;
	struct sockaddr_in *sin = (void *)ss;

	memset(ss, 0, sizeof(*ss));
	if (v6) {
		sin6->sin6_family = AF_INET6;
		*len = sizeof(*sin6);
		return inet_pton(AF_INET6, text, &sin6->sin6_addr) == 1;
	}
	sin->sin_family = AF_INET;
	*len = sizeof(*sin);
	return inet_pton(AF_INET, text, &sin->sin_addr) == 1;
}

int receiver_open(struct sockaddr_storage *at, socklen_t len)
{
	bool v6 = at->ss_family == AF_INET6;
	const int on = 1, big = 4 << 20;
	int fd;

	fd = socket(at->ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (bind(fd, (void *)at, len) || getsockname(fd, (void *)at, &len)) {
		close(fd);
		return -1;
	}
	if (v6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof(on));
	else
		setsockopt(fd, IPPROTO_IP, IP_RECVTOS, &on, sizeof(on));
	/* All segments of a send have to fit: beyond the limit where allowed */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof(big)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &big, sizeof(big));
	return fd;
}

static void look_at(struct datagram *d, const uint8_t *data)
{
	size_t i;

	d->id = data[0] << 8 | data[1];
	/* A piece that does not begin with a whole word shows by its content */
	d->at = 4 * (data[2] << 8 | data[3]);
	d->wrong = -1;
	for (i = 0; i < d->len && d->wrong < 0; i++)
		if (data[i] != payload_byte(d->id, d->at + i))
			d->wrong = d->at + i;
}

int receiver_take(int fd, struct datagram *d, int ms)
{
	char control[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(64)];
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	static uint8_t data[LARGEST];
	struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) };
	struct msghdr msg;
	struct cmsghdr *cmsg;
	ssize_t len;
	int ret;

	do {
		memset(data, 0, sizeof(uint32_t));
		ret = poll(&pfd, 1, ms);
		if (ret <= 0)
			return ret;
		msg = (struct msghdr) {
			.msg_name = &d->from, .msg_namelen = sizeof(d->from),
			.msg_iov = &iov, .msg_iovlen = 1,
			.msg_control = control, .msg_controllen = sizeof(control),
		};
		len = recvmsg(fd, &msg, MSG_DONTWAIT);
		if (len < 0)
			return -1;
		d->len = len;
		look_at(d, data);
	} while (len >= 4 && d->id == FILLER_ID);

	d->ecn = 0;
	for (cmsg = CMSG_FIRSTHDR(&msg); cmsg; cmsg = CMSG_NXTHDR(&msg, cmsg)) {
		/* IP_TOS comes as one byte, IPV6_TCLASS as an int */
		if (cmsg->cmsg_level == IPPROTO_IP &&
		    cmsg->cmsg_type == IP_TOS)
			d->ecn = *(uint8_t *)CMSG_DATA(cmsg) & 3;
		else if (cmsg->cmsg_level == IPPROTO_IPV6 &&
			 cmsg->cmsg_type == IPV6_TCLASS)
			d->ecn = *(int *)CMSG_DATA(cmsg) & 3;
	}
	return 1;
}

#define ECT_0		2	/* ECN-capable, codepoint 0 (RFC 3168, 5) */
#define FILL_MOST	1000

const char *family_name(enum family family)
{
	static const char * const names[] = { "udp4", "udp6", "v4-mapped" };

	return names[family];
}

const char *control_name(enum family family, enum control control)
{
	if (control == CTL_NONE)
		return "no control";
	if (control == CTL_SEGMENT)
		return "UDP_SEGMENT";
	if (family == FAM_UDP4)
		return "UDP_SEGMENT+IP_TOS+IP_PKTINFO";
	if (family == FAM_MAPPED)
		return "UDP_SEGMENT+IP_TOS+IPV6_PKTINFO";
	return "UDP_SEGMENT+IPV6_TCLASS+IPV6_PKTINFO";
}

const char *pair_open(struct udp_pair *pair, enum family family)
{
	const char *own = family == FAM_UDP4 ? LO4_ADDR :
			  family == FAM_UDP6 ? LO6_ADDR : MAPPED_ADDR;
	const char *other = family == FAM_UDP4 ? LO4_SOURCE :
			    family == FAM_UDP6 ? LO6_SOURCE : MAPPED_SOURCE;
	const int off = 0, least = 1;
	struct sockaddr_storage at;
	socklen_t len;

	pair->family = family;
	pair->segment = SEGMENT_SIZE;
	address(&at, &len, family == FAM_UDP6,
		family == FAM_UDP6 ? LO6_ADDR : LO4_ADDR);
	pair->rx = receiver_open(&at, len);
	if (pair->rx < 0)
		return cannot("cannot bind the receiver", errno,
			      "modprobe ipv6, boot without ipv6.disable=1, or set up lo");
	pair->tx = socket(family == FAM_UDP4 ? AF_INET : AF_INET6,
			  SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (pair->tx < 0)
		return cannot("no socket", errno,
			      "modprobe ipv6, or build the kernel with CONFIG_IPV6");
	if (family == FAM_MAPPED)
		setsockopt(pair->tx, IPPROTO_IPV6, IPV6_V6ONLY, &off,
			   sizeof(off));
	setsockopt(pair->tx, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));

	address(&pair->own, &pair->to_len, family != FAM_UDP4, own);
	address(&pair->other, &pair->to_len, family != FAM_UDP4, other);
	pair->to = pair->own;
	/* sin_port and sin6_port are at the same offset */
	((struct sockaddr_in *)&pair->to)->sin_port =
		((struct sockaddr_in *)&at)->sin_port;
	return NULL;
}

const char *socket_drain(int fd)
{
	const struct timespec ms = { .tv_nsec = 1000 * 1000 };
	int i, left = 1;

	/* No event says when the last byte is freed: look once a millisecond */
	for (i = 0; i < WAIT_MS; i++) {
		if (ioctl(fd, SIOCOUTQ, &left))
			return reason("cannot ask for send memory: %s",
				      strerror(errno));
		if (!left)
			return NULL;
		nanosleep(&ms, NULL);
	}
	return reason("%d bytes are still in the send buffer after 10 s", left);
}

const char *pair_fill(struct udp_pair *pair)
{
	struct pollfd pfd = { .fd = pair->tx, .events = POLLOUT };
	uint8_t payload[pair->segment];
	unsigned int i;
	size_t at;

	for (at = 0; at < sizeof(payload); at++)
		payload[at] = payload_byte(FILLER_ID, at);
	for (i = 0; i < FILL_MOST; i++) {
		if (sendto(pair->tx, payload, sizeof(payload), MSG_DONTWAIT,
			   (void *)&pair->to, pair->to_len) >= 0)
			continue;
		if (errno != EAGAIN)
			return reason("sendto(2) failed (%s) before the send buffer was full",
				      strerror(errno));
		/* A card may be about to free what it has sent */
		if (poll(&pfd, 1, pair->settle) != 1)
			return NULL;
	}
	return reason("%d datagrams did not fill the send buffer", FILL_MOST);
}

void message_add_control(struct message *p, int level, int type,
			 const void *data, size_t len)
{
	struct cmsghdr *cmsg = (void *)(p->buf + p->msg.msg_controllen);

	cmsg->cmsg_level = level;
	cmsg->cmsg_type = type;
	cmsg->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(cmsg), data, len);
	p->msg.msg_controllen += CMSG_SPACE(len);
	p->msg.msg_control = p->buf;
}

/* The part of an address that inet_pton() fills in */
static const void *host(const struct sockaddr_storage *ss)
{
	if (ss->ss_family == AF_INET6)
		return &((const struct sockaddr_in6 *)ss)->sin6_addr;
	return &((const struct sockaddr_in *)ss)->sin_addr;
}

static void put_control(struct message *p, const struct udp_pair *pair)
{
	const void *other = host(&pair->other);
	const int tos = ECT_0;

	p->msg.msg_controllen = 0;
	if (p->control & CTL_SEGMENT)
		message_add_control(p, IPPROTO_UDP, UDP_SEGMENT,
				    &p->segment, sizeof(p->segment));
	if (p->control & CTL_ECN && pair->family == FAM_UDP6)
		message_add_control(p, IPPROTO_IPV6, IPV6_TCLASS, &tos,
				    sizeof(tos));
	else if (p->control & CTL_ECN)
		message_add_control(p, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	if (p->control & CTL_SOURCE && pair->family == FAM_UDP4) {
		struct in_pktinfo info = { };

		memcpy(&info.ipi_spec_dst, other, sizeof(info.ipi_spec_dst));
		message_add_control(p, IPPROTO_IP, IP_PKTINFO, &info,
				    sizeof(info));
	} else if (p->control & CTL_SOURCE) {
		struct in6_pktinfo info = { };

		memcpy(&info.ipi6_addr, other, sizeof(info.ipi6_addr));
		message_add_control(p, IPPROTO_IPV6, IPV6_PKTINFO, &info,
				    sizeof(info));
	}
}

static void put_payload(struct message *p)
{
	uint8_t *data;
	size_t at;

	if (p->payload.iov_len < p->len) {
		free(p->payload.iov_base);
		p->payload.iov_base = malloc(p->len);
		p->payload.iov_len = p->len;
	}
	data = p->payload.iov_base;
	for (at = 0; at < p->len; at++)
		data[at] = payload_byte(p->id, at);
	p->iov = (struct iovec){ .iov_base = data, .iov_len = p->len };
}

void message_shape(struct message *p, const struct udp_pair *pair, unsigned int id,
		   enum control control, size_t len, uint16_t segment)
{
	struct iovec payload = p->payload;

	memset(p, 0, sizeof(*p));
	p->payload = payload;
	p->id = id;
	p->control = control;
	p->len = len;
	p->segment = segment;
	p->buf = p->room;
	p->to = pair->to;
	put_payload(p);
	p->msg.msg_name = &p->to;
	p->msg.msg_namelen = pair->to_len;
	p->msg.msg_iov = &p->iov;
	p->msg.msg_iovlen = 1;
	put_control(p, pair);
}

void message_pack(struct message *p, const struct udp_pair *pair, unsigned int id,
		  enum control control)
{
	/* Without segments it has to fit into a packet */
	message_shape(p, pair, id, control,
		      control & CTL_SEGMENT ? SEND_SIZE : pair->segment,
		      pair->segment);
}

void message_control_at_end(struct message *p, const struct udp_pair *pair,
			    char *buf, size_t size)
{
	p->buf = buf + size - p->msg.msg_controllen;
	put_control(p, pair);
}

void message_resize(struct message *p)
{
	const uint16_t other = p->segment / 2;

	memcpy(CMSG_DATA((struct cmsghdr *)p->buf), &other, sizeof(other));
}

const char *pair_nothing_yet(struct udp_pair *pair)
{
	struct datagram d;

	if (receiver_take(pair->rx, &d, 0) > 0)
		return reason("%zu bytes of send %u arrived before they could",
			      d.len, d.id);
	return NULL;
}

/* A v4-mapped sender is an IPv4 one for its receiver */
static bool same_host(const struct sockaddr_storage *wanted,
		      const struct sockaddr_storage *from)
{
	const uint8_t *want = host(wanted);

	if (wanted->ss_family == from->ss_family)
		return !memcmp(want, host(from),
			       from->ss_family == AF_INET6 ? 16 : 4);
	return !memcmp(want + 12, host(from), 4);
}

const char *message_judge(const struct udp_pair *pair, struct message *p,
			  const struct datagram *d)
{
	char text[INET6_ADDRSTRLEN];
	size_t want;
	int ecn;

	if (d->wrong >= 0)
		return reason("send %u: wrong content at byte %ld", p->id,
			      d->wrong);
	if (d->at != p->got)
		return reason("send %u: bytes from %zu on arrived, %zu was next",
			      p->id, d->at, p->got);
	want = p->len - p->got;
	if (p->control & CTL_SEGMENT && want > p->segment)
		want = p->segment;
	if (d->len != want)
		return reason("send %u: datagram of %zu bytes instead of %zu",
			      p->id, d->len, want);
	ecn = p->control & CTL_ECN ? ECT_0 : 0;
	if (d->ecn != ecn)
		return reason("send %u: ECN bits %d instead of %d", p->id,
			      d->ecn, ecn);
	if (!same_host(p->control & CTL_SOURCE ? &pair->other : &pair->own,
		       &d->from))
		return reason("send %u: came from %s, not from the source address asked for",
			      p->id, inet_ntop(d->from.ss_family,
					       host(&d->from), text,
					       sizeof(text)));
	p->got += d->len;
	return NULL;
}

size_t messages_missing(const struct message *p, unsigned int n)
{
	size_t left = 0;
	unsigned int i;

	for (i = 0; i < n; i++)
		left += p[i].len - p[i].got;
	return left;
}

const char *pair_judge(struct udp_pair *pair, struct message *p, unsigned int n)
{
	const char *wrong = NULL;
	struct datagram d;
	unsigned int i;

	if (pair->judge)
		return pair->judge(pair, p, n);
	while (messages_missing(p, n) && !wrong) {
		if (receiver_take(pair->rx, &d, WAIT_MS) != 1)
			return reason("%zu bytes did not arrive within %d ms",
				      messages_missing(p, n), WAIT_MS);
		for (i = 0; i < n; i++)
			if (p[i].id == d.id)
				break;
		wrong = d.len < 4 || i == n ?
			reason("a datagram of %zu bytes that was never sent",
			       d.len) : message_judge(pair, &p[i], &d);
	}
	if (!wrong && receiver_take(pair->rx, &d, 0) > 0)
		wrong = reason("%zu bytes of send %u arrived again", d.len,
			       d.id);
	return wrong;
}
