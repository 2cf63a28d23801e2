// SPDX-License-Identifier: GPL-2.0
/*
 * buffers: with IOSQE_BUFFER_SELECT a request takes its buffer when it is
 * issued, and perhaps another one when it is issued again. A kernel that keeps
 * something of the first, counts more than was used, or goes on where it must
 * not, cuts datagrams, leaves holes in streams, or sends what was not asked for.
 *
 * Proved: the bytes that an application finds by following the completions are
 * those that the system call receives or sends, in order and without a gap.
 * Where there is no such call, io_uring_register_buf_ring(3) promises that an
 * incremental buffer goes on behind the last completion, and
 * io_uring_prep_send(3) and io_uring_prep_recv(3) that a bundle has used the
 * buffers that its result fills, from the first one on.
 *
 * Each row is named after a way to go wrong. The references take another opcode
 * or a length that hides it.
 *
 * Needs: /proc; a network namespace, for its lo.
 * Exit code: 0 all passed or skipped, 1 a case failed (kselftest harness).
 */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "pool.h"
#include "report.h"
#include "twin.h"

/*
 * Of a local stream that has ended before: whoever has to be woken up was then,
 * and the task itself does the rest as it waits
 */
#define END_MS		100

SHARE_NETNS()

struct row {
	const char *what;
	const char *(*scene)(const struct row *row, struct pool *pool,
			     struct story *story);
	enum kind kind;
	int opcode;
	bool tcp;		/* or AF_UNIX */
	bool async;		/* IOSQE_ASYNC */
	unsigned int ioprio;
	int flags;
	size_t len;		/* asked for; 0: as long as the buffers are */
	size_t size;		/* of a buffer */
	unsigned int count;	/* of buffers */
	unsigned int parts;	/* that are sent, one after another */
	bool early;		/* or before the request */
	bool once;		/* not until all is sent */
	bool full;		/* the socket is, at first */
	bool overtaken;		/* another request takes the next buffer */
	bool credentials;	/* SO_PASSCRED */
	enum how how;		/* HOW_DEFER: retried when all has happened */
};

FIXTURE(buffers)
{
	struct pool pool;
	struct story by_call, by_ring;
};

FIXTURE_VARIANT(buffers)
{
	struct row row;
};

FIXTURE_SETUP(buffers)
{
}

FIXTURE_TEARDOWN(buffers)
{
}

static char out[POOL_ROOM];		/* what came, in order */

/* The request that a row is about */
static const char *start(const struct row *row, struct pool *p, int fd)
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

static const char *open_ends(const struct row *row, int type, int *sv)
{
	if (row->tcp)
		return netns_once() ?: tcp_pair(sv);
	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, sv))
		return cannot("no AF_UNIX socket", errno,
			      "build the kernel with CONFIG_UNIX");
	return limit_time(sv[0]) ?: limit_time(sv[1]);
}

/* What was sent over lo takes its time, and a receive that doesn't wait misses it */
static const char *arrived(const struct row *row, int fd)
{
	return row->tcp ? tcp_acked(fd) : NULL;
}

static const char *put(int fd, size_t at, size_t len)
{
	static char data[STREAM_TOTAL];
	size_t i;

	for (i = 0; i < len; i++)
		data[i] = stream_byte(at + i);
	return send(fd, data, len, 0) == (ssize_t)len ? NULL :
	       reason("cannot send: %s", errno_name(errno));
}

static void tell_res(struct story *story, long res)
{
	if (res < 0)
		tell(story, "-%s", errno_name(-res));
	else
		tell(story, "%ld", res);
}

#define DATAGRAM	3000

/* Another request, on another socket, takes a buffer of 100 */
static const char *elsewhere(struct pool *p)
{
	const struct row other = { .tcp = false };
	struct io_uring_cqe cqe;
	const char *wrong;
	int sv[2];

	wrong = open_ends(&other, SOCK_DGRAM, sv) ?: put(sv[0], 0, 100);
	if (wrong)
		return wrong;
	pool_request(p, IORING_OP_RECV, sv[1], 100, 0)->user_data = 1;
	wrong = ring_submit(&p->ring) ?: pool_complete(p, &cqe, WAIT_MS);
	return wrong ?: cqe.res == 100 && cqe.user_data == 1 ? NULL :
	       "no other request has taken a buffer";
}

