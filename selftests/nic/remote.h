/* SPDX-License-Identifier: GPL-2.0 */
/*
 * nic's receiver, nic_receiver, which nic.sh starts in another network
 * namespace or on another machine; nic talks to it over two pipes. Commands and
 * answers are lines that begin with a number that the sender of the command
 * picks, so that what one test has not read is not taken for another's.
 */
#ifndef IO_URING_SELFTEST_REMOTE_H
#define IO_URING_SELFTEST_REMOTE_H

#include "datagram.h"

#define HELLO_ID	0xfffd	/* of a datagram that only shows that there is a path */

/* All but take() return NULL or what went wrong */
struct remote {
	/*
	 * Have it receive at an address, and put the port there: "udp", "tcp"
	 * or, to throw away all that comes, "sink".
	 */
	const char *(*open)(struct remote *remote, struct sockaddr_storage *at,
			    const char *how);

	/* As receiver_take(), of what it got */
	int (*take)(struct remote *remote, struct datagram *d, int ms);

	/* Wait until the TCP connection has data; it is left unread */
	const char *(*readable)(struct remote *remote);

	/* Have it read from now on */
	const char *(*drain)(struct remote *remote);

	/* All of size bytes have come, and are right */
	const char *(*drained)(struct remote *remote, size_t size);
};

/* The only one; NULL if nic.sh has not started it */
struct remote *remote_get(void);

/*
 * pair_judge() of what went to it, where datagrams may be lost. If all that is
 * wrong is that some did not arrive, datagrams_lost says how many.
 */
const char *remote_judge(struct udp_pair *pair, struct message *p,
			 unsigned int n);
extern unsigned int datagrams_lost;

#endif
