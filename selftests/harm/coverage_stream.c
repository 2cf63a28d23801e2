// SPDX-License-Identifier: GPL-2.0
/*
 * Of coverage: sends on a TCP socket that is full.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <linux/errqueue.h>

#include "coverage.h"
#include "report.h"

#define STREAM_BYTES	4194304

/* Two ends of a TCP connection; the second one does not read */
static bool connected(int *tx, int *rx)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(at);

	*tx = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	*rx = -1;
	if (!bind(fd, (void *)&at, len) && !listen(fd, 1) &&
	    !getsockname(fd, (void *)&at, &len) &&
	    !connect(*tx, (void *)&at, len))
		*rx = accept(fd, NULL, NULL);
	close(fd);
	return *rx >= 0;
}

const char *coverage_short(struct run *run, bool cancel)
{
	static char data[STREAM_BYTES];
	struct iovec iov = { data, sizeof(data) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct io_uring_sqe *sqe = io_uring_get_sqe(&run->ring);
	const char *wrong;
	int tx, rx;

	if (!connected(&tx, &rx))
		return "no TCP connection";
	ring_prep(sqe, run->op, tx, &msg, MSG_WAITALL);
	wrong = ring_submit(&run->ring) ?:
		ring_await(&run->ring, run->op, 1, 1);
	if (cancel) {
		sqe = io_uring_get_sqe(&run->ring);
		io_uring_prep_cancel64(sqe, 0, 0);
		sqe->user_data = NOT_A_SEND;
		wrong = wrong ?: ring_submit(&run->ring);
	}
	/* With data that has not been read this resets the connection */
	close(rx);
	wrong = wrong ?: ring_collect(&run->ring, run->done, 1);
	close(tx);
	if (!wrong && (run->done[0].res <= 0 ||
		       run->done[0].res >= STREAM_BYTES))
		return reason("%d of %d bytes, which is not a part",
			      run->done[0].res, STREAM_BYTES);
	return wrong;
}

/* The id of the first send with MSG_ZEROCOPY that is done; -1: there is none */
static long first_id(int fd)
{
	union {
		struct cmsghdr align;
		char room[256];
	} control;
	struct msghdr msg = { .msg_control = &control, .msg_controllen = sizeof(control) };
	struct pollfd pfd = { .fd = fd };
	struct sock_extended_err *err;

	/* An error is told of without being asked for */
	if (poll(&pfd, 1, 1000) != 1 || recvmsg(fd, &msg, MSG_ERRQUEUE) < 0 ||
	    !CMSG_FIRSTHDR(&msg))
		return -1;
	err = (void *)CMSG_DATA(CMSG_FIRSTHDR(&msg));
	return err->ee_origin == SO_EE_ORIGIN_ZEROCOPY ? (long)err->ee_info : -1;
}

const char *coverage_cancelled(struct run *run)
{
	static char data[65536];
	struct iovec iov = { data, sizeof(data) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct io_uring_sqe *sqe;
	const char *wrong;
	int tx, rx, one = 1;
	long id;

	if (!connected(&tx, &rx))
		return "no TCP connection";
	setsockopt(tx, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one));
	while (send(tx, data, sizeof(data), MSG_DONTWAIT) > 0)
		;
	sqe = io_uring_get_sqe(&run->ring);
	ring_prep(sqe, run->op, tx, &msg, MSG_WAITALL | MSG_ZEROCOPY);
	wrong = ring_submit(&run->ring) ?:
		ring_await(&run->ring, run->op, 1, 1);
	sqe = io_uring_get_sqe(&run->ring);
	io_uring_prep_cancel64(sqe, 0, 0);
	sqe->user_data = NOT_A_SEND;
	wrong = wrong ?: ring_submit(&run->ring) ?:
		ring_collect(&run->ring, run->done, 1);
	while (recv(rx, data, sizeof(data), MSG_DONTWAIT) > 0)
		;
	if (!wrong && run->done[0].res != -ECANCELED)
		wrong = reason("%d instead of -ECANCELED", run->done[0].res);
	if (!wrong && send(tx, data, 1, MSG_ZEROCOPY) != 1)
		wrong = reason("cannot send any more: %s", errno_name(errno));
	id = wrong ? 0 : first_id(tx);
	if (id)
		wrong = reason("id %ld instead of 0 for the next", id);
	close(tx);
	close(rx);
	return wrong;
}
