// SPDX-License-Identifier: GPL-2.0
/*
 * unannounced-notification: a zero-copy send posts a notification exactly when
 * its completion has IORING_CQE_F_MORE. Who sees a completion without that flag
 * frees what user_data stands for; a kernel that posts a notification all the
 * same makes him use it again.
 *
 * Proved: of sends that never begin, since the link that they stand in is broken
 * or cannot be prepared, as many notifications come as completions announce.
 * Each one's result is asserted. There is no system call to compare with.
 *
 * The references are sends that are sent, and one that fails without a link.
 *
 * Needs: a network namespace, for its lo.
 * Exit code: 0 all passed or skipped, 1 a case failed (kselftest harness).
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>

#include "kselftest_harness.h"
#include "report.h"
#include "twin.h"

#define SENDS_IN_LINK	2
#define OTHERS		100	/* user_data of what is no send */
#define LAST		50	/* of the send after all others */

enum end {
	END_SENT,			/* the link goes on: a reference */
	END_FAILED,			/* a request ahead fails */
	END_TIMEOUT,		/* a timeout ahead is removed */
	END_BAD,			/* one behind has a flag that does not exist */
	END_BAD_ALONE,		/* it has such a flag itself, and no link */
};

SHARE_NETNS()

FIXTURE(unannounced_notification)
{
	struct io_uring ring;
	struct story announced, came;
	int fd;
	int results[SENDS_IN_LINK];
	unsigned int more, notified;
};

FIXTURE_VARIANT(unannounced_notification)
{
	int opcode;
	enum end end;
	const char *what;
};

FIXTURE_SETUP(unannounced_notification)
{
}

FIXTURE_TEARDOWN(unannounced_notification)
{
}

FIXTURE_VARIANT_ADD(unannounced_notification, reference_send_zc) {
	.opcode = OP_SEND_ZC,
	.end = END_SENT,
	.what = "in a link",
};

FIXTURE_VARIANT_ADD(unannounced_notification, reference_sendmsg_zc) {
	.opcode = IORING_OP_SENDMSG_ZC,
	.end = END_SENT,
	.what = "in a link",
};

FIXTURE_VARIANT_ADD(unannounced_notification, reference_bad_send_zc) {
	.opcode = OP_SEND_ZC,
	.end = END_BAD_ALONE,
	.what = "that cannot be prepared",
};

FIXTURE_VARIANT_ADD(unannounced_notification, reference_bad_sendmsg_zc) {
	.opcode = IORING_OP_SENDMSG_ZC,
	.end = END_BAD_ALONE,
	.what = "that cannot be prepared",
};

FIXTURE_VARIANT_ADD(unannounced_notification, failed_send_zc) {
	.opcode = OP_SEND_ZC,
	.end = END_FAILED,
	.what = "behind a request that fails",
};

FIXTURE_VARIANT_ADD(unannounced_notification, failed_sendmsg_zc) {
	.opcode = IORING_OP_SENDMSG_ZC,
	.end = END_FAILED,
	.what = "behind a request that fails",
};

FIXTURE_VARIANT_ADD(unannounced_notification, timeout_send_zc) {
	.opcode = OP_SEND_ZC,
	.end = END_TIMEOUT,
	.what = "behind a timeout that is removed",
};

FIXTURE_VARIANT_ADD(unannounced_notification, timeout_sendmsg_zc) {
	.opcode = IORING_OP_SENDMSG_ZC,
	.end = END_TIMEOUT,
	.what = "behind a timeout that is removed",
};

FIXTURE_VARIANT_ADD(unannounced_notification, bad_send_zc) {
	.opcode = OP_SEND_ZC,
	.end = END_BAD,
	.what = "in a link that cannot be prepared",
};

FIXTURE_VARIANT_ADD(unannounced_notification, bad_sendmsg_zc) {
	.opcode = IORING_OP_SENDMSG_ZC,
	.end = END_BAD,
	.what = "in a link that cannot be prepared",
};

/* A UDP socket that sends to itself */
static const char *open_udp(int *fd)
{
	struct sockaddr_in lo = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(lo);

	*fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (bind(*fd, (void *)&lo, len) || getsockname(*fd, (void *)&lo, &len) ||
	    connect(*fd, (void *)&lo, len))
		return cannot("no UDP socket", errno,
			      "build the kernel with CONFIG_INET");
	return NULL;
}

