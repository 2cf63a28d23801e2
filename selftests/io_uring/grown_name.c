// SPDX-License-Identifier: GPL-2.0
/*
 * grown-name: a receive writes the length of the sender's name to msg_namelen,
 * which had the size of the buffer. The next issue has to start from that size
 * again; a kernel that takes the length of the last name for it, or writes the
 * length although it has no name any more, loses the name.
 *
 * Proved: a recvmsg with MSG_WAITALL that gets its data in parts, or a part and
 * then the end, has the same msg_name and msg_namelen as recvmsg(2), blocking;
 * and the next receive gives the same.
 *
 * An AF_UNIX stream whose sender is bound has a name for each part and none for
 * the end. The other sockets have none at all, or one message and no parts.
 *
 * The buffer has room for any name: with a smaller one the kernels that have
 * the defect may write behind it, which this test does not do.
 *
 * Needs: /proc; a network namespace, for its lo.
 * Exit code: 0 all passed or skipped, 1 a case failed (kselftest harness).
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/un.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "report.h"
#include "twin.h"

#define PART		100
#define MOST_PARTS	3	/* the buffer's size */

SHARE_NETNS()

FIXTURE(grown_name)
{
	struct io_uring ring;
	struct story by_call, by_ring;
	long call_res, ring_res;
};

FIXTURE_VARIANT(grown_name)
{
	const char *socket;
	int family, type;
	bool unbound;		/* the sender has no name */
	unsigned int parts;
	bool end;		/* then the sender closes */
	bool control;		/* a buffer for control messages, too */
};

FIXTURE_SETUP(grown_name)
{
}

FIXTURE_TEARDOWN(grown_name)
{
}

FIXTURE_VARIANT_ADD(grown_name, unix_stream_part_end_recvmsg) {
	.socket = "AF_UNIX stream, a part and the end",
	.family = AF_UNIX,
	.type = SOCK_STREAM,
	.parts = 1,
	.end = true,
};

FIXTURE_VARIANT_ADD(grown_name, unix_stream_two_parts_end_recvmsg) {
	.socket = "AF_UNIX stream, two parts and the end",
	.family = AF_UNIX,
	.type = SOCK_STREAM,
	.parts = 2,
	.end = true,
};

/* A reference has the same name with each issue, or one issue that names */
FIXTURE_VARIANT_ADD(grown_name, reference_unix_stream_parts_recvmsg) {
	.socket = "AF_UNIX stream, all in parts",
	.family = AF_UNIX,
	.type = SOCK_STREAM,
	.parts = MOST_PARTS,
};

FIXTURE_VARIANT_ADD(grown_name, reference_unix_stream_unbound_recvmsg) {
	.socket = "AF_UNIX stream, sender not bound",
	.family = AF_UNIX,
	.type = SOCK_STREAM,
	.unbound = true,
	.parts = 1,
	.end = true,
};

FIXTURE_VARIANT_ADD(grown_name, reference_unix_stream_control_recvmsg) {
	.socket = "AF_UNIX stream, with a control buffer",
	.family = AF_UNIX,
	.type = SOCK_STREAM,
	.parts = MOST_PARTS,
	.control = true,
};

FIXTURE_VARIANT_ADD(grown_name, reference_unix_dgram_recvmsg) {
	.socket = "AF_UNIX datagram",
	.family = AF_UNIX,
	.type = SOCK_DGRAM,
	.parts = 1,
};

FIXTURE_VARIANT_ADD(grown_name, reference_udp_recvmsg) {
	.socket = "udp4",
	.family = AF_INET,
	.type = SOCK_DGRAM,
	.parts = 1,
};

FIXTURE_VARIANT_ADD(grown_name, reference_tcp_recvmsg) {
	.socket = "tcp, a part and the end",
	.family = AF_INET,
	.type = SOCK_STREAM,
	.parts = 1,
	.end = true,
};

