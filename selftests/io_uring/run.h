/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One run: a ring, a socket pair, a few sends, and the steps that bring them
 * to the point where they have been submitted and have not yet been sent.
 */
#ifndef IO_URING_SELFTEST_RUN_H
#define IO_URING_SELFTEST_RUN_H

#include "datagram.h"
#include "ring.h"

struct run {
	enum opcode op;
	enum how how;
	bool gated;			/* lo has a queue that holds packets */
	unsigned int n;
	struct io_uring ring;
	struct flow flow;
	struct parcel parcels[SENDS];
	struct done done[SENDS];
	unsigned short zc_flags;	/* of sendmsg_zc, in all sends */
	int trigger[2];			/* LINK: a byte here lets the sends go */
};

/*
 * Ring and sockets, in a network namespace of their own; gated: with a queue
 * on its lo. NULL, or the reason of a SKIP.
 */
const char *run_open(struct run *run, enum family family, enum opcode op,
		     enum how how, bool gated);

/* The same over a flow that is open already, where the gate stands already */
const char *run_start(struct run *run, enum opcode op, enum how how,
		      bool gated);

/* n sends with the same control, numbered from 0 on over lo */
void run_pack(struct run *run, unsigned int n, enum control control);

/* Register their payloads if the opcode wants that. NULL, or why of a SKIP */
const char *run_register(struct run *run);

/*
 * Submit the sends and return as soon as all of them wait. RETRY and its kin:
 * each has been issued, met a full send buffer and waits for POLLOUT.
 * POLL_FIRST and LINK: none has been issued. Without a gate RETRY and its kin
 * go straight through. NULL or what went wrong.
 */
const char *run_submit(struct run *run);

/* Let what a link holds back be issued. NULL or what went wrong */
const char *run_release(struct run *run);

/* Let all that waits go, and take all completions. NULL or what went wrong */
const char *run_finish(struct run *run);

/* All sends complete in full and delivered as they should be, or what not */
const char *run_judge(struct run *run);

/*
 * In 32 bit: the errno that a send with control gives when nothing is in its
 * way, or 0. Without the 32-bit fix for lost-pointer, kernels since 6.10 have
 * whatever an earlier request left as its msg_control, from the first issue
 * on.
 */
int run_first_issue(enum opcode op);

/*
 * In 32 bit: whether a retry ended with -EINVAL although the pointer comes
 * back, which is wrong-length's to report and not lost-pointer's.
 */
bool run_wrong_length(const struct run *run);

/* Whether that spoils all sends with control: the reason of a SKIP, or NULL */
const char *run_spoiled(enum opcode op);

/*
 * Whether another defect spoils every retry of a send with that control, so
 * that what a test looks for cannot be seen: the reason of a SKIP, or NULL.
 * lost-pointer does so in any test, wrong-length where length is true.
 */
const char *run_hidden(struct run *run, enum control control, bool length);

#endif
