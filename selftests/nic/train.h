/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Trains: UDP sends of many segments, one after another, each of them
 * done before the next is sent.
 */
#ifndef IO_URING_SELFTEST_TRAIN_H
#define IO_URING_SELFTEST_TRAIN_H

#include "device.h"
#include "ring.h"

#define TRIES		3	/* if a card loses some */
#define KNOWN_MOST	64	/* segments, in every kernel */

struct tally {
	unsigned int sends;
	unsigned int refused;		/* as sendmsg(2) is */
	unsigned int copied;
	unsigned int lost;
	unsigned int datagrams;
	long packets;			/* that the card has counted */
	bool cuts;			/* by its offloads, UDP trains */
};

/* Why even sendmsg(2) cannot send a train through the card, or NULL */
const char *trains_refused(struct udp_pair *pair);

/* The most segments that sendmsg(2) takes, 1 if it takes none at all */
unsigned int trains_most(struct udp_pair *pair);

/* Memory for every train, registered once if the opcode needs it. NULL or the reason of a SKIP */
const char *trains_register(struct run *run);

/* Send all of the table. NULL, or what was wrong with which */
const char *trains_send(struct run *run, const struct device *dev,
			unsigned int most, struct tally *tally);

/* One line: how many, who cut them, and how many went without a copy */
void tally_tell(const struct tally *tally, const struct run *run,
		const char *what);

#endif
