/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The same done twice, on sockets of the same kind: by the blocking system call
 * in a thread, and by io_uring in a way that forces a second issue. What comes
 * of it is told in words, and the words are compared.
 */
#ifndef IO_URING_SELFTEST_TWIN_H
#define IO_URING_SELFTEST_TWIN_H

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "ring.h"
#include "report.h"

/* Headers of old distributions lack it */
#define OP_SEND_ZC	47	/* IORING_OP_SEND_ZC */

/* What came of one side of a case */
struct story {
	char text[480];
};

/* One message, sent or received. Without a ring: by the system call */
struct call {
	struct io_uring *ring;
	int opcode;		/* IORING_OP_SEND and its kin */
	int fd;
	int flags;
	struct msghdr msg;	/* of SEND and RECV the first iovec alone */
	bool at_once;		/* it need not wait, on either side */

	bool waited;		/* it did not return before there was a reason */
	atomic_int tid;
	atomic_bool done;
	bool notified;		/* of zero-copy: no notification is due any more */
	long res;		/* bytes or -errno */
	pthread_t thread;
};

const char *call_name(int opcode);

/* A ring that knows the opcode. NULL, or the reason of a SKIP */
const char *twin_ring(struct io_uring *ring, int opcode);

/* The same for a send to an address: since the release that brought sendmsg_zc */
const char *twin_ring_addressed(struct io_uring *ring, int opcode);

/*
 * Make the call, which has to wait; then it was issued once, and will be again.
 * When it comes back at once, c->done is set. NULL or what went wrong.
 */
const char *call_start(struct call *c);

/* Let what waits go on, look whether it is done now */
bool call_done(struct call *c);

/* Wait for the result and tell it. NULL or what went wrong */
const char *call_end(struct call *c, struct story *story);

/* Nothing of what was sent to the receiving call is left in its socket */
const char *call_taken(struct call *c);

__printf(2, 3) void tell(struct story *story, const char *fmt, ...);

/* The bytes that all tests send, and whether they are what came from byte at on */
void payload(char *buf, size_t len);
void tell_data(struct story *story, const char *buf, ssize_t len, size_t at);

/* Receive one message, of which what is behind front is payload. Its length */
ssize_t tell_message(struct story *story, int fd, size_t front);

/* Every socket of a test gets this: no system call on it takes longer */
const char *limit_time(int fd);

/*
 * Whether a request with MSG_WAITALL goes on after a part: where it never does
 * there is no second issue. NULL, or the reason of a SKIP
 */
const char *goes_on(struct io_uring *ring);

/* In twin_tcp.c: sv[0] sends to sv[1], over lo and with small buffers */
const char *tcp_pair(int *sv);

/* For a test that looks at the control that comes with bytes at to at + len */
struct control_seen {
	void (*take)(struct control_seen *seen, struct msghdr *msg, long at,
		     long len);
};

/*
 * The other end of a stream reads until it has all that the call has sent; seen
 * may be NULL
 */
const char *call_drain(struct call *c, int rx, struct control_seen *seen,
		       struct story *story);

/* All that was sent is acknowledged, and its timestamps are in the error queue */
const char *tcp_acked(int fd);

/*
 * The id that the next message in the error queue has for its data: with
 * SO_EE_ORIGIN_TIMESTAMPING of a TX_ACK timestamp, with SO_EE_ORIGIN_ZEROCOPY
 * the last of a range. -1 when the queue has none.
 */
long next_id(int fd, unsigned char origin);

#define ASSERT_WELL(sentence) do {					\
	const char *wrong_ = (sentence);				\
	if (wrong_)							\
		TH_LOG("%s", wrong_);					\
	ASSERT_TRUE(!wrong_);						\
} while (0)

/* Where io_uring need not be the system call: see differences in difference.h */
enum difference {
	EARLY_TIMESTAMPS,
	SHORT_PEEK,
	FIRST_PART,
};

/* The sides differ so, which is no failure */
void differs(enum difference difference, long by_call, long by_ring);

/*
 * Both sides have come to the same, or the test fails where this stands. A
 * macro, so that the line is that of the check.
 */
#define ASSERT_SAME(defect, opcode, what, by_call, by_ring) do {	\
	const struct story *call_ = (by_call), *ring_ = (by_ring);	\
	if (strcmp(call_->text, ring_->text))				\
		blame(defect, opcode, what,				\
		      reason("%s instead of %s", ring_->text,		\
			     call_->text));				\
	ASSERT_STREQ(call_->text, ring_->text);				\
} while (0)

#endif
