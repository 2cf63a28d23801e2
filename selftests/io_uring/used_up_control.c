// SPDX-License-Identifier: GPL-2.0
/*
 * used-up-control: what a receive writes to the control buffer moves msg_control
 * on and makes msg_controllen smaller, also in an attempt that ends with
 * -EAGAIN. The next issue has to find the whole buffer again; a kernel that goes
 * on behind shows credentials of nobody, and loses descriptors.
 *
 * Proved: the control of a recvmsg that was submitted before there was anything
 * to receive is that of recvmsg(2), blocking: the same messages with the same
 * contents, the same flags, and no descriptor installed that no message shows;
 * and the next receive finds nothing more.
 *
 * An AF_UNIX stream with SO_PASSCRED writes credentials in any case. The other
 * sockets write nothing before there is a message, and must stay right.
 *
 * Needs: /proc.
 * Exit code: 0 all passed or skipped, 1 a case failed (kselftest harness).
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "report.h"
#include "twin.h"

#define LENGTH		100
#define ROOM		256	/* of the control buffer, more than enough */
#define MOST_FILES	2
#define LOOKED_AT	256	/* descriptors */

/* A lo that is up, if that takes no user namespace: it would hide the uid */
static void __attribute__((constructor)) own_lo(void)
{
	if (!geteuid())
		netns_share();
}

FIXTURE(used_up_control)
{
	struct io_uring ring;
	struct story by_call, by_ring;
	int file;
};

FIXTURE_VARIANT(used_up_control)
{
	const char *socket;
	int type;		/* of an AF_UNIX pair, or 0: UDP */
	bool credentials;	/* SO_PASSCRED; for UDP IP_PKTINFO */
	unsigned int files;	/* that the message brings */
	size_t room;
};

FIXTURE_SETUP(used_up_control)
{
	self->file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
}

FIXTURE_TEARDOWN(used_up_control)
{
}

FIXTURE_VARIANT_ADD(used_up_control, unix_stream_credentials) {
	.socket = "AF_UNIX stream, SO_PASSCRED",
	.type = SOCK_STREAM,
	.credentials = true,
	.room = ROOM,
};

FIXTURE_VARIANT_ADD(used_up_control, unix_stream_credentials_exact) {
	.socket = "AF_UNIX stream, SO_PASSCRED, no room to spare",
	.type = SOCK_STREAM,
	.credentials = true,
	.room = CMSG_SPACE(sizeof(struct ucred)),
};

FIXTURE_VARIANT_ADD(used_up_control, unix_stream_both) {
	.socket = "AF_UNIX stream, SO_PASSCRED, SCM_RIGHTS",
	.type = SOCK_STREAM,
	.credentials = true,
	.files = MOST_FILES,
	.room = ROOM,
};

FIXTURE_VARIANT_ADD(used_up_control, unix_stream_both_exact) {
	.socket = "AF_UNIX stream, SO_PASSCRED, SCM_RIGHTS, no room to spare",
	.type = SOCK_STREAM,
	.credentials = true,
	.files = MOST_FILES,
	.room = CMSG_SPACE(sizeof(struct ucred)) +
		CMSG_SPACE(MOST_FILES * sizeof(int)),
};

/* A reference writes no control before there is a message */
FIXTURE_VARIANT_ADD(used_up_control, reference_unix_stream_files) {
	.socket = "AF_UNIX stream, SCM_RIGHTS",
	.type = SOCK_STREAM,
	.files = MOST_FILES,
	.room = ROOM,
};

FIXTURE_VARIANT_ADD(used_up_control, reference_unix_dgram) {
	.socket = "AF_UNIX datagram, SO_PASSCRED, SCM_RIGHTS",
	.type = SOCK_DGRAM,
	.credentials = true,
	.files = MOST_FILES,
	.room = ROOM,
};

FIXTURE_VARIANT_ADD(used_up_control, reference_unix_seqpacket) {
	.socket = "AF_UNIX seqpacket, SO_PASSCRED, SCM_RIGHTS",
	.type = SOCK_SEQPACKET,
	.credentials = true,
	.files = MOST_FILES,
	.room = ROOM,
};

FIXTURE_VARIANT_ADD(used_up_control, reference_udp) {
	.socket = "udp4, IP_PKTINFO",
	.credentials = true,
	.room = ROOM,
};

