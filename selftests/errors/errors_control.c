// SPDX-License-Identifier: GPL-2.0
/* Rows about control messages: wrong, overwritten, gone, ignored, too large */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "errors.h"
#include "network.h"

#define ABI_32		(sizeof(long) == 4)
#define NO_SUCH_LEVEL	0x7777
#define LARGE		33554432	/* more than any net.core.optmem_max */

/* A GSO send, by sendmsg(2) and then by one that waits for room in the buffer */
static void retried(unsigned int op)
{
	struct io_uring_sqe *sqe;
	struct packet p, small;
	struct udp udp;
	const char *why;

	udp_open(&udp, AF_INET);
	set(udp.tx, SOL_SOCKET, SO_SNDBUF, 1);
	packet_make(&p, LEN, &udp.to, udp.len);
	packet_segment(&p, SEGMENT_LEN);
	packet_make(&small, SEGMENT_LEN, &udp.to, udp.len);
	seen->call = call(udp.tx, &p, 0);
	why = qdisc_hold();
	if (why)
		skip("%s", why);
	fill(udp.tx, &small);
	sqe = ring_sqe();
	io_uring_prep_sendmsg(sqe, udp.tx, &p.msg, 0);
	sqe->opcode = op;
	ring_submit();
	if (!ring_quiet())
		broken("the send did not wait: %d", ring_cqe(NULL, NULL));
	why = qdisc_release();
	if (why)
		broken("%s", why);
	seen->ring = ring_cqe(NULL, NULL);
}

static void lost_pointer(void)
{
	if (ABI_32)
		skip("in 32 bit wrong-length comes first");
	ring_need(IORING_OP_SENDMSG_ZC, "sendmsg_zc");
	retried(IORING_OP_SENDMSG_ZC);
}

static void wrong_length(void)
{
	if (!ABI_32)
		skip("32-bit programs alone have it: run errors_32");
	retried(IORING_OP_SENDMSG);
}

/* A GSO send behind a link, whose control is changed before it is issued */
static struct packet linked;

static void overwritten(void (*change)(void *arg), struct udp *udp)
{
	udp_open(udp, AF_INET);
	packet_make(&linked, LEN, &udp->to, udp->len);
	packet_segment(&linked, SEGMENT_LEN);
	seen->call = call(udp->tx, &linked, 0);
	seen->ring = ring_late(udp->tx, &linked, 0, change, &linked);
}

static void shorten(void *arg)
{
	((struct packet *)arg)->first.cmsg_len = 1;
}

static void control_overwritten(void)
{
	struct udp udp;

	overwritten(shorten, &udp);
}

static void unmap(void *arg)
{
	munmap(((struct packet *)arg)->msg.msg_control, getpagesize());
}

static void control_unmapped(void)
{
	struct packet p;
	struct udp udp;
	void *page;

	udp_open(&udp, AF_INET);
	packet_make(&p, LEN, &udp.to, udp.len);
	packet_segment(&p, SEGMENT_LEN);
	page = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		broken("mmap: %s", strerror(errno));
	p.msg.msg_control = memcpy(page, p.room, p.msg.msg_controllen);
	seen->call = call(udp.tx, &p, 0);
	/* io_uring_prep_sendmsg() keeps p.msg, whose msg_control is the page */
	seen->ring = ring_late(udp.tx, &p, 0, unmap, &p);
}

static void halve(void *arg)
{
	const uint16_t half = SEGMENT_LEN / 2;

	memcpy(CMSG_DATA(&((struct packet *)arg)->first), &half, sizeof(half));
}

/* Length of the next datagram, or -1 */
static int arrives(int fd, struct msghdr *msg)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, 2000) == 1 ? recvmsg(fd, msg, MSG_TRUNC) : -1;
}

static void size_overwritten(void)
{
	struct msghdr none = { };
	struct udp udp;
	int len, i;

	overwritten(halve, &udp);
	for (i = 0; i < 2; i++)		/* those of the system call */
		arrives(udp.rx, &none);
	len = arrives(udp.rx, &none);
	if (len != SEGMENT_LEN)
		odd("datagrams of %d bytes, asked for: %d", len, SEGMENT_LEN);
}

static void no_such_device(void *arg)
{
	struct in_pktinfo info = { .ipi_ifindex = 9999 };

	memcpy(CMSG_DATA(&((struct packet *)arg)->first), &info, sizeof(info));
}

