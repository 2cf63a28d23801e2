// SPDX-License-Identifier: GPL-2.0
/* Part of cost.c: one message over AF_UNIX, sent or received */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cost.h"
#include "report.h"

#define FILES	2		/* that a message passes */

static char data[LENGTH], got[LENGTH];
static struct iovec iov = { .iov_len = LENGTH };
static union {
	size_t align;		/* as a cmsghdr is */
	char room[CMSG_SPACE(FILES * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
} control;

const char *plain_open(struct plain *plain)
{
	const bool select = plain->what == RING_BUFFER;
	const char *why = pool_open(&plain->pool, select ? RING : CLASSIC, HOW_DEFER,
				    select && plain->op == PLAIN_SEND);
	const int one = 1;

	if (why)
		return why;
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, plain->sv))
		return cannot("no AF_UNIX socket", errno, "CONFIG_UNIX");
	if (plain->what == CREDENTIALS)
		setsockopt(plain->sv[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one));
	return NULL;
}

/* A buffer for it, and the one that it took before back */
static void selecting(struct plain *plain)
{
	static const int opcodes[] = {
		[PLAIN_SEND] = IORING_OP_SEND, [PLAIN_RECV] = IORING_OP_RECV,
		[PLAIN_RECVMSG] = IORING_OP_RECVMSG,
	};
	static struct msghdr msg;
	struct pool *p = &plain->pool;
	struct io_uring_sqe *sqe;

	io_uring_buf_ring_add(p->br, plain_sends(plain) ? data : got, LENGTH, 0,
			      MOST_BUFFERS - 1, 0);
	io_uring_buf_ring_advance(p->br, 1);
	sqe = pool_request(p, opcodes[plain->op], plain->sv[!plain_sends(plain)],
			   LENGTH, 0);
	if (plain->op != PLAIN_RECVMSG)
		return;
	msg = (struct msghdr) { .msg_iov = &iov, .msg_iovlen = 1 };
	sqe->addr = (unsigned long)&msg;
	sqe->len = 1;
}

static void put_control(const struct plain *plain, struct msghdr *msg)
{
	struct cmsghdr *cmsg = (void *)control.room;
	unsigned int i;

	memset(&control, 0, sizeof(control));
	if (plain->what == MEMORY)
		return;
	msg->msg_control = control.room;
	msg->msg_controllen = sizeof(control.room);
	if (!plain_sends(plain))
		return;
	cmsg->cmsg_level = SOL_SOCKET;
	if (plain->what == RIGHTS) {
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(FILES * sizeof(int));
		for (i = 0; i < FILES; i++)
			((int *)CMSG_DATA(cmsg))[i] = plain->sv[i];
		msg->msg_controllen = CMSG_SPACE(FILES * sizeof(int));
		return;
	}
	cmsg->cmsg_type = SCM_CREDENTIALS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(struct ucred));
	*(struct ucred *)CMSG_DATA(cmsg) = (struct ucred) {
		.pid = getpid(), .uid = geteuid(), .gid = getegid(),
	};
	msg->msg_controllen = CMSG_SPACE(sizeof(struct ucred));
}

static void prepare(struct plain *plain)
{
	static struct msghdr msg;
	struct io_uring_sqe *sqe;

	if (plain->what == RING_BUFFER) {
		selecting(plain);
		return;
	}
	sqe = io_uring_get_sqe(&plain->pool.ring);
	iov.iov_base = plain_sends(plain) ? data : got;
	msg = (struct msghdr) { .msg_iov = &iov, .msg_iovlen = 1 };
	put_control(plain, &msg);
	if (plain->op == PLAIN_SEND)
		io_uring_prep_send(sqe, plain->sv[0], data, LENGTH, 0);
	else if (plain->op == PLAIN_RECV)
		io_uring_prep_recv(sqe, plain->sv[1], got, LENGTH, 0);
	else if (plain->op == PLAIN_SENDMSG)
		io_uring_prep_sendmsg(sqe, plain->sv[0], &msg, 0);
	else
		io_uring_prep_recvmsg(sqe, plain->sv[1], &msg, 0);
}

/* Until there is no room, or until there is; the one sends, the other does not */
static void fill(const struct plain *plain)
{
	while (send(plain->sv[0], data, 1, MSG_DONTWAIT) == 1)
		;
}

static void drain(const struct plain *plain)
{
	char byte[2];

	while (recv(plain->sv[1], byte, sizeof(byte), MSG_DONTWAIT | MSG_PEEK) == 1)
		recv(plain->sv[1], byte, sizeof(byte), MSG_DONTWAIT);
}

/* What it waits for happens, and is not counted */
static const char *happen(struct plain *plain)
{
	if (io_uring_cq_ready(&plain->pool.ring))
		return "it did not wait";
	if (plain_sends(plain))
		drain(plain);
	else if (send(plain->sv[0], data, LENGTH, 0) != LENGTH)
		return reason("cannot send: %s", errno_name(errno));
	return io_uring_cq_ready(&plain->pool.ring) ?
	       "the retry came before it could be measured" : NULL;
}

/* What came with it was received, and is of no more use */
static void close_files(void)
{
	struct cmsghdr *cmsg = (void *)control.room;
	unsigned int i;

	for (i = 0; cmsg->cmsg_type == SCM_RIGHTS && i < FILES; i++)
		close(((int *)CMSG_DATA(cmsg))[i]);
}

const char *plain_request(struct plain *plain, long number, int64_t *cost)
{
	struct io_uring *ring = &plain->pool.ring;
	struct iovec into = { .iov_base = got, .iov_len = LENGTH };
	struct msghdr all = { .msg_iov = &into, .msg_iovlen = 1 };
	struct io_uring_cqe cqe;
	const char *wrong = NULL;

	memset(data, number, sizeof(data));
	memset(got, 0, sizeof(got));
	if (plain->retry && plain_sends(plain))
		fill(plain);
	else if (!plain->retry && !plain_sends(plain))
		wrong = happen(plain);
	prepare(plain);
	*cost = 0;
	if (plain->retry)
		wrong = wrong ?: enter(ring, 0, cost) ?: happen(plain);
	wrong = wrong ?: enter(ring, 1, cost) ?: pool_complete(&plain->pool, &cqe, WAIT_MS);
	if (wrong)
		return wrong;
	all.msg_control = control.room;
	all.msg_controllen = sizeof(control.room);
	if (plain_sends(plain))
		recvmsg(plain->sv[1], &all, MSG_DONTWAIT);
	if (plain->what == RIGHTS)
		close_files();
	plain->failed = cqe.res < 0 ? -cqe.res : 0;
	if (plain->failed)
		return NULL;
	/* In front of what a multishot receive alone has a header for */
	return cqe.res == LENGTH && !memcmp(data, got, LENGTH) ? NULL :
	       reason("not what was sent: %d", cqe.res);
}