static const char *open_ends(int type, bool credentials, int *sv)
{
	struct sockaddr_in lo = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(lo);
	const int one = 1;
	int ret;

	if (type) {
		ret = socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, sv);
	} else {
		sv[0] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		sv[1] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		ret = bind(sv[1], (void *)&lo, len) ||
		      getsockname(sv[1], (void *)&lo, &len) ||
		      connect(sv[0], (void *)&lo, len);
	}
	if (!ret && credentials)
		ret = type ? setsockopt(sv[1], SOL_SOCKET, SO_PASSCRED, &one,
					sizeof(one)) :
			     setsockopt(sv[1], SOL_IP, IP_PKTINFO, &one,
					sizeof(one));
	return ret ? cannot("no socket of that family", errno,
			    "build the kernel with it") : limit_time(sv[1]);
}

static const char *send_files(int fd, int file, unsigned int files)
{
	char data[LENGTH];
	struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) };
	union {
		struct cmsghdr cmsg;
		char room[CMSG_SPACE(MOST_FILES * sizeof(int))];
	} control = { };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	unsigned int i;

	payload(data, sizeof(data));
	if (files) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(files * sizeof(int));
		control.cmsg.cmsg_level = SOL_SOCKET;
		control.cmsg.cmsg_type = SCM_RIGHTS;
		control.cmsg.cmsg_len = CMSG_LEN(files * sizeof(int));
		for (i = 0; i < files; i++)
			((int *)CMSG_DATA(&control.cmsg))[i] = file;
	}
	return sendmsg(fd, &msg, 0) == LENGTH ? NULL :
	       reason("cannot send: %s", errno_name(errno));
}

static void tell_files(struct story *story, const struct cmsghdr *cmsg, int file)
{
	const unsigned int n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	const int *fds = (const int *)CMSG_DATA(cmsg);
	struct stat meant, came;
	unsigned int i;

	fstat(file, &meant);
	for (i = 0; i < n; i++) {
		if (fstat(fds[i], &came))
			tell(story, " no file");
		else
			tell(story, came.st_ino == meant.st_ino ?
			     " file" : " another file");
		close(fds[i]);
	}
}

static void tell_control(struct story *story, struct msghdr *msg, int file)
{
	struct cmsghdr *cmsg;
	struct ucred cred;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		memcpy(&cred, CMSG_DATA(cmsg), sizeof(cred));
		if (cmsg->cmsg_level != SOL_SOCKET)
			tell(story, " level %d type %d: %08x %08x",
			     cmsg->cmsg_level, cmsg->cmsg_type, cred.pid,
			     cred.uid);
		else if (cmsg->cmsg_type == SCM_RIGHTS)
			tell_files(story, cmsg, file);
		else if (cred.pid == getpid())
			tell(story, " my pid, uid %d", cred.uid);
		else
			tell(story, " pid %d, uid %d", cred.pid, cred.uid);
	}
	tell(story, msg->msg_flags & MSG_CTRUNC ? ", MSG_CTRUNC" : "");
}

static int descriptors(void)
{
	int fd, n = 0;

	for (fd = 0; fd < LOOKED_AT; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* One side of a case: received before it is sent; told is what came */
static const char *receive(struct io_uring *ring, const int *sv, int file,
			   unsigned int files, size_t room,
			   struct story *story)
{
	char data[2 * LENGTH], control[ROOM] = { };
	struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) };
	struct call call = {
		.ring = ring, .opcode = IORING_OP_RECVMSG, .fd = sv[1],
		.msg = {
			.msg_iov = &iov, .msg_iovlen = 1,
			.msg_control = control, .msg_controllen = room,
		},
	};
	int before = descriptors();
	const char *wrong = call_start(&call) ?: send_files(sv[0], file, files) ?:
			    call_end(&call, story);

	if (wrong)
		return wrong;
	tell_data(story, data, call.res < 0 ? 0 : call.res, 0);
	if (call.res >= 0)
		tell_control(story, &call.msg, file);
	tell(story, ", %d descriptors more", descriptors() - before);
	tell(story, ", next %zd", recv(sv[1], data, sizeof(data), MSG_DONTWAIT));
	return NULL;
}

TEST_F(used_up_control, early)
{
	int call[2], ring[2];

	if (!possible(twin_ring(&self->ring, IORING_OP_RECVMSG)) ||
	    !possible(open_ends(variant->type, variant->credentials,
					   call)) ||
	    !possible(open_ends(variant->type, variant->credentials,
					   ring)))
		return;
	ASSERT_WELL(receive(NULL, call, self->file, variant->files,
			    variant->room, &self->by_call));
	ASSERT_WELL(receive(&self->ring, ring, self->file, variant->files,
			    variant->room, &self->by_ring));
	ASSERT_SAME("used-up-control", "recvmsg", variant->socket,
		    &self->by_call, &self->by_ring);
}

TEST_HARNESS_MAIN
