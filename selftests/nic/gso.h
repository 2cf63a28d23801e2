/* SPDX-License-Identifier: GPL-2.0 */
/*
 * GSO sends: UDP sends of many segments, each of which is done before the
 * next one is made.
 */
#ifndef IO_URING_SELFTEST_GSO_H
#define IO_URING_SELFTEST_GSO_H

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
	bool by_card;			/* it segments, by its offloads */
};

/* Why not even sendmsg(2) can do GSO through the card, or NULL */
const char *gso_refused(struct udp_pair *pair);

/* The most segments that sendmsg(2) takes, 1 if it takes none at all */
unsigned int gso_most(struct udp_pair *pair);

/* Memory for every send, registered once if the opcode needs it. NULL or the reason of a SKIP */
const char *gso_register(struct run *run);

/* Send all of the table. NULL, or what was wrong with which */
const char *gso_send_all(struct run *run, const struct device *dev,
			 unsigned int most, struct tally *tally);

/* One line: how many, who segmented them, and how many went without a copy */
void tally_tell(const struct tally *tally, const struct run *run,
		const char *what);

#endif
