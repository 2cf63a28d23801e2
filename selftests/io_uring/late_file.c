// SPDX-License-Identifier: GPL-2.0
/*
 * late-file: SCM_RIGHTS names files by number. sendmsg(2) looks them up when it
 * is called; a kernel that does so at each issue sends the file that has the
 * number by then, or fails when there is none.
 *
 * Proved: a sendmsg that has to wait, in a full socket or behind a link, passes
 * the file that had the number when it was submitted, as sendmsg(2) passes the
 * one of when it was called: the receiver tells them apart by their inodes.
 * After submit the number is closed or given to another file.
 *
 * The references leave the number alone. In one of them the control is refused
 * for what stands before a number that is no good: the order of errors.
 *
 * Needs: /proc.
 * Exit code: 0 all passed or skipped, 1 a case failed (kselftest harness).
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "report.h"
#include "twin.h"

#define LENGTH		100
#define LARGE		4096	/* of the messages that fill a socket */
#define FILE_SPACE	CMSG_SPACE(sizeof(int))
#define MESSAGES	2	/* of control, one more to be refused */
#define NO_LEVEL	0x7777
#define NO_TYPE		0x7777

/* What becomes of the number after submit */
enum fate {
	KEPT,
	CLOSED,
	ANOTHER,
	REFUSED,	/* kept, and there is more in the control */
};

FIXTURE(late_file)
{
	struct io_uring ring;
	struct story by_call, by_ring;
};

FIXTURE_VARIANT(late_file)
{
	const char *socket;
	int type;		/* of an AF_UNIX pair */
	enum fate fate;
	bool link;		/* what makes the request wait, not a full socket */
};

FIXTURE_SETUP(late_file)
{
}

FIXTURE_TEARDOWN(late_file)
{
}

FIXTURE_VARIANT_ADD(late_file, stream_closed_sendmsg) {
	.socket = "a full AF_UNIX stream, number closed",
	.type = SOCK_STREAM,
	.fate = CLOSED,
};

FIXTURE_VARIANT_ADD(late_file, stream_another_sendmsg) {
	.socket = "a full AF_UNIX stream, number given to another file",
	.type = SOCK_STREAM,
	.fate = ANOTHER,
};

FIXTURE_VARIANT_ADD(late_file, dgram_closed_sendmsg) {
	.socket = "a full AF_UNIX datagram pair, number closed",
	.type = SOCK_DGRAM,
	.fate = CLOSED,
};

FIXTURE_VARIANT_ADD(late_file, dgram_another_sendmsg) {
	.socket = "a full AF_UNIX datagram pair, number given to another file",
	.type = SOCK_DGRAM,
	.fate = ANOTHER,
};

FIXTURE_VARIANT_ADD(late_file, seqpacket_another_sendmsg) {
	.socket = "full AF_UNIX seqpacket, number given to another file",
	.type = SOCK_SEQPACKET,
	.fate = ANOTHER,
};

FIXTURE_VARIANT_ADD(late_file, link_closed_sendmsg) {
	.socket = "AF_UNIX stream, behind a link, number closed",
	.type = SOCK_STREAM,
	.fate = CLOSED,
	.link = true,
};

FIXTURE_VARIANT_ADD(late_file, link_another_sendmsg) {
	.socket = "AF_UNIX stream, behind a link, number given to another file",
	.type = SOCK_STREAM,
	.fate = ANOTHER,
	.link = true,
};

FIXTURE_VARIANT_ADD(late_file, reference_stream_kept_sendmsg) {
	.socket = "a full AF_UNIX stream",
	.type = SOCK_STREAM,
};

FIXTURE_VARIANT_ADD(late_file, reference_dgram_kept_sendmsg) {
	.socket = "a full AF_UNIX datagram pair",
	.type = SOCK_DGRAM,
};

FIXTURE_VARIANT_ADD(late_file, reference_link_kept_sendmsg) {
	.socket = "AF_UNIX stream, behind a link",
	.type = SOCK_STREAM,
	.link = true,
};

FIXTURE_VARIANT_ADD(late_file, reference_link_refused_sendmsg) {
	.socket = "AF_UNIX dgram, SCM_RIGHTS, an unknown type, a bad SCM_RIGHTS, behind a link",
	.type = SOCK_DGRAM, .fate = REFUSED, .link = true,
};

struct ends {
	int tx, rx;
	int file, other;	/* the one that is meant */
	ino_t meant;
	int trigger[2];		/* of the link */
	size_t filled;		/* bytes in the socket */
};

static const char *open_ends(struct ends *e, int type)
{
	int sv[2], files[2], others[2];
	struct stat meant;

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, sv))
		return cannot("no AF_UNIX socket", errno,
			      "build the kernel with CONFIG_UNIX");
	e->tx = sv[0];
	e->rx = sv[1];
	if (pipe(files) || pipe(others) || pipe(e->trigger) ||
	    fstat(files[0], &meant))
		return reason("pipe(2) failed: %s", errno_name(errno));
	e->file = files[0];
	e->other = others[0];
	e->meant = meant.st_ino;
	return limit_time(e->tx) ?: limit_time(e->rx);
}

