// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "report.h"
#include "ring.h"

#define ENTRIES		64
#define MEMLOCK_REMEDY	"raise RLIMIT_MEMLOCK (ulimit -l)"

const char *opcode_name(enum opcode op)
{
	return op == OP_SENDMSG ? "sendmsg" : "sendmsg_zc";
}

const char *how_name(enum how how)
{
	static const char * const names[] = {
		[HOW_RETRY] = "retry",
		[HOW_ASYNC] = "retry after IOSQE_ASYNC",
		[HOW_SQPOLL] = "retry under SQPOLL",
		[HOW_DEFER] = "retry under DEFER_TASKRUN",
		[HOW_POLL_FIRST] = "POLL_FIRST",
		[HOW_LINK] = "IOSQE_IO_LINK",
	};

	return names[how];
}

static unsigned int code(enum opcode op)
{
	return op == OP_SENDMSG ? IORING_OP_SENDMSG : IORING_OP_SENDMSG_ZC;
}

/* Zero-copy pins pages, old kernels lock the ring: use all that is allowed */
static void raise_memlock(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_MEMLOCK, &lim))
		return;
	lim.rlim_cur = lim.rlim_max;
	setrlimit(RLIMIT_MEMLOCK, &lim);
}

static const char *probe_opcode(struct io_uring *ring, enum opcode op)
{
	struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
	bool there;

	if (!probe)
		return cannot("no list of opcodes", 0,
			      "nothing to do, it came with 5.6");
	there = io_uring_opcode_supported(probe, code(op));
	io_uring_free_probe(probe);
	if (!there)
		return cannot("no sendmsg_zc", 0,
			      "nothing to do, it came with 6.1");
	return NULL;
}

void ring_prep(struct io_uring_sqe *sqe, enum opcode op, int fd,
	       const struct msghdr *msg, unsigned int flags)
{
	io_uring_prep_sendmsg(sqe, fd, msg, flags);
	sqe->opcode = code(op);
	sqe->user_data = 0;
}

int ring_trial(struct io_uring *ring, enum opcode op, unsigned int ioprio)
{
	static char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct sockaddr_storage at;
	socklen_t len = sizeof(at);
	struct msghdr msg = {
		.msg_name = &at, .msg_iov = &iov, .msg_iovlen = 1,
	};
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	int fd, res, more;

	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	at = (struct sockaddr_storage) { .ss_family = AF_INET };
	if (fd < 0 || bind(fd, (void *)&at, sizeof(struct sockaddr_in)) ||
	    getsockname(fd, (void *)&at, &len)) {
		close(fd);
		return -errno;
	}
	msg.msg_namelen = len;

	sqe = io_uring_get_sqe(ring);
	ring_prep(sqe, op, fd, &msg, 0);
	sqe->ioprio = ioprio;
	io_uring_submit(ring);
	res = -ETIME;
	do {
		struct __kernel_timespec ts = { .tv_sec = WAIT_MS / 1000 };

		more = 0;
		if (io_uring_wait_cqe_timeout(ring, &cqe, &ts))
			break;
		more = cqe->flags & IORING_CQE_F_MORE;
		if (!(cqe->flags & IORING_CQE_F_NOTIF))
			res = cqe->res;
		io_uring_cqe_seen(ring, cqe);
	} while (more);
	close(fd);
	return res;
}

static const char *setup_error(int err, enum how how)
{
	if (err == EPERM)
		return cannot("io_uring is not allowed here", err,
			      "sysctl kernel.io_uring_disabled=0, or run outside the container that filters it");
	if (err == ENOMEM)
		return cannot("no memory for a ring", err, MEMLOCK_REMEDY);
	if (err == EINVAL && (how == HOW_DEFER || how == HOW_POLL_FIRST))
		return cannot("no IORING_SETUP_DEFER_TASKRUN", 0,
			      "nothing to do, it came with 6.1");
	return cannot("no ring", err,
		      "build the kernel with CONFIG_IO_URING, or allow io_uring_setup(2) in the seccomp filter");
}

const char *ring_init(struct io_uring *ring, enum how how)
{
	struct io_uring_params params = { };
	int ret;

	if (how == HOW_DEFER || how == HOW_POLL_FIRST)
		params.flags = IORING_SETUP_DEFER_TASKRUN |
			       IORING_SETUP_SINGLE_ISSUER;
	if (how == HOW_SQPOLL) {
		params.flags = IORING_SETUP_SQPOLL;
		params.sq_thread_idle = 100;
	}
	ret = io_uring_queue_init_params(ENTRIES, ring, &params);
	return ret ? setup_error(-ret, how) : NULL;
}

