/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The receiver of nic, nic_receiver, which nic.sh has started in another
 * network namespace or on another machine, and which is spoken to over two
 * pipes. Words and answers are lines that begin with a number of the speaker's
 * choice, so that what one test has left unread is not taken for another's.
 */
#ifndef IO_URING_SELFTEST_REMOTE_H
#define IO_URING_SELFTEST_REMOTE_H

#include "datagram.h"

/* The one and only; NULL where nic.sh has not started any */
struct remote *remote_get(void);

#endif
