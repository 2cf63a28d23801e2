// SPDX-License-Identifier: GPL-2.0
/*
 * Exchanges by provided buffers: the kernel chooses one when it issues a request.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "messages_side.h"
#include "pool.h"

#define SMALL	50		/* bytes of the buffer that another request takes */
#define MORE	3		/* buffers for which nobody has asked */

static struct pool pool;
static bool opened;
static bool taken;		/* by another request */
static bool bundles, incremental;	/* the kernel has them */

struct io_uring *pool_ring(void)
{
	return &pool.ring;
}

static bool can(enum kind kind, bool bundled)
{
	struct pool p = { };
	const bool able = !pool_open(&p, kind, HOW_RETRY, bundled);

	if (p.ring.ring_fd > 0)
		io_uring_queue_exit(&p.ring);
	free(p.br);
	return able;
}

void pools_begin(void)
{
	bundles = can(CLASSIC, true);
	incremental = can(INCREMENTAL, false);
}

void pool_fit(struct plan *p)
{
	if (!bundles)
		p->bundle = 0;
	if (!bundles && !receives(p))
		without_pool(p);
	if (!incremental && p->pool == 1 + INCREMENTAL)
		p->pool = 1 + RING;
}

/* A message to be sent lies in them, one behind the other */
static const char *add_buffers(const struct plan *p, const struct iovec *iov)
{
	size_t at = 0, len;
	const char *wrong = NULL;

	if (receives(p)) {
		memset(pool_room, UNTOUCHED, SMALL + BUFFERS * p->each);
		if (p->besides & B_TAKEN)
			wrong = pool_add(&pool, SMALL, 1);
		return wrong ?: pool_add(&pool, p->each, BUFFERS);
	}
	memcpy(pool_room, iov->iov_base, iov->iov_len);
	if (!p->bundle)
		return pool_add(&pool, p->each, 1);
	for (; at < iov->iov_len && !wrong; at += len) {
		len = iov->iov_len - at < p->each ? iov->iov_len - at : p->each;
		wrong = pool_add(&pool, len, 1);
	}
	if (p->besides & B_LENGTH) {
		memset(pool_room + at, UNTOUCHED, MORE * p->each);
		wrong = wrong ?: pool_add(&pool, p->each, MORE);
	}
	return wrong;
}

const char *pool_begin(struct exchange *x)
{
	const struct plan *p = x->plan;
	const char *wrong;

	memset(&pool, 0, sizeof(pool));
	wrong = pool_open(&pool, p->pool - 1,
			  p->flavour == R_DEFER ? HOW_DEFER : HOW_RETRY,
			  p->bundle || !receives(p));
	opened = !wrong;
	return wrong ?: add_buffers(p, x->msg.msg_iov);
}

void exchange_end(struct exchange *x)
{
	static struct io_uring_buf_ring *old[100];
	static unsigned int at;

	if (x->by != BY_RING || !opened)
		return;
	io_uring_queue_exit(&pool.ring);
	/* The kernel takes its time to close a ring, and may write there until then */
	free(old[at]);
	old[at] = pool.br;
	at = (at + 1) % ARRAY_SIZE(old);
	opened = false;
}

struct io_uring_sqe *pool_queue(struct exchange *x, int opcode)
{
	const struct plan *p = x->plan;
	/* A length of 0 is all of the buffer, which may be larger than the message */
	size_t len = receives(p) && p->len >= p->each && !p->bundle ? 0 : p->len;
	struct io_uring_sqe *sqe;

	if (p->shots || (!receives(p) && p->bundle && !(p->besides & B_LENGTH)))
		len = 0;
	sqe = pool_request(&pool, opcode, x->fd, len, p->flags);
	if (p->act == A_RECVMSG) {
		sqe->addr = (unsigned long)&x->msg;
		sqe->len = 1;
	}
	if (!receives(p)) {
		sqe->addr2 = (unsigned long)x->msg.msg_name;
		sqe->addr_len = x->msg.msg_namelen;
	}
	sqe->ioprio = (p->bundle ? BUNDLE : 0) | (p->shots ? MULTISHOT : 0) |
		      (p->way == W_POLL_FIRST ? IORING_RECVSEND_POLL_FIRST : 0);
	if (p->way == W_ASYNC)
		sqe->flags |= IOSQE_ASYNC;
	sqe->user_data = x->id;
	return sqe;
}

