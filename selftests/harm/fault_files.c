// SPDX-License-Identifier: GPL-2.0
/*
 * Of fault: sends that pass descriptors, over AF_UNIX: one, with control that
 * has its place in the request; and two, each in a message of its own, with
 * control that is allocated. The second is a socket, which AF_UNIX keeps books of.
 *
 * A file that the kernel does not let go of shows at the other end of it, which
 * never learns that it is alone.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault.h"
#include "report.h"
#include "twin.h"

#define LENGTH		100
#define MOST		2	/* descriptors in a send */
#define NO_LEVEL	0x7777	/* AF_UNIX does not look at it */

/* What this send and the one before it pass */
static struct passed {
	int file;
	int end;		/* the other one */
} passed[2 * MOST];

static unsigned int n_passed;
static size_t filled;		/* bytes in the socket */

static unsigned int count(const struct way *way)
{
	return way->carried == &carried_file ? 1 : MOST;
}

static const char *open_pair(struct way *way)
{
	int type = way->carried == &carried_file ? SOCK_DGRAM : SOCK_STREAM;
	int sv[2];

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, sv))
		return cannot("no AF_UNIX socket", errno,
			      "build the kernel with CONFIG_UNIX");
	way->run.pair.tx = sv[0];
	way->run.pair.rx = sv[1];
	return limit_time(sv[1]) ?:
	       run_start(&way->run, way->op, HOW_DEFER, false);
}

static const char *fill_up(struct way *way)
{
	static char data[FILLING];
	ssize_t len;

	while ((len = send(way->run.pair.tx, data, sizeof(data),
			   MSG_DONTWAIT)) > 0)
		filled += len;
	return errno == EAGAIN ? NULL :
	       reason("cannot fill the socket: %s", errno_name(errno));
}

static const char *let_go(struct way *way)
{
	return drain(way->run.pair.rx, &filled);
}

static const char *make(bool socket)
{
	int ends[2];

	if (n_passed == ARRAY_SIZE(passed))
		return "more files than this program has room for";
	if (socket ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) :
	    pipe(ends))
		return reason("no file to pass: %s", errno_name(errno));
	/* Of a pipe the reading end sees whether there is a writing one */
	passed[n_passed].end = ends[0];
	passed[n_passed++].file = ends[1];
	return NULL;
}

static const char *pack(struct way *way)
{
	struct message *p = &way->run.messages[0];
	const char *wrong = NULL;
	const int none = -1;
	unsigned int i;

	message_shape(p, &way->run.pair, way->sends++, CTL_NONE, LENGTH, 0);
	p->msg.msg_name = NULL;
	p->buf = way->control;
	for (i = 0; i < count(way) && !wrong; i++) {
		wrong = make(i);
		if (!wrong)
			message_add_control(p, SOL_SOCKET, SCM_RIGHTS,
					    &passed[n_passed - 1].file,
					    sizeof(int));
	}
	while (p->msg.msg_controllen + CMSG_SPACE(sizeof(none)) <=
	       way->carried->control)
		message_add_control(p, NO_LEVEL, SCM_RIGHTS, &none, sizeof(none));
	return wrong;
}

static bool same_file(int a, int b)
{
	struct stat one, other;

	return !fstat(a, &one) && !fstat(b, &other) &&
	       one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/* The descriptors that came, in the order in which they were put in */
static const char *look_at(const struct way *way, struct msghdr *msg)
{
	const unsigned int n = count(way);
	const struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);
	int fds[MOST];
	unsigned int i, wrong = 0;

	if (!cmsg || cmsg->cmsg_level != SOL_SOCKET ||
	    cmsg->cmsg_type != SCM_RIGHTS)
		return "sent, but no file came";
	if (cmsg->cmsg_len != CMSG_LEN(n * sizeof(int)) ||
	    CMSG_NXTHDR(msg, (struct cmsghdr *)cmsg))
		return reason("%zu bytes of control came, not %u files",
			      (size_t)msg->msg_controllen, n);
	memcpy(fds, CMSG_DATA(cmsg), n * sizeof(int));
	for (i = 0; i < n; i++) {
		wrong += !same_file(fds[i], passed[n_passed - n + i].file);
		close(fds[i]);
	}
	return wrong ? reason("%u of %u files are others", wrong, n) : NULL;
}

static const char *take(struct way *way)
{
	const struct message *p = &way->run.messages[0];
	char data[2 * LENGTH], control[CMSG_SPACE(2 * MOST * sizeof(int))];
	struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	ssize_t len = recvmsg(way->run.pair.rx, &msg,
			      MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (len < 0)
		return reason("sent, but nothing came: %s", errno_name(errno));
	if ((size_t)len != p->len ||
	    memcmp(data, p->payload.iov_base, p->len))
		return reason("%zd bytes came, not those that were sent", len);
	return look_at(way, &msg);
}

/* Nothing is lost on the way, whatever failed */
static const char *arrived(struct way *way, bool sent, bool struck)
{
	const char *wrong = sent ? take(way) : NULL;
	char byte;

	(void)struck;
	if (!wrong && recv(way->run.pair.rx, &byte, 1, MSG_DONTWAIT) >= 0)
		wrong = sent ? "it came a second time" : "not sent, but it came";
	return wrong;
}

static const char *released(struct way *way)
{
	const char *wrong = NULL;
	unsigned int i;

	for (i = 0; i < n_passed; i++) {
		struct pollfd pfd = { .fd = passed[i].end };

		close(passed[i].file);
		if (poll(&pfd, 1, WAIT_MS) != 1 || !(pfd.revents & POLLHUP))
			wrong = reason("file %u of %u is held for ever", i + 1,
				       n_passed);
		close(passed[i].end);
	}
	(void)way;
	n_passed = 0;
	return wrong;
}

#define OVER_UNIX							\
	.open = open_pair, .fill = fill_up, .let_go = let_go,		\
	.pack = pack, .arrived = arrived, .released = released

const struct carried carried_file = {
	.name = "file", OVER_UNIX,
};

const struct carried carried_files = {
	.name = "files", .control = CONTROL_MOST, OVER_UNIX,
};
