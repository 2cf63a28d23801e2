// SPDX-License-Identifier: GPL-2.0
/*
 * The side of io_uring.
 */
#include <dirent.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "messages_side.h"

#define SURELY		5		/* looks at workers that find none at work */
#define CANCEL_AGAIN	50		/* turns until it is tried once more */
#define OP_SEND_ZC	47		/* headers of old distributions lack it, */
#define FIXED_BUF	4		/* and IORING_RECVSEND_FIXED_BUF */

static struct io_uring rings[FLAVOURS];
static bool there[FLAVOURS];		/* else the plain one does its work */
static int trigger[2];			/* a byte here lets a link go */
static bool fixed[ACTS];		/* takes registered buffers */

static struct io_uring *ring_of(const struct exchange *x)
{
	if (x->plan->pool)
		return pool_ring();
	return &rings[there[x->plan->flavour] ? x->plan->flavour : R_PLAIN];
}

static unsigned int opcode(const struct plan *p)
{
	static const unsigned int codes[ACTS] = {
		[A_SEND] = IORING_OP_SEND, [A_SENDMSG] = IORING_OP_SENDMSG,
		[A_SEND_ZC] = OP_SEND_ZC,
		[A_SENDMSG_ZC] = IORING_OP_SENDMSG_ZC,
		[A_RECV] = IORING_OP_RECV, [A_RECVMSG] = IORING_OP_RECVMSG,
	};

	return codes[p->act];
}

/* With SQPOLL the kernel's thread may not yet have taken those of before */
static struct io_uring_sqe *next_sqe(struct io_uring *ring)
{
	struct io_uring_sqe *sqe;

	while (!(sqe = io_uring_get_sqe(ring))) {
		io_uring_submit(ring);
		sched_yield();
	}
	return sqe;
}

static void queue_head(struct io_uring *ring, enum way way)
{
	struct io_uring_sqe *sqe = next_sqe(ring);

	if (way == W_LINK)
		io_uring_prep_poll_add(sqe, trigger[0], POLLIN);
	else
		io_uring_prep_cancel64(sqe, OTHERS + 1, 0);
	sqe->user_data = OTHERS;
	sqe->flags |= IOSQE_IO_LINK;
}

static struct io_uring_sqe *queue_exchange(struct io_uring *ring, struct exchange *x)
{
	const struct plan *p = x->plan;
	struct io_uring_sqe *sqe = next_sqe(ring);

	io_uring_prep_sendmsg(sqe, x->fd, &x->msg, p->flags);
	sqe->opcode = opcode(p);
	sqe->user_data = x->id;
	if (p->act == A_SEND || p->act == A_SEND_ZC || p->act == A_RECV) {
		sqe->addr = (unsigned long)x->msg.msg_iov->iov_base;
		sqe->len = x->msg.msg_iov->iov_len;
		if (p->act != A_RECV) {
			sqe->addr2 = (unsigned long)x->msg.msg_name;
			sqe->addr_len = x->msg.msg_namelen;
		}
	}
	if (p->besides & B_READ) {
		sqe->opcode = IORING_OP_READ;
		sqe->rw_flags = 0;
	}
	if (p->besides & B_FIXED && fixed[p->act])
		sqe->ioprio |= FIXED_BUF;
	if (p->way == W_POLL_FIRST)
		sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
	if (p->way == W_ASYNC)
		sqe->flags |= IOSQE_ASYNC;
	return sqe;
}

static void take(struct exchange *x, struct io_uring_cqe *cqe)
{
	if (cqe->user_data == OTHER)
		pool_take_other(cqe);
	if (cqe->user_data == LINKED)
		x->linked = cqe->res < 0 ? -1 : 1;
	if (cqe->user_data != x->id)
		return;
	if (cqe->flags & IORING_CQE_F_NOTIF) {
		x->notices++;
		return;
	}
	if (x->plan->pool) {
		x->done = pool_take_one(x, cqe);
		return;
	}
	x->res = cqe->res;
	x->more = cqe->flags & IORING_CQE_F_MORE;
	x->done = true;
}

bool ring_look(struct exchange *x)
{
	struct io_uring *ring = ring_of(x);
	struct io_uring_cqe *cqe;
	bool any = false;

	io_uring_get_events(ring);
	while (!io_uring_peek_cqe(ring, &cqe)) {
		any = true;
		take(x, cqe);
		io_uring_cqe_seen(ring, cqe);
	}
	return any;
}

/* Whether one of the kernel's threads for this program is at work */
static bool workers_busy(void)
{
	char path[300], state;
	struct dirent *entry;
	bool busy = false;
	FILE *stat;
	DIR *tasks = opendir("/proc/self/task");

	while (tasks && !busy && (entry = readdir(tasks))) {
		if (*entry->d_name == '.' || atoi(entry->d_name) == getpid() ||
		    atoi(entry->d_name) == caller_tid())
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%s/stat",
			 entry->d_name);
		stat = fopen(path, "re");
		if (!stat)
			continue;
		busy = fscanf(stat, "%*d (%*[^)]) %c", &state) == 1 &&
		       state != 'S' && state != 'I';
		fclose(stat);
	}
	if (tasks)
		closedir(tasks);
	return busy;
}

