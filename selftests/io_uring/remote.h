/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The receiver of nic, nic_receiver, which nic.sh has started in another
 * network namespace or on another machine, and which is spoken to over two
 * pipes. Words and answers are lines that begin with a number of the speaker's
 * choice, so that what one test has left unread is not taken for another's.
 */
#ifndef IO_URING_SELFTEST_REMOTE_H
#define IO_URING_SELFTEST_REMOTE_H

#include <stddef.h>
#include <sys/socket.h>

#include "receiver.h"

struct remote;

/* The one and only; NULL where nic.sh has not started any */
struct remote *remote_get(void);

/*
 * Have it receive at an address, and put the port there: "udp", "tcp" or, to
 * throw away all that comes, "sink". NULL or what went wrong.
 */
const char *remote_open(struct remote *remote, struct sockaddr_storage *at,
			const char *how);

/* As receiver_take(), of what the remote got */
int remote_take(struct remote *remote, struct datagram *d, int ms);

/* Wait until the TCP connection has data; it is left unread. NULL or why not */
const char *remote_readable(struct remote *remote);

/* Have it read from now on. NULL or what went wrong */
const char *remote_drain(struct remote *remote);

/* All of size bytes have come, and are right. NULL or what went wrong */
const char *remote_drained(struct remote *remote, size_t size);

#endif
