// SPDX-License-Identifier: GPL-2.0
/*
 * Sends through io_uring that neither the selftest nor the fuzzer makes, so
 * that their lines of the kernel are reached, too: sockets with O_NONBLOCK,
 * many pieces, requests that are refused, and short sends that end early.
 * Each by sendmsg and sendmsg_zc, with UDP_SEGMENT, IP_TOS and IP_PKTINFO.
 *
 * Proved: each completes with the errno that it is due, or is delivered, and
 * a short send that cannot go on says how much it sent. One with MSG_ZEROCOPY
 * that is cancelled before anything went leaves its id to the next. Control
 * that the socket may not hold any more when it is sent is refused.
 *
 * Needs: root, or a user who may create user namespaces; root for the last.
 * Exit code: 0 as it should be, 1 not so, 3 cannot be tried here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "coverage.h"
#include "report.h"

#ifndef IORING_RECVSEND_BUNDLE
#define IORING_RECVSEND_BUNDLE	16
#endif

#define OPTMEM		"/proc/sys/net/core/optmem_max"
#define MOST_PIECES	12
#define MAYBE_EINVAL	-1	/* older kernels do not look at it */

static void dontwait(struct io_uring_sqe *sqe)
{
	sqe->msg_flags |= MSG_DONTWAIT;
}

static void by_worker(struct io_uring_sqe *sqe)
{
	sqe->flags |= IOSQE_ASYNC;
}

static void worker_after_poll(struct io_uring_sqe *sqe)
{
	sqe->flags |= IOSQE_ASYNC;
	sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
}

static void tell_usage(struct io_uring_sqe *sqe)
{
	if (sqe->opcode == IORING_OP_SENDMSG_ZC)
		sqe->ioprio |= IORING_SEND_ZC_REPORT_USAGE;
}

static void no_socket(struct io_uring_sqe *sqe)
{
	static int fds[2];

	if (!fds[1] && pipe(fds))
		return;
	sqe->fd = fds[1];
}

static void second_address(struct io_uring_sqe *sqe)
{
	sqe->addr2 = 1;
}

static void reserved_field(struct io_uring_sqe *sqe)
{
	/* sendmsg does not look at it */
	sqe->__pad2[0] = sqe->opcode == IORING_OP_SENDMSG_ZC;
	sqe->addr2 = sqe->opcode == IORING_OP_SENDMSG;
}

static void registered(struct io_uring_sqe *sqe)
{
	/* sendmsg_zc may: refuse it otherwise */
	if (sqe->opcode == IORING_OP_SENDMSG)
		sqe->ioprio |= IORING_RECVSEND_FIXED_BUF;
	else
		sqe->addr2 = 1;
}

static void unknown_flag(struct io_uring_sqe *sqe)
{
	sqe->ioprio |= 1 << 15;
}

static void bundle(struct io_uring_sqe *sqe)
{
	sqe->ioprio |= IORING_RECVSEND_BUNDLE;
}

static void negative(struct io_uring_sqe *sqe)
{
	sqe->len = -1;
	/* sendmsg_zc takes it for what it is, a number that nobody needs */
	if (sqe->opcode == IORING_OP_SENDMSG_ZC)
		sqe->addr2 = 1;
}

static void no_header(struct io_uring_sqe *sqe)
{
	sqe->addr = 16;
}

static void no_completion(struct io_uring_sqe *sqe)
{
	/* Only sendmsg may leave out its completion: refuse it otherwise */
	if (sqe->opcode == IORING_OP_SENDMSG_ZC)
		sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	else
		sqe->addr2 = 1;
}

static const struct {
	const char *name;
	void (*change)(struct io_uring_sqe *sqe);
	int err;
	unsigned int pieces;
	bool nonblock;
} cases[] = {
	{ "O_NONBLOCK", NULL, 0, 1, true },
	{ "O_NONBLOCK, by a worker", by_worker, 0, 1, true },
	{ "POLL_FIRST, by a worker", worker_after_poll, 0, 1, false },
	{ "MSG_DONTWAIT", dontwait, 0, 1, false },
	{ "many pieces", NULL, 0, MOST_PIECES, false },
	{ "whether it was copied", tell_usage, 0, 1, false },
	{ "no socket", no_socket, ENOTSOCK, 1, false },
	{ "a second address", second_address, EINVAL, 1, false },
	{ "a reserved field", reserved_field, EINVAL, 1, false },
	{ "a registered buffer", registered, EINVAL, 1, false },
	{ "an unknown flag", unknown_flag, EINVAL, 1, false },
	{ "a bundle", bundle, EINVAL, 1, false },
	{ "a negative length", negative, MAYBE_EINVAL, 1, false },
	{ "no msghdr", no_header, EFAULT, 1, false },
	{ "no completion wanted", no_completion, EINVAL, 1, false },
};

