// SPDX-License-Identifier: GPL-2.0
/* The ring of a row, and a request that is issued later than it was submitted */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "errors.h"

#define NOT_ASKED_FOR	0xbeef	/* user_data of a request that holds another */

static struct io_uring ring;
static bool is_up;

struct io_uring *ring_up(void)
{
	int ret;

	if (is_up)
		return &ring;
	ret = io_uring_queue_init(16, &ring, 0);
	if (ret)
		skip("no io_uring (%s): sysctl kernel.io_uring_disabled, seccomp or RLIMIT_MEMLOCK",
		     strerror(-ret));
	is_up = true;
	return &ring;
}

void ring_need(unsigned int op, const char *name)
{
	struct io_uring_probe *probe = io_uring_get_probe_ring(ring_up());
	bool there = probe && io_uring_opcode_supported(probe, op);

	if (probe)
		io_uring_free_probe(probe);
	if (!there)
		skip("this kernel has no %s", name);
}

struct io_uring_sqe *ring_sqe(void)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring_up());

	if (!sqe)
		broken("the ring is full");
	return sqe;
}

void ring_submit(void)
{
	int ret = io_uring_submit(&ring);

	if (ret < 0)
		broken("io_uring_submit: %s", strerror(-ret));
}

bool ring_quiet(void)
{
	struct io_uring_cqe *cqe;

	return io_uring_peek_cqe(&ring, &cqe) != 0;
}

int ring_cqe(uint64_t *user_data, unsigned int *flags)
{
	struct __kernel_timespec limit = { .tv_sec = 5 };
	struct io_uring_cqe *cqe;
	int ret;

	ret = io_uring_wait_cqe_timeout(&ring, &cqe, &limit);
	if (ret)
		broken("no completion within 5 s (%s)", strerror(-ret));
	if (user_data)
		*user_data = cqe->user_data;
	if (flags)
		*flags = cqe->flags;
	ret = cqe->res;
	io_uring_cqe_seen(&ring, cqe);
	return ret;
}

int ring_msg(unsigned int op, int fd, struct packet *p, int flags)
{
	struct io_uring_sqe *sqe = ring_sqe();

	io_uring_prep_sendmsg(sqe, fd, &p->msg, flags);
	sqe->opcode = op;
	ring_submit();
	return ring_cqe(NULL, NULL);
}

int ring_late(int fd, struct packet *p, int flags, void (*change)(void *arg),
	      void *arg)
{
	struct io_uring_sqe *sqe;
	int held[2], res = 0, i;
	uint64_t which;
	char byte;

	if (pipe(held))
		broken("pipe: %s", strerror(errno));
	sqe = ring_sqe();
	io_uring_prep_read(sqe, held[0], &byte, 1, 0);
	sqe->flags |= IOSQE_IO_LINK;
	sqe->user_data = NOT_ASKED_FOR;
	sqe = ring_sqe();
	io_uring_prep_sendmsg(sqe, fd, &p->msg, flags);
	sqe->user_data = 0;
	ring_submit();
	if (!ring_quiet())
		broken("a request behind a link did not wait");
	change(arg);
	if (write(held[1], "", 1) != 1)
		broken("write: %s", strerror(errno));
	for (i = 0; i < 2; i++) {
		int ret = ring_cqe(&which, NULL);

		if (which != NOT_ASKED_FOR)
			res = ret;
		else if (ret != 1)
			broken("the read ahead gave %d", ret);
	}
	return res;
}
