// SPDX-License-Identifier: GPL-2.0
/*
 * Of coverage: sends on a TCP socket that is full.
 */
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <linux/errqueue.h>

#include "coverage.h"
#include "report.h"
#include "twin.h"

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

const char *coverage_cancelled(struct run *run)
{
	static char data[65536];
	struct iovec iov = { data, sizeof(data) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct io_uring_sqe *sqe;
	const char *wrong;
	int tx, rx, one = 1;
	long id, last = -1;

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
	/* Had the cancelled one kept its id, there would be two by now */
	wrong = wrong ?: tcp_acked(tx);
	while (!wrong && (id = next_id(tx, SO_EE_ORIGIN_ZEROCOPY)) >= 0)
		last = id;
	if (!wrong && last)
		wrong = reason("id %ld instead of 0 for the next", last);
	close(tx);
	close(rx);
	return wrong;
}
