// SPDX-License-Identifier: GPL-2.0
/* The ways to send that are bench's own */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "bench.h"
#include "network.h"
#include "report.h"

#define BUSY_MS		1	/* wait after a send that was refused */

double seconds_since(const struct timespec *since)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - since->tv_sec +
	       (now.tv_nsec - since->tv_nsec) / 1e9;
}

/* Of all threads, so that the workers of io_uring count */
static double cpu_seconds(void)
{
	struct rusage use;

	getrusage(RUSAGE_SELF, &use);
	return use.ru_utime.tv_sec + use.ru_stime.tv_sec +
	       (use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

void sample_start(struct sample *sample, struct timespec *since)
{
	*sample = (struct sample) { .copied = -1, .cpu = -cpu_seconds() };
	clock_gettime(CLOCK_MONOTONIC, since);
}

void sample_stop(struct sample *sample, const struct timespec *since)
{
	sample->seconds = seconds_since(since);
	sample->cpu += cpu_seconds();
}

static void failed(struct sample *sample, int err)
{
	if (!*sample->error)
		snprintf(sample->error, sizeof(sample->error), "-%s",
			 errno_name(err));
}

/* Take down what a send of so many bytes came to */
static void account(struct sample *sample, long res, unsigned int bytes)
{
	if (res == (long)bytes) {
		sample->messages++;
		sample->bytes += bytes;
	} else if (res == -EAGAIN || res == -ENOBUFS) {
		sample->busy++;
	} else if (res >= 0) {
		failed(sample, EMSGSIZE);
	} else if (res != -EINTR) {
		failed(sample, -res);
	}
}

static bool over(const struct sample *sample, const struct bench *b,
		 const struct timespec *since)
{
	return *sample->error || bench_stopped() ||
	       seconds_since(since) >= b->seconds;
}

static void breathe(const struct bench *b)
{
	struct pollfd pfd = { .fd = b->pair.tx, .events = POLLOUT };

	poll(&pfd, 1, BUSY_MS);
}

/* -- io_uring ------------------------------------------------------------- */

struct flight {
	unsigned int free[IN_FLIGHT];	/* slots that the kernel has let go */
	unsigned int n_free;
	unsigned long notified;
	unsigned long copied;
};

static void take(struct flight *f, struct sample *sample,
		 const struct io_uring_cqe *cqe, unsigned int bytes)
{
	if (cqe->flags & IORING_CQE_F_NOTIF) {
		f->notified++;
		/* The sign of res, if it is told at all */
		f->copied += cqe->res < 0;
	} else {
		account(sample, cqe->res, bytes);
	}
	/* With MORE the kernel still reads the memory, until it notifies */
	if (!(cqe->flags & IORING_CQE_F_MORE))
		f->free[f->n_free++] = cqe->user_data;
}

/* Submit what is queued, and take what has come, at least one */
static bool turn(struct sender *s, struct flight *f, struct sample *sample,
		 unsigned int bytes)
{
	struct __kernel_timespec ts = { .tv_sec = WAIT_MS / 1000 };
	struct io_uring_cqe *cqe;
	unsigned int head, n = 0;
	int ret;

	ret = io_uring_submit_and_wait_timeout(&s->ring, &cqe, 1, &ts, NULL);
	io_uring_for_each_cqe(&s->ring, head, cqe) {
		take(f, sample, cqe, bytes);
		n++;
	}
	io_uring_cq_advance(&s->ring, n);
	if (n || ret == -EINTR)
		return true;
	if (ret < 0)
		failed(sample, -ret);
	return ret >= 0;
}

static void launch(struct sender *s, struct bench *b, struct flight *f)
{
	unsigned int i;

	while (f->n_free) {
		struct io_uring_sqe *sqe;

		i = f->free[--f->n_free];
		sqe = ring_send(&s->ring, s->op, HOW_DEFER, &b->pair,
				&b->messages[i], i);
		sqe->ioprio |= s->zc_flags;
		/* All slots are in one registered piece of memory */
		sqe->buf_index = 0;
	}
}

static void ring_go(struct sender *s, struct bench *b, const struct size *size,
		    struct sample *sample)
{
	struct flight f = { .n_free = IN_FLIGHT };
	unsigned int i, busy = 0;
	struct timespec since;
	bool alive = true;

	for (i = 0; i < IN_FLIGHT; i++)
		f.free[i] = i;
	sample_start(sample, &since);
	do {
		launch(s, b, &f);
		alive = turn(s, &f, sample, size->bytes);
		if (sample->busy != busy)
			breathe(b);
		busy = sample->busy;
	} while (alive && !over(sample, b, &since));
	/* What is under way belongs to the run, and to its time */
	while (alive && f.n_free < IN_FLIGHT)
		alive = turn(s, &f, sample, size->bytes);
	sample_stop(sample, &since);
	/* Its memory cannot be used again */
	if (f.n_free < IN_FLIGHT)
		snprintf(s->why, sizeof(s->why),
			 "%u sends were not complete after %d s (%s): look at the card's link",
			 IN_FLIGHT - f.n_free, WAIT_MS / 1000, sample->error);
	if (s->zc_flags && f.notified)
		sample->copied = (double)f.copied / f.notified;
}

static const char *ring_ready(struct sender *s, struct bench *b)
{
	struct message whole = {
		.payload = { b->area, IN_FLIGHT * SLOT },
	};
	const char *why;

	/* As one does who wants it fast; without, where it is not there */
	why = ring_open(&s->ring, s->op, HOW_DEFER);
	if (why)
		why = ring_open(&s->ring, s->op, HOW_RETRY);
	if (!why && s->op == OP_ZC_FIXED)
		why = ring_register(&s->ring, &whole, 1);
	if (!why && s->op != OP_SENDMSG && ring_tells_usage(&s->ring))
		s->zc_flags = IORING_SEND_ZC_REPORT_USAGE;
	return why;
}

/* -- system calls --------------------------------------------------------- */

static const char *always(struct sender *s, struct bench *b)
{
	(void)s;
	(void)b;
	return NULL;
}

static long send_gso(const struct bench *b, const struct message *p)
{
	ssize_t ret = sendmsg(b->pair.tx, &p->msg, MSG_NOSIGNAL);

	return ret < 0 ? -errno : ret;
}

/* The same datagrams one by one, by one call if the kernel takes them all */
static long send_many(const struct bench *b, const struct message *p,
		      const struct size *size)
{
	struct mmsghdr msgs[MOST_SEGMENTS] = { };
	struct iovec iov[MOST_SEGMENTS];
	unsigned int i, done = 0;
	int ret;

	for (i = 0; i < size->segments; i++) {
		iov[i].iov_base = (char *)p->payload.iov_base +
				  i * size->segment;
		iov[i].iov_len = size->segment;
		msgs[i].msg_hdr.msg_name = (void *)&p->to;
		msgs[i].msg_hdr.msg_namelen = b->pair.to_len;
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	while (done < size->segments) {
		ret = sendmmsg(b->pair.tx, msgs + done, size->segments - done,
			       MSG_NOSIGNAL);
		if (ret < 0)
			return -errno;
		done += ret;
	}
	return size->bytes;
}

static void syscall_go(struct sender *s, struct bench *b,
		       const struct size *size, struct sample *sample)
{
	bool many = !strcmp(s->name, "sys_sendmmsg");
	struct timespec since;
	unsigned int i, busy;

	sample_start(sample, &since);
	do {
		busy = sample->busy;
		for (i = 0; i < IN_FLIGHT && !*sample->error; i++)
			account(sample, many ?
				send_many(b, &b->messages[i], size) :
				send_gso(b, &b->messages[i]), size->bytes);
		if (sample->busy != busy)
			breathe(b);
	} while (!over(sample, b, &since));
	sample_stop(sample, &since);
}

struct sender senders[] = {
	{
		.name = "sendmsg", .what = "io_uring, copies",
		.open = ring_ready, .go = ring_go, .op = OP_SENDMSG,
	},
	{
		.name = "sendmsg_zc", .what = "io_uring, zero-copy",
		.open = ring_ready, .go = ring_go, .op = OP_ZC,
	},
	{
		.name = "sendmsg_zc_fixed",
		.what = "the same from a registered buffer (6.15)",
		.open = ring_ready, .go = ring_go, .op = OP_ZC_FIXED,
	},
	{
		.name = "sys_sendmsg", .what = "sendmsg(2) with UDP_SEGMENT",
		.open = always, .go = syscall_go,
	},
	{
		.name = "sys_sendmmsg",
		.what = "sendmmsg(2) of as many datagrams",
		.open = always, .go = syscall_go,
	},
	{
		.name = "udpgso_bench_tx", .what = "program, sendmsg(2)",
		.open = peer_open, .go = peer_gso,
	},
	{
		.name = "udpgso_bench_tx_z", .what = "program, MSG_ZEROCOPY",
		.open = peer_open, .go = peer_gso,
	},
	{
		.name = "io_uring_zerocopy_tx",
		.what = "program, send_zc from a registered buffer, no GSO",
		.open = peer_open, .go = peer_zerocopy, .no_gso = true,
	},
	{ }
};