const char *ring_open(struct io_uring *ring, enum opcode op, enum how how)
{
	const char *why;

	raise_memlock();
	why = ring_init(ring, how) ?: probe_opcode(ring, op);
	if (why)
		return why;
	/* The next feature flag after 5.16, where io-wq learned to poll */
	if (how == HOW_ASYNC && !(ring->features & IORING_FEAT_CQE_SKIP))
		return cannot("io-wq blocks in the send and issues it once", 0,
			      "nothing to do, it polls since 5.16");
	if (how == HOW_POLL_FIRST &&
	    ring_trial(ring, op, IORING_RECVSEND_POLL_FIRST) == -EINVAL)
		return cannot("no IORING_RECVSEND_POLL_FIRST", 0,
			      "nothing to do, it came with 5.19");
	if (op != OP_SENDMSG && ring_trial(ring, op, 0) == -ENOMEM)
		return cannot("no memory to send without a copy", ENOMEM,
			      MEMLOCK_REMEDY);
	return NULL;
}

const char *ring_register(struct io_uring *ring, struct message *p,
			  unsigned int n)
{
	struct iovec iov[SENDS];
	unsigned int i;
	int ret;

	for (i = 0; i < n; i++)
		iov[i] = p[i].payload;
	ret = io_uring_register_buffers(ring, iov, n);
	if (ret)
		return cannot("cannot register buffers", -ret, MEMLOCK_REMEDY);
	/* Taken for prepared but not valid: EFAULT as 6.15 and newer say it */
	if (ring_trial(ring, OP_ZC_FIXED, IORING_RECVSEND_FIXED_BUF) == -EINVAL)
		return cannot("no registered buffer vectors for sendmsg_zc", 0,
			      "nothing to do, they came with 6.15");
	return NULL;
}

struct io_uring_sqe *ring_send(struct io_uring *ring, enum opcode op,
			       enum how how, const struct udp_pair *pair,
			       struct message *p, unsigned int index)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	ring_prep(sqe, op, pair->tx, &p->msg, MSG_NOSIGNAL);
	sqe->user_data = index;
	if (how == HOW_ASYNC)
		sqe->flags |= IOSQE_ASYNC;
	if (how == HOW_POLL_FIRST)
		sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
	if (op == OP_ZC_FIXED) {
		sqe->ioprio |= IORING_RECVSEND_FIXED_BUF;
		sqe->buf_index = index;
	}
	return sqe;
}

const char *ring_submit(struct io_uring *ring)
{
	int ready = io_uring_sq_ready(ring);
	int ret = io_uring_submit(ring);

	if (ret != ready)
		return reason("io_uring_submit() took %d of %d requests", ret,
			      ready);
	return NULL;
}

/* Sends in the list of polls that fdinfo shows; -1: there is no such list */
static int waiting(struct io_uring *ring, enum opcode op)
{
	char path[64], line[128];
	bool list = false;
	unsigned int found;
	FILE *info;
	int n = 0;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", ring->ring_fd);
	info = fopen(path, "re");
	if (!info)
		return -1;
	while (fgets(line, sizeof(line), info)) {
		if (!strncmp(line, "PollList:", 9))
			list = true;
		else if (list && sscanf(line, " op=%u,", &found) == 1 &&
			 found == code(op))
			n++;
	}
	fclose(info);
	return n;
}

/* Completions that have come but have not been taken */
static unsigned int completed(struct io_uring *ring, unsigned int n)
{
	struct io_uring_cqe *cqe;
	unsigned int head, count = 0;

	io_uring_for_each_cqe(ring, head, cqe)
		if (cqe->user_data < n && !(cqe->flags & IORING_CQE_F_NOTIF))
			count++;
	return count;
}

const char *ring_await(struct io_uring *ring, enum opcode op, unsigned int n,
		       unsigned int least)
{
	const struct timespec ms = { .tv_nsec = 1000 * 1000 };
	unsigned int i, done = 0;
	int seen = 0;

	/* No event tells that a request begins to wait: look once in a ms */
	for (i = 0; i < WAIT_MS; i++) {
		io_uring_get_events(ring);
		seen = waiting(ring, op);
		if (seen < 0)
			return cannot("no /proc/self/fdinfo", 0, "mount /proc");
		done = completed(ring, n);
		if (seen + done == n && seen >= (int)least)
			return NULL;
		nanosleep(&ms, NULL);
	}
	return reason("no retry was forced: %d of %u sends wait, %u complete",
		      seen, n, done);
}

static const char *take(struct io_uring *ring, struct done *done,
			unsigned int n, struct io_uring_cqe *cqe)
{
	struct done *d = &done[cqe->user_data];
	const char *wrong = NULL;

	if (cqe->user_data == NOT_A_SEND) {
		;
	} else if (cqe->user_data >= n) {
		wrong = reason("a completion for request %llu, which does not exist",
			       (unsigned long long)cqe->user_data);
	} else if (cqe->flags & IORING_CQE_F_NOTIF) {
		d->notifications++;
		d->copied = cqe->res & IORING_NOTIF_USAGE_ZC_COPIED;
		if (!d->completions)
			wrong = "a notification before the completion";
		else if (!d->more || d->notifications > 1)
			wrong = "a notification that no completion announced";
	} else {
		d->res = cqe->res;
		d->more = cqe->flags & IORING_CQE_F_MORE;
		if (d->completions++)
			wrong = "a second completion";
	}
	io_uring_cqe_seen(ring, cqe);
	return wrong;
}

