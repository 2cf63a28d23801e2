// SPDX-License-Identifier: GPL-2.0
/*
 * repeated-control and cut-control: with MSG_WAITALL a send on a stream that
 * took only a part of the data is issued again with the rest. Its control is for
 * the message as a whole. A kernel that gives all of it to each part passes
 * descriptors many times; one that gives none to the parts behind the first
 * drops the timestamp of the last byte, and the credentials of most of them.
 *
 * Proved: of one request of 1 MiB, which takes several issues, comes what comes
 * of sendmsg(2): SCM_RIGHTS once and with the first byte, SCM_CREDENTIALS with
 * each byte, and a TX timestamp with the id of the last byte. That it comes
 * after those of other bytes is a difference with a name: see early-timestamps
 * in difference.h.
 *
 * The references are sends without control.
 *
 * Needs: for credentials root, since they are the parent's; for TCP a network
 * namespace, for its lo; /proc.
 * Exit code: 0 all passed or skipped, 1 a case failed (kselftest harness).
 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>

#include "kselftest_harness.h"
#include "report.h"
#include "twin.h"

#define LENGTH		1048576

SHARE_NETNS()

enum what {
	NOTHING,
	FILES,			/* SCM_RIGHTS */
	CREDENTIALS,		/* SCM_CREDENTIALS with the parent's pid */
	TIMESTAMP,		/* SO_TIMESTAMPING, TX_ACK */
};

struct row {
	const char *socket;
	int opcode;
	bool tcp;		/* or an AF_UNIX stream */
	enum what what;
};

/* What came of one side */
struct side {
	struct story story;
	long early;		/* timestamps of bytes before the last */
};

struct twins {
	struct io_uring ring;
	struct side by_call, by_ring;
	int call[2], fds[2];
};

/* A fixture for each defect, with its name */
FIXTURE(repeated_control)
{
	struct twins twins;
};

FIXTURE_VARIANT(repeated_control)
{
	struct row row;
};

FIXTURE_SETUP(repeated_control)
{
}

FIXTURE_TEARDOWN(repeated_control)
{
}

FIXTURE(cut_control)
{
	struct twins twins;
};

FIXTURE_VARIANT(cut_control)
{
	struct row row;
};

FIXTURE_SETUP(cut_control)
{
}

FIXTURE_TEARDOWN(cut_control)
{
}

FIXTURE_VARIANT_ADD(repeated_control, unix_files_sendmsg) {
	.row = {
		.socket = "AF_UNIX stream, SCM_RIGHTS",
		.opcode = IORING_OP_SENDMSG,
		.what = FILES,
	},
};

FIXTURE_VARIANT_ADD(repeated_control, reference_unix_sendmsg) {
	.row = {
		.socket = "AF_UNIX stream",
		.opcode = IORING_OP_SENDMSG,
	},
};

FIXTURE_VARIANT_ADD(cut_control, tcp_timestamp_sendmsg) {
	.row = {
		.socket = "tcp, SO_TIMESTAMPING",
		.opcode = IORING_OP_SENDMSG,
		.tcp = true,
		.what = TIMESTAMP,
	},
};

FIXTURE_VARIANT_ADD(cut_control, tcp_timestamp_sendmsg_zc) {
	.row = {
		.socket = "tcp, SO_TIMESTAMPING",
		.opcode = IORING_OP_SENDMSG_ZC,
		.tcp = true,
		.what = TIMESTAMP,
	},
};

FIXTURE_VARIANT_ADD(cut_control, unix_credentials_sendmsg) {
	.row = {
		.socket = "AF_UNIX stream, SCM_CREDENTIALS",
		.opcode = IORING_OP_SENDMSG,
		.what = CREDENTIALS,
	},
};

FIXTURE_VARIANT_ADD(cut_control, reference_tcp_sendmsg) {
	.row = {
		.socket = "tcp",
		.opcode = IORING_OP_SENDMSG,
		.tcp = true,
	},
};

FIXTURE_VARIANT_ADD(cut_control, reference_tcp_sendmsg_zc) {
	.row = {
		.socket = "tcp",
		.opcode = IORING_OP_SENDMSG_ZC,
		.tcp = true,
	},
};

static const char *open_ends(const struct row *row, int *sv)
{
	const int report = SOF_TIMESTAMPING_SOFTWARE |
			   SOF_TIMESTAMPING_OPT_TSONLY |
			   SOF_TIMESTAMPING_OPT_ID;
	const int one = 1;
	const char *why;

	if (!row->tcp) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) ||
		    (row->what == CREDENTIALS &&
		     setsockopt(sv[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one))))
			return cannot("no AF_UNIX socket", errno,
				      "build the kernel with CONFIG_UNIX");
		return limit_time(sv[0]);
	}
	why = netns_once() ?: tcp_pair(sv);
	if (!why && setsockopt(sv[0], SOL_SOCKET, SO_TIMESTAMPING, &report,
			       sizeof(report)))
		why = cannot("no timestamps", errno,
			     "nothing to do, this kernel has no ids for TCP");
	return why;
}

union any_control {
	struct cmsghdr cmsg;
	char room[CMSG_SPACE(sizeof(struct ucred))];
};

