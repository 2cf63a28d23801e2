/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The rows of the test of provided buffers, and the scenes that they play: by
 * the system call without a pool, else through io_uring with the pool's buffers.
 */
#ifndef IO_URING_SELFTEST_BUFFERS_H
#define IO_URING_SELFTEST_BUFFERS_H

#include "pool.h"
#include "report.h"
#include "twin.h"

struct row {
	const char *what;
	const char *(*scene)(const struct row *row, struct pool *pool,
			     struct story *story);
	enum kind kind;
	int opcode;
	bool tcp;		/* or AF_UNIX */
	bool async;		/* IOSQE_ASYNC */
	unsigned int ioprio;
	int flags;
	size_t len;		/* asked for; 0: as long as the buffers are */
	size_t size;		/* of a buffer */
	unsigned int count;	/* of buffers */
	unsigned int parts;	/* that are sent, one after another */
	bool early;		/* or before the request */
	bool once;		/* not until all is sent */
	bool full;		/* the socket is, at first */
	bool overtaken;		/* another request takes the next buffer */
	bool credentials;	/* SO_PASSCRED */
	enum how how;		/* HOW_DEFER: retried when all has happened */
};

/* In buffers_receive.c */
const char *datagram(const struct row *row, struct pool *p,
		     struct story *story);
const char *stream(const struct row *row, struct pool *p,
		   struct story *story);
const char *until_end(const struct row *row, struct pool *p,
		      struct story *story);
const char *linked(const struct row *row, struct pool *p,
		   struct story *story);
const char *alike(const struct row *row, struct pool *p,
		  struct story *story);

/* In buffers_send.c */
const char *sends(const struct row *row, struct pool *p,
		  struct story *story);
const char *no_room(const struct row *row, struct pool *p,
		    struct story *story);
const char *pieces(const struct row *row, struct pool *p,
		   struct story *story);

/* In buffers_row.c, what scenes share. Those with words give NULL, or what went wrong */
extern char row_out[POOL_ROOM];		/* what came, in order */

/* Sockets that are connected, sv[0] sends to sv[1] */
const char *row_ends(const struct row *row, int type, int *sv);

/* The request that a row is about */
const char *row_start(const struct row *row, struct pool *p, int fd);

/* Send bytes of the stream, all of them */
const char *row_put(int fd, size_t at, size_t len);

/* What was sent over lo takes its time, and a receive that doesn't wait misses it */
const char *row_arrived(const struct row *row, int fd);

/* Take whatever has come, behind what did before; how much there is now */
size_t row_drain(int fd, size_t got);

void tell_res(struct story *story, long res);

#endif