const char *ring_collect(struct io_uring *ring, struct done *done,
			 unsigned int n)
{
	struct io_uring_cqe *cqe;
	const char *wrong = NULL;
	unsigned int i = 0;

	memset(done, 0, n * sizeof(*done));
	while (i < n && !wrong) {
		struct __kernel_timespec ts = { .tv_sec = WAIT_MS / 1000 };
		struct done *d = &done[i];

		if (d->completions && d->notifications == d->more) {
			i++;
			continue;
		}
		if (io_uring_wait_cqe_timeout(ring, &cqe, &ts))
			return reason("send %u: no %s within 10 s", i,
				      d->completions ? "notification" :
				      "completion");
		wrong = take(ring, done, n, cqe);
	}
	/* Whatever comes now comes twice */
	if (!wrong && !io_uring_peek_cqe(ring, &cqe))
		wrong = take(ring, done, n, cqe);
	return wrong;
}

const char *done_judge(const struct done *done, const struct message *p,
		       unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (done[i].res < 0)
			return reason("send %u of %u: -%s", i, n,
				      errno_name(-done[i].res));
		if ((size_t)done[i].res != p[i].len)
			return reason("send %u of %u: %d bytes instead of %zu",
				      i, n, done[i].res, p[i].len);
	}
	return NULL;
}

/* Issued when it is submitted, so that only a full buffer makes it wait */
static bool issued_at_once(const struct run *run)
{
	return run->how != HOW_POLL_FIRST && run->how != HOW_LINK;
}

/* Issued at once, and a queue keeps what was sent before */
static bool waits_for_room(const struct run *run)
{
	return issued_at_once(run) && run->hold;
}

const char *run_hold(struct run *run)
{
	run->hold = true;
	return qdisc_hold();
}

const char *run_start(struct run *run, enum opcode op, enum how how,
		      bool hold)
{
	const char *why;

	run->op = op;
	run->how = how;
	why = ring_open(&run->ring, op, how);
	if (!why && hold)
		why = run_hold(run);
	if (!why && pipe(run->trigger))
		why = reason("pipe(2) failed: %s", errno_name(errno));
	return why;
}

const char *run_open(struct run *run, enum family family, enum opcode op,
		     enum how how, bool hold)
{
	return netns_enter(hold) ?: pair_open(&run->pair, family) ?:
	       run_start(run, op, how, hold);
}

void run_close(struct run *run)
{
	unsigned int i;

	if (run->ring.ring_fd > 0)
		io_uring_queue_exit(&run->ring);
	for (i = 0; i < SENDS; i++)
		free(run->messages[i].payload.iov_base);
	if (run->pair.tx > 0)
		close(run->pair.tx);
	if (run->pair.rx > 0)
		close(run->pair.rx);
	if (run->trigger[1] > 0) {
		close(run->trigger[0]);
		close(run->trigger[1]);
	}
}

void run_pack(struct run *run, unsigned int n, enum control control)
{
	unsigned int i;

	run->n = n;
	for (i = 0; i < n; i++)
		message_pack(&run->messages[i], &run->pair, run->pair.first + i,
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
	if (run->op != OP_ZC_FIXED)
		return NULL;
	return ring_register(&run->ring, run->messages, run->n);
}

const char *run_submit(struct run *run)
{
	const char *wrong = NULL;
	struct io_uring_sqe *sqe;
	unsigned int i;

	if (waits_for_room(run))
		wrong = pair_fill(&run->pair);
	if (wrong)
		return wrong;
	for (i = 0; i < run->n; i++) {
		if (run->how == HOW_LINK)
			queue_link_head(run);
		sqe = ring_send(&run->ring, run->op, run->how, &run->pair,
				&run->messages[i], i);
		if (run->op != OP_SENDMSG)
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
	return pair_nothing_yet(&run->pair);
}

const char *run_release(struct run *run)
{
	if (run->how == HOW_LINK && write(run->trigger[1], "", 1) != 1)
		return reason("cannot write to a pipe: %s", errno_name(errno));
	return NULL;
}

const char *run_finish(struct run *run)
{
	const char *wrong = run->hold ? qdisc_release() : run_release(run);

	return wrong ?: ring_collect(&run->ring, run->done, run->n);
}

const char *run_judge(struct run *run)
{
	return done_judge(run->done, run->messages, run->n) ?:
	       pair_judge(&run->pair, run->messages, run->n);
}
