/* SPDX-License-Identifier: GPL-2.0 */
/* What the parts of cost.c share */
#ifndef HARM_COST_H
#define HARM_COST_H

#include "network.h"
#include "pool.h"

/* Two segments */
#define LENGTH		1000
#define SEGMENT		600

enum plain_op { PLAIN_SEND, PLAIN_RECV, PLAIN_SENDMSG, PLAIN_RECVMSG };

/* Where its data is, or what goes along with it */
enum plain_what { MEMORY, RING_BUFFER, RIGHTS, CREDENTIALS };

struct plain {
	enum plain_op op;
	enum plain_what what;
	bool retry;
	int failed;		/* the errno of a request */
	int sv[2];
	struct pool pool;
};

static inline bool plain_sends(const struct plain *plain)
{
	return plain->op == PLAIN_SEND || plain->op == PLAIN_SENDMSG;
}

/* NULL, or why there is no such request on this kernel */
const char *plain_open(struct plain *plain);

/* One request; what has been received is what was sent. NULL, or what is wrong */
const char *plain_request(struct plain *plain, long number, int64_t *cost);

/*
 * Submit what is queued and do what is pending; *cost grows by what it took.
 * NULL, or what went wrong
 */
const char *enter(struct io_uring *ring, unsigned int wait, int64_t *cost);

#endif