static struct io_uring_sqe *queue(struct io_uring *ring, int opcode, int fd,
				  unsigned int index)
{
	static char data[100];
	static struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) };
	static const struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	io_uring_prep_sendmsg(sqe, fd, &msg, 0);
	if (opcode == OP_SEND_ZC) {
		sqe->addr = (unsigned long)data;
		sqe->len = sizeof(data);
	}
	sqe->opcode = opcode;
	sqe->user_data = index;
	return sqe;
}

/* What stands at the head of the link, and lets it go on or not */
static void queue_head(struct io_uring *ring, enum end end)
{
	static struct __kernel_timespec hour = { .tv_sec = 3600 };
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	if (end == END_TIMEOUT)
		io_uring_prep_timeout(sqe, &hour, 0, 0);
	else if (end == END_FAILED)
		io_uring_prep_cancel64(sqe, OTHERS, 0);
	else
		io_uring_prep_nop(sqe);
	sqe->user_data = OTHERS + 1;
	sqe->flags |= IOSQE_IO_LINK;
}

static void queue_link(struct io_uring *ring, int opcode, int fd, enum end end)
{
	struct io_uring_sqe *sqe;
	unsigned int i;

	if (end != END_BAD_ALONE)
		queue_head(ring, end);
	for (i = 0; i < SENDS_IN_LINK; i++) {
		sqe = queue(ring, opcode, fd, i);
		if (i + 1 < SENDS_IN_LINK && end != END_BAD_ALONE)
			sqe->flags |= IOSQE_IO_LINK;
		if (end == END_BAD_ALONE || (end == END_BAD && i + 1 == SENDS_IN_LINK))
			sqe->ioprio = 1 << 15;
		/* What fails ends the submission of what is behind */
		if (end == END_BAD_ALONE)
			io_uring_submit(ring);
	}
	if (end == END_TIMEOUT) {
		sqe = io_uring_get_sqe(ring);
		io_uring_prep_timeout_remove(sqe, OTHERS + 1, 0);
		sqe->user_data = OTHERS + 2;
	}
	if (end != END_BAD_ALONE)
		io_uring_submit(ring);
}

/*
 * The last send is submitted once the others have completed, so that it is
 * notified of after all of them. Submitted along with them it may be first.
 */
static const char *collect(struct io_uring *ring, int opcode, int fd,
			   int *results, unsigned int *more,
			   unsigned int *notified)
{
	struct __kernel_timespec ts = { .tv_sec = WAIT_MS / 1000 };
	unsigned int left = SENDS_IN_LINK;
	struct io_uring_cqe *cqe;
	bool last = false;

	while (!last) {
		if (io_uring_wait_cqe_timeout(ring, &cqe, &ts))
			return "no completion within 10 s";
		if (cqe->user_data == LAST) {
			last = cqe->flags & IORING_CQE_F_NOTIF;
			if (!last && !(cqe->flags & IORING_CQE_F_MORE))
				return "the last send was not announced";
		} else if (cqe->user_data >= OTHERS) {
			;
		} else if (cqe->flags & IORING_CQE_F_NOTIF) {
			(*notified)++;
		} else {
			results[cqe->user_data] = cqe->res;
			*more += !!(cqe->flags & IORING_CQE_F_MORE);
			if (!--left) {
				queue(ring, opcode, fd, LAST);
				io_uring_submit(ring);
			}
		}
		io_uring_cqe_seen(ring, cqe);
	}
	return NULL;
}

TEST_F(unannounced_notification, broken_link)
{
	const bool bad = variant->end == END_BAD || variant->end == END_BAD_ALONE;
	int i, first, last;

	if (!possible(netns_once()) ||
	    !possible(twin_ring(&self->ring, variant->opcode)) ||
	    !possible(open_udp(&self->fd)))
		return;
	queue_link(&self->ring, variant->opcode, self->fd, variant->end);
	ASSERT_WELL(collect(&self->ring, variant->opcode, self->fd,
			    self->results, &self->more, &self->notified));

	first = variant->end == END_SENT ? 100 : -ECANCELED;
	last = bad ? -EINVAL : first;
	for (i = 0; i < SENDS_IN_LINK - 1; i++)
		ASSERT_EQ(variant->end == END_BAD_ALONE ? last : first,
			  self->results[i]);
	ASSERT_EQ(last, self->results[i]);

	tell(&self->announced, "%u notifications", self->more);
	tell(&self->came, "%u notifications", self->notified);
	ASSERT_SAME("unannounced-notification", call_name(variant->opcode),
		    variant->what, &self->announced, &self->came);
}

TEST_HARNESS_MAIN
