// SPDX-License-Identifier: GPL-2.0
/*
 * Of fault: one send, from submit to its last completion, in which a point fails.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fault.h"
#include "report.h"

#define FAIL_NTH	"/proc/thread-self/fail-nth"
#define PATIENCE	60	/* seconds for one send, before it counts as lost */
#define QUIET_MS	20	/* without a sign, and nothing more is coming */

static int nth = -1, kmsg = -1;

const char *fault_open(void)
{
	kmsg = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	nth = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	return nth >= 0 ? NULL :
	       "no " FAIL_NTH ": build the kernel with CONFIG_FAULT_INJECTION";
}

/* From now on the n-th point that this thread comes to fails; 0: none does */
static bool fault_set(unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);
	int i;

	/* The copy of this text is itself such a point, if one is left */
	for (i = 0; i < 3; i++)
		if (nth < 0 || pwrite(nth, text, len, 0) == len)
			return true;
	return false;
}

/* Stop that: how many points were left to go, 0 when it has struck */
static unsigned int fault_stop(void)
{
	char text[16] = "";
	unsigned int left;

	if (nth < 0)
		return 1;
	/* Fails if it would be the next one to be struck */
	left = pread(nth, text, sizeof(text) - 1, 0) < 0 ? 1 :
	       strtoul(text, NULL, 10);
	return fault_set(0) ? left : 0;
}

const char *drain(int fd, size_t *filled)
{
	char data[FILLING];
	ssize_t len;

	while (*filled) {
		len = recv(fd, data,
			   *filled < sizeof(data) ? *filled : sizeof(data), 0);
		if (len <= 0)
			return reason("what filled the socket does not come: %s",
				      errno_name(errno));
		*filled -= len;
	}
	return NULL;
}

static void queue(struct way *way, enum how how)
{
	struct run *run = &way->run;
	struct io_uring_sqe *sqe;

	if (how == HOW_LINK) {
		sqe = io_uring_get_sqe(&run->ring);
		io_uring_prep_poll_add(sqe, run->trigger[0], POLLIN);
		sqe->user_data = NOT_A_SEND;
		sqe->flags |= IOSQE_IO_LINK;
	}
	sqe = ring_send(&run->ring, run->op, how, &run->pair, run->messages, 0);
	sqe->msg_flags |= way->carried->flags;
}

/* Submit what is queued. A call that fails must be good for another one */
static const char *submit(struct way *way, unsigned int *left)
{
	struct io_uring *ring = &way->run.ring;
	unsigned int ready = io_uring_sq_ready(ring);
	int ret;

	fault_set(*left);
	ret = io_uring_submit(ring);
	*left = fault_stop();
	if (ret == (int)ready)
		return NULL;
	snprintf(way->came, sizeof(way->came), "enter-%s",
		 ret < 0 ? errno_name(-ret) : "short");
	if (*left)
		return reason("io_uring_submit() took %d of %u requests", ret,
			      ready);
	return ring_submit(ring);
}

/* Do what is pending and wait for a completion, with faults */
static const char *await(struct way *way, unsigned int *left)
{
	struct __kernel_timespec ts = { .tv_sec = WAIT_MS / 1000 };
	struct io_uring_cqe *cqe;
	int ret;

	fault_set(*left);
	ret = io_uring_wait_cqe_timeout(&way->run.ring, &cqe, &ts);
	*left = fault_stop();
	if (!ret || !*left)
		return NULL;
	return reason("waiting for a completion: %s", errno_name(-ret));
}

static const char *cancel(struct way *way, unsigned int *left)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&way->run.ring);

	io_uring_prep_cancel64(sqe, 0, 0);
	sqe->user_data = NOT_A_SEND;
	return submit(way, left);
}

/* From submit to the last completion; *left: points to go until one fails */
static const char *go(struct way *way, unsigned int *left)
{
	const struct carried *carried = way->carried;
	const struct course *course = way->course;
	struct run *run = &way->run;
	const char *wrong = course->full ? carried->fill(way) : NULL;

	wrong = wrong ?: carried->pack(way);
	if (wrong)
		return wrong;
	queue(way, course->how);
	wrong = submit(way, left);
	/* One that cannot wait for POLLOUT now is left to io-wq, unseen */
	if (!wrong && course->full && *left)
		wrong = ring_await(&run->ring, run->op, 1, 1);
	if (!wrong && *left && course->cancelled)
		wrong = cancel(way, left);
	if (!wrong && course->how == HOW_LINK &&
	    write(run->trigger[1], "", 1) != 1)
		wrong = reason("cannot write to a pipe: %s", errno_name(errno));
	if (!wrong && course->full && !course->cancelled)
		wrong = carried->let_go(way);
	if (!wrong && *left)
		wrong = await(way, left);
	/* A cancellation that has failed lets the send wait on */
	if (!wrong && course->cancelled)
		wrong = carried->let_go(way);
	return wrong ?: ring_collect(&run->ring, run->done, 1);
}