static void put_control(union any_control *control, struct msghdr *msg,
			enum what what, pid_t other)
{
	const struct ucred cred = {
		.pid = other, .uid = geteuid(), .gid = getegid(),
	};
	const int value = what == FILES ? STDIN_FILENO : SOF_TIMESTAMPING_TX_ACK;
	const void *body = what == CREDENTIALS ? (const void *)&cred : &value;
	const size_t len = what == CREDENTIALS ? sizeof(cred) : sizeof(value);

	if (what == NOTHING)
		return;
	control->cmsg.cmsg_level = SOL_SOCKET;
	control->cmsg.cmsg_type = what == FILES ? SCM_RIGHTS :
				  what == CREDENTIALS ? SCM_CREDENTIALS :
				  SO_TIMESTAMPING;
	control->cmsg.cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(&control->cmsg), body, len);
	msg->msg_control = control;
	msg->msg_controllen = CMSG_SPACE(len);
}

/* Only root may give the credentials of another process */
static const char *may_give(pid_t other)
{
	struct iovec iov = { .iov_base = "", .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	union any_control control = { };
	int sv[2];

	put_control(&control, &msg, CREDENTIALS, other);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) ||
	    sendmsg(sv[0], &msg, 0) != 1)
		return cannot("no credentials of another process", errno,
			      "run as root");
	return NULL;
}

/* Which bytes came with which control */
struct received {
	struct control_seen seen;
	pid_t other;
	long named;		/* bytes with its credentials */
	long files, first;	/* and the byte that the first file came with */
};

static void take(struct control_seen *seen, struct msghdr *msg, long at,
		 long len)
{
	struct received *r = (struct received *)seen;
	struct stat meant, came;
	struct cmsghdr *cmsg;
	struct ucred cred;
	int fd;

	fstat(STDIN_FILENO, &meant);
	for (cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_type == SCM_RIGHTS) {
			memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
			if (!fstat(fd, &came) && came.st_ino == meant.st_ino &&
			    !r->files++)
				r->first = at;
			close(fd);
		} else {
			memcpy(&cred, CMSG_DATA(cmsg), sizeof(cred));
			r->named += cred.pid == r->other ? len : 0;
		}
	}
}

/* The data was acknowledged, so what timestamps are due are there */
static const char *tell_timestamps(struct side *side, int tx)
{
	const char *wrong = tcp_acked(tx);
	bool last = false;
	long id;

	while (!wrong && (id = next_id(tx, SO_EE_ORIGIN_TIMESTAMPING)) >= 0) {
		if (id == LENGTH - 1)
			last = true;
		else
			side->early++;
	}
	tell(&side->story, last ? ", a timestamp of the last byte" :
	     ", no timestamp of the last byte");
	return wrong;
}

/* One side of a case: a message that is read after it was found to wait */
static const char *send_one(struct io_uring *ring, const struct row *row,
			    const int *sv, pid_t other, struct side *side)
{
	static char data[LENGTH];
	struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) };
	struct call call = {
		.ring = ring, .opcode = row->opcode, .fd = sv[0],
		.flags = MSG_WAITALL | MSG_NOSIGNAL,
		.msg = { .msg_iov = &iov, .msg_iovlen = 1 },
	};
	struct received received = { .seen.take = take, .other = other };
	struct story came = { };
	union any_control control = { };
	const char *wrong;

	payload(data, sizeof(data));
	put_control(&control, &call.msg, row->what, other);
	wrong = call_start(&call) ?:
		call_drain(&call, sv[1], &received.seen, &came) ?:
		call_end(&call, &side->story);
	tell(&side->story, "%s", came.text);
	if (row->what == FILES)
		tell(&side->story, ", the file %ld times, from byte %ld on",
		     received.files, received.first);
	if (row->what == CREDENTIALS)
		tell(&side->story, ", credentials with %ld", received.named);
	return !wrong && row->tcp ? tell_timestamps(side, sv[0]) : wrong;
}

TEST_F(repeated_control, short_send)
{
	const struct row *row = &variant->row;
	struct twins *t = &self->twins;

	if (!possible(twin_ring(&t->ring, row->opcode)) ||
	    !possible(open_ends(row, t->call)) ||
	    !possible(open_ends(row, t->fds)) || !possible(goes_on(&t->ring)))
		return;
	ASSERT_WELL(send_one(NULL, row, t->call, 0, &t->by_call));
	ASSERT_WELL(send_one(&t->ring, row, t->fds, 0, &t->by_ring));
	ASSERT_SAME("repeated-control", call_name(row->opcode), row->socket,
		    &t->by_call.story, &t->by_ring.story);
}

TEST_F(cut_control, short_send)
{
	const struct row *row = &variant->row;
	const pid_t other = row->what == CREDENTIALS ? getppid() : 0;
	struct twins *t = &self->twins;

	if (!possible(twin_ring(&t->ring, row->opcode)) ||
	    !possible(row->what == CREDENTIALS ? may_give(other) : NULL) ||
	    !possible(open_ends(row, t->call)) ||
	    !possible(open_ends(row, t->fds)) || !possible(goes_on(&t->ring)))
		return;
	ASSERT_WELL(send_one(NULL, row, t->call, other, &t->by_call));
	ASSERT_WELL(send_one(&t->ring, row, t->fds, other, &t->by_ring));
	ASSERT_SAME("cut-control", call_name(row->opcode), row->socket,
		    &t->by_call.story, &t->by_ring.story);
	if (t->by_ring.early != t->by_call.early)
		differs(EARLY_TIMESTAMPS, t->by_call.early, t->by_ring.early);
}

TEST_HARNESS_MAIN