static void split(struct message *p, unsigned int pieces)
{
	static struct iovec iov[MOST_PIECES];
	size_t piece = p->len / pieces;
	unsigned int i;

	for (i = 0; i < pieces; i++)
		iov[i] = (struct iovec){
			.iov_base = (char *)p->iov.iov_base + i * piece,
			.iov_len = piece,
		};
	iov[pieces - 1].iov_len = p->len - (pieces - 1) * piece;
	p->msg.msg_iov = iov;
	p->msg.msg_iovlen = pieces;
}

static const char *try_case(struct run *run, unsigned int i)
{
	int flags = fcntl(run->pair.tx, F_GETFL);
	struct io_uring_sqe *sqe;
	const char *wrong;
	int err, due;

	flags &= ~O_NONBLOCK;
	if (cases[i].nonblock)
		flags |= O_NONBLOCK;
	fcntl(run->pair.tx, F_SETFL, flags);
	run->n = 1;
	message_shape(run->messages, &run->pair, i, CTL_QUIC, SEND_SIZE,
		      SEGMENT_SIZE);
	split(run->messages, cases[i].pieces);
	sqe = ring_send(&run->ring, run->op, run->how, &run->pair,
			run->messages, 0);
	if (cases[i].change)
		cases[i].change(sqe);
	wrong = ring_submit(&run->ring) ?:
		ring_collect(&run->ring, run->done, 1);
	if (wrong)
		return wrong;
	err = run->done[0].res < 0 ? -run->done[0].res : 0;
	due = cases[i].err;
	if (due == MAYBE_EINVAL)
		due = err ? EINVAL : 0;
	if (err != due)
		return reason("%s instead of %s", errno_name(err),
			      errno_name(due));
	return err ? pair_nothing_yet(&run->pair) : run_judge(run);
}

/* What a socket may hold is set in this network namespace, or the kernel is older */
static bool set_optmem(const char *bytes)
{
	int fd = open(OPTMEM, O_WRONLY | O_CLOEXEC);
	bool set = fd >= 0 && write(fd, bytes, strlen(bytes)) > 0;

	close(fd);
	return set;
}

static const char *try_optmem(enum opcode op)
{
	const int due = sizeof(long) == 4 ? ENOMEM : ENOBUFS;
	struct run run = { };
	const char *wrong = run_open(&run, FAM_UDP4, op, HOW_LINK, false);

	if (wrong)
		return wrong;
	run_pack(&run, 1, CTL_QUIC);
	wrong = run_submit(&run);
	if (!wrong && set_optmem("40")) {
		wrong = run_finish(&run);
		set_optmem("131072");
		if (!wrong && run.done[0].res != -due)
			wrong = reason("%d instead of -%s", run.done[0].res,
				       errno_name(due));
	}
	run_close(&run);
	return wrong;
}

static int tell(enum opcode op, const char *name, const char *wrong)
{
	printf("coverage: %zu %s, %s: %s\n", 8 * sizeof(long), opcode_name(op),
	       name, wrong ?: "ok");
	return wrong ? 1 : 0;
}

int main(void)
{
	static const enum opcode ops[] = { OP_SENDMSG, OP_ZC };
	unsigned int i, k;
	int ret = 0;

	for (k = 0; k < ARRAY_SIZE(ops); k++) {
		struct run run = { };
		const char *why = run_open(&run, FAM_UDP4, ops[k], HOW_RETRY, false);

		if (why) {
			fprintf(stderr, "coverage: %s\n", why);
			return 3;
		}
		for (i = 0; i < ARRAY_SIZE(cases); i++)
			ret |= tell(ops[k], cases[i].name, try_case(&run, i));
		ret |= tell(ops[k], "short, the peer goes away",
			    coverage_short(&run, false));
		ret |= tell(ops[k], "short, then cancelled",
			    coverage_short(&run, true));
		if (ops[k] == OP_SENDMSG)
			ret |= tell(ops[k], "MSG_ZEROCOPY, cancelled",
				    coverage_cancelled(&run));
		ret |= tell(ops[k], "less option memory after submit",
			    try_optmem(ops[k]));
	}
	return ret;
}
