/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sends of a stream through a card that take more than one issue.
 */
#ifndef IO_URING_SELFTEST_STREAM_H
#define IO_URING_SELFTEST_STREAM_H

#include "device.h"
#include "ring.h"

/*
 * One request through the ring, read by the peer only after it was submitted.
 * What is wrong with what it came to, or NULL; *defect is cut-control if
 * that is it. *why: the reason of a SKIP, if it cannot be told here.
 */
const char *stream_send(struct io_uring *ring, enum opcode op, bool control,
			const struct route *route, const char **defect,
			const char **why);

#endif
