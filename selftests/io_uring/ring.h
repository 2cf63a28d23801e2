/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Rings, and sends that wait in them.
 */
#ifndef IO_URING_SELFTEST_RING_H
#define IO_URING_SELFTEST_RING_H

#include <stdbool.h>
#include <liburing.h>

#include "datagram.h"

#define SENDS		8	/* requests at once */
#define NOT_A_SEND	1000	/* user_data of a request that is no send */

/* Flags that older headers lack: io_uring_setup(2), io_uring_enter(2) */
#ifndef IORING_SETUP_SINGLE_ISSUER
#define IORING_SETUP_SINGLE_ISSUER	0x1000
#endif
#ifndef IORING_SETUP_DEFER_TASKRUN
#define IORING_SETUP_DEFER_TASKRUN	0x2000
#endif

enum opcode { SENDMSG, SENDMSG_ZC, SENDMSG_ZC_FIXED };

/* How a request comes to be issued later than it was submitted */
enum how {
	RETRY,			/* full send buffer, then POLLOUT */
	ASYNC,			/* the same, first issued by io-wq */
	SQPOLL,			/* the same, issued by the kernel's thread */
	DEFER,			/* the same, retried by task work of a waiter */
	POLL_FIRST,		/* not issued at all before POLLOUT */
	LINK,			/* not issued before the request ahead is done */
};

#ifndef IORING_SEND_ZC_REPORT_USAGE
#define IORING_SEND_ZC_REPORT_USAGE	8
#endif
#ifndef IORING_NOTIF_USAGE_ZC_COPIED
#define IORING_NOTIF_USAGE_ZC_COPIED	0x80000000
#endif

/* The one completion of a send, and the notification that may follow it */
struct done {
	int res;
	bool more;
	bool copied;		/* if asked for: IORING_SEND_ZC_REPORT_USAGE */
	unsigned int completions;
	unsigned int notifications;
};

const char *opcode_name(enum opcode op);
const char *how_name(enum how how);

/*
 * Open a ring for sends of that kind. NULL, or why this kernel or this
 * environment cannot: the reason of a SKIP.
 */
const char *ring_open(struct io_uring *ring, enum opcode op, enum how how);

/* One more ring like that, where ring_open() has found that it works */
const char *ring_init(struct io_uring *ring, enum how how);

/* io_uring_prep_sendmsg() and _zc(), by opcode; user_data is 0 */
void ring_prep(struct io_uring_sqe *sqe, enum opcode op, int fd,
	       const struct msghdr *msg, unsigned int flags);

/* Whether sendmsg_zc can tell in its notification that the data was copied */
bool ring_tells_usage(struct io_uring *ring);

/*
 * Put one send into the submission queue; its user_data is its index. For
 * SENDMSG_ZC_FIXED the parcels must have been registered before.
 */
struct io_uring_sqe *ring_send(struct io_uring *ring, enum opcode op,
			       enum how how, const struct flow *flow,
			       struct parcel *p, unsigned int index);

/* Register the payloads of n parcels as fixed buffers 0 to n - 1 */
const char *ring_register(struct io_uring *ring, struct parcel *p,
			  unsigned int n);

/* Submit all that is queued: NULL or what went wrong */
const char *ring_submit(struct io_uring *ring);

/*
 * NULL as soon as at least that many of n sends wait for POLLOUT and all
 * others are complete, or what was seen instead. A send that is in the ring's
 * list of polls has been issued and got -EAGAIN, except for POLL_FIRST on a
 * socket that is full already.
 */
const char *ring_await(struct io_uring *ring, enum opcode op, unsigned int n,
		       unsigned int least);

/*
 * Take completions until each of n sends has all that it is due: a completion
 * and, after one with F_MORE, a notification. NULL, or what was against the
 * rules of io_uring_prep_sendmsg_zc(3).
 */
const char *ring_collect(struct io_uring *ring, struct done *done,
			 unsigned int n);

/* NULL when each res is the length of its parcel; otherwise what it was */
const char *done_judge(const struct done *done, const struct parcel *p,
		       unsigned int n);

#endif
