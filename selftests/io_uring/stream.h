/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A TCP connection to a peer that reads late, so that a send of all the data
 * is short, and the TX timestamps that come of it.
 */
#ifndef IO_URING_SELFTEST_STREAM_H
#define IO_URING_SELFTEST_STREAM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "ring.h"

#define STREAM_TOTAL	1048576	/* bytes */

struct stream {
	int tx;
	int rx;			/* or, over a network card: */
	struct remote *remote;
	char *data;
	union {
		struct cmsghdr cmsg;
		char room[CMSG_SPACE(sizeof(uint32_t))];
	} control;
	struct iovec iov;
	struct msghdr msg;
};

/* What a send of STREAM_TOTAL bytes came to */
struct outcome {
	int res;
	bool was_short;		/* some had arrived, and it was not complete */
	int timestamps;
};

/* Where a stream goes, and how: all zero for a peer on lo */
struct route {
	struct remote *remote;
	struct sockaddr_storage to, own;
	socklen_t len;
	int ifindex;
};

/* These return NULL or what was wrong */

const char *stream_open(struct stream *s, const struct route *route);

/* All data acknowledged, so that each timestamp that is due has been queued */
const char *stream_acked(const struct stream *s);

/* One request through the ring, read by the peer only after it was submitted */
const char *stream_send(struct io_uring *ring, enum opcode op, bool control,
			const struct route *route, struct outcome *outcome);

/*
 * What is wrong with what a send came to, or NULL; *defect is repeated-control
 * if that is it. *why: the reason of a SKIP, if it cannot be told here.
 */
const char *stream_judge(const struct outcome *outcome, bool control,
			 const char **defect, const char **why);

/* Ask for a TX timestamp by control: SO_TIMESTAMPING with TX_ACK */
void stream_control(struct stream *s);

/* TX_ACK timestamps in the error queue, which is empty then */
int stream_timestamps(const struct stream *s);

void stream_close(struct stream *s);

#endif
