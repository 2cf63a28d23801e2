// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "pool.h"
#include "report.h"

#define FEAT_BUNDLE	0x4000	/* IORING_FEAT_RECVSEND_BUNDLE */
#define BUF_MORE	0x10	/* IORING_CQE_F_BUF_MORE */
#define INC		0x2	/* IOU_PBUF_RING_INC */
#define GROUP		0	/* number of a buffer, too: not to be taken for it */

char pool_room[POOL_ROOM];

const char *pool_open(struct pool *p, enum kind of, enum how how, bool bundles)
{
	struct {
		__u64 addr;
		__u32 entries;
		__u16 group, flags;
		__u64 resv[3];
	} reg = { .entries = MOST_BUFFERS, .group = GROUP };
	const char *why = ring_init(&p->ring, how);
	int err;

	p->kind = of;
	if (why)
		return why;
	if (bundles && !(p->ring.features & FEAT_BUNDLE))
		return cannot("no bundles, and no sends from provided buffers", 0,
			      "nothing to do, they came with 6.10");
	if (of == CLASSIC)
		return NULL;
	if (posix_memalign((void **)&p->br, sysconf(_SC_PAGESIZE),
			   MOST_BUFFERS * sizeof(struct io_uring_buf)))
		return cannot("no memory for a ring of buffers", ENOMEM,
			      "free some");
	memset(p->br, 0, MOST_BUFFERS * sizeof(struct io_uring_buf));
	reg.addr = (unsigned long)p->br;
	reg.flags = of == INCREMENTAL ? INC : 0;
	err = io_uring_register_buf_ring(&p->ring, (void *)&reg, 0);
	if (err && of == INCREMENTAL)
		return cannot("no incremental buffers", -err,
			      "nothing to do, they came with 6.12");
	return err ? cannot("no rings of buffers", -err,
			    "nothing to do, they came with 5.19") : NULL;
}

const char *pool_complete(struct pool *p, struct io_uring_cqe *cqe, int ms)
{
	struct __kernel_timespec ts = {
		.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L,
	};
	struct io_uring_cqe *first;

	if (io_uring_wait_cqe_timeout(&p->ring, &first, &ts))
		return "no completion comes";
	*cqe = *first;
	io_uring_cqe_seen(&p->ring, first);
	return NULL;
}

const char *pool_add(struct pool *p, size_t len, unsigned int count)
{
	const unsigned int first = p->n;
	struct io_uring_cqe cqe;
	struct io_uring_sqe *sqe;
	const char *wrong;

	for (; p->n < first + count; p->n++, p->used += len) {
		p->base[p->n] = pool_room + p->used;
		p->len[p->n] = len;
		if (p->br)
			io_uring_buf_ring_add(p->br, p->base[p->n], len, p->n,
					      MOST_BUFFERS - 1, p->n - first);
	}
	if (p->br) {
		io_uring_buf_ring_advance(p->br, count);
		return NULL;
	}
	sqe = io_uring_get_sqe(&p->ring);
	io_uring_prep_provide_buffers(sqe, p->base[first], len, count, GROUP,
				      first);
	wrong = ring_submit(&p->ring) ?: pool_complete(p, &cqe, WAIT_MS);
	return wrong ?: cqe.res < 0 ? "no buffers can be provided" : NULL;
}

size_t pool_take(struct pool *p, const struct io_uring_cqe *cqe, char *to)
{
	unsigned int bid = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
	size_t left = cqe->res > 0 ? cqe->res : 0, taken = 0, len;

	if (!left || !(cqe->flags & IORING_CQE_F_BUFFER))
		return 0;
	for (; left && bid < p->n; bid++) {
		len = p->len[bid] - p->at[bid];
		len = len < left ? len : left;
		memcpy(to + taken, p->base[bid] + p->at[bid], len);
		taken += len;
		left -= len;
		p->at[bid] += len;
		if (!left && cqe->flags & BUF_MORE)
			break;
	}
	p->next = bid;
	return taken;
}

struct io_uring_sqe *pool_request(struct pool *p, int opcode, int fd, size_t len,
				  int flags)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&p->ring);

	io_uring_prep_rw(opcode, sqe, fd, NULL, len, 0);
	sqe->flags = IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
	sqe->msg_flags = flags;
	return sqe;
}

const char *pool_waits(struct pool *p, int opcode)
{
	char path[64], line[128];
	struct io_uring_cqe *cqe;
	unsigned int op;
	FILE *info;
	int i;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", p->ring.ring_fd);
	for (i = 0; i < WAIT_MS; i++) {
		io_uring_get_events(&p->ring);
		if (!io_uring_peek_cqe(&p->ring, &cqe))
			return reason("it did not wait: %d", cqe->res);
		info = fopen(path, "re");
		if (!info)
			return "no /proc/self/fdinfo: mount /proc";
		while (fgets(line, sizeof(line), info))
			if (sscanf(line, " op=%u,", &op) == 1 &&
			    op == (unsigned int)opcode)
				i = 2 * WAIT_MS;
		fclose(info);
		usleep(i < WAIT_MS ? 1000 : 0);
	}
	return i > WAIT_MS ? NULL : "no second issue was forced";
}