/* Another request takes the small buffer, for which this one was cut to fit */
static const char *datagram(const struct row *row, struct pool *p,
			    struct story *story)
{
	struct io_uring_cqe cqe = { };
	const char *wrong;
	int sv[2];

	wrong = open_ends(row, SOCK_DGRAM, sv);
	if (!wrong && !p) {
		wrong = put(sv[0], 0, DATAGRAM);
		cqe.res = recv(sv[1], out, sizeof(out), MSG_DONTWAIT);
		tell_res(story, cqe.res);
		tell_data(story, out, cqe.res, 0);
		return wrong;
	}
	wrong = wrong ?: pool_add(p, 100, 1) ?: pool_add(p, 4096, 1) ?:
		start(row, p, sv[1]) ?: pool_waits(p, row->opcode) ?:
		elsewhere(p) ?: put(sv[0], 0, DATAGRAM) ?:
		pool_complete(p, &cqe, WAIT_MS);
	if (wrong)
		return wrong;
	tell_res(story, cqe.res);
	tell_data(story, out, pool_take(p, &cqe, out), 0);
	return NULL;
}

/* A request that waits, then receives that do not, until nothing is left */
static const char *stream(const struct row *row, struct pool *p,
			  struct story *story)
{
	const size_t part = 400;
	struct io_uring_cqe cqe = { };
	const char *wrong;
	size_t got = 0;
	unsigned int i;
	int sv[2];

	wrong = open_ends(row, SOCK_STREAM, sv);
	if (!wrong && p)
		wrong = pool_add(p, row->size, row->count) ?:
			start(row, p, sv[1]) ?: pool_waits(p, row->opcode);
	if (!wrong && p && row->overtaken)
		wrong = elsewhere(p);
	for (i = 0; i < row->parts && !wrong; i++) {
		wrong = put(sv[0], i * part, part);
		if (wrong || i || !p)
			continue;
		wrong = pool_complete(p, &cqe, WAIT_MS);
		got = pool_take(p, &cqe, out);
		if (row->len && got > row->len)
			tell(story, "%d of %zu, ", cqe.res, row->len);
	}
	wrong = wrong ?: arrived(row, sv[0]);
	if (row->flags & MSG_PEEK) {
		for (i = 0; i < got && out[i] == stream_byte(i); i++)
			;
		tell(story, i == got ? "right, " : "wrong, ");
		got = 0;
		p = NULL;
	}
	while (!wrong && cqe.res >= 0) {
		if (p) {
			pool_request(p, IORING_OP_RECV, sv[1], 0, MSG_DONTWAIT);
			wrong = ring_submit(&p->ring) ?: pool_complete(p, &cqe, WAIT_MS);
			got += pool_take(p, &cqe, out + got);
			continue;
		}
		cqe.res = recv(sv[1], out + got, part, MSG_DONTWAIT);
		got += cqe.res > 0 ? cqe.res : 0;
	}
	tell_data(story, out, got, 0);
	return wrong;
}

/* Whatever has come, behind what did before */
static size_t drain(int fd, size_t got)
{
	ssize_t len;

	do {
		len = recv(fd, out + got, sizeof(out) - got, MSG_DONTWAIT);
		got += len > 0 ? len : 0;
	} while (len > 0);
	return got;
}

