// SPDX-License-Identifier: GPL-2.0
/* Rows about requests: links, timeouts, flags of a request */
#include <errno.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "errors.h"

#define GROUP		7	/* of provided buffers */
#define NOT_A_SEND	1000	/* user_data of another request */

#ifndef IORING_RECVSEND_BUNDLE
#define IORING_RECVSEND_BUNDLE	0x10
#endif
#ifndef IORING_FEAT_CQE_SKIP
#define IORING_FEAT_CQE_SKIP	0x800
#endif

/* The completion of the send, whatever else completes before it */
static int cqe_of_send(void)
{
	uint64_t which;
	int ret;

	do
		ret = ring_cqe(&which, NULL);
	while (which == NOT_A_SEND);
	return ret;
}

static void full_pair(struct packet *p, int pair[2])
{
	unix_pair(SOCK_DGRAM, pair);
	packet_make(p, LEN, NULL, 0);
	fill(pair[0], p);
}

static void dontwait(void)
{
	struct packet p;
	int pair[2];

	full_pair(&p, pair);
	seen->call = call(pair[0], &p, MSG_DONTWAIT);
	seen->ring = ring_msg(IORING_OP_SENDMSG, pair[0], &p, MSG_DONTWAIT);
}

static void behind_failure(void)
{
	struct io_uring_sqe *sqe;
	struct packet p;
	struct udp udp;
	char byte;

	udp_open(&udp, AF_INET);
	packet_make(&p, LEN, &udp.to, udp.len);
	seen->call = call(udp.tx, &p, 0);
	sqe = ring_sqe();
	io_uring_prep_read(sqe, -1, &byte, 1, 0);
	sqe->flags |= IOSQE_IO_LINK;
	sqe->user_data = NOT_A_SEND;
	sqe = ring_sqe();
	io_uring_prep_sendmsg(sqe, udp.tx, &p.msg, 0);
	sqe->user_data = 0;
	ring_submit();
	seen->ring = cqe_of_send();
}

static void link_timeout(void)
{
	struct __kernel_timespec soon = { .tv_nsec = 10000000 };
	const struct timeval limit = { .tv_usec = 10000 };
	struct io_uring_sqe *sqe;
	struct packet p;
	int pair[2];

	full_pair(&p, pair);
	setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	seen->call = call(pair[0], &p, 0);
	sqe = ring_sqe();
	io_uring_prep_sendmsg(sqe, pair[0], &p.msg, 0);
	sqe->flags |= IOSQE_IO_LINK;
	sqe->user_data = 0;
	sqe = ring_sqe();
	io_uring_prep_link_timeout(sqe, &soon, 0);
	sqe->user_data = NOT_A_SEND;
	ring_submit();
	seen->ring = cqe_of_send();
}

static int send_bundle(int fd, unsigned int flags)
{
	struct io_uring_sqe *sqe = ring_sqe();

	io_uring_prep_send(sqe, fd, NULL, 0, 0);
	sqe->ioprio |= IORING_RECVSEND_BUNDLE;
	sqe->flags |= IOSQE_BUFFER_SELECT | flags;
	sqe->buf_group = GROUP;
	sqe->user_data = 0;
	ring_submit();
	return cqe_of_send();
}

/* The data in two buffers */
static void provide(struct io_uring_buf_ring *buffers, struct packet *p)
{
	int i;

	for (i = 0; i < 2; i++)
		io_uring_buf_ring_add(buffers, p->data + i * LEN, LEN, i,
				      io_uring_buf_ring_mask(4), i);
	io_uring_buf_ring_advance(buffers, 2);
}

static void bundle_async(void)
{
	struct io_uring_buf_ring *buffers;
	struct packet p;
	int pair[2], ret;

	unix_pair(SOCK_STREAM, pair);
	packet_make(&p, 2 * LEN, NULL, 0);
	buffers = io_uring_setup_buf_ring(ring_up(), 4, GROUP, 0, &ret);
	if (!buffers)
		skip("no rings of provided buffers: %s", strerror(-ret));
	provide(buffers, &p);
	if (send_bundle(pair[0], 0) != 2 * LEN)
		skip("this kernel has no bundles for send");
	seen->call = called(send(pair[0], p.data, 2 * LEN, 0));
	provide(buffers, &p);
	seen->ring = send_bundle(pair[0], IOSQE_ASYNC);
}

static void no_completion(void)
{
	struct io_uring_sqe *sqe;
	struct packet p;
	struct udp udp;
	uint64_t which;

	if (!(ring_up()->features & IORING_FEAT_CQE_SKIP))
		skip("this kernel has no IOSQE_CQE_SKIP_SUCCESS");
	udp_open(&udp, AF_INET);
	packet_make(&p, LEN, &udp.to, udp.len);
	seen->call = call(udp.tx, &p, 0);
	recv(udp.rx, p.data, LEN, 0);
	sqe = ring_sqe();
	io_uring_prep_sendmsg(sqe, udp.tx, &p.msg, 0);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	sqe->user_data = 0;
	sqe = ring_sqe();
	io_uring_prep_nop(sqe);
	sqe->user_data = NOT_A_SEND;
	ring_submit();
	ring_cqe(&which, NULL);
	seen->ring = called(recv(udp.rx, p.data, LEN, MSG_DONTWAIT));
	if (which == NOT_A_SEND && ring_quiet())
		odd("no completion");
}

const struct row ring_rows[] = {
	{
		.name = "dontwait",
		.does = "MSG_DONTWAIT, and a receiver that is full",
		.road = "sendmsg",
		.ring = -EAGAIN,
		.call = -EAGAIN,
		.run = dontwait,
	}, {
		.name = "behind_failure",
		.does = "behind a linked request that fails",
		.road = "sendmsg",
		.ring = -ECANCELED,
		.call = LEN,
		.run = behind_failure,
	}, {
		.name = "link_timeout",
		.does = "a linked timeout ends a send that waits, beside SO_SNDTIMEO",
		.road = "sendmsg",
		.ring = -ECANCELED,
		.call = -EAGAIN,
		.run = link_timeout,
	}, {
		.name = "bundle_async",
		.does = "a bundle of provided buffers with IOSQE_ASYNC",
		.road = "send",
		.ring = -ECANCELED,
		.call = 2 * LEN,
		.defect = "refused-bundle",
		.run = bundle_async,
	}, {
		.name = "no_completion",
		.does = "IOSQE_CQE_SKIP_SUCCESS",
		.road = "sendmsg",
		.ring = LEN,
		.call = LEN,
		.silent = true,
		.run = no_completion,
	},
	{ }
};
