// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "difference.h"
#include "twin.h"

#define LARGEST_MESSAGE	4096

static const struct {
	int opcode;
	const char *name;
} names[] = {
	{ IORING_OP_SEND, "send" },
	{ IORING_OP_SENDMSG, "sendmsg" },
	{ OP_SEND_ZC, "send_zc" },
	{ IORING_OP_SENDMSG_ZC, "sendmsg_zc" },
	{ IORING_OP_RECV, "recv" },
	{ IORING_OP_RECVMSG, "recvmsg" },
};

const char *call_name(int opcode)
{
	unsigned int i = 0;

	while (names[i].opcode != opcode)
		i++;
	return names[i].name;
}

const char *twin_ring(struct io_uring *ring, int opcode)
{
	const char *why = ring_init(ring, HOW_RETRY);
	struct io_uring_probe *probe;
	bool there;

	if (why)
		return why;
	probe = io_uring_get_probe_ring(ring);
	there = probe && io_uring_opcode_supported(probe, opcode);
	if (probe)
		io_uring_free_probe(probe);
	if (there)
		return NULL;
	return reason("no %s in io_uring: nothing to do, this kernel is too old",
		      call_name(opcode));
}

const char *twin_ring_addressed(struct io_uring *ring, int opcode)
{
	struct io_uring other;

	if (opcode != IORING_OP_SEND || !twin_ring(&other, IORING_OP_SENDMSG_ZC))
		return twin_ring(ring, opcode);
	return cannot("no address with send in io_uring", 0,
		      "nothing to do, it came with 6.1");
}

static bool one_buffer(const struct call *c)
{
	return c->opcode == IORING_OP_SEND || c->opcode == OP_SEND_ZC ||
	       c->opcode == IORING_OP_RECV;
}

static void *system_call(void *arg)
{
	struct call *c = arg;
	const struct iovec *iov = c->msg.msg_iov;
	long res;

	c->tid = syscall(SYS_gettid);
	if (c->opcode == IORING_OP_RECVMSG)
		res = recvmsg(c->fd, &c->msg, c->flags);
	else if (c->opcode == IORING_OP_RECV)
		res = recv(c->fd, iov->iov_base, iov->iov_len, c->flags);
	else if (one_buffer(c))
		res = sendto(c->fd, iov->iov_base, iov->iov_len, c->flags,
			     c->msg.msg_name, c->msg.msg_namelen);
	else
		res = sendmsg(c->fd, &c->msg, c->flags);
	c->res = res < 0 ? -errno : res;
	c->done = true;
	return NULL;
}