/* All completions of one request; what is left of a buffer goes by hand */
static const char *send_some(const struct row *row, struct pool *p, int *sv,
			     size_t *got, struct io_uring_cqe *cqe)
{
	static char sent[POOL_ROOM];
	const char *wrong = start(row, p, sv[0]);
	unsigned int last;
	long sum = 0;

	if (!wrong && row->full && !*got) {
		wrong = pool_waits(p, row->opcode);
		*got = drain(sv[1], *got);
	}
	do {
		wrong = wrong ?: pool_complete(p, cqe, WAIT_MS);
		if (wrong)
			return wrong;
		pool_take(p, cqe, sent);
		*got = drain(sv[1], *got);
		sum += cqe->res;
	} while (cqe->flags & IORING_CQE_F_MORE);
	if (cqe->res >= 0)
		cqe->res = sum;
	last = p->next - 1;
	if (p->kind == INCREMENTAL || cqe->res <= 0 || row->once ||
	    p->at[last] == p->len[last])
		return NULL;
	if (send(sv[0], p->base[last] + p->at[last], p->len[last] - p->at[last],
		 0) < 0)
		return reason("cannot send: %s", errno_name(errno));
	*got = drain(sv[1], *got);
	return NULL;
}

static const char *sends(const struct row *row, struct pool *p,
			 struct story *story)
{
	const size_t total = row->once && row->len ? row->len :
			     row->size * row->count;
	struct io_uring_cqe cqe = { };
	size_t front = 0, got = 0;
	const char *wrong;
	int sv[2];

	wrong = open_ends(row, SOCK_STREAM, sv);
	if (!wrong && p)
		wrong = pool_add(p, row->size, row->count);
	if (wrong)
		return wrong;
	if (row->full)
		while (send(sv[0], (char []){ stream_byte(front) }, 1,
			    MSG_DONTWAIT) == 1)
			front++;
	for (got = 0; got < total; got++)
		pool_room[got] = stream_byte(front + got);
	for (got = 0; got < front + total && cqe.res >= 0;) {
		if (p) {
			wrong = send_some(row, p, sv, &got, &cqe);
		} else {
			got = drain(sv[1], got);
			cqe.res = send(sv[0], pool_room + got - front,
				       front + total - got, MSG_DONTWAIT);
			got = drain(sv[1], got);
		}
		if (wrong || row->once)
			break;
	}
	if (row->once || cqe.res < 0)
		tell_res(story, cqe.res);
	tell_data(story, out + front, got - front, front);
	return wrong;
}

/* More parts than one round of a multishot receives, and then the end */
static const char *until_end(const struct row *row, struct pool *p,
			     struct story *story)
{
	const size_t total = row->parts * row->size;
	struct io_uring_cqe cqe = { };
	const char *wrong;
	size_t got = 0;
	int sv[2];

	wrong = open_ends(row, SOCK_STREAM, sv);
	if (!wrong && row->early) {
		wrong = put(sv[0], 0, total);
		shutdown(sv[0], SHUT_WR);
	}
	if (!wrong && p)
		wrong = pool_add(p, row->size, row->count) ?:
			start(row, p, sv[1]);
	if (!wrong && !row->early) {
		wrong = (p ? pool_waits(p, row->opcode) : NULL) ?: put(sv[0], 0, total);
		shutdown(sv[0], SHUT_WR);
	}
	wrong = wrong ?: arrived(row, sv[0]);
	do {
		cqe.flags = IORING_CQE_F_MORE;
		if (p && !wrong &&
		    pool_complete(p, &cqe, row->tcp ? WAIT_MS : END_MS))
			cqe.res = -ETIME;
		else if (p)
			got += pool_take(p, &cqe, out + got);
		else
			cqe.res = recv(sv[1], out + got, row->size, MSG_DONTWAIT);
		got += !p && cqe.res > 0 ? cqe.res : 0;
		if (p && !wrong && cqe.res > 0 && !(row->ioprio & MULTISHOT)) {
			wrong = start(row, p, sv[1]);
			cqe.flags = IORING_CQE_F_MORE;
		}
	} while (!wrong && cqe.res > 0 && cqe.flags & IORING_CQE_F_MORE);
	tell_data(story, out, got, 0);
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
static const char *linked(const struct row *row, struct pool *p,
			  struct story *story)
{
	const int one = 1;
	struct io_uring_cqe cqe;
	const char *wrong;
	char data[100];
	int sv[2], i;