const char *ring_settle(struct exchange *x)
{
	const struct plan *p = x->plan;
	/* Netlink says that there is room whatever its peer has, a cipher that is
	 * not started that there is something to read: io-wq waits for them
	 */
	bool threads = p->way == W_ASYNC || p->flavour == R_SQPOLL ||
		       kinds[p->kind].family == AF_NETLINK || has(p, T_CIPHER);
	unsigned int i, quiet = 0;

	for (i = 0; i < TURNS && !x->done; i++) {
		if (ring_look(x))
			quiet = 0;
		else if ((threads && workers_busy()) ||
			 io_uring_sq_ready(ring_of(x)))
			quiet = 0;
		else if (++quiet > (threads ? SURELY : 1))
			return NULL;
		if (threads)
			sched_yield();
	}
	return x->done ? NULL : "io_uring's threads do not come to an end";
}

const char *ring_start(struct exchange *x)
{
	struct io_uring *ring = ring_of(x);
	enum way way = x->plan->way;
	static uint64_t last = FIRST;
	struct io_uring_sqe *sqe;
	const char *wrong = x->plan->pool ? pool_begin(x) : NULL;

	if (wrong)
		return wrong;
	x->id = last++;
	if (way == W_LINK || way == W_BROKEN_LINK)
		queue_head(ring, way);
	sqe = x->plan->pool ? pool_queue(x, opcode(x->plan)) : queue_exchange(ring, x);
	if (x->plan->besides & B_LINKED) {
		sqe->flags |= IOSQE_IO_LINK;
		sqe = next_sqe(ring);
		io_uring_prep_nop(sqe);
		sqe->user_data = LINKED;
	}
	wrong = ring_submit(ring);
	while (!wrong && x->plan->flavour == R_SQPOLL && io_uring_sq_ready(ring))
		sched_yield();
	return wrong;
}

/* A worker that goes round in a receive has to be told more than once */
const char *ring_stop(struct exchange *x)
{
	struct io_uring *ring = ring_of(x);
	const char *wrong = NULL;
	struct io_uring_sqe *sqe;
	unsigned int i;

	for (i = 0; i < TURNS && !wrong && !x->done; i++) {
		if (i % CANCEL_AGAIN == 0) {
			sqe = next_sqe(ring);
			io_uring_prep_cancel64(sqe, x->id, 0);
			sqe->user_data = OTHERS + 2;
			wrong = ring_submit(ring);
		}
		ring_look(x);
		sched_yield();
	}
	return wrong ?: x->done ? NULL : "a request cannot be cancelled";
}

void exchange_go(struct exchange *x)
{
	char byte = 0;

	if (x->by != BY_RING || x->plan->way != W_LINK)
		return;
	if (write(trigger[1], &byte, 1) != 1)
		return;
	exchange_settle(x);
	if (read(trigger[0], &byte, 1) == 1)
		x->again = !x->done;
}

const char *exchange_notices(struct exchange *x)
{
	unsigned int i;

	if (x->by == BY_CALL || !zero_copy(x->plan))
		return NULL;
	for (i = 0; i < TURNS && (i < 2 || x->notices < x->more); i++) {
		ring_look(x);
		if (i > 100)
			usleep(50);
	}
	return NULL;
}

void ring_linked(struct exchange *x)
{
	unsigned int i;

	for (i = 0; i < TURNS && !x->linked; i++)
		ring_look(x);
}

/* Whether an opcode takes registered buffers: it then looks for the socket */
static bool takes_fixed(enum act act)
{
	const struct plan p = { .act = act, .besides = B_FIXED };
	struct iovec iov = { };
	struct exchange x = {
		.plan = &p, .fd = -1, .msg = { .msg_iov = &iov, .msg_iovlen = 1 },
		.id = OTHERS + act,
	};
	struct io_uring_cqe *cqe;
	const char *wrong;
	long res = 0;

	fixed[act] = true;
	queue_exchange(&rings[R_PLAIN], &x);
	wrong = ring_submit(&rings[R_PLAIN]);
	/* There may be a notification as well */
	while (!wrong && !res && !io_uring_wait_cqe(&rings[R_PLAIN], &cqe)) {
		if (cqe->user_data == x.id && !(cqe->flags & IORING_CQE_F_NOTIF))
			res = cqe->res;
		io_uring_cqe_seen(&rings[R_PLAIN], cqe);
	}
	return res == -EBADF;
}

void exchange_register(void *data, size_t len)
{
	const struct iovec all = { .iov_base = data, .iov_len = len };
	static bool before;
	unsigned int i;
	bool done = true;

	if (before)
		return;
	before = true;
	for (i = 0; i < FLAVOURS; i++)
		done &= !there[i] || !io_uring_register_buffers(&rings[i], &all, 1);
	done = done && !io_uring_register_buffers(&rings[R_PLAIN], &all, 1);
	fixed[A_SEND_ZC] = done && takes_fixed(A_SEND_ZC);
	fixed[A_SENDMSG_ZC] = done && takes_fixed(A_SENDMSG_ZC);
}

const char *rings_begin(void)
{
	struct io_uring_params polled = {
		.flags = IORING_SETUP_SQPOLL, .sq_thread_idle = 1,
	};
	const char *why = ring_init(&rings[R_PLAIN], HOW_RETRY);

	if (why)
		return why;
	if (pipe(trigger))
		return cannot("no pipe", errno, "raise the number of files");
	there[R_DEFER] = !ring_init(&rings[R_DEFER], HOW_DEFER);
	there[R_SQPOLL] = !io_uring_queue_init_params(8, &rings[R_SQPOLL], &polled);
	return NULL;
}
