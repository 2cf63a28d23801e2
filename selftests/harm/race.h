/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sends that wait, and what is done to them in the meantime.
 */
#ifndef IO_URING_HARM_RACE_H
#define IO_URING_HARM_RACE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "datagram.h"
#include "ring.h"

#define MOST		SENDS	/* sends in one round */

/* Numbers that follow from a seed */
struct dice {
	uint64_t state;
};

/* 0 to sides - 1 */
unsigned int roll(struct dice *dice, unsigned int sides);

/*
 * Like pthread_join(), but without futex(2), which 32-bit programs do not have
 * on a kernel without CONFIG_COMPAT_32BIT_TIME.
 */
void *thread_join(pthread_t thread);

/* What has been seen, in memory that parent and child share */
struct tally {
	unsigned long lives;
	unsigned long rounds;
	unsigned long sends;
	unsigned long whole;		/* completed in full */
	unsigned long part;		/* a part of a stream was sent */
	unsigned long cancelled;
	unsigned long failed;		/* for another reason that it had */
	unsigned long spoilt;		/* control was bad before submit */
	unsigned long refused;		/* control was good until submit */
	unsigned long odd;		/* datagrams not as their control said */
	unsigned long notified;
	unsigned long abandoned;	/* ring or task ended first */
	char wrong[400];
};

/* What another thread does to the memory that holds the control */
enum edit { STILL, FILL, PROTECT, UNMAP, EDITS };

struct mutator {
	pthread_t thread;
	enum edit edit;
	char *page;
	char *was;		/* what the page held */
	bool running;
	bool stop;
};

/* Begin to do that, in a loop. NULL or what went wrong */
const char *mutator_start(struct mutator *mutator, enum edit kind, char *page);

/* The page can be used again afterwards */
void mutator_stop(struct mutator *mutator);

/* What happens to sends that wait */
enum event {
	NOTHING,		/* they are let go */
	CLOSE,
	SHUTDOWN,
	CANCEL_EACH,		/* by user_data */
	CANCEL_FD,
	CANCEL_FD_ALL,
	CANCEL_ANY,
	EVENTS
};

/* One round, decided before it begins */
struct plan {
	enum opcode op;
	bool stream;		/* TCP, with MSG_WAITALL */
	bool full;		/* nothing goes out before they wait */
	bool large;		/* control above what needs no allocation */
	bool async;
	bool poll_first;
	bool timeout;		/* each has a linked one */
	bool settled;		/* they have time to wait before the event */
	bool together;		/* and at the same time they are let go */
	bool early;		/* the edit begins before submit */
	enum edit edit;
	enum event event;
	unsigned int n;
};

/* A ring, and the round that it is in */
struct race {
	struct io_uring ring;
	enum how how;		/* RETRY, SQPOLL or DEFER */
	struct plan plan;
	struct dice dice;
	struct tally *tally;
	struct mutator mutator;
	struct udp_pair pair;	/* the sockets, of a stream, too */
	struct message messages[MOST];
	struct __kernel_timespec wait[MOST];
	char *page;		/* all control is in it */
	unsigned int others;	/* requests that are no sends */
	bool drop;		/* lose a completion, for the self-check */
	int patience;		/* seconds until a completion is lost */
	int null;
};

const char *plan_text(const struct race *race);

/* These return NULL or what went wrong */

/* Up to where the sends wait, or may */
const char *race_begin(struct race *race);

/* The event, and all completions */
const char *race_finish(struct race *race);

/* All completions of sends that a thread submitted which has ended */
const char *race_reap(struct race *race);

#endif