	wrong = open_ends(row, SOCK_STREAM, sv);
	if (row->credentials)
		setsockopt(sv[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one));
	if (!wrong && !p) {
		wrong = put(sv[0], 0, row->len);
		tell_res(story, recv(sv[1], data, row->len, row->flags));
		tell(story, ", then 0");
	}
	if (wrong || !p)
		return wrong;
	receive(row, p, sv[1], data);
	io_uring_prep_nop(io_uring_get_sqe(&p->ring));
	wrong = ring_submit(&p->ring) ?: pool_waits(p, row->opcode) ?:
		put(sv[0], 0, row->len);
	for (i = 0; i < 2 && !wrong; i++) {
		wrong = pool_complete(p, &cqe, WAIT_MS);
		tell(story, i ? ", then " : "");
		tell_res(story, cqe.res);
	}
	return wrong;
}

/* Each datagram of a multishot receive is received like the first */
static const char *alike(const struct row *row, struct pool *p,
			 struct story *story)
{
	struct io_uring_cqe cqe;
	const char *wrong;
	int sv[2], i;

	wrong = open_ends(row, SOCK_DGRAM, sv);
	if (!wrong && p)
		wrong = pool_add(p, row->size, row->count) ?:
			start(row, p, sv[1]) ?: pool_waits(p, row->opcode);
	for (i = 0; i < 3 && !wrong; i++) {
		wrong = put(sv[0], 0, DATAGRAM);
		if (p)
			wrong = wrong ?: pool_complete(p, &cqe, WAIT_MS);
		else
			cqe.res = recv(sv[1], out, row->len ?: row->size,
				       MSG_DONTWAIT);
		/* The header of a multishot receive counts */
		if (p && !row->len)
			cqe.res -= sizeof(struct io_uring_recvmsg_out);
		tell(story, i ? ", " : "");
		tell_res(story, cqe.res);
	}
	return wrong;
}

/* An empty piece between two others, and another one if it is a reference */
static const char *pieces(const struct row *row, struct pool *p,
			  struct story *story)
{
	struct iovec all = { .iov_base = pool_room, .iov_len = sizeof(pool_room) };
	struct iovec iov[] = {
		{ .iov_base = pool_room, .iov_len = 100 },
		{ .iov_base = pool_room + 100, .iov_len = row->len },
		{ .iov_base = pool_room + 100 + row->len, .iov_len = 100 },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 3 };
	struct io_uring_cqe cqe = { };
	struct io_uring_sqe *sqe;
	const char *wrong;
	int sv[2];

