// SPDX-License-Identifier: GPL-2.0
/* Part of cost.c: one send or recv, from memory of its own or a ring of buffers */
#include <errno.h>
#include <sys/socket.h>

#include "cost.h"
#include "report.h"

static char data[LENGTH], got[LENGTH];

const char *plain_open(struct plain *plain, bool ring)
{
	const char *why = pool_open(&plain->pool, ring ? RING : CLASSIC,
				    HOW_DEFER, ring && plain->send);

	plain->ring = ring;
	if (why)
		return why;
	return socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, plain->sv) ?
	       cannot("no AF_UNIX socket", errno, "CONFIG_UNIX") : NULL;
}

/* A buffer for it, and the one that it took before back */
static struct io_uring_sqe *selecting(struct plain *plain)
{
	struct pool *p = &plain->pool;

	io_uring_buf_ring_add(p->br, plain->send ? data : got, LENGTH, 0,
			      MOST_BUFFERS - 1, 0);
	io_uring_buf_ring_advance(p->br, 1);
	return pool_request(p, plain->send ? IORING_OP_SEND : IORING_OP_RECV,
			    plain->sv[!plain->send], LENGTH, 0);
}

const char *plain_request(struct plain *plain, long number, int64_t *cost)
{
	struct io_uring *ring = &plain->pool.ring;
	struct io_uring_cqe cqe;
	const char *wrong;

	memset(data, number, sizeof(data));
	memset(got, 0, sizeof(got));
	if (!plain->send && send(plain->sv[0], data, LENGTH, 0) != LENGTH)
		return reason("cannot send: %s", errno_name(errno));
	if (plain->ring)
		selecting(plain);
	else if (plain->send)
		io_uring_prep_send(io_uring_get_sqe(ring), plain->sv[0], data,
				   LENGTH, 0);
	else
		io_uring_prep_recv(io_uring_get_sqe(ring), plain->sv[1], got,
				   LENGTH, 0);
	*cost = 0;
	wrong = enter(ring, 1, cost) ?: pool_complete(&plain->pool, &cqe, WAIT_MS);
	if (wrong)
		return wrong;
	if (plain->send)
		recv(plain->sv[1], got, LENGTH, MSG_DONTWAIT);
	return cqe.res == LENGTH && !memcmp(data, got, LENGTH) ? NULL :
	       reason("not what was sent: %d", cqe.res);
}
