// SPDX-License-Identifier: GPL-2.0
/* Rows about routes, interfaces, queues and peers: none is io_uring's doing */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "errors.h"
#include "network.h"

#define TOO_LONG	65508	/* by one byte, for UDP over IPv4 */

/* The same by both roads */
static void both(int fd, struct packet *p)
{
	seen->call = call(fd, p, 0);
	seen->ring = ring_msg(IORING_OP_SENDMSG, fd, p, 0);
}

/* A GSO send to 192.0.2.2, through the veth */
static void through_veth(uint16_t segment)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = 9 };
	struct packet p;

	inet_pton(AF_INET, "192.0.2.2", &to.sin_addr);
	packet_make(&p, 2 * segment, &to, sizeof(to));
	packet_segment(&p, segment);
	both(socket(AF_INET, SOCK_DGRAM, 0), &p);
}

static void no_checksum(void)
{
	veth_up(false);
	through_veth(LEN / 2);
}

static void segment_over_mtu(void)
{
	veth_up(true);
	through_veth(2000);
}

static void ipsec(void)
{
	struct packet p;
	struct udp udp;

	ipsec_on_lo6();
	udp_open(&udp, AF_INET6);
	packet_make(&p, LEN, &udp.to, udp.len);
	packet_segment(&p, SEGMENT_LEN);
	both(udp.tx, &p);
}

static void queue_drops(void)
{
	struct packet p;
	struct udp udp;

	udp_open(&udp, AF_INET);
	packet_make(&p, LEN, &udp.to, udp.len);
	if (set(udp.tx, IPPROTO_IP, IP_RECVERR, 1))
		broken("IP_RECVERR: %s", strerror(errno));
	lo_drops();
	both(udp.tx, &p);
}

/* Without IP_RECVERR the loss is not told */
static void queue_drops_untold(void)
{
	char byte;
	struct packet p;
	struct udp udp;

	udp_open(&udp, AF_INET);
	packet_make(&p, LEN, &udp.to, udp.len);
	lo_drops();
	both(udp.tx, &p);
	if (recv(udp.rx, &byte, 1, MSG_DONTWAIT) < 0)
		odd("nothing arrives");
}

static void pktinfo4(const char *source, int ifindex)
{
	struct in_pktinfo info = { .ipi_ifindex = ifindex };
	struct packet p;
	struct udp udp;

	udp_open(&udp, AF_INET);
	packet_make(&p, LEN, &udp.to, udp.len);
	inet_pton(AF_INET, source, &info.ipi_spec_dst);
	packet_control(&p, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	both(udp.tx, &p);
}

static void source_not_local(void)
{
	pktinfo4("198.51.100.1", 0);
}

static void pktinfo6(const char *source, int ifindex)
{
	struct in6_pktinfo info = { .ipi6_ifindex = ifindex };
	struct packet p;
	struct udp udp;

	udp_open(&udp, AF_INET6);
	packet_make(&p, LEN, &udp.to, udp.len);
	inet_pton(AF_INET6, source, &info.ipi6_addr);
	packet_control(&p, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	both(udp.tx, &p);
}

static void source_not_local6(void)
{
	pktinfo6("2001:db8::99", 0);
}

static void no_device(void)
{
	pktinfo4("127.0.0.1", 9999);
}

/* The destination is on lo, and IPV6_PKTINFO asks for the veth */
static void no_route(void)
{
	pktinfo6("::", veth_up(true));
}

static void too_long(void)
{
	struct packet p;
	struct udp udp;

	udp_open(&udp, AF_INET);
	packet_make(&p, TOO_LONG, &udp.to, udp.len);
	both(udp.tx, &p);
}

/* The first send is answered by ICMP, the next one gets to know */
static void peer_gone(void)
{
	struct packet p;
	struct udp udp;

	udp_open(&udp, AF_INET);
	close(udp.rx);
	if (connect(udp.tx, (void *)&udp.to, udp.len))
		broken("connect: %s", strerror(errno));
	packet_make(&p, LEN, NULL, 0);
	call(udp.tx, &p, 0);
	seen->call = call(udp.tx, &p, 0);
	call(udp.tx, &p, 0);
	seen->ring = ring_msg(IORING_OP_SENDMSG, udp.tx, &p, 0);
}

const struct row network_rows[] = {
	{
		.name = "source_not_local",
		.does = "IP_PKTINFO asks for a source address that the host does not have",
		.road = "sendmsg",
		.ring = -ENETUNREACH,
		.call = -ENETUNREACH,
		.run = source_not_local,
	}, {
		.name = "source_not_local6",
		.does = "IPV6_PKTINFO asks for a source address that the host does not have",
		.road = "sendmsg",
		.ring = -EINVAL,
		.call = -EINVAL,
		.run = source_not_local6,
	}, {
		.name = "no_device",
		.does = "IP_PKTINFO asks for an interface that does not exist",
		.road = "sendmsg",
		.ring = -ENODEV,
		.call = -ENODEV,
		.run = no_device,
	}, {
		.name = "no_route",
		.does = "IPV6_PKTINFO asks for an interface that does not lead there",
		.road = "sendmsg",
		.ring = -ENETUNREACH,
		.call = -ENETUNREACH,
		.run = no_route,
	}, {
		.name = "queue_drops",
		.does = "IP_RECVERR is set, and the queue of the interface drops the packet",
		.road = "sendmsg",
		.ring = -ENOBUFS,
		.call = -ENOBUFS,
		.run = queue_drops,
	}, {
		.name = "queue_drops_untold",
		.does = "the queue of the interface drops the packet, without IP_RECVERR",
		.road = "sendmsg",
		.ring = LEN,
		.call = LEN,
		.silent = true,
		.run = queue_drops_untold,
	}, {
		.name = "no_checksum",
		.does = "UDP_SEGMENT through an interface without checksum offload",
		.road = "sendmsg",
		.ring = -EIO,
		.call = -EIO,
		.run = no_checksum,
	}, {
		.name = "ipsec",
		.does = "UDP_SEGMENT where an IPsec policy applies, over lo",
		.road = "sendmsg",
		.ring = -EIO,
		.call = -EIO,
		.run = ipsec,
	}, {
		.name = "segment_over_mtu",
		.does = "UDP_SEGMENT 2000 with an MTU of 1500",
		.road = "sendmsg",
		.ring = -EMSGSIZE,
		.call = -EMSGSIZE,
		.run = segment_over_mtu,
	}, {
		.name = "too_long",
		.does = "a datagram of 65508 bytes",
		.road = "sendmsg",
		.ring = -EMSGSIZE,
		.call = -EMSGSIZE,
		.run = too_long,
	}, {
		.name = "peer_gone",
		.does = "a connected UDP socket, after a send to a port that nobody has",
		.road = "sendmsg",
		.ring = -ECONNREFUSED,
		.call = -ECONNREFUSED,
		.run = peer_gone,
	},
	{ }
};
