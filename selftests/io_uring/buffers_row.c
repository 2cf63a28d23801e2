// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <sys/socket.h>

#include "buffers.h"

char row_out[POOL_ROOM];

const char *row_start(const struct row *row, struct pool *p, int fd)
{
	static struct iovec iov;
	static struct msghdr msg = { .msg_iov = &iov };
	struct io_uring_sqe *sqe = pool_request(p, row->opcode, fd, row->len,
					   row->flags);

	sqe->ioprio = row->ioprio;
	sqe->flags |= row->async ? IOSQE_ASYNC : 0;
	if (row->opcode == IORING_OP_RECVMSG) {
		iov.iov_len = row->len;
		msg.msg_iovlen = row->len ? 1 : 0;
		sqe->addr = (unsigned long)&msg;
		sqe->len = 1;
	}
	return ring_submit(&p->ring);
}

const char *row_ends(const struct row *row, int type, int *sv)
{
	if (row->tcp)
		return netns_once() ?: tcp_pair(sv);
	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, sv))
		return cannot("no AF_UNIX socket", errno,
			      "build the kernel with CONFIG_UNIX");
	return limit_time(sv[0]) ?: limit_time(sv[1]);
}

const char *row_arrived(const struct row *row, int fd)
{
	return row->tcp ? tcp_acked(fd) : NULL;
}

const char *row_put(int fd, size_t at, size_t len)
{
	static char data[STREAM_TOTAL];
	size_t i;

	for (i = 0; i < len; i++)
		data[i] = stream_byte(at + i);
	return send(fd, data, len, 0) == (ssize_t)len ? NULL :
	       reason("cannot send: %s", errno_name(errno));
}

void tell_res(struct story *story, long res)
{
	if (res < 0)
		tell(story, "-%s", errno_name(-res));
	else
		tell(story, "%ld", res);
}

size_t row_drain(int fd, size_t got)
{
	ssize_t len;

	do {
		len = recv(fd, row_out + got, sizeof(row_out) - got, MSG_DONTWAIT);
		got += len > 0 ? len : 0;
	} while (len > 0);
	return got;
}
