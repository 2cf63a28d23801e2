/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the two sides of an exchange, system call and io_uring, have of each other.
 */
#ifndef IO_URING_HARM_MESSAGES_SIDE_H
#define IO_URING_HARM_MESSAGES_SIDE_H

#include "messages.h"

#define TURNS		200000	/* of sched_yield(), or of looks at the ring */

pid_t caller_tid(void);

/* In messages_pool.c: a ring with provided buffers, for one exchange */
const char *pool_begin(struct exchange *x);
struct io_uring *pool_ring(void);
void pool_queue(struct exchange *x, int opcode);
bool pool_take_one(struct exchange *x, struct io_uring_cqe *cqe);

const char *rings_begin(void);
const char *ring_start(struct exchange *x);
const char *ring_settle(struct exchange *x);
const char *ring_stop(struct exchange *x);

#endif