	payload(pool_room, 1000);
	all.iov_len = 1000;
	wrong = open_ends(row, SOCK_STREAM, sv);
	if (!wrong && p) {
		if (io_uring_register_buffers(&p->ring, &all, 1))
			return "cannot register buffers";
		sqe = io_uring_get_sqe(&p->ring);
		io_uring_prep_sendmsg(sqe, sv[0], &msg, 0);
		sqe->opcode = IORING_OP_SENDMSG_ZC;
		sqe->ioprio = 4;	/* IORING_RECVSEND_FIXED_BUF */
		wrong = ring_submit(&p->ring) ?: pool_complete(p, &cqe, WAIT_MS);
		io_uring_unregister_buffers(&p->ring);
	} else if (!wrong) {
		cqe.res = sendmsg(sv[0], &msg, 0);
	}
	tell_res(story, cqe.res);
	wrong = wrong ?: arrived(row, sv[0]);
	tell_data(story, out, drain(sv[1], 0), 0);
	/* Let go of the data, it is noticed */
	return wrong ?: cqe.flags & IORING_CQE_F_MORE ?
	       pool_complete(p, &cqe, WAIT_MS) : NULL;
}

/* The rows: words, scene, buffers, opcode, and whatever else one sets */

/* Two waiting sockets share a small buffer and a large one */
FIXTURE_VARIANT_ADD(buffers, stuck_length_ring_recv) {
	.row = { "stuck-length, ring", datagram, RING, IORING_OP_RECV,
		 .len = 4096 },
};

FIXTURE_VARIANT_ADD(buffers, stuck_length_incremental_recv) {
	.row = { "stuck-length, incremental", datagram, INCREMENTAL,
		 IORING_OP_RECV, .len = 4096 },
};

FIXTURE_VARIANT_ADD(buffers, stuck_length_classic_recv) {
	.row = { "stuck-length, classic", datagram, CLASSIC, IORING_OP_RECV,
		 .len = 4096 },
};

FIXTURE_VARIANT_ADD(buffers, stuck_length_multishot_recv) {
	.row = { "stuck-length, multishot", datagram, RING, IORING_OP_RECV,
		 .ioprio = MULTISHOT },
};

FIXTURE_VARIANT_ADD(buffers, stuck_read_ring_read) {
	.row = { "stuck-length, read", datagram, RING, IORING_OP_READ,
		 .len = 4096 },
};

FIXTURE_VARIANT_ADD(buffers, reference_stuck_length_recvmsg) {
	.row = { "ring, recvmsg", datagram, RING, IORING_OP_RECVMSG,
		 .len = 4096 },
};

/* An incremental buffer goes on where the last send or receive ended */
FIXTURE_VARIANT_ADD(buffers, gapped_ring_send) {
	.row = { "gapped-ring, short sends", sends, INCREMENTAL, IORING_OP_SEND,
		 .flags = MSG_DONTWAIT, .len = STREAM_TOTAL / 2,
		 .size = STREAM_TOTAL, .count = 1 },
};

FIXTURE_VARIANT_ADD(buffers, gapped_ring_full_send) {
	.row = { "gapped-ring, short sends, the first one waits", sends,
		 INCREMENTAL, IORING_OP_SEND, .len = STREAM_TOTAL / 2,
		 .size = STREAM_TOTAL, .count = 1, .full = true },
};

FIXTURE_VARIANT_ADD(buffers, gapped_receive_async_recv) {
	.row = { "gapped-ring, IOSQE_ASYNC", stream, INCREMENTAL,
		 IORING_OP_RECV, .async = true, .len = 1000, .size = 4096,
		 .count = 2, .parts = 2 },
};

FIXTURE_VARIANT_ADD(buffers, reference_gapped_ring_send) {
	.row = { "incremental, sends that end whole", sends, INCREMENTAL,
		 IORING_OP_SEND, .len = 10000, .size = 100000, .count = 1 },
};

FIXTURE_VARIANT_ADD(buffers, reference_gapped_ring_recv) {
	.row = { "incremental", stream, INCREMENTAL, IORING_OP_RECV,
		 .len = 1000, .size = 4096, .count = 2, .parts = 2 },
};

/* A multishot receive ends with the stream */
FIXTURE_VARIANT_ADD(buffers, missed_end_recv) {
	.row = { "missed-end, AF_UNIX stream", until_end, RING, IORING_OP_RECV,
		 .ioprio = MULTISHOT, .size = 10, .count = MOST_BUFFERS,
		 .parts = 40, .how = HOW_DEFER },
};

FIXTURE_VARIANT_ADD(buffers, queued_end_recv) {
	.row = { "queued-end, AF_UNIX stream", until_end,
		 RING, IORING_OP_RECV, .ioprio = MULTISHOT, .size = 10,
		 .count = MOST_BUFFERS, .parts = 40, .early = true },
};

FIXTURE_VARIANT_ADD(buffers, reference_queued_end_recv) {
	.row = { "AF_UNIX stream, one round", until_end, RING, IORING_OP_RECV,
		 .ioprio = MULTISHOT, .size = 10, .count = MOST_BUFFERS,
		 .parts = 4, .early = true },
};

FIXTURE_VARIANT_ADD(buffers, reference_missed_end_tcp_recv) {
	.row = { "tcp", until_end, RING, IORING_OP_RECV, .tcp = true,
		 .ioprio = MULTISHOT, .size = 10, .count = MOST_BUFFERS,
		 .parts = 40 },
};

FIXTURE_VARIANT_ADD(buffers, missed_wakeup_recv) {
	.row = { "missed-wakeup, AF_UNIX stream", until_end,
		 RING, IORING_OP_RECV, .ioprio = MULTISHOT, .size = 10,
		 .count = MOST_BUFFERS, .parts = 4, .how = HOW_DEFER },
};

FIXTURE_VARIANT_ADD(buffers, reference_missed_wakeup_recv) {
	.row = { "AF_UNIX stream, one at a time", until_end,
		 RING, IORING_OP_RECV, .size = 10, .count = MOST_BUFFERS,
		 .parts = 4, .how = HOW_DEFER },
};

/* io-wq does not refuse a bundle */
FIXTURE_VARIANT_ADD(buffers, refused_bundle_send) {
	.row = { "refused-bundle, IOSQE_ASYNC", sends, RING, IORING_OP_SEND,
		 .async = true, .ioprio = BUNDLE, .size = 100, .count = 4,
		 .once = true },
};

FIXTURE_VARIANT_ADD(buffers, reference_refused_bundle_send) {
	.row = { "bundle", sends, RING, IORING_OP_SEND, .ioprio = BUNDLE,
		 .size = 100, .count = 4, .once = true },
};

/* A bundle takes the buffers that its result names, and no more */
FIXTURE_VARIANT_ADD(buffers, overtaken_bundle_short_send) {
	.row = { "overtaken-bundle, MSG_DONTWAIT", sends, RING, IORING_OP_SEND,
		 .ioprio = BUNDLE, .flags = MSG_DONTWAIT, .size = 100000,
		 .count = 8 },
};

FIXTURE_VARIANT_ADD(buffers, longer_bundle_send) {
	.row = { "overtaken-bundle, a length", sends, RING, IORING_OP_SEND,
		 .ioprio = BUNDLE, .len = 200, .size = 100, .count = 8,
		 .once = true },
};

FIXTURE_VARIANT_ADD(buffers, reference_overtaken_bundle_send) {
	.row = { "bundle that is sent at once", sends, RING, IORING_OP_SEND,
		 .ioprio = BUNDLE, .flags = MSG_DONTWAIT, .size = 1000,
		 .count = 8 },
};

/* A length is a length, whatever buffer it is sent from */
FIXTURE_VARIANT_ADD(buffers, ignored_length_send) {
	.row = { "ignored-length, classic", sends, CLASSIC, IORING_OP_SEND,
		 .len = 10, .size = 100, .count = 1, .once = true },
};

FIXTURE_VARIANT_ADD(buffers, reference_ignored_length_send) {
	.row = { "ring", sends, RING, IORING_OP_SEND, .len = 10, .size = 100,
		 .count = 1, .once = true },
};

FIXTURE_VARIANT_ADD(buffers, longer_bundle_recv) {
	.row = { "ignored-length, bundle", stream, RING, IORING_OP_RECV,
		 .tcp = true, .ioprio = BUNDLE, .len = 200, .size = 100,
		 .count = 16, .parts = 2 },
};

FIXTURE_VARIANT_ADD(buffers, reference_longer_bundle_recv) {
	.row = { "a length, no bundle", stream, RING, IORING_OP_RECV,
		 .tcp = true, .len = 200, .size = 400, .count = 16, .parts = 2 },
};

/* A bundle goes on in the next buffer when the last one is full */
FIXTURE_VARIANT_ADD(buffers, mixed_stream_recv) {
	.row = { "mixed-stream, bundle, IOSQE_ASYNC", stream, RING,
		 IORING_OP_RECV, .tcp = true, .async = true, .ioprio = BUNDLE,
		 .size = 100, .count = 16, .parts = 2, .overtaken = true },
};

FIXTURE_VARIANT_ADD(buffers, reference_mixed_stream_recv) {
	.row = { "bundle", stream, RING, IORING_OP_RECV, .tcp = true,
		 .ioprio = BUNDLE, .size = 100, .count = 16, .parts = 2,
		 .overtaken = true },
};

/* What a peek has left is not looked at twice */
FIXTURE_VARIANT_ADD(buffers, repeated_peek_recv) {
	.row = { "repeated-peek, bundle", stream, RING, IORING_OP_RECV,
		 .tcp = true, .ioprio = BUNDLE, .flags = MSG_PEEK, .size = 100,
		 .count = 16, .parts = 2 },
};

FIXTURE_VARIANT_ADD(buffers, reference_repeated_peek_recv) {
	.row = { "peek", stream, RING, IORING_OP_RECV, .tcp = true,
		 .flags = MSG_PEEK, .size = 100, .count = 16, .parts = 2 },
};

/* A receive that got all has not failed, whatever of control had no room */
FIXTURE_VARIANT_ADD(buffers, failed_whole_recv) {
	.row = { "failed-whole, SO_PASSCRED", linked, CLASSIC, IORING_OP_RECV,
		 .flags = MSG_WAITALL, .len = 100, .credentials = true },
};

FIXTURE_VARIANT_ADD(buffers, reference_failed_whole_recv) {
	.row = { "MSG_WAITALL", linked, CLASSIC, IORING_OP_RECV,
		 .flags = MSG_WAITALL, .len = 100 },
};

FIXTURE_VARIANT_ADD(buffers, reference_failed_whole_recvmsg) {
	.row = { "SO_PASSCRED, recvmsg", linked, CLASSIC, IORING_OP_RECVMSG,
		 .ioprio = POLL_FIRST, .flags = MSG_WAITALL, .len = 100,
		 .credentials = true },
};

/* What the first receive of a multishot was given is for the next ones, too */
FIXTURE_VARIANT_ADD(buffers, first_only_recvmsg) {
	.row = { "first-only, an iovec of 200", alike, RING, IORING_OP_RECVMSG,
		 .ioprio = MULTISHOT, .len = 200, .size = 4096, .count = 4 },
};

FIXTURE_VARIANT_ADD(buffers, reference_first_only_recvmsg) {
	.row = { "no iovec", alike, RING, IORING_OP_RECVMSG,
		 .ioprio = MULTISHOT, .size = 4096, .count = 4 },
};

/* Three pieces of a registered buffer, one of them empty */
FIXTURE_VARIANT_ADD(buffers, zc_pieces_sendmsg_zc) {
	.row = { "zc-pieces, an empty piece", pieces, CLASSIC,
		 IORING_OP_SENDMSG_ZC, .tcp = true },
};

FIXTURE_VARIANT_ADD(buffers, reference_zc_pieces_sendmsg_zc) {
	.row = { "three pieces", pieces, CLASSIC, IORING_OP_SENDMSG_ZC,
		 .tcp = true, .len = 100 },
};

static const char *able(const struct row *row, struct pool *p)
{
	struct row plain = *row;
	struct story story = { };
	struct io_uring ring;
	const char *why = pool_open(p, row->kind, row->how,
				    row->ioprio & BUNDLE ||
				    row->opcode == IORING_OP_SEND);
	int sv[2];

	if (!why && row->ioprio & (MULTISHOT | POLL_FIRST) &&
	    twin_ring(&ring, OP_SEND_ZC))
		return cannot("no multishot receives, nor POLL_FIRST", 0,
			      "nothing to do, they came with 6.0 and 5.19");
	why = why ?: open_ends(row, SOCK_STREAM, sv);
	if (why || row->scene != pieces)
		return why;
	plain.len = 100;
	why = twin_ring(&ring, row->opcode) ?: pieces(&plain, p, &story);
	if (!why && !strncmp(story.text, "-EINVAL", 7))
		why = cannot("no registered buffer vectors for sendmsg_zc", 0,
			     "nothing to do, they came with 6.15");
	return why;
}

TEST_F(buffers, same)
{
	const struct row *row = &variant->row;

	if (!possible(able(row, &self->pool)))
		return;
	ASSERT_WELL(row->scene(row, NULL, &self->by_call));
	ASSERT_WELL(row->scene(row, &self->pool, &self->by_ring));
	ASSERT_SAME("buffers", row->opcode == IORING_OP_READ ? "read" :
		    call_name(row->opcode), row->what, &self->by_call,
		    &self->by_ring);
}

TEST_HARNESS_MAIN
