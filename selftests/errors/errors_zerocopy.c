// SPDX-License-Identifier: GPL-2.0
/* Rows about sends without a copy: what they cannot do, and what they say */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "errors.h"

#define PIECES		18	/* one more than MAX_SKB_FRAGS usually is */
#define PIECE		100
#define NOBODY		65534
#define LONG		60000	/* a datagram of 15 pages */

/* Headers before 6.2 lack it, and those before 6.15 leave it to plain sends */
#ifndef IORING_SEND_ZC_REPORT_USAGE
#define IORING_SEND_ZC_REPORT_USAGE	8
#endif
#ifndef IORING_RECVSEND_FIXED_BUF
#define IORING_RECVSEND_FIXED_BUF	4
#endif

static void need_zc(void)
{
	ring_need(IORING_OP_SENDMSG_ZC, "sendmsg_zc");
}

static void no_zc(void)
{
	struct packet p;
	struct udp udp;

	udp_open(&udp, AF_INET);
	packet_make(&p, LEN, &udp.to, udp.len);
	seen->call = call(udp.tx, &p, 0);
	seen->ring = ring_msg(IORING_OP_SENDMSG_ZC, udp.tx, &p, 0);
}

static void zc_unix(void)
{
	struct packet p;
	int pair[2];

	need_zc();
	unix_pair(SOCK_STREAM, pair);
	packet_make(&p, LEN, NULL, 0);
	seen->call = call(pair[0], &p, 0);
	seen->ring = ring_msg(IORING_OP_SENDMSG_ZC, pair[0], &p, 0);
}

static void tls_zc(void)
{
	struct packet p;
	int pair[2];

	need_zc();
	tcp_pair(pair);
	tls_on(pair);
	packet_make(&p, LEN, NULL, 0);
	seen->call = call(pair[0], &p, 0);
	seen->ring = ring_msg(IORING_OP_SENDMSG_ZC, pair[0], &p, 0);
}

/*
 * From here on this is a user who may lock only so much memory, as one is
 * already who has entered a user namespace, where no other id is known.
 */
static void memlock(rlim_t bytes)
{
	const struct rlimit limit = { bytes, bytes };

	if (setrlimit(RLIMIT_MEMLOCK, &limit) ||
	    (setresuid(NOBODY, NOBODY, NOBODY) && errno != EINVAL))
		broken("cannot become another user: %s",
		       strerror(errno));
}

static void zc_memlock(void)
{
	struct io_uring_sqe *sqe;
	struct packet p;
	struct udp udp;

	udp_open(&udp, AF_INET);
	if (connect(udp.tx, (void *)&udp.to, udp.len))
		broken("connect: %s", strerror(errno));
	packet_make(&p, LONG, NULL, 0);
	memlock(LONG);			/* the ring takes some of it */
	ring_need(IORING_OP_SEND_ZC, "send_zc");
	seen->call = call(udp.tx, &p, 0);
	sqe = ring_sqe();
	io_uring_prep_send(sqe, udp.tx, p.data, LONG, 0);
	sqe->opcode = IORING_OP_SEND_ZC;
	ring_submit();
	seen->ring = ring_cqe(NULL, NULL);
}

static void register_memlock(void)
{
	struct io_uring ring;
	struct packet p;

	packet_make(&p, LEN, NULL, 0);
	memlock(0);
	seen->ring = io_uring_queue_init(4, &ring, 0);
	if (seen->ring && seen->ring != -ENOMEM)
		skip("no io_uring: %s", strerror(-seen->ring));
	if (!seen->ring)
		seen->ring = io_uring_register_buffers(&ring, &p.iov, 1);
	seen->call = called(mlock(p.data, LEN));
}

/* A datagram of many pieces, no two in one page */
static void in_pieces(struct udp *udp)
{
	struct iovec iov[PIECES];
	struct packet p;
	size_t page = getpagesize();
	char *pages;
	int i;

	pages = mmap(NULL, 2 * PIECES * page, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (pages == MAP_FAILED)
		broken("mmap: %s", strerror(errno));
	for (i = 0; i < PIECES; i++)
		iov[i] = (struct iovec) {
			.iov_base = pages + 2 * i * page, .iov_len = PIECE,
		};
	packet_make(&p, PIECE, &udp->to, udp->len);
	p.msg.msg_iov = iov;
	p.msg.msg_iovlen = PIECES;
	seen->call = call(udp->tx, &p, 0);
	seen->ring = ring_msg(IORING_OP_SENDMSG_ZC, udp->tx, &p, 0);
}

static void fragments(void)
{
	struct udp udp;

	need_zc();
	udp_open(&udp, AF_INET);
	in_pieces(&udp);
}

static void fragments_copied(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = 9 };
	struct udp udp = { .len = sizeof(to) };

	need_zc();
	veth_up(false);
	inet_pton(AF_INET, "192.0.2.2", &to.sin_addr);
	memcpy(&udp.to, &to, sizeof(to));
	udp.tx = socket(AF_INET, SOCK_DGRAM, 0);
	in_pieces(&udp);
	if (seen->ring == PIECES * PIECE)
		odd("copied into one piece");
}

static int send_fixed(int fd, struct packet *p)
{
	struct io_uring_sqe *sqe = ring_sqe();

	io_uring_prep_sendmsg(sqe, fd, &p->msg, 0);
	sqe->opcode = IORING_OP_SENDMSG_ZC;
	sqe->ioprio |= IORING_RECVSEND_FIXED_BUF;
	sqe->buf_index = 0;
	ring_submit();
	return ring_cqe(NULL, NULL);
}