/* What one turn of recvmsg got: a header, name, control and payload in one buffer */
static void take_message(struct exchange *x, uint8_t *data, size_t len)
{
	const struct io_uring_recvmsg_out *out = (void *)data;
	struct msghdr msg = x->msg;
	uint8_t *name = data + sizeof(*out);

	if (len < sizeof(*out) + x->msg.msg_namelen + x->msg.msg_controllen) {
		note(x->o, F_DATA, "%zu bytes, no message; ", len);
		return;
	}
	msg.msg_name = name;
	msg.msg_namelen = out->namelen;
	msg.msg_control = name + x->msg.msg_namelen;
	msg.msg_controllen = out->controllen;
	msg.msg_flags = out->flags;
	name += x->msg.msg_namelen + x->msg.msg_controllen;
	x->res = len - (name - data);
	x->shot(x, name, x->res, &msg);
}

/* A completion; whether it was the last one */
bool pool_take_one(struct exchange *x, struct io_uring_cqe *cqe)
{
	static union {
		size_t align;
		uint8_t data[POOL_ROOM];
	} got;
	size_t len = pool_take(&pool, cqe, (char *)got.data);
	bool last = !(cqe->flags & IORING_CQE_F_MORE);

	if (!x->plan->shots) {
		if (x->into && x->at + len <= LONGEST)
			memcpy(x->into + x->at, got.data, len);
		x->at += len;
		x->res = x->res > 0 && cqe->res > 0 ? x->res + cqe->res :
			 x->res > 0 ? x->res : cqe->res;
		return last;
	}
	x->res = cqe->res;
	if (len && x->plan->act == A_RECVMSG)
		take_message(x, got.data, len);
	else if (cqe->res > 0)
		x->shot(x, got.data, len, NULL);
	return last;
}

/* Of another request: what it has used is not there for the next ones */
void pool_take_other(struct io_uring_cqe *cqe)
{
	static char got[POOL_ROOM];

	pool_take(&pool, cqe, got);
	taken = true;
}

/* A datagram on a socket of its own, as large as the buffer that is first */
const char *pool_overtake(struct exchange *x)
{
	const char *wrong = "no other request has taken a buffer";
	const char small[SMALL] = { };
	int sv[2], i;

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, sv))
		return "no AF_UNIX socket";
	taken = false;
	if (send(sv[0], small, SMALL, MSG_DONTWAIT) == SMALL) {
		pool_request(&pool, IORING_OP_RECV, sv[1], SMALL, 0)->user_data = OTHER;
		wrong = ring_submit(&pool.ring);
	}
	for (i = 0; i < TURNS && !wrong && !taken; i++)
		ring_look(x);
	close(sv[0]);
	close(sv[1]);
	return wrong;
}

/* One more request, which does not wait, by the same buffers */
static const char *again(struct exchange *x, int opcode, size_t len)
{
	const bool bundle = x->plan->bundle && opcode == IORING_OP_SEND;
	struct io_uring_sqe *sqe;

	x->id += AGAIN;
	x->at = 0;
	x->res = 0;
	x->done = false;
	sqe = pool_request(&pool, opcode, x->fd, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	sqe->ioprio = bundle ? BUNDLE : 0;
	sqe->user_data = x->id;
	return ring_submit(&pool.ring) ?: ring_settle(x);
}

const char *pool_receive_on(struct exchange *x)
{
	return again(x, IORING_OP_RECV, 0);
}

/* The rest of a buffer that is not provided any more goes by hand */
const char *pool_send_on(struct exchange *x, size_t rest)
{
	const unsigned int last = pool.next - 1;
	const bool whole = x->plan->bundle && !(x->plan->besides & B_LENGTH);

	if (pool.kind == INCREMENTAL || !pool.next || pool.at[last] == pool.len[last])
		return again(x, IORING_OP_SEND, whole ? 0 : rest);
	if (rest > pool.len[last] - pool.at[last])
		rest = pool.len[last] - pool.at[last];
	x->res = send(x->fd, pool.base[last] + pool.at[last], rest,
		      MSG_DONTWAIT | MSG_NOSIGNAL);
	if (x->res < 0)
		x->res = -errno;
	else
		pool.at[last] += x->res;
	return NULL;
}
