/* SPDX-License-Identifier: GPL-2.0 */
/* What the parts of cost.c share */
#ifndef HARM_COST_H
#define HARM_COST_H

#include "network.h"
#include "pool.h"

/* Two segments */
#define LENGTH		1000
#define SEGMENT		600

struct plain {
	bool send;		/* or recv */
	bool ring;		/* its buffer is selected from a ring */
	int sv[2];
	struct pool pool;
};

/* NULL, or why there is no such request on this kernel */
const char *plain_open(struct plain *plain, bool ring);

/* One request; what has been received is what was sent. NULL, or what is wrong */
const char *plain_request(struct plain *plain, long number, int64_t *cost);

/*
 * Submit what is queued and do what is pending; *cost grows by what it took.
 * NULL, or what went wrong
 */
const char *enter(struct io_uring *ring, unsigned int wait, int64_t *cost);

#endif
