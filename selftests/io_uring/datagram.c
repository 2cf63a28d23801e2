// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "datagram.h"
#include "gate.h"
#include "report.h"

#ifndef SOL_UDP
#define SOL_UDP		17
#endif
#ifndef UDP_SEGMENT
#define UDP_SEGMENT	103
#endif

#define ECT_0		2	/* ECN-capable, codepoint 0 (RFC 3168, 5) */
#define FILL_MOST	1000

const char *family_name(enum family family)
{
	static const char * const names[] = { "udp4", "udp6", "v4-mapped" };

	return names[family];
}

const char *control_name(enum family family, enum control control)
{
	if (control == NONE)
		return "no control";
	if (control == SEGMENT)
		return "UDP_SEGMENT";
	if (family == UDP4)
		return "UDP_SEGMENT+IP_TOS+IP_PKTINFO";
	if (family == MAPPED)
		return "UDP_SEGMENT+IP_TOS+IPV6_PKTINFO";
	return "UDP_SEGMENT+IPV6_TCLASS+IPV6_PKTINFO";
}

/* Byte at an offset of a payload: big-endian words of id << 16 | word index */
static uint8_t payload_byte(unsigned int id, size_t at)
{
	uint32_t word = id << 16 | (uint32_t)(at / 4);

	return word >> (8 * (3 - at % 4));
}

static void address(struct sockaddr_storage *ss, socklen_t *len, bool v6,
		    const char *text)
{
	struct sockaddr_in6 *sin6 = (void *)ss;
	struct sockaddr_in *sin = (void *)ss;

	memset(ss, 0, sizeof(*ss));
	if (v6) {
		sin6->sin6_family = AF_INET6;
		inet_pton(AF_INET6, text, &sin6->sin6_addr);
		*len = sizeof(*sin6);
	} else {
		sin->sin_family = AF_INET;
		inet_pton(AF_INET, text, &sin->sin_addr);
		*len = sizeof(*sin);
	}
}

const char *flow_open(struct flow *flow, enum family family)
{
	struct sockaddr_storage at;
	const int on = 1, off = 0, big = 1 << 20, least = 1;
	socklen_t len;
	in_port_t port;

	flow->family = family;
	flow->rx = socket(family == UDP6 ? AF_INET6 : AF_INET,
			  SOCK_DGRAM | SOCK_CLOEXEC, 0);
	flow->tx = socket(family == UDP4 ? AF_INET : AF_INET6,
			  SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (flow->rx < 0 || flow->tx < 0)
		return cannot("no socket", errno,
			      "modprobe ipv6, or build the kernel with CONFIG_IPV6");

	address(&at, &len, family == UDP6,
		family == UDP6 ? LO6_ADDR : LO4_ADDR);
	if (bind(flow->rx, (void *)&at, len) ||
	    getsockname(flow->rx, (void *)&at, &len))
		return cannot("cannot bind the receiver", errno,
			      "boot without ipv6.disable=1, or set up lo");
	/* sin_port and sin6_port stand at the same place */
	port = ((struct sockaddr_in *)&at)->sin_port;

	if (family == UDP6)
		setsockopt(flow->rx, IPPROTO_IPV6, IPV6_RECVTCLASS, &on,
			   sizeof(on));
	else
		setsockopt(flow->rx, IPPROTO_IP, IP_RECVTOS, &on, sizeof(on));
	if (family == MAPPED)
		setsockopt(flow->tx, IPPROTO_IPV6, IPV6_V6ONLY, &off,
			   sizeof(off));
	setsockopt(flow->rx, SOL_SOCKET, SO_RCVBUF, &big, sizeof(big));
	setsockopt(flow->tx, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));

	address(&flow->to, &flow->to_len, family != UDP4,
		family == UDP4 ? LO4_ADDR :
		family == UDP6 ? LO6_ADDR : MAPPED_ADDR);
	((struct sockaddr_in *)&flow->to)->sin_port = port;
	return NULL;
}