static const char *fill_up(struct ends *e)
{
	static char data[LARGE];
	ssize_t len;

	while ((len = send(e->tx, data, sizeof(data), MSG_DONTWAIT)) > 0)
		e->filled += len;
	return errno == EAGAIN ? NULL :
	       reason("cannot fill the socket: %s", errno_name(errno));
}

/* As in ring.c: a poll at the head of the link, submitted with what follows */
static void queue_link_head(struct io_uring *ring, int fd)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	io_uring_prep_poll_add(sqe, fd, POLLIN);
	sqe->user_data = NOT_A_SEND;
	sqe->flags |= IOSQE_IO_LINK;
}

static const char *meet_fate(struct ends *e, enum fate fate)
{
	if ((fate == CLOSED && close(e->file)) ||
	    (fate == ANOTHER && dup2(e->other, e->file) != e->file))
		return reason("cannot change a number: %s", errno_name(errno));
	return NULL;
}

/* Whatever the call waits for: take what filled the socket, or pull the trigger */
static const char *let_go(struct ends *e, bool link)
{
	char data[LARGE];
	ssize_t len;

	if (link && write(e->trigger[1], "", 1) != 1)
		return reason("cannot write to a pipe: %s", errno_name(errno));
	while (e->filled) {
		len = recv(e->rx, data, e->filled < LARGE ? e->filled : LARGE, 0);
		if (len <= 0)
			return reason("what filled the socket does not come: %s",
				      errno_name(errno));
		e->filled -= len;
	}
	return NULL;
}

static void tell_file(struct story *story, struct msghdr *msg, ino_t meant)
{
	const struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);
	struct stat came;
	int fd;

	if (!cmsg || cmsg->cmsg_type != SCM_RIGHTS) {
		tell(story, ", no file");
		return;
	}
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	if (cmsg->cmsg_len != CMSG_LEN(sizeof(fd)) || fstat(fd, &came))
		tell(story, ", no single file");
	else
		tell(story, came.st_ino == meant ? ", the file that was meant" :
		     ", another file");
}

static void tell_received(struct story *story, const struct ends *e)
{
	char data[2 * LENGTH], control[CMSG_SPACE(2 * sizeof(int))];
	struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	ssize_t len = recvmsg(e->rx, &msg, MSG_DONTWAIT);

	if (len < 0) {
		tell(story, ", nothing came: -%s", errno_name(errno));
		return;
	}
	tell_data(story, data, len, 0);
	tell_file(story, &msg, e->meant);
}

/*
 * The file, and behind it messages that no socket looks at. For a 32-bit program
 * a retry may take a longer control than there is (wrong-length); it then finds
 * one more of those, and not what would make it fail.
 */
static void put_file(struct msghdr *msg, char *control, int file, bool refused)
{
	const int none = -1;
	struct cmsghdr *cmsg;
	unsigned int i;

	msg->msg_control = control;
	msg->msg_controllen = (MESSAGES + refused) * FILE_SPACE;
	for (i = 0; i <= MESSAGES; i++) {
		cmsg = (struct cmsghdr *)(control + i * FILE_SPACE);
		cmsg->cmsg_level = i ? NO_LEVEL : SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &file, sizeof(file));
		if (!refused || !i)
			continue;
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = i == 1 ? NO_TYPE : SCM_RIGHTS;
		memcpy(CMSG_DATA(cmsg), &none, sizeof(none));
	}
}

/* One side of a case. By the system call it is always the socket that is full */
static const char *send_file(struct io_uring *ring, struct ends *e,
			     enum fate fate, bool link, struct story *story)
{
	union {
		struct cmsghdr cmsg;
		char room[(MESSAGES + 1) * FILE_SPACE];
	} control = { };
	char data[LENGTH];
	struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) };
	struct call call = {
		.ring = ring, .opcode = IORING_OP_SENDMSG, .fd = e->tx,
		.flags = MSG_NOSIGNAL,
		.msg = { .msg_iov = &iov, .msg_iovlen = 1 },
		.at_once = fate == REFUSED,
	};
	const char *wrong = NULL;

	payload(data, sizeof(data));
	put_file(&call.msg, control.room, e->file, fate == REFUSED);
	if (ring && link)
		queue_link_head(ring, e->trigger[0]);
	else
		wrong = fill_up(e);
	wrong = wrong ?: call_start(&call) ?: meet_fate(e, fate) ?:
		let_go(e, ring && link) ?: call_end(&call, story);
	if (!wrong)
		tell_received(story, e);
	return wrong;
}

TEST_F(late_file, after_submit)
{
	struct ends call = { }, ring = { };

	if (!possible(twin_ring(&self->ring, IORING_OP_SENDMSG)) ||
	    !possible(open_ends(&call, variant->type)) ||
	    !possible(open_ends(&ring, variant->type)))
		return;
	ASSERT_WELL(send_file(NULL, &call, variant->fate, variant->link,
			      &self->by_call));
	ASSERT_WELL(send_file(&self->ring, &ring, variant->fate, variant->link,
			      &self->by_ring));
	ASSERT_SAME("late-file", "sendmsg", variant->socket, &self->by_call,
		    &self->by_ring);
}

TEST_HARNESS_MAIN