/* sv[0] sends to sv[1]; both have a name of their own unless unbound */
static const char *open_ends(int family, int type, bool unbound, int *sv)
{
	struct sockaddr_storage at = { .ss_family = family };
	socklen_t size = family == AF_UNIX ? sizeof(sa_family_t) :
					     sizeof(struct sockaddr_in);
	struct sockaddr_storage own = at;
	socklen_t len = sizeof(at);
	int fd = socket(family, type | SOCK_CLOEXEC, 0);

	sv[0] = socket(family, type | SOCK_CLOEXEC, 0);
	sv[1] = fd;
	if (fd < 0 || bind(fd, (void *)&at, size) ||
	    (type == SOCK_STREAM && listen(fd, 1)) ||
	    getsockname(fd, (void *)&at, &len) ||
	    (!unbound && bind(sv[0], (void *)&own, size)) ||
	    connect(sv[0], (void *)&at, len))
		return cannot("no socket of that family", errno,
			      "build the kernel with it");
	if (type == SOCK_STREAM) {
		sv[1] = accept(fd, NULL, NULL);
		close(fd);
	}
	return limit_time(sv[1]);
}

static void tell_name(struct story *story, const struct msghdr *msg,
		      const struct sockaddr_storage *from, socklen_t len)
{
	struct sockaddr_storage none;

	memset(&none, 0xff, sizeof(none));
	if (msg->msg_namelen == len && !memcmp(msg->msg_name, from, len))
		tell(story, ", the sender's name");
	else if (!msg->msg_namelen)
		tell(story, ", msg_namelen 0");
	else
		tell(story, ", msg_namelen %u where the sender's is %u",
		     msg->msg_namelen, len);
	if (!memcmp(msg->msg_name, &none, sizeof(none)))
		tell(story, ", nothing written");
}

/* What is sent one after another is received, and then perhaps the end */
static const char *send_parts(struct call *call, int *sv, unsigned int parts,
			      bool end)
{
	char data[MOST_PARTS * PART];
	const char *wrong = NULL;
	unsigned int i;

	payload(data, sizeof(data));
	for (i = 0; i < parts && !wrong; i++) {
		if (send(sv[0], data + i * PART, PART, 0) != PART)
			return reason("cannot send: %s", errno_name(errno));
		/* What a call with control leaves is for the next */
		if (!call->msg.msg_control || !i)
			wrong = call_taken(call);
	}
	if (end)
		close(sv[0]);
	return wrong;
}

/* One side of a case: received before it is sent; told is what came */
static const char *receive(struct io_uring *ring, int *sv, unsigned int parts,
			   bool end, bool control, struct story *story, long *res)
{
	char data[MOST_PARTS * PART], room[64];
	struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) };
	struct sockaddr_storage from, name;
	socklen_t len = sizeof(from);
	struct story result = { };
	struct call call = {
		.ring = ring, .opcode = IORING_OP_RECVMSG, .fd = sv[1],
		.flags = MSG_WAITALL,
		.msg = {
			.msg_name = &name, .msg_namelen = sizeof(name),
			.msg_iov = &iov, .msg_iovlen = 1,
		},
	};
	const char *wrong;

	memset(&name, 0xff, sizeof(name));
	getsockname(sv[0], (void *)&from, &len);
	if (control) {
		call.msg.msg_control = room;
		call.msg.msg_controllen = sizeof(room);
	}
	wrong = call_start(&call) ?: send_parts(&call, sv, parts, end) ?:
		call_end(&call, &result);
	if (wrong)
		return wrong;
	*res = call.res;
	if (call.res < 0 || !control)
		tell(story, "%s", result.text);
	tell_data(story, data, call.res < 0 || control ? 0 : call.res, 0);
	tell_name(story, &call.msg, &from, len);
	if (end)
		tell(story, ", next %zd", recv(sv[1], data, sizeof(data),
					       MSG_DONTWAIT));
	return NULL;
}

TEST_F(grown_name, waitall)
{
	int call[2], ring[2];

	if (!possible(netns_once()) ||
	    !possible(twin_ring(&self->ring, IORING_OP_RECVMSG)) ||
	    !possible(goes_on(&self->ring)) ||
	    !possible(open_ends(variant->family, variant->type,
				variant->unbound, call)) ||
	    !possible(open_ends(variant->family, variant->type,
				variant->unbound, ring)))
		return;
	ASSERT_WELL(receive(NULL, call, variant->parts, variant->end,
			    variant->control, &self->by_call, &self->call_res));
	ASSERT_WELL(receive(&self->ring, ring, variant->parts, variant->end,
			    variant->control, &self->by_ring, &self->ring_res));
	ASSERT_SAME("grown-name", "recvmsg", variant->socket, &self->by_call,
		    &self->by_ring);
	if (self->call_res != self->ring_res)
		differs(FIRST_PART, self->call_res, self->ring_res);
}

TEST_HARNESS_MAIN