static void device_overwritten(void)
{
	struct in_pktinfo info = { };
	struct packet p;
	struct udp udp;

	udp_open(&udp, AF_INET);
	packet_make(&p, LEN, &udp.to, udp.len);
	info.ipi_spec_dst.s_addr = htonl(INADDR_LOOPBACK);
	packet_control(&p, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	seen->call = call(udp.tx, &p, 0);
	seen->ring = ring_late(udp.tx, &p, 0, no_such_device, &p);
}

/* One datagram with that control, by both roads */
static void both(int family, int level, int type, const void *data, size_t len)
{
	struct packet p;
	struct udp udp;

	udp_open(&udp, family);
	packet_make(&p, LEN, &udp.to, udp.len);
	packet_control(&p, level, type, data, len);
	seen->call = call(udp.tx, &p, 0);
	seen->ring = ring_msg(IORING_OP_SENDMSG, udp.tx, &p, 0);
}

static void control_bad_pointer(void)
{
	struct packet p;
	struct udp udp;

	udp_open(&udp, AF_INET);
	packet_make(&p, LEN, &udp.to, udp.len);
	packet_segment(&p, SEGMENT_LEN);
	p.msg.msg_control = mmap(NULL, getpagesize(), PROT_NONE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	seen->call = call(udp.tx, &p, 0);
	seen->ring = ring_msg(IORING_OP_SENDMSG, udp.tx, &p, 0);
}

static void too_many_segments(void)
{
	const uint16_t one = 1;

	both(AF_INET, SOL_UDP, UDP_SEGMENT, &one, sizeof(one));
}

static void unknown_type(void)
{
	const int value = 0;

	both(AF_INET, SOL_SOCKET, 0x7777, &value, sizeof(value));
}

static void unknown_level(void)
{
	const int value = 0;

	both(AF_INET, NO_SUCH_LEVEL, 1, &value, sizeof(value));
	if (seen->ring == LEN)
		odd("ignored");
}

/* IP_TOS where IPV6_TCLASS belongs: the traffic class that arrives is 0 */
static void other_family(void)
{
	char control[CMSG_SPACE(sizeof(int))];
	struct msghdr msg = { .msg_control = control,
			      .msg_controllen = sizeof(control) };
	const int ecn = 1;
	struct packet p;
	struct udp udp;
	int class = -1;

	udp_open(&udp, AF_INET6);
	packet_make(&p, LEN, &udp.to, udp.len);
	packet_control(&p, IPPROTO_IP, IP_TOS, &ecn, sizeof(ecn));
	seen->call = call(udp.tx, &p, 0);
	seen->ring = ring_msg(IORING_OP_SENDMSG, udp.tx, &p, 0);
	arrives(udp.rx, &(struct msghdr) { });
	arrives(udp.rx, &msg);
	if (msg.msg_controllen)
		memcpy(&class, CMSG_DATA((struct cmsghdr *)control),
		       sizeof(class));
	if (!class)
		odd("ignored: traffic class 0 arrives, asked for: 1");
}

static void optmem(void)
{
	struct packet p;
	struct udp udp;
	struct cmsghdr *cmsg;

	udp_open(&udp, AF_INET);
	packet_make(&p, LEN, &udp.to, udp.len);
	cmsg = mmap(NULL, LARGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (cmsg == MAP_FAILED)
		skip("no 32 MiB of memory");
	cmsg->cmsg_level = NO_SUCH_LEVEL;
	cmsg->cmsg_len = LARGE;
	p.msg.msg_control = cmsg;
	p.msg.msg_controllen = LARGE;
	seen->call = call(udp.tx, &p, 0);
	seen->ring = ring_msg(IORING_OP_SENDMSG, udp.tx, &p, 0);
}

const struct row control_rows[] = {
	{
		.name = "lost_pointer",
		.does = "a send with UDP_SEGMENT meets a full send buffer",
		.road = "sendmsg_zc",
		.ring = -EFAULT,
		.call = LEN,
		.defect = "lost-pointer",
		.run = lost_pointer,
	}, {
		.name = "control_unmapped",
		.does = "the control is unmapped after submit, behind a link",
		.road = "sendmsg",
		.ring = -EFAULT,
		.call = LEN,
		.defect = "late-read",
		.run = control_unmapped,
	}, {
		.name = "control_bad_pointer",
		.does = "msg_control points to memory that cannot be read",
		.road = "sendmsg",
		.ring = -EFAULT,
		.call = -EFAULT,
		.run = control_bad_pointer,
	}, {
		.name = "wrong_length",
		.does = "the same send of a 32-bit program, by sendmsg",
		.road = "sendmsg",
		.ring = -EINVAL,
		.call = LEN,
		.defect = "wrong-length",
		.run = wrong_length,
	}, {
		.name = "control_overwritten",
		.does = "cmsg_len is overwritten after submit, behind a link",
		.road = "sendmsg",
		.ring = -EINVAL,
		.call = LEN,
		.defect = "late-read",
		.run = control_overwritten,
	}, {
		.name = "too_many_segments",
		.does = "UDP_SEGMENT 1 cuts 2700 bytes into more datagrams than the kernel takes",
		.road = "sendmsg",
		.ring = -EINVAL,
		.call = -EINVAL,
		.run = too_many_segments,
	}, {
		.name = "unknown_type",
		.does = "control of SOL_SOCKET with a type that the kernel does not know",
		.road = "sendmsg",
		.ring = -EINVAL,
		.call = -EINVAL,
		.run = unknown_type,
	}, {
		.name = "device_overwritten",
		.does = "the interface of IP_PKTINFO is overwritten after submit, behind a link",
		.road = "sendmsg",
		.ring = -ENODEV,
		.call = LEN,
		.defect = "late-read",
		.run = device_overwritten,
	}, {
		.name = "optmem",
		.does = "32 MiB of control, more than net.core.optmem_max",
		.road = "sendmsg",
		.ring = ABI_32 ? -ENOMEM : -ENOBUFS,
		.call = ABI_32 ? -ENOMEM : -ENOBUFS,
		.run = optmem,
	}, {
		.name = "size_overwritten",
		.does = "UDP_SEGMENT is halved after submit, behind a link",
		.road = "sendmsg",
		.ring = LEN,
		.call = LEN,
		.silent = true,
		.defect = "late-read",
		.run = size_overwritten,
	}, {
		.name = "unknown_level",
		.does = "control of a level that no protocol of the socket has",
		.road = "sendmsg",
		.ring = LEN,
		.call = LEN,
		.silent = true,
		.run = unknown_level,
	}, {
		.name = "other_family",
		.does = "IP_TOS on an IPv6 socket, where IPV6_TCLASS belongs",
		.road = "sendmsg",
		.ring = LEN,
		.call = LEN,
		.silent = true,
		.run = other_family,
	},
	{ }
};
