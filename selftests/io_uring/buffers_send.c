// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "buffers.h"

#define SETTLED_MS	1000	/* whoever has no worker and no completion waits by poll */

/* Acknowledgments make room: none is due. Of a local socket there are none */
static void acknowledged(int *sv)
{
	const int one = 1;
	int i, all, unsent;

	for (i = 0; i < WAIT_MS; i++) {
		setsockopt(sv[1], SOL_TCP, TCP_QUICKACK, &one, sizeof(one));
		if (ioctl(sv[0], SIOCOUTQ, &all) ||
		    ioctl(sv[0], SIOCOUTQNSD, &unsent) || all == unsent)
			return;
		usleep(1000);
	}
}

/* Until there is no room for another part, and will be none; how much that is */
static size_t fill(int *sv, size_t part)
{
	bool settled = false;
	char data[1000];
	size_t i, at = 0;
	ssize_t len;

	for (;;) {
		for (i = 0; i < part; i++)
			data[i] = stream_byte(at + i);
		len = send(sv[0], data, part, MSG_DONTWAIT);
		at += len > 0 ? len : 0;
		if (len <= 0 && settled)
			return at;
		settled = len <= 0;
		if (settled)
			acknowledged(sv);
	}
}

/* Until so much has come, over lo in its time */
static size_t drain_to(int fd, size_t got, size_t all)
{
	int i;

	for (i = 0; i < WAIT_MS && (got = row_drain(fd, got)) < all; i++)
		usleep(1000);
	return got;
}

/* All completions of one request; what is left of a buffer goes by hand */
static const char *send_some(const struct row *row, struct pool *p, int *sv,
			     size_t *got, struct io_uring_cqe *cqe)
{
	static char sent[POOL_ROOM];
	const char *wrong = row_start(row, p, sv[0]);
	unsigned int last;
	long sum = 0;

	if (!wrong && row->full && !*got) {
		wrong = pool_waits(p, row->opcode);
		*got = row_drain(sv[1], *got);
	}
	do {
		wrong = wrong ?: pool_complete(p, cqe, WAIT_MS);
		if (wrong)
			return wrong;
		pool_take(p, cqe, sent);
		*got = row_drain(sv[1], *got);
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
	*got = row_drain(sv[1], *got);
	return NULL;
}

const char *sends(const struct row *row, struct pool *p,
		  struct story *story)
{
	const size_t total = row->once && row->len ? row->len :
			     row->size * row->count;
	struct io_uring_cqe cqe = { };
	size_t front = 0, got = 0;
	const char *wrong;
	int sv[2];

	wrong = row_ends(row, SOCK_STREAM, sv);
	if (!wrong && p)
		wrong = pool_add(p, row->size, row->count);
	if (wrong)
		return wrong;
	if (row->full)
		front = fill(sv, 1);
	for (got = 0; got < total; got++)
		pool_room[got] = stream_byte(front + got);
	for (got = 0; got < front + total && cqe.res >= 0;) {
		if (p) {
			wrong = send_some(row, p, sv, &got, &cqe);
		} else {
			got = row_drain(sv[1], got);
			cqe.res = send(sv[0], pool_room + got - front,
				       front + total - got, MSG_DONTWAIT);
			got = row_drain(sv[1], got);
		}
		if (wrong || row->once)
			break;
	}
	if (row->once || cqe.res < 0)
		tell_res(story, cqe.res);
	tell_data(story, row_out + front, got - front, front);
	return wrong;
}

/* Leave something in the error queue: whoever polls is told at once, room or not */
static const char *leave_error(int *sv)
{
	struct pollfd ready = { .fd = sv[0] };
	const int one = 1;
	char byte;

	if (setsockopt(sv[0], SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)) ||
	    send(sv[0], "", 1, MSG_ZEROCOPY) != 1 ||
	    recv(sv[1], &byte, 1, 0) != 1)
		return reason("cannot send with MSG_ZEROCOPY: %s",
			      errno_name(errno));
	return poll(&ready, 1, WAIT_MS) == 1 ? NULL : "no id of a MSG_ZEROCOPY";
}

/* The only worker of io_uring sleeps in a request, or as it has done with it */
static bool worker_sleeps(void)
{
	DIR *tasks = opendir("/proc/self/task");
	bool sleeps = false;
	struct dirent *one;
	char path[300];

	while (tasks && !sleeps && (one = readdir(tasks))) {
		FILE *stat;
		char state;

		snprintf(path, sizeof(path), "/proc/self/task/%s/stat", one->d_name);
		stat = fopen(path, "re");
		if (!stat)
			continue;
		sleeps = fscanf(stat, "%*d (iou-wrk%*[^)]) %c", &state) == 1 &&
			 state == 'S';
		fclose(stat);
	}
	if (tasks)
		closedir(tasks);
	return sleeps;
}

/* Whether it completes without room */
static bool completes(struct pool *p, struct io_uring_cqe *cqe)
{
	bool asleep = false;
	int i;

	for (i = 0; i < SETTLED_MS && !asleep; i++) {
		asleep = worker_sleeps();
		if (!pool_complete(p, cqe, 1))
			return true;
	}
	return false;
}

/* With MSG_DONTWAIT a full socket is an error, else there is room before long */
const char *no_room(const struct row *row, struct pool *p,
		    struct story *story)
{
	const bool waits = !(row->flags & MSG_DONTWAIT);
	const size_t total = row->size * row->count;
	struct io_uring_cqe cqe = { };
	size_t i, front, got = 0;
	const char *wrong;
	int sv[2];

	wrong = row_ends(row, SOCK_STREAM, sv);
	if (!wrong && p)
		wrong = pool_add(p, row->size, row->count);
	if (!wrong && waits)
		wrong = leave_error(sv);
	if (wrong)
		return wrong;
	front = fill(sv, row->tcp ? 1000 : 1);
	for (i = 0; i < total; i++)
		pool_room[i] = stream_byte(front + i);
	if (p)
		wrong = row_start(row, p, sv[0]);
	if (p && !wrong && waits && !completes(p, &cqe)) {
		got = drain_to(sv[1], got, front);
		wrong = pool_complete(p, &cqe, WAIT_MS);
	} else if (p && !wrong && !waits) {
		if (!pool_waits(p, row->opcode)) {
			tell(story, "a wait instead of ");
			got = drain_to(sv[1], got, front);
		}
		wrong = pool_complete(p, &cqe, WAIT_MS);
	} else if (!p) {
		got = waits ? drain_to(sv[1], got, front) : got;
		cqe.res = send(sv[0], pool_room, total, row->flags);
		cqe.res = cqe.res < 0 ? -errno : cqe.res;
	}
	tell_res(story, cqe.res);
	got = drain_to(sv[1], got, front + (cqe.res > 0 ? cqe.res : 0));
	tell_data(story, row_out + front, got - front, front);
	return wrong;
}

/* An empty piece between two others, and another one if it is a reference */
const char *pieces(const struct row *row, struct pool *p,
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
	wrong = row_ends(row, SOCK_STREAM, sv);
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
	wrong = wrong ?: row_arrived(row, sv[0]);
	tell_data(story, row_out, row_drain(sv[1], 0), 0);
	/* Let go of the data, it is noticed */
	return wrong ?: cqe.flags & IORING_CQE_F_MORE ?
	       pool_complete(p, &cqe, WAIT_MS) : NULL;
}
