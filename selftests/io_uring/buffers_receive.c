// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <sys/socket.h>

#include "buffers.h"

/*
 * Of a local stream that has ended before: whoever has to be woken up was then,
 * and the task itself does the rest as it waits
 */
#define END_MS		100

#define DATAGRAM	3000

/* Another request, on another socket, takes a buffer of 100 */
static const char *elsewhere(struct pool *p)
{
	const struct row other = { .tcp = false };
	struct io_uring_cqe cqe;
	const char *wrong;
	int sv[2];

	wrong = row_ends(&other, SOCK_DGRAM, sv) ?: row_put(sv[0], 0, 100);
	if (wrong)
		return wrong;
	pool_request(p, IORING_OP_RECV, sv[1], 100, 0)->user_data = 1;
	wrong = ring_submit(&p->ring) ?: pool_complete(p, &cqe, WAIT_MS);
	return wrong ?: cqe.res == 100 && cqe.user_data == 1 ? NULL :
	       "no other request has taken a buffer";
}

/* Another request takes the small buffer, for which this one was cut to fit */
const char *datagram(const struct row *row, struct pool *p,
		     struct story *story)
{
	struct io_uring_cqe cqe = { };
	const char *wrong;
	int sv[2];

	wrong = row_ends(row, SOCK_DGRAM, sv);
	if (!wrong && !p) {
		wrong = row_put(sv[0], 0, DATAGRAM);
		cqe.res = recv(sv[1], row_out, sizeof(row_out), MSG_DONTWAIT);
		tell_res(story, cqe.res);
		tell_data(story, row_out, cqe.res, 0);
		return wrong;
	}
	wrong = wrong ?: pool_add(p, 100, 1) ?: pool_add(p, 4096, 1) ?:
		row_start(row, p, sv[1]) ?: pool_waits(p, row->opcode) ?:
		elsewhere(p) ?: row_put(sv[0], 0, DATAGRAM) ?:
		pool_complete(p, &cqe, WAIT_MS);
	if (wrong)
		return wrong;
	tell_res(story, cqe.res);
	tell_data(story, row_out, pool_take(p, &cqe, row_out), 0);
	return NULL;
}

/* A request that waits, then receives that do not, until nothing is left */
const char *stream(const struct row *row, struct pool *p,
		   struct story *story)
{
	const size_t part = 400;
	struct io_uring_cqe cqe = { };
	const char *wrong;
	size_t got = 0;
	unsigned int i;
	int sv[2];

	wrong = row_ends(row, SOCK_STREAM, sv);
	if (!wrong && p)
		wrong = pool_add(p, row->size, row->count) ?:
			row_start(row, p, sv[1]) ?: pool_waits(p, row->opcode);
	if (!wrong && p && row->overtaken)
		wrong = elsewhere(p);
	for (i = 0; i < row->parts && !wrong; i++) {
		wrong = row_put(sv[0], i * part, part);
		if (wrong || i || !p)
			continue;
		wrong = pool_complete(p, &cqe, WAIT_MS);
		got = pool_take(p, &cqe, row_out);
		if (row->len && got > row->len)
			tell(story, "%d of %zu, ", cqe.res, row->len);
	}
	wrong = wrong ?: row_arrived(row, sv[0]);
	if (row->flags & MSG_PEEK) {
		for (i = 0; i < got && row_out[i] == stream_byte(i); i++)
			;
		tell(story, i == got ? "right, " : "wrong, ");
		got = 0;
		p = NULL;
	}
	while (!wrong && cqe.res >= 0) {
		if (p) {
			pool_request(p, IORING_OP_RECV, sv[1], 0, MSG_DONTWAIT);
			wrong = ring_submit(&p->ring) ?: pool_complete(p, &cqe, WAIT_MS);
			got += pool_take(p, &cqe, row_out + got);
			continue;
		}
		cqe.res = recv(sv[1], row_out + got, part, MSG_DONTWAIT);
		got += cqe.res > 0 ? cqe.res : 0;
	}
	tell_data(story, row_out, got, 0);
	return wrong;
}

/* More parts than one round of a multishot receives, and then the end */
const char *until_end(const struct row *row, struct pool *p,
		      struct story *story)
{
	const size_t total = row->parts * row->size;
	struct io_uring_cqe cqe = { };
	const char *wrong;
	size_t got = 0;
	int sv[2];

