/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sends of which one point fails: what they carry and how they are issued.
 */
#ifndef IO_URING_HARM_FAULT_H
#define IO_URING_HARM_FAULT_H

#include "ring.h"

#define CONTROL_MOST	256	/* bytes */
#define FILLING		4096	/* of the pieces that fill a socket */

struct way;

/* What a send carries, and over what */
struct carried {
	const char *name;
	bool by_zc;		/* by sendmsg_zc, too */
	unsigned int flags;	/* of sendmsg */
	size_t control;		/* make that many bytes of it; 0: as few as will do */

	/* Sockets and a ring, for all sends of a way. NULL, or the reason of a SKIP */
	const char *(*open)(struct way *way);

	/* The others: NULL, or what went wrong. The socket is full; it is no more */
	const char *(*fill)(struct way *way);
	const char *(*let_go)(struct way *way);

	/* The next message, in run.messages[0] */
	const char *(*pack)(struct way *way);

	/*
	 * It has come, once and as it was packed, or nothing has if it was not
	 * sent; nothing is on its way any more. struck: one point of it failed.
	 */
	const char *(*arrived)(struct way *way, bool sent, bool struck);

	/* With the ring all is gone that it held. May be left out */
	const char *(*released)(struct way *way);
};

extern const struct carried carried_small, carried_middle, carried_large;
extern const struct carried carried_file, carried_files, carried_zerocopy;

struct course {
	const char *name;
	enum how how;
	bool full;
	bool cancelled;
};

struct way {
	enum opcode op;
	const struct carried *carried;
	const struct course *course;
	char name[80];
	struct run run;
	union {
		size_t align;	/* as a cmsghdr is */
		char control[CONTROL_MOST];
	};
	unsigned int sends;	/* until now */
	char came[32];		/* of the last send, for the report */
};

/* In fault_send.c: from now on points may fail. NULL, or why they cannot */
const char *fault_open(void);

/* Receive all of what has filled a socket. NULL, or why it does not come */
const char *drain(int fd, size_t *filled);

/* One send in which the n-th point fails; *struck: there was an n-th one */
const char *attempt(struct way *way, unsigned int n, bool *struck);

#endif
