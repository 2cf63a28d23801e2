/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where io_uring is not what the system call is, and need not be. A test that
 * meets one of these says so and passes. The places are those of Linux 7.3.
 */
#ifndef IO_URING_SELFTEST_DIFFERENCE_H
#define IO_URING_SELFTEST_DIFFERENCE_H

#include "twin.h"

static const struct named {
	const char *name;
	const char *where;
	const char *why;
} differences[] = {
	/* A timestamp is for the last byte of what one call of sendmsg took */
	[EARLY_TIMESTAMPS] = {
		"early-timestamps", "net/ipv4/tcp.c:1411",
		"timestamps of one send, as each part has one of its own",
	},
	/* To go on, it would have to peek at the same data again */
	[SHORT_PEEK] = {
		"short-peek", "io_uring/net.c:1280",
		"bytes received with MSG_PEEK or MSG_TRUNC, and MSG_WAITALL",
	},
	/* The control of a second part would overwrite that of the first */
	[FIRST_PART] = {
		"first-part", "io_uring/net.c:1097",
		"bytes received with MSG_WAITALL and a control buffer",
	},
};

#endif
