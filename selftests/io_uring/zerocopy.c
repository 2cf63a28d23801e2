// SPDX-License-Identifier: GPL-2.0
/*
 * The completion protocol of sendmsg_zc, for sends that wait in a full send
 * buffer. It is about none of the defects: no control is sent.
 *
 * Proved: a send has one completion, and one notification after it exactly
 * when that completion has IORING_CQE_F_MORE, which a successful one always
 * has, when the waiting send
 *  succeeds     there is room again and it is issued a second time
 *  fails        the socket has been shut down by then
 *  is cancelled by IORING_OP_ASYNC_CANCEL
 *  is abandoned the ring is closed, or the process ends: neither hangs, and
 *               the socket is released. A process that ends takes its sends
 *               along; those of a closed ring are cancelled by a work item,
 *               so some may still be sent when there is room before that
 * and the socket sends as before afterwards. The reference cases are the same
 * by sendmsg, which never notifies.
 *
 * Needs: root, or a user who may create user namespaces; /proc.
 * Exit code: 0 all passed or skipped, 1 a case failed (kselftest harness).
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "report.h"
#include "ring.h"

#define ROUNDS	5	/* of rings that are closed with sends in them */

SHARE_NETNS()

FIXTURE(zerocopy)
{
	struct run run;
	const char *why;	/* of a SKIP */
	const char *opcode;
};

FIXTURE_VARIANT(zerocopy)
{
	enum opcode op;
};

FIXTURE_SETUP(zerocopy)
{
	self->opcode = opcode_name(variant->op);
	self->why = run_open(&self->run, FAM_UDP4, variant->op, HOW_RETRY, true);
	if (!self->why)
		run_pack(&self->run, SENDS, CTL_NONE);
}

FIXTURE_TEARDOWN(zerocopy)
{
	run_close(&self->run);
}

FIXTURE_VARIANT_ADD(zerocopy, reference_sendmsg) { .op = OP_SENDMSG };
FIXTURE_VARIANT_ADD(zerocopy, zc) { .op = OP_ZC };

/* All sends came to this, and were notified of as the opcode has it */
static const char *judge_all(const struct run *run, int res)
{
	unsigned int i;

	for (i = 0; i < run->n; i++) {
		const struct done *d = &run->done[i];

		if (d->res != res)
			return reason("send %u: -%s instead of %s", i,
				      errno_name(-d->res), res < 0 ?
				      errno_name(-res) : "success");
		if (run->op == OP_SENDMSG && d->more)
			return reason("send %u: F_MORE from sendmsg", i);
		if (run->op != OP_SENDMSG && res >= 0 && !d->more)
			return reason("send %u: succeeded without F_MORE", i);
	}
	return NULL;
}

/* Nothing of the earlier sends is underway, and a new one goes through */
static const char *works_again(struct run *run)
{
	const char *wrong = socket_drain(run->pair.tx) ?:
			    pair_nothing_yet(&run->pair);

	if (wrong)
		return wrong;
	run_pack(run, 1, CTL_NONE);
	ring_send(&run->ring, run->op, HOW_RETRY, &run->pair, run->messages, 0);
	return ring_submit(&run->ring) ?:
	       ring_collect(&run->ring, run->done, 1) ?: run_judge(run);
}

TEST_F(zerocopy, succeeds)
{
	struct run *run = &self->run;

	if (!possible(self->why))
		return;
	judge(NULL, self->opcode, "success after a retry",
	      run_submit(run) ?: run_finish(run) ?: judge_all(run, SEGMENT_SIZE) ?:
	      run_judge(run) ?: works_again(run));
}

TEST_F(zerocopy, fails)
{
	struct run *run = &self->run;
	const char *wrong;

	if (!possible(self->why))
		return;
	wrong = run_submit(run);
	/* An unconnected socket is shut down, and ENOTCONN is reported */
	if (!wrong && shutdown(run->pair.tx, SHUT_WR) && errno != ENOTCONN)
		wrong = "shutdown(2) failed";
	judge(NULL, self->opcode, "EPIPE at a retry",
	      wrong ?: run_finish(run) ?: judge_all(run, -EPIPE) ?:
	      pair_nothing_yet(&run->pair));
}

