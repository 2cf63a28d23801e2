// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gate.h"
#include "report.h"
#include "run.h"

#define UNKNOWN_LEVEL	0x7777

/* Issued when it is submitted, so that only a full buffer makes it wait */
static bool issued_at_once(const struct run *run)
{
	return run->how != POLL_FIRST && run->how != LINK;
}

/* Issued at once, and a queue keeps what was sent before */
static bool waits_for_room(const struct run *run)
{
	return issued_at_once(run) && run->gated;
}

const char *run_start(struct run *run, enum opcode op, enum how how,
		      bool gated)
{
	const char *why;

	run->op = op;
	run->how = how;
	run->gated = gated;
	why = ring_open(&run->ring, op, how);
	if (!why && gated)
		why = gate_close();
	if (!why && pipe(run->trigger))
		why = reason("pipe(2) failed: %s", errno_name(errno));
	return why;
}

const char *run_open(struct run *run, enum family family, enum opcode op,
		     enum how how, bool gated)
{
	return netns_enter(gated) ?: flow_open(&run->flow, family) ?:
	       run_start(run, op, how, gated);
}

void run_pack(struct run *run, unsigned int n, enum control control)
{
	unsigned int i;

	/* What a card has lost may come late, and must not count for new sends */
	if (run->flow.remote)
		run->flow.first += run->n;
	run->n = n;
	for (i = 0; i < n; i++)
		parcel_pack(&run->parcels[i], &run->flow, run->flow.first + i,
			    control);
}

/* A poll, since old kernels would have a read, and what follows it, in io-wq */
static void queue_link_head(struct run *run)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&run->ring);

	io_uring_prep_poll_add(sqe, run->trigger[0], POLLIN);
	sqe->user_data = NOT_A_SEND;
	sqe->flags |= IOSQE_IO_LINK;
}

const char *run_register(struct run *run)
{
	if (run->op != SENDMSG_ZC_FIXED)
		return NULL;
	return ring_register(&run->ring, run->parcels, run->n);
}

const char *run_submit(struct run *run)
{
	const char *wrong = NULL;
	struct io_uring_sqe *sqe;
	unsigned int i;

	if (waits_for_room(run))
		wrong = flow_fill(&run->flow);
	if (wrong)
		return wrong;
	for (i = 0; i < run->n; i++) {
		if (run->how == LINK)
			queue_link_head(run);
		sqe = ring_send(&run->ring, run->op, run->how, &run->flow,
				&run->parcels[i], i);
		if (run->op != SENDMSG)
			sqe->ioprio |= run->zc_flags;
	}
	wrong = ring_submit(&run->ring);
	if (wrong)
		return wrong;
	if (waits_for_room(run))
		return ring_await(&run->ring, run->op, run->n, run->n);
	if (issued_at_once(run))
		return NULL;
	if (io_uring_cq_ready(&run->ring))
		return "a completion came before the send could be issued";
	return flow_nothing_yet(&run->flow);
}

const char *run_release(struct run *run)
{
	if (run->how == LINK && write(run->trigger[1], "", 1) != 1)
		return reason("cannot write to a pipe: %s", errno_name(errno));
	return NULL;
}

const char *run_finish(struct run *run)
{
	const char *wrong = run->gated ? gate_open() : run_release(run);

	return wrong ?: ring_collect(&run->ring, run->done, run->n);
}

const char *run_judge(struct run *run)
{
	return done_judge(run->done, run->parcels, run->n) ?:
	       flow_judge(&run->flow, run->parcels, run->n);
}

/* What ask() says in a child, which may enter a network namespace, or 0 */
static int aside(int (*ask)(struct run *run, enum opcode op), enum opcode op)
{
	static struct run run;
	pid_t child;
	int status;

	/* What cannot be had here, the test itself will miss and report */
	child = fork();
	if (!child)
		_exit(ask(&run, op));
	if (child < 0 || waitpid(child, &status, 0) != child ||
	    !WIFEXITED(status))
		return 0;
	return WEXITSTATUS(status);
}

static int first_issue(struct run *run, enum opcode op)
{
	if (run_open(run, UDP4, op, RETRY, false))
		return 0;
	run_pack(run, 1, SEGMENT);
	if (run_submit(run) || run_finish(run) || run->done[0].res > 0)
		return 0;
	return -run->done[0].res;
}

int run_first_issue(enum opcode op)
{
	if (sizeof(long) != 4 || op == SENDMSG_ZC_FIXED)
		return 0;
	return aside(first_issue, op);
}

/*
 * wrong-length gives -EINVAL for what follows the control, and here follows
 * what it takes for one more message, which no protocol looks at. A pointer
 * that is NULL by then gives it for control without any message.
 */
static int pointer_comes_back(struct run *run, enum opcode op)
{
	const char filler[sizeof(struct in_pktinfo)] = { };
	size_t len;

	if (run_open(run, UDP4, op == SENDMSG ? SENDMSG : SENDMSG_ZC, RETRY,
		     true))
		return 0;
	run_pack(run, 1, QUIC);
	len = run->parcels[0].msg.msg_controllen;
	parcel_add_control(&run->parcels[0], UNKNOWN_LEVEL, 0, filler,
			   sizeof(filler));
	run->parcels[0].msg.msg_controllen = len;
	return !run_submit(run) && !run_finish(run) &&
	       run->done[0].res == SEND_SIZE;
}

bool run_wrong_length(const struct run *run)
{
	unsigned int i;

	for (i = 0; i < run->n; i++)
		if (sizeof(long) == 4 && run->done[i].res == -EINVAL)
			return aside(pointer_comes_back, run->op);
	return false;
}

const char *run_spoiled(enum opcode op)
{
	int err = run_first_issue(op);

	if (err != EFAULT && err != EINVAL)
		return NULL;
	return cannot("every send with control fails in 32 bit", err,
		      "fix lost-pointer first, it hides this");
}

const char *run_hidden(struct run *run, enum control control, bool length)
{
	const char *wrong;
	int res;

	/* Whatever else goes wrong here, the test itself will meet and report */
	run_pack(run, 1, control);
	wrong = run_submit(run) ?: run_finish(run) ?: socket_drain(run->flow.tx);
	res = run->done[0].res;
	if (!wrong && res == -EFAULT)
		return cannot("every retry ends with -EFAULT", 0,
			      "fix lost-pointer first, it hides this");
	if (!wrong && res == -EINVAL && length && sizeof(long) == 4)
		return cannot("every retry ends with -EINVAL in 32 bit", 0,
			      "fix wrong-length first, it hides this");
	if (!wrong && res == (int)run->parcels[0].len)
		flow_judge(&run->flow, run->parcels, 1);
	return gate_close();
}