/* Empty it for the next time, whether the poll has seen it or not */
static void empty_trigger(struct run *run)
{
	char byte;

	fcntl(run->trigger[0], F_SETFL, O_NONBLOCK);
	while (read(run->trigger[0], &byte, 1) > 0)
		;
}

/* Whether a failed point may lead to this */
static bool fits(int err)
{
	return err == ENOMEM || err == ENOBUFS || err == EFAULT ||
	       err == EAGAIN || err == ECANCELED;
}

/*
 * A sendmsg_zc that fails before its turn in a link leaves a notification that
 * its completion has not announced: kernels do so, with the series or without.
 */
static void take_unannounced(struct way *way)
{
	struct __kernel_timespec ts = { .tv_nsec = QUIET_MS * 1000000 };
	struct io_uring *ring = &way->run.ring;
	struct io_uring_cqe *cqe;

	if (way->course->how == HOW_LINK && way->run.done[0].res < 0 &&
	    !io_uring_wait_cqe_timeout(ring, &cqe, &ts) &&
	    cqe->flags & IORING_CQE_F_NOTIF)
		io_uring_cqe_seen(ring, cqe);
}

/* What a send came to of which one point failed */
static const char *judge_struck(struct way *way)
{
	int res = way->run.done[0].res;

	if (!way->came[0])
		snprintf(way->came, sizeof(way->came), "%s",
			 res < 0 ? errno_name(-res) : "sent");
	if (res < 0)
		return fits(-res) ? NULL : reason("completed with -%s",
						  errno_name(-res));
	return done_judge(way->run.done, way->run.messages, 1);
}

static const char *judge_whole(struct way *way)
{
	struct run *run = &way->run;

	if (way->course->cancelled)
		return run->done[0].res == -ECANCELED ? NULL :
		       reason("cancelled, but completed with %d",
			      run->done[0].res);
	return done_judge(run->done, run->messages, 1);
}

/* The same kind of send, through the same ring, without anything in its way */
static const char *again(struct way *way)
{
	struct run *run = &way->run;
	const char *wrong = way->carried->pack(way);

	if (!wrong)
		queue(way, HOW_RETRY);
	wrong = wrong ?: ring_submit(&run->ring) ?:
		ring_collect(&run->ring, run->done, 1) ?:
		done_judge(run->done, run->messages, 1) ?:
		way->carried->arrived(way, true, false);
	return wrong ? reason("the next send: %s", strdup(wrong)) : NULL;
}

/* Descriptors that are open; the one that counts them is one more */
static unsigned int descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

/* Ahead of what the kernel will say. Not by dprintf(), which wants to seek */
static void announce(const struct way *way, unsigned int n)
{
	char text[sizeof(way->name) + 32];
	int len = snprintf(text, sizeof(text), "fault: %s %u\n", way->name, n);

	if (kmsg >= 0 && write(kmsg, text, len) != len)
		perror("fault: /dev/kmsg");
}

static const char *try_one(struct way *way, unsigned int n, bool *struck)
{
	unsigned int left = n;
	const char *wrong;

	announce(way, n);
	wrong = go(way, &left);
	*struck = !left;
	if (!wrong)
		wrong = *struck ? judge_struck(way) : judge_whole(way);
	if (!wrong)
		wrong = way->carried->arrived(way, way->run.done[0].res >= 0,
					      *struck);
	take_unannounced(way);
	empty_trigger(&way->run);
	return wrong ?: again(way);
}

const char *attempt(struct way *way, unsigned int n, bool *struck)
{
	unsigned int before = descriptors(), after;
	const char *wrong;

	alarm(PATIENCE);
	way->came[0] = '\0';
	wrong = ring_init(&way->run.ring, HOW_DEFER);
	if (wrong)
		return wrong;
	wrong = try_one(way, n, struck);
	io_uring_queue_exit(&way->run.ring);
	if (!wrong && way->carried->released)
		wrong = way->carried->released(way);
	after = descriptors();
	if (!wrong && after != before)
		wrong = reason("%u descriptors are open, there were %u", after,
			       before);
	return wrong;
}
