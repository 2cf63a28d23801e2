/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the two sides of an exchange, system call and io_uring, have of each other.
 */
#ifndef IO_URING_HARM_MESSAGES_SIDE_H
#define IO_URING_HARM_MESSAGES_SIDE_H

#include "messages.h"

#define TURNS		200000	/* of sched_yield(), or of looks at the ring */

/* user_data: of requests around the one that counts, */
#define OTHERS		1
#define OTHER		(OTHERS + 3)	/* that takes a buffer */
#define LINKED		(OTHERS + 4)	/* that is linked behind it */
#define FIRST		100		/* of the one that counts, from here on, */
#define AGAIN		0x10000000000	/* and of what goes on behind it */

pid_t caller_tid(void);

/* In messages_pool.c: a ring with provided buffers, for one exchange */
const char *pool_begin(struct exchange *x);
struct io_uring *pool_ring(void);
struct io_uring_sqe *pool_queue(struct exchange *x, int opcode);
bool pool_take_one(struct exchange *x, struct io_uring_cqe *cqe);
void pool_take_other(struct io_uring_cqe *cqe);
const char *pool_overtake(struct exchange *x);
const char *pool_receive_on(struct exchange *x);
const char *pool_send_on(struct exchange *x, size_t rest);

const char *rings_begin(void);
const char *ring_start(struct exchange *x);
const char *ring_settle(struct exchange *x);
const char *ring_stop(struct exchange *x);
void ring_linked(struct exchange *x);
bool ring_look(struct exchange *x);	/* whether something came */

#endif
