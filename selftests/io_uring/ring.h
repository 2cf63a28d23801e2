/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Rings, and sends of a few datagrams that wait in them.
 */
#ifndef IO_URING_SELFTEST_RING_H
#define IO_URING_SELFTEST_RING_H

#include <liburing.h>
#include <stdbool.h>

#include "datagram.h"
#include "network.h"

#define SENDS		8	/* requests at once */
#define NOT_A_SEND	1000	/* user_data of a request that is no send */

enum opcode { OP_SENDMSG, OP_ZC, OP_ZC_FIXED };

/* Why a request is issued later than it is submitted */
enum how {
	HOW_RETRY,			/* full send buffer, then POLLOUT */
	HOW_ASYNC,			/* the same, first issued by io-wq */
	HOW_SQPOLL,			/* the same, issued by the kernel's thread */
	HOW_DEFER,			/* the same, retried by task work of a waiter */
	HOW_POLL_FIRST,		/* not issued at all before POLLOUT */
	HOW_LINK,			/* not issued before the request ahead is done */
};

#ifndef IORING_SEND_ZC_REPORT_USAGE
#define IORING_SEND_ZC_REPORT_USAGE	8
#endif
#ifndef IORING_NOTIF_USAGE_ZC_COPIED
#define IORING_NOTIF_USAGE_ZC_COPIED	0x80000000
#endif

/* The completion of a send, and the notification that may follow it */
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

/* Another such ring, once ring_open() has found that it works */
const char *ring_init(struct io_uring *ring, enum how how);

/* io_uring_prep_sendmsg() and _zc(), by opcode; user_data is 0 */
void ring_prep(struct io_uring_sqe *sqe, enum opcode op, int fd,
	       const struct msghdr *msg, unsigned int flags);

/* Send one datagram to oneself, to learn whether the kernel takes the flags */
int ring_trial(struct io_uring *ring, enum opcode op, unsigned int ioprio);

/*
 * Put one send into the submission queue; its user_data is its index. For
 * OP_ZC_FIXED the messages must have been registered before.
 */
struct io_uring_sqe *ring_send(struct io_uring *ring, enum opcode op,
			       enum how how, const struct udp_pair *pair,
			       struct message *p, unsigned int index);

/* Register the payloads of n messages as fixed buffers 0 to n - 1 */
const char *ring_register(struct io_uring *ring, struct message *p,
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
 * Take completions until each of n sends has had all it should: a completion
 * and, after one with F_MORE, a notification. NULL, or what was against the
 * rules of io_uring_prep_sendmsg_zc(3).
 */
const char *ring_collect(struct io_uring *ring, struct done *done,
			 unsigned int n);

/* NULL when each res is the length of its message; otherwise what it was */
const char *done_judge(const struct done *done, const struct message *p,
		       unsigned int n);

struct run {
	enum opcode op;
	enum how how;
	bool hold;			/* lo has a queue that holds packets */
	unsigned int n;
	struct io_uring ring;
	struct udp_pair pair;
	struct message messages[SENDS];
	struct done done[SENDS];
	unsigned short zc_flags;	/* of sendmsg_zc, in all sends */
	int trigger[2];			/* LINK: a byte here lets the sends go */
};

/*
 * Ring and sockets, in a network namespace of their own; hold: with a queue
 * on its lo. NULL, or the reason of a SKIP.
 */
const char *run_open(struct run *run, enum family family, enum opcode op,
		     enum how how, bool hold);

/* The same over a pair that is open already, with the queue in place */
const char *run_start(struct run *run, enum opcode op, enum how how,
		      bool hold);

/* Put the queue there later. NULL, or the reason of a SKIP */
const char *run_hold(struct run *run);

/* Give back all that these have taken, as far as there is something */
void run_close(struct run *run);

/* n sends with the same control, numbered from 0 on over lo */
void run_pack(struct run *run, unsigned int n, enum control control);

/* Register the payloads if the opcode needs it. NULL, or the reason to SKIP */
const char *run_register(struct run *run);

/*
 * Submit the sends and return as soon as all of them wait. RETRY and its kin:
 * each has been issued, met a full send buffer and waits for POLLOUT.
 * POLL_FIRST and LINK: none has been issued. Without a queue RETRY and its kin
 * go straight through. NULL or what went wrong.
 */
const char *run_submit(struct run *run);

/* Issue what a link holds back. NULL or what went wrong */
const char *run_release(struct run *run);

/* Release whatever waits, take all completions. NULL or what went wrong */
const char *run_finish(struct run *run);

/* NULL if all sends completed and arrived as they should, or what did not */
const char *run_judge(struct run *run);

/*
 * Hooks, for whoever builds with HOOKS and tests kernels that have some of the
 * fixes: which other defect spoils what a test looks for. Without them nothing
 * is spoilt.
 */
#pragma weak hint_first_issue
#pragma weak hint_spoiled
#pragma weak hint_hidden
#pragma weak hint_wrong_length

/* The errno that a send with control gives when nothing is in its way, or 0 */
int hint_first_issue(enum opcode op);

/* Whether that spoils all sends with control: the reason of a SKIP, or NULL */
const char *hint_spoiled(enum opcode op);

/* The same for every retry with that control; length: of a wrong length, too */
const char *hint_hidden(struct run *run, enum control control, bool length);

/* Whether a retry ended with -EINVAL, which is wrong_length's to report */
bool hint_wrong_length(const struct run *run);

static inline const char *run_spoiled(enum opcode op)
{
	return hint_spoiled ? hint_spoiled(op) : NULL;
}

static inline const char *run_hidden(struct run *run, enum control control,
				     bool length)
{
	return hint_hidden ? hint_hidden(run, control, length) : NULL;
}

#endif
