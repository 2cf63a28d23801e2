// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <unistd.h>

#include "gate.h"
#include "report.h"
#include "run.h"

/* Issued when it is submitted, so that only a full buffer makes it wait */
static bool issued_at_once(const struct run *run)
{
	return run->how != POLL_FIRST && run->how != LINK;
}

const char *run_open(struct run *run, enum family family, enum opcode op,
		     enum how how, bool gated)
{
	const char *why;

	run->op = op;
	run->how = how;
	run->gated = gated;
	why = netns_enter(gated);
	if (!why)
		why = flow_open(&run->flow, family);
	if (!why)
		why = ring_open(&run->ring, op, how);
	if (!why && gated)
		why = gate_close();
	if (!why && pipe(run->trigger))
		why = reason("pipe(2) failed: %s", errno_name(errno));
	return why;
}

void run_pack(struct run *run, unsigned int n, enum control control)
{
	unsigned int i;

	run->n = n;
	for (i = 0; i < n; i++)
		parcel_pack(&run->parcels[i], &run->flow, i, control);
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
	unsigned int i;

	if (issued_at_once(run))
		wrong = flow_fill(&run->flow);
	if (wrong)
		return wrong;
	for (i = 0; i < run->n; i++) {
		if (run->how == LINK)
			queue_link_head(run);
		ring_send(&run->ring, run->op, run->how, &run->flow,
			  &run->parcels[i], i);
	}
	wrong = ring_submit(&run->ring);
	if (wrong)
		return wrong;
	if (issued_at_once(run))
		return ring_await(&run->ring, run->op, run->n, run->n);
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
	return done_judge(run->done, run->n, SEND_SIZE) ?:
	       flow_judge(&run->flow, run->parcels, run->n);
}

int run_first_issue(enum opcode op)
{
	static struct run run;
	const char *wrong;
	int res = 0;

	if (sizeof(long) != 4 || op == SENDMSG_ZC_FIXED)
		return 0;
	/* Whatever cannot be had here, the test itself will miss and report */
	if (run_open(&run, UDP4, op, RETRY, false))
		return 0;
	run_pack(&run, 1, SEGMENT);
	ring_send(&run.ring, op, RETRY, &run.flow, run.parcels, 0);
	wrong = ring_submit(&run.ring) ?: run_finish(&run);
	if (!wrong && run.done[0].res < 0)
		res = -run.done[0].res;
	io_uring_queue_exit(&run.ring);
	close(run.flow.tx);
	close(run.flow.rx);
	return res;
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
	wrong = run_submit(run) ?: run_finish(run) ?: flow_drain(&run->flow);
	res = run->done[0].res;
	if (!wrong && res == -EFAULT)
		return cannot("every retry ends with -EFAULT", 0,
			      "fix lost-pointer first, it hides this");
	if (!wrong && res == -EINVAL && length && sizeof(long) == 4)
		return cannot("every retry ends with -EINVAL in 32 bit", 0,
			      "fix wrong-length first, it hides this");
	if (!wrong && res == SEND_SIZE)
		flow_judge(&run->flow, run->parcels, 1);
	return gate_close();
}