/* Whether the thread sleeps, which it does nowhere but in the system call */
static bool asleep(const struct call *c)
{
	char path[64], state = 0;
	FILE *stat;

	if (!c->tid)
		return false;
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", c->tid);
	stat = fopen(path, "re");
	if (stat && fscanf(stat, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	if (stat)
		fclose(stat);
	return state == 'S';
}

static void next_ms(void)
{
	const struct timespec ms = { .tv_nsec = 1000 * 1000 };

	nanosleep(&ms, NULL);
}

static const char *start_thread(struct call *c)
{
	int i;

	if (access("/proc/self/task", R_OK))
		return "no /proc: mount it";
	if (pthread_create(&c->thread, NULL, system_call, c))
		return "cannot start a thread";
	for (i = 0; i < WAIT_MS && !c->done && !c->waited; i++) {
		next_ms();
		c->waited = asleep(c);
	}
	c->waited = c->waited && !c->done;
	return c->done || c->waited ? NULL :
	       reason("%s(2) neither waits nor returns", call_name(c->opcode));
}

static void take_completion(struct call *c)
{
	struct io_uring_cqe *cqe;

	io_uring_get_events(c->ring);
	if (c->notified || io_uring_peek_cqe(c->ring, &cqe))
		return;
	if (cqe->user_data != NOT_A_SEND) {
		if (!(cqe->flags & IORING_CQE_F_NOTIF)) {
			c->res = cqe->res;
			c->done = true;
		}
		c->notified = !(cqe->flags & IORING_CQE_F_MORE);
	}
	io_uring_cqe_seen(c->ring, cqe);
}

const char *call_start(struct call *c)
{
	struct io_uring_sqe *sqe;
	const char *wrong;

	c->done = false;
	c->notified = !c->ring;
	c->waited = false;
	c->tid = 0;
	if (!c->ring)
		return start_thread(c);
	sqe = io_uring_get_sqe(c->ring);
	io_uring_prep_sendmsg(sqe, c->fd, &c->msg, c->flags);
	if (one_buffer(c)) {
		sqe->addr = (unsigned long)c->msg.msg_iov->iov_base;
		sqe->len = c->msg.msg_iov->iov_len;
		sqe->addr2 = (unsigned long)c->msg.msg_name;
		sqe->addr_len = c->msg.msg_namelen;
	}
	sqe->opcode = c->opcode;
	sqe->user_data = 0;
	/*
	 * It is issued within this, and what is not complete after it was told
	 * -EAGAIN, or has a part: there must be a second issue.
	 */
	wrong = ring_submit(c->ring);
	c->waited = !wrong && !io_uring_cq_ready(c->ring);
	return wrong;
}

bool call_done(struct call *c)
{
	if (c->ring)
		take_completion(c);
	if (c->done && c->notified)
		return true;
	next_ms();
	if (c->ring)
		take_completion(c);
	return c->done;
}

const char *call_end(struct call *c, struct story *story)
{
	int i;

	for (i = 0; i < WAIT_MS && !(c->done && c->notified); i++)
		call_done(c);
	if (!c->done || !c->notified)
		return reason("%s by %s: no result within 10 s",
			      call_name(c->opcode),
			      c->ring ? "io_uring" : "the system call");
	if (!c->ring)
		pthread_join(c->thread, NULL);
	if (!c->waited && !c->ring && !c->at_once)
		return reason("%s(2) did not wait, so nothing is to be learned from it",
			      call_name(c->opcode));
	if (!c->waited && !c->at_once)
		tell(story, "did not wait, ");
	if (c->res < 0)
		tell(story, "-%s", errno_name(-c->res));
	else
		tell(story, "%ld", c->res);
	return NULL;
}

const char *call_taken(struct call *c)
{
	char byte;
	int i;

	for (i = 0; i < WAIT_MS; i++) {
		call_done(c);
		if (recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0)
			return NULL;
	}
	return "what was sent is not received within 10 s";
}

const char *goes_on(struct io_uring *ring)
{
	char data[2];
	struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) };
	struct call call = {
		.ring = ring, .opcode = IORING_OP_RECV, .flags = MSG_WAITALL,
		.msg = { .msg_iov = &iov, .msg_iovlen = 1 },
	};
	struct story story = { };
	const char *wrong;
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv))
		return cannot("no AF_UNIX socket", errno,
			      "build the kernel with CONFIG_UNIX");
	call.fd = sv[1];
	wrong = call_start(&call);
	if (!wrong && send(sv[0], data, 1, 0) != 1)
		wrong = reason("cannot send: %s", errno_name(errno));
	wrong = wrong ?: call_taken(&call);
	if (!wrong && call.done)
		wrong = cannot("MSG_WAITALL does not go on after a part", 0,
			       "nothing to do, 5.19 and newer do");
	close(sv[0]);
	wrong = wrong ?: call_end(&call, &story);
	close(sv[1]);
	return wrong;
}

void tell(struct story *story, const char *fmt, ...)
{
	size_t used = strlen(story->text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(story->text + used, sizeof(story->text) - used, fmt, ap);
	va_end(ap);
}

void payload(char *buf, size_t len)
{
	size_t at;

	for (at = 0; at < len; at++)
		buf[at] = stream_byte(at);
}

void tell_data(struct story *story, const char *buf, ssize_t len, size_t at)
{
	ssize_t i = 0;

	while (i < len && buf[i] == stream_byte(at + i))
		i++;
	if (i == len)
		tell(story, " (%zd bytes)", len);
	else
		tell(story, " (%zd bytes, wrong from %zd on)", len, i);
}

ssize_t tell_message(struct story *story, int fd, size_t front)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char buf[LARGEST_MESSAGE];
	ssize_t len = -1;

	errno = ETIME;
	if (poll(&pfd, 1, WAIT_MS) == 1)
		len = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
	if (len < 0)
		tell(story, " (-%s)", errno_name(errno));
	else if (len < (ssize_t)front)
		tell(story, " (%zd bytes, less than headers)", len);
	else
		tell_data(story, buf + front, len - front, 0);
	return len;
}

void differs(enum difference difference, long by_call, long by_ring)
{
	const struct named *named = &differences[difference];

	printf("# %s (%s): %s: %ld instead of %ld\n", named->name, named->where,
	       named->why, by_ring, by_call);
	fflush(stdout);
}

const char *limit_time(int fd)
{
	const struct timeval tv = { .tv_sec = WAIT_MS / 1000 };

	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)))
		return reason("no limit of time for a socket: %s",
			      errno_name(errno));
	return NULL;
}