TEST_F(zerocopy, cancelled)
{
	struct run *run = &self->run;
	const char *wrong;
	unsigned int i;

	if (!possible(self->why))
		return;
	wrong = run_submit(run);
	for (i = 0; i < run->n && !wrong; i++) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&run->ring);

		io_uring_prep_cancel64(sqe, i, 0);
		sqe->user_data = NOT_A_SEND;
	}
	judge(NULL, self->opcode, "cancelled while it waits",
	      wrong ?: ring_submit(&run->ring) ?:
	      ring_collect(&run->ring, run->done, run->n) ?:
	      judge_all(run, -ECANCELED) ?: qdisc_release() ?: works_again(run));
}

/*
 * A request holds its file: once the socket is closed, its port is free as
 * soon as the last request is gone.
 */
static const char *port_free(const struct sockaddr_storage *addr)
{
	const struct timespec ms = { .tv_nsec = 1000 * 1000 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int i, ret = -1;

	for (i = 0; i < WAIT_MS && ret; i++) {
		ret = bind(fd, (void *)addr, sizeof(struct sockaddr_in));
		if (ret)
			nanosleep(&ms, NULL);
	}
	close(fd);
	return ret ? "the socket is still in use 10 s after ring and socket were closed" : NULL;
}

TEST_F(zerocopy, ring_closed)
{
	struct sockaddr_storage addr;
	struct run *run = &self->run;
	socklen_t len = sizeof(addr);
	const char *wrong = NULL;
	unsigned int k;
	int i;

	if (!possible(self->why))
		return;
	for (i = 0; i < ROUNDS && !wrong; i++) {
		run_pack(run, SENDS, CTL_NONE);
		/* One payload for all, which works_again() leaves alone */
		for (k = 0; k < SENDS; k++) {
			message_pack(&run->messages[k], &run->pair, FILLER_ID,
				     CTL_NONE);
			run->messages[k].iov.iov_base =
				run->messages[SENDS - 1].payload.iov_base;
		}
		wrong = run_submit(run);
		io_uring_queue_exit(&run->ring);
		wrong = wrong ?: ring_init(&run->ring, HOW_RETRY);
	}
	wrong = wrong ?: qdisc_release() ?: works_again(run);
	if (!wrong && getsockname(run->pair.tx, (void *)&addr, &len))
		wrong = "getsockname(2) failed";
	close(run->pair.tx);
	judge(NULL, self->opcode, "ring closed while it waits",
	      wrong ?: port_free(&addr));
}

TEST_F(zerocopy, process_exit)
{
	struct run *run = &self->run;
	struct pollfd pfd = { .events = POLLIN };
	const char *wrong = NULL;
	int ended[2], status;
	pid_t child;

	if (!possible(self->why))
		return;
	ASSERT_EQ(0, pipe(ended));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		/* A ring belongs to the process that made it */
		io_uring_queue_exit(&run->ring);
		wrong = ring_init(&run->ring, HOW_RETRY);
		run_pack(run, SENDS, CTL_NONE);
		wrong = wrong ?: run_submit(run);
		if (wrong)
			blame(NULL, self->opcode, "in a child", wrong);
		_exit(!!wrong);
	}
	close(ended[1]);
	pfd.fd = ended[0];
	if (poll(&pfd, 1, WAIT_MS) != 1)
		wrong = "the process did not end within 10 s";
	else if (waitpid(child, &status, 0) != child || status)
		wrong = "the process did not end as it should";
	judge(NULL, self->opcode, "process ends while it waits",
	      wrong ?: qdisc_release() ?: works_again(run));
}

TEST_HARNESS_MAIN