const char *flow_drain(struct flow *flow)
{
	struct pollfd pfd = { .fd = flow->tx, .events = POLLOUT };

	if (poll(&pfd, 1, WAIT_MS) != 1)
		return "the socket did not become writable within 10 s";
	return NULL;
}

const char *flow_fill(struct flow *flow)
{
	uint8_t payload[SEGMENT_SIZE];
	unsigned int i;
	size_t at;

	for (at = 0; at < sizeof(payload); at++)
		payload[at] = payload_byte(UNHEARD_ID, at);
	for (i = 0; i < FILL_MOST; i++)
		if (sendto(flow->tx, payload, sizeof(payload), MSG_DONTWAIT,
			   (void *)&flow->to, flow->to_len) < 0)
			break;
	if (i == FILL_MOST)
		return "1000 datagrams did not fill the send buffer";
	if (errno != EAGAIN)
		return reason("sendto(2) failed (%s) before the send buffer was full",
			      strerror(errno));
	return NULL;
}

void parcel_add_control(struct parcel *p, int level, int type,
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

static void put_control(struct parcel *p, const struct flow *flow)
{
	const uint16_t segment = SEGMENT_SIZE;
	const int tos = ECT_0;

	p->msg.msg_controllen = 0;
	if (p->control & SEGMENT)
		parcel_add_control(p, SOL_UDP, UDP_SEGMENT, &segment,
				   sizeof(segment));
	if (p->control & ECN && flow->family == UDP6)
		parcel_add_control(p, IPPROTO_IPV6, IPV6_TCLASS, &tos,
				   sizeof(tos));
	else if (p->control & ECN)
		parcel_add_control(p, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	if (p->control & SOURCE && flow->family == UDP4) {
		struct in_pktinfo info = { };

		inet_pton(AF_INET, LO4_SOURCE, &info.ipi_spec_dst);
		parcel_add_control(p, IPPROTO_IP, IP_PKTINFO, &info,
				   sizeof(info));
	} else if (p->control & SOURCE) {
		struct in6_pktinfo info = { };

		inet_pton(AF_INET6, flow->family == MAPPED ? MAPPED_SOURCE :
			  LO6_SOURCE, &info.ipi6_addr);
		parcel_add_control(p, IPPROTO_IPV6, IPV6_PKTINFO, &info,
				   sizeof(info));
	}
}

void parcel_pack(struct parcel *p, const struct flow *flow, unsigned int id,
		 enum control control)
{
	size_t at;

	memset(p, 0, sizeof(*p));
	p->id = id;
	p->control = control;
	p->len = SEND_SIZE;
	p->buf = p->room;
	p->to = flow->to;
	for (at = 0; at < p->len; at++)
		p->payload[at] = payload_byte(id, at);
	p->iov.iov_base = p->payload;
	p->iov.iov_len = p->len;
	p->msg.msg_name = &p->to;
	p->msg.msg_namelen = flow->to_len;
	p->msg.msg_iov = &p->iov;
	p->msg.msg_iovlen = 1;
	put_control(p, flow);
}

void parcel_control_at_end(struct parcel *p, const struct flow *flow,
			   char *buf, size_t size)
{
	p->buf = buf + size - p->msg.msg_controllen;
	put_control(p, flow);
}

void parcel_resize(struct parcel *p)
{
	const uint16_t other = OTHER_SIZE;

	memcpy(CMSG_DATA((struct cmsghdr *)p->buf), &other, sizeof(other));
}

struct datagram {
	uint8_t data[SEND_SIZE + 1];
	size_t len;
	unsigned int id;
	size_t at;		/* offset in the payload of the send */
	int ecn;
	struct sockaddr_storage from;
};

/* 1: a datagram that is not UNHEARD; 0: none within ms; -1: error */
static int receive(struct flow *flow, struct datagram *d, int ms)
{
	char control[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(64)];
	struct pollfd pfd = { .fd = flow->rx, .events = POLLIN };
	struct iovec iov = { .iov_base = d->data, .iov_len = sizeof(d->data) };
	struct msghdr msg;
	struct cmsghdr *cmsg;
	ssize_t len;
	int ret;

	do {
		ret = poll(&pfd, 1, ms);
		if (ret <= 0)
			return ret;
		msg = (struct msghdr) {
			.msg_name = &d->from, .msg_namelen = sizeof(d->from),
			.msg_iov = &iov, .msg_iovlen = 1,
			.msg_control = control, .msg_controllen = sizeof(control),
		};
		len = recvmsg(flow->rx, &msg, MSG_DONTWAIT);
		if (len < 0)
			return -1;
		d->len = len;
		d->id = d->data[0] << 8 | d->data[1];
		d->at = 4 * (d->data[2] << 8 | d->data[3]);
	} while (len >= 4 && d->id == UNHEARD_ID);

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

const char *flow_nothing_yet(struct flow *flow)
{
	struct datagram d;

	if (receive(flow, &d, 0) > 0)
		return reason("%zu bytes of send %u arrived before they could",
			      d.len, d.id);
	return NULL;
}

static const char *judge_one(const struct flow *flow, const struct datagram *d,
			     struct parcel *p)
{
	size_t want = p->len - p->got, at;
	struct sockaddr_storage source;
	char text[INET6_ADDRSTRLEN];
	const void *from, *own;
	socklen_t len;

	if (p->control & SEGMENT && want > SEGMENT_SIZE)
		want = SEGMENT_SIZE;
	if (d->at != p->got)
		return reason("send %u: bytes from %zu on arrived, %zu was next",
			      p->id, d->at, p->got);
	if (d->len != want)
		return reason("send %u: datagram of %zu bytes instead of %zu",
			      p->id, d->len, want);
	for (at = 0; at < d->len; at++)
		if (d->data[at] != payload_byte(p->id, d->at + at))
			return reason("send %u: wrong content at byte %zu",
				      p->id, d->at + at);
	if (d->ecn != (p->control & ECN ? ECT_0 : 0))
		return reason("send %u: ECN bits %d instead of %d", p->id,
			      d->ecn, p->control & ECN ? ECT_0 : 0);

	if (flow->family == UDP6) {
		address(&source, &len, true,
			p->control & SOURCE ? LO6_SOURCE : LO6_ADDR);
		own = &((struct sockaddr_in6 *)&source)->sin6_addr;
		from = &((struct sockaddr_in6 *)&d->from)->sin6_addr;
		len = sizeof(struct in6_addr);
	} else {
		address(&source, &len, false,
			p->control & SOURCE ? LO4_SOURCE : LO4_ADDR);
		own = &((struct sockaddr_in *)&source)->sin_addr;
		from = &((struct sockaddr_in *)&d->from)->sin_addr;
		len = sizeof(struct in_addr);
	}
	if (memcmp(from, own, len))
		return reason("send %u: came from %s, not from the source address asked for",
			      p->id, inet_ntop(source.ss_family, from, text,
					       sizeof(text)));
	p->got += d->len;
	return NULL;
}

const char *flow_judge(struct flow *flow, struct parcel *p, unsigned int n)
{
	const char *wrong;
	struct datagram d;
	unsigned int i;
	size_t left = 0;

	for (i = 0; i < n; i++)
		left += p[i].len - p[i].got;
	while (left) {
		if (receive(flow, &d, WAIT_MS) != 1)
			return reason("%zu bytes did not arrive within 10 s",
				      left);
		for (i = 0; i < n; i++)
			if (p[i].id == d.id)
				break;
		if (d.len < 4 || i == n)
			return reason("a datagram of %zu bytes that was never sent",
				      d.len);
		wrong = judge_one(flow, &d, &p[i]);
		if (wrong)
			return wrong;
		left -= d.len;
	}
	if (receive(flow, &d, 0))
		return reason("%zu bytes of send %u arrived again", d.len, d.id);
	return NULL;
}
