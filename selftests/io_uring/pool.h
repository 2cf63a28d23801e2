/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Provided buffers as an application keeps them, which learns from completions
 * alone what has become of them.
 */
#ifndef IO_URING_SELFTEST_POOL_H
#define IO_URING_SELFTEST_POOL_H

#include "ring.h"

/* Headers of old distributions lack these */
#define BUNDLE		0x10	/* IORING_RECVSEND_BUNDLE */
#define MULTISHOT	0x2	/* IORING_RECV_MULTISHOT */
#define POLL_FIRST	0x1	/* IORING_RECVSEND_POLL_FIRST */

#define MOST_BUFFERS	64
#define POOL_ROOM	(2 * STREAM_TOTAL)

enum kind { CLASSIC, RING, INCREMENTAL };

struct pool {
	enum kind kind;
	struct io_uring ring;
	struct io_uring_buf_ring *br;
	unsigned int n;		/* buffers; their numbers are in ring order */
	unsigned int next;	/* the first that no completion has named */
	char *base[MOST_BUFFERS];
	size_t len[MOST_BUFFERS];
	size_t at[MOST_BUFFERS];	/* where an incremental one goes on */
	size_t used;		/* of pool_room */
};

/* What the buffers are cut from, one behind the other */
extern char pool_room[POOL_ROOM];

/* bundles: also those, and sends. NULL, or the reason of a SKIP */
const char *pool_open(struct pool *p, enum kind of, enum how how, bool bundles);

/* All of these give NULL, or what went wrong */
const char *pool_add(struct pool *p, size_t len, unsigned int count);
const char *pool_complete(struct pool *p, struct io_uring_cqe *cqe, int ms);

/*
 * The only request with that opcode has been issued and waits, be it in io-wq.
 * So it will be issued again.
 */
const char *pool_waits(struct pool *p, int opcode);

/* A request that selects its buffer, to be submitted */
struct io_uring_sqe *pool_request(struct pool *p, int opcode, int fd, size_t len,
				  int flags);

/* Copy what a completion says it has used; how much that is */
size_t pool_take(struct pool *p, const struct io_uring_cqe *cqe, char *to);

#endif