	wrong = row_ends(row, SOCK_STREAM, sv);
	if (!wrong && row->early) {
		wrong = row_put(sv[0], 0, total);
		shutdown(sv[0], SHUT_WR);
	}
	if (!wrong && p)
		wrong = pool_add(p, row->size, row->count) ?:
			row_start(row, p, sv[1]);
	if (!wrong && !row->early) {
		wrong = (p ? pool_waits(p, row->opcode) : NULL) ?: row_put(sv[0], 0, total);
		shutdown(sv[0], SHUT_WR);
	}
	wrong = wrong ?: row_arrived(row, sv[0]);
	do {
		cqe.flags = IORING_CQE_F_MORE;
		if (p && !wrong &&
		    pool_complete(p, &cqe, row->tcp ? WAIT_MS : END_MS))
			cqe.res = -ETIME;
		else if (p)
			got += pool_take(p, &cqe, row_out + got);
		else
			cqe.res = recv(sv[1], row_out + got, row->size, MSG_DONTWAIT);
		got += !p && cqe.res > 0 ? cqe.res : 0;
		if (p && !wrong && cqe.res > 0 && !(row->ioprio & MULTISHOT)) {
			wrong = row_start(row, p, sv[1]);
			cqe.flags = IORING_CQE_F_MORE;
		}
	} while (!wrong && cqe.res > 0 && cqe.flags & IORING_CQE_F_MORE);
	tell_data(story, row_out, got, 0);
	tell(story, ", then ");
	tell_res(story, cqe.res);
	return wrong;
}

/*
 * A receive into memory of its own. That by recvmsg() has room for control, once:
 * used_up_control is about an issue before that finds no data.
 */
static void receive(const struct row *row, struct pool *p, int fd, char *data)
{
	static char control[CMSG_SPACE(sizeof(struct ucred))];
	static struct iovec iov;
	static struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct io_uring_sqe *sqe = io_uring_get_sqe(&p->ring);

	iov.iov_base = data;
	iov.iov_len = row->len;
	msg.msg_control = control;
	msg.msg_controllen = sizeof(control);
	if (row->opcode == IORING_OP_RECVMSG)
		io_uring_prep_recvmsg(sqe, fd, &msg, row->flags);
	else
		io_uring_prep_recv(sqe, fd, data, row->len, row->flags);
	sqe->flags = IOSQE_IO_LINK;
	sqe->ioprio = row->ioprio;
}

/* All that was asked for comes, so what is linked behind has to run */
const char *linked(const struct row *row, struct pool *p,
		   struct story *story)
{
	const int one = 1;
	struct io_uring_cqe cqe;
	const char *wrong;
	char data[100];
	int sv[2], i;

	wrong = row_ends(row, SOCK_STREAM, sv);
	if (row->credentials)
		setsockopt(sv[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one));
	if (!wrong && !p) {
		wrong = row_put(sv[0], 0, row->len);
		tell_res(story, recv(sv[1], data, row->len, row->flags));
		tell(story, ", then 0");
	}
	if (wrong || !p)
		return wrong;
	receive(row, p, sv[1], data);
	io_uring_prep_nop(io_uring_get_sqe(&p->ring));
	wrong = ring_submit(&p->ring) ?: pool_waits(p, row->opcode) ?:
		row_put(sv[0], 0, row->len);
	for (i = 0; i < 2 && !wrong; i++) {
		wrong = pool_complete(p, &cqe, WAIT_MS);
		tell(story, i ? ", then " : "");
		tell_res(story, cqe.res);
	}
	return wrong;
}

/* Each datagram of a multishot receive is received like the first */
const char *alike(const struct row *row, struct pool *p,
		  struct story *story)
{
	struct io_uring_cqe cqe;
	const char *wrong;
	int sv[2], i;

	wrong = row_ends(row, SOCK_DGRAM, sv);
	if (!wrong && p)
		wrong = pool_add(p, row->size, row->count) ?:
			row_start(row, p, sv[1]) ?: pool_waits(p, row->opcode);
	for (i = 0; i < 3 && !wrong; i++) {
		wrong = row_put(sv[0], 0, DATAGRAM);
		if (p)
			wrong = wrong ?: pool_complete(p, &cqe, WAIT_MS);
		else
			cqe.res = recv(sv[1], row_out, row->len ?: row->size,
				       MSG_DONTWAIT);
		/* The header of a multishot receive counts */
		if (p && !row->len)
			cqe.res -= sizeof(struct io_uring_recvmsg_out);
		tell(story, i ? ", " : "");
		tell_res(story, cqe.res);
	}
	return wrong;
}
