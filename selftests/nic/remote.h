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

/* The only one; NULL if nic.sh has not started it */
struct remote *remote_get(void);

#endif