static void zc_empty_piece(void)
{
	struct iovec iov[3];
	unsigned int flags;
	struct packet p;
	struct udp udp;
	int ret;

	need_zc();
	udp_open(&udp, AF_INET);
	packet_make(&p, LEN, &udp.to, udp.len);
	ret = io_uring_register_buffers(ring_up(), &p.iov, 1);
	if (ret)
		skip("no registered buffer: %s", strerror(-ret));
	if (send_fixed(udp.tx, &p) != LEN)
		skip("this kernel has no registered buffers for sendmsg_zc");
	ring_cqe(NULL, &flags);		/* its notification */
	iov[0] = (struct iovec) { .iov_base = p.data, .iov_len = LEN / 2 };
	iov[1] = (struct iovec) { .iov_base = p.data, .iov_len = 0 };
	iov[2] = (struct iovec) { .iov_base = p.data + LEN / 2,
				  .iov_len = LEN / 2 };
	p.msg.msg_iov = iov;
	p.msg.msg_iovlen = 3;
	seen->call = call(udp.tx, &p, 0);
	seen->ring = send_fixed(udp.tx, &p);
}

/* The result of a notification */
static void usage(void)
{
	struct io_uring_sqe *sqe;
	unsigned int flags;
	struct packet p;
	struct udp udp;

	need_zc();
	udp_open(&udp, AF_INET);
	packet_make(&p, LEN, &udp.to, udp.len);
	seen->call = call(udp.tx, &p, 0);
	sqe = ring_sqe();
	io_uring_prep_sendmsg(sqe, udp.tx, &p.msg, 0);
	sqe->opcode = IORING_OP_SENDMSG_ZC;
	sqe->ioprio |= IORING_SEND_ZC_REPORT_USAGE;
	ring_submit();
	if (ring_cqe(NULL, &flags) != LEN)
		skip("this kernel does not tell whether it copied");
	if (!(flags & IORING_CQE_F_MORE))
		broken("no notification is announced");
	seen->ring = ring_cqe(NULL, &flags);
}

/* To a listener that hands out no cookies */
static int fast_open(int (*how)(int fd, struct packet *p))
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof(at);
	struct packet p;
	int listener;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (void *)&at, len) || listen(listener, 1) ||
	    getsockname(listener, (void *)&at, &len))
		broken("a listener: %s", strerror(errno));
	packet_make(&p, LEN, &at, len);
	return how(socket(AF_INET, SOCK_STREAM, 0), &p);
}

static int fast_by_call(int fd, struct packet *p)
{
	return call(fd, p, MSG_FASTOPEN);
}

static int fast_by_ring(int fd, struct packet *p)
{
	return ring_msg(IORING_OP_SENDMSG_ZC, fd, p, MSG_FASTOPEN);
}

static void fastopen(void)
{
	need_zc();
	seen->call = fast_open(fast_by_call);
	seen->ring = fast_open(fast_by_ring);
}

const struct row zerocopy_rows[] = {
	{
		.name = "zc_empty_piece",
		.does = "a registered buffer, and an iovec of length 0 among others",
		.road = "sendmsg_zc",
		.ring = -EFAULT,
		.call = LEN,
		.defect = "zc-pieces",
		.run = zc_empty_piece,
	}, {
		.name = "no_zc",
		.does = "a kernel before 6.1, which has no sendmsg_zc",
		.road = "sendmsg_zc",
		.ring = -EINVAL,
		.call = LEN,
		.run = no_zc,
	}, {
		.name = "zc_memlock",
		.does = "60000 bytes, RLIMIT_MEMLOCK as small, without CAP_IPC_LOCK",
		.road = "send_zc",
		.ring = -ENOMEM,
		.call = LONG,
		.run = zc_memlock,
	}, {
		.name = "register_memlock",
		.does = "RLIMIT_MEMLOCK 0, without CAP_IPC_LOCK, beside mlock(2)",
		.road = "register_buffers",
		.ring = -ENOMEM,
		.call = -EPERM,
		.run = register_memlock,
	}, {
		.name = "zc_unix",
		.does = "an AF_UNIX socket",
		.road = "sendmsg_zc",
		.ring = -EOPNOTSUPP,
		.call = LEN,
		.run = zc_unix,
	}, {
		.name = "tls_zc",
		.does = "a TCP socket with kTLS",
		.road = "sendmsg_zc",
		.ring = -EOPNOTSUPP,
		.call = LEN,
		.run = tls_zc,
	}, {
		.name = "fragments",
		.does = "UDP, 18 pieces in 18 pages, over lo",
		.road = "sendmsg_zc",
		.ring = -EMSGSIZE,
		.call = PIECES * PIECE,
		.run = fragments,
	}, {
		.name = "fragments_copied",
		.does = "the same through an interface without checksum offload",
		.road = "sendmsg_zc",
		.ring = PIECES * PIECE,
		.call = PIECES * PIECE,
		.silent = true,
		.run = fragments_copied,
	}, {
		.name = "fastopen",
		.does = "MSG_FASTOPEN without a cookie, on a socket that may block",
		.road = "sendmsg_zc",
		.ring = -EINPROGRESS,
		.call = LEN,
		.defect = "fastopen-unfinished",
		.run = fastopen,
	}, {
		.name = "copied",
		.does = "a notification with IORING_SEND_ZC_REPORT_USAGE, over lo",
		.road = "sendmsg_zc",
		.ring = INT_MIN,
		.call = LEN,
		.run = usage,
	},
	{ }
};
