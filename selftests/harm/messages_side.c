// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "messages_side.h"
#include "pool.h"

/* -- the system call, by a thread that is there all the time -------------- */

static struct {
	pthread_t thread;
	pid_t tid;
	atomic_int job;			/* 1: to be done, 0: done */
	atomic_bool inside;
	struct exchange *x;
	int stat;
} caller;

pid_t caller_tid(void)
{
	return caller.tid;
}

static long system_call(struct exchange *x)
{
	const struct iovec *iov = x->msg.msg_iov;
	const int flags = x->plan->flags;
	long res;

	switch (x->plan->act) {
	case A_RECVMSG:
		res = recvmsg(x->fd, &x->msg, flags);
		break;
	case A_RECV:
		res = recv(x->fd, iov->iov_base, iov->iov_len, flags);
		break;
	case A_SEND:
	case A_SEND_ZC:
		res = sendto(x->fd, iov->iov_base, iov->iov_len, flags,
			     x->msg.msg_name, x->msg.msg_namelen);
		break;
	default:
		res = sendmsg(x->fd, &x->msg, flags);
	}
	return res < 0 ? -errno : res;
}

/* Again and again until the end, an error or a signal */
static void call_on(struct exchange *x)
{
	const bool rest = x->plan->pool == 1 + INCREMENTAL;
	struct msghdr msg = x->msg;
	struct iovec *iov = msg.msg_iov;
	const size_t each = iov->iov_len;

	for (;;) {
		x->msg = msg;
		x->res = system_call(x);
		if (x->res <= 0)
			break;
		/* The next goes on in the same buffer as long as that has room */
		if (rest)
			iov->iov_len -= x->res;
		if (!iov->iov_len)
			iov->iov_len = each;
		x->shot(x, msg.msg_iov->iov_base, x->res,
			x->plan->act == A_RECVMSG ? &x->msg : NULL);
	}
	/* An empty datagram has a name and control as well */
	if (!x->res && x->plan->act == A_RECVMSG)
		x->shot(x, msg.msg_iov->iov_base, 0, &x->msg);
}

static void *call_all(void *arg)
{
	(void)arg;
	caller.tid = syscall(SYS_gettid);
	for (;;) {
		caller.inside = false;
		caller.job = 0;
		while (!caller.job)
			syscall(SYS_futex, &caller.job, FUTEX_WAIT_PRIVATE, 0,
				NULL, NULL, 0);
		caller.inside = true;
		if (caller.x->plan->shots)
			call_on(caller.x);
		else
			caller.x->res = system_call(caller.x);
		caller.x->done = true;
	}
	return NULL;
}

/* It sleeps nowhere but in the system call */
static bool asleep(void)
{
	char text[80], *end;
	ssize_t len = pread(caller.stat, text, sizeof(text) - 1, 0);

	text[len < 0 ? 0 : len] = 0;
	end = strrchr(text, ')');
	return end && end[1] && end[2] == 'S';
}

static const char *call_settle(struct exchange *x)
{
	unsigned int i;

	for (i = 0; i < TURNS; i++) {
		if (!caller.job)
			return NULL;
		if (caller.inside && !x->done && asleep())
			return NULL;
		sched_yield();
	}
	return "the system call neither waits nor returns";
}

static void call_start(struct exchange *x)
{
	caller.x = x;
	caller.job = 1;
	syscall(SYS_futex, &caller.job, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* -- either --------------------------------------------------------------- */

const char *exchange_start(struct exchange *x)
{
	const char *wrong = NULL;

	x->started = true;
	x->asked = x->msg.msg_iov->iov_len;
	/* What a broken link takes with it is as if it had never been asked for */
	if (x->by == BY_CALL && x->plan->way == W_BROKEN_LINK) {
		x->res = -ECANCELED;
		x->done = true;
	} else if (x->by == BY_CALL) {
		call_start(x);
	} else {
		wrong = ring_start(x);
	}
	wrong = wrong ?: exchange_settle(x);
	x->waited = !x->done;
	/* Issued within the submission, and not complete: told -EAGAIN, or short */
	x->again = x->waited && x->by == BY_RING &&
		   (x->plan->way == W_PLAIN || x->plan->way == W_ASYNC);
	return wrong;
}

const char *exchange_overtake(struct exchange *x)
{
	return x->by == BY_RING && x->plan->besides & B_TAKEN && !x->done ?
	       pool_overtake(x) : NULL;
}

/* What failed, or has less than it was to wait for, takes its link with it */
void exchange_linked(struct exchange *x)
{
	const struct plan *p = x->plan;

	if (!(p->besides & B_LINKED))
		return;
	if (x->by == BY_RING)
		ring_linked(x);
	else
		x->linked = x->res < 0 || (p->flags & MSG_WAITALL &&
					   x->res < (long)x->asked) ? -1 : 1;
	note(x->o, F_NEXT, "what is linked %s; ", !x->linked ? "never ends" :
	     x->linked > 0 ? "runs" : "is cancelled");
}

const char *exchange_on(struct exchange *x, const uint8_t *data, size_t rest)
{
	if (x->by == BY_RING)
		return data ? pool_send_on(x, rest) : pool_receive_on(x);
	x->res = data ? send(x->fd, data, rest, MSG_DONTWAIT | MSG_NOSIGNAL) :
			recv(x->fd, x->into, x->plan->each, MSG_DONTWAIT);
	if (x->res < 0)
		x->res = -errno;
	return NULL;
}

const char *exchange_settle(struct exchange *x)
{
	return x->by == BY_CALL ? call_settle(x) : ring_settle(x);
}

const char *exchange_stop(struct exchange *x)
{
	unsigned int i;

	if (x->by == BY_RING)
		return ring_stop(x);
	for (i = 0; i < TURNS && caller.job; i++) {
		/* It may just be about to sleep */
		if (i % 100 == 0)
			pthread_kill(caller.thread, SIGUSR1);
		sched_yield();
	}
	return caller.job ? "the system call goes on after a signal" : NULL;
}

static void wake(int signal)
{
	(void)signal;
}

static const char *caller_begin(void)
{
	const struct sched_param first = { .sched_priority = 1 };
	struct sigaction sa = { .sa_handler = wake };
	char path[64];

	sigaction(SIGUSR1, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	caller.job = 1;
	if (pthread_create(&caller.thread, NULL, call_all, NULL))
		return "cannot start a thread";
	while (caller.job)
		sched_yield();
	/* On the same processor: it goes first whenever it can */
	pthread_setschedparam(caller.thread, SCHED_FIFO, &first);
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", caller.tid);
	caller.stat = open(path, O_RDONLY | O_CLOEXEC);
	return caller.stat < 0 ? cannot("no /proc", errno, "mount it") : NULL;
}

const char *sides_begin(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
	return rings_begin() ?: caller_begin();
}
