/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A network namespace of the test's own, whose loopback device has a queue
 * that holds packets for as long as the test wants. Loopback and veth give
 * send memory back at once, so without such a queue a UDP socket never fills.
 */
#ifndef IO_URING_SELFTEST_GATE_H
#define IO_URING_SELFTEST_GATE_H

#include <stdbool.h>

#define WAIT_MS		10000	/* the longest that anything here waits */

/* Two addresses of lo per family: the receiver's, and one to send from */
#define LO4_ADDR	"127.0.0.1"
#define LO4_SOURCE	"127.0.0.2"
#define LO6_ADDR	"2001:db8::1"
#define LO6_SOURCE	"2001:db8::2"
#define MAPPED_ADDR	"::ffff:127.0.0.1"
#define MAPPED_SOURCE	"::ffff:127.0.0.2"

/*
 * All of these return NULL, or a sentence that says why it cannot be done
 * here and what would help: the reason of a SKIP.
 */

/*
 * Enter a new network namespace, through a user namespace if not privileged.
 * Where neither is allowed, one who does not need a queue on lo stays where
 * he is.
 */
const char *netns_enter(bool must);

/* Put a queue on lo that lets nothing but a first few packets through */
const char *gate_close(void);

/* Let everything through that the queue holds, and all that follows */
const char *gate_open(void);

#endif
