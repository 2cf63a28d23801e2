// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "messages_case.h"

#define MOST_LEFT	8	/* receives of what is left */

static union {
	size_t align;		/* as a cmsghdr is */
	char room[CONTROL_MOST];
} control;

static struct sockaddr_storage name;
static uint8_t buffer[LONGEST + BEHIND];

/* The i-th message of the other end, which has room for it */
static void send_step(struct ends *e, const struct plan *p, unsigned int i)
{
	static uint8_t data[MOST_HEAD + UINT16_MAX];
	const struct step *step = &p->step[i];
	struct iovec iov = { .iov_base = data, .iov_len = e->head + step->len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	char along[CONTROL_MOST];
	int files[FILES];

	if (e->tx < 0)
		return;
	if (has(p, T_SCTP) && has(p, T_ADDRESS)) {
		msg.msg_name = &e->to;
		msg.msg_namelen = e->to_len;
	}
	memcpy(data, e->start, e->head);
	fill_payload(data + e->head, 10 + i, step->len);
	files_take(files);
	msg.msg_controllen = control_put(along, e, step->control, files);
	msg.msg_control = msg.msg_controllen ? along : NULL;
	sendmsg(e->tx, &msg, MSG_DONTWAIT | MSG_NOSIGNAL | (step->oob ? MSG_OOB : 0) |
		(has(p, T_CIPHER) && i + 1 < p->steps ? MSG_MORE : 0));
	if (has(p, T_CIPHER))
		cipher_wake(e, false);
	files_close(files);
}

/* Then it goes, as it was told */
static void end_of_peer(struct ends *e, enum end end)
{
	const struct linger at_once = { .l_onoff = 1 };

	if (end == E_SHUTDOWN)
		shutdown(e->tx, SHUT_WR);
	if (end != E_CLOSE && end != E_RESET)
		return;
	if (end == E_RESET && e->kind->traits & T_TCP)
		setsockopt(e->tx, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	/* A byte that is not read makes AF_UNIX reset */
	else if (end == E_RESET)
		send(e->rx, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(e->tx);
	e->tx = -1;
}

static void tell_name(struct outcome *o, const struct ends *e,
		      const struct msghdr *msg)
{
	const struct sockaddr_storage *from = msg->msg_name;

	note(o, F_NAME, "%u bytes", msg->msg_namelen);
	if (!msg->msg_namelen)
		return;
	if (e->kind->traits & T_INET && e->kind->family != AF_PACKET)
		/* sin_port and sin6_port stand in the same place */
		note(o, F_NAME, ", family %d, %s port", from->ss_family,
		     ((struct sockaddr_in *)from)->sin_port ==
		     ((struct sockaddr_in *)&e->own)->sin_port ? "the sender's" :
		     "another");
	else if (e->own_len && msg->msg_namelen == e->own_len &&
		 !memcmp(from, &e->own, e->own_len))
		note(o, F_NAME, ", the sender");
	else if (e->kind->family == AF_PACKET || e->kind->family == AF_TIPC)
		note(o, F_NAME, ", family %d", from->ss_family);
	else
		note(o, F_NAME, ", sum %08x",
		     sum_of((const uint8_t *)from, msg->msg_namelen));
}

/* The kernel's id and checksum of an IPv4 header */
static void mask(const struct ends *e, uint8_t *packet, size_t len)
{
	if (strcmp(e->kind->name, "raw4"))
		return;
	memset(packet + 4, 0, len > 5 ? 2 : 0);
	memset(packet + 10, 0, len > 11 ? 2 : 0);
}

static void keep(struct outcome *o, const uint8_t *data, size_t len)
{
	if (o->taken + len > 2 * LONGEST)
		return;
	memcpy(o->data + o->taken, data, len);
	o->taken += len;
}

/* What a receive that goes on got in one turn */
static void tell_shot(struct exchange *x, const uint8_t *data, long len,
		      struct msghdr *msg)
{
	note(x->o, F_DATA, "%ld sum %08x; ", len, sum_of(data, len));
	keep(x->o, data, len);
	if (!msg)
		return;
	note(x->o, F_FLAGS, "%x; ", msg->msg_flags & ~MSG_CMSG_CLOEXEC);
	if (x->plan->named)
		tell_name(x->o, x->e, msg);
	if (x->plan->room)
		control_tell(x->o, F_CONTROL, msg);
}

static void tell_received(struct outcome *o, const struct ends *e,
			  struct exchange *x)
{
	const struct plan *p = x->plan;
	size_t len = x->res < 0 ? 0 : x->res, end = p->len + BEHIND;

	if (p->shots) {
		tell_number(o, F_RESULT, x->res);
		return;
	}
	len = len < p->len ? len : p->len;
	o->len = len;
	mask(e, buffer, len);
	tell_number(o, F_RESULT, x->res);
	note(o, F_DATA, "%zu bytes, sum %08x", len, sum_of(buffer, len));
	while (end > len && buffer[end - 1] == UNTOUCHED)
		end--;
	if (end > len)
		note(o, F_DATA, ", written until %zu", end);
	keep(o, buffer, len);
	if (p->act != A_RECVMSG || x->res < 0)
		return;
	note(o, F_FLAGS, "%x", x->msg.msg_flags & ~MSG_CMSG_CLOEXEC);
	if (p->named)
		tell_name(o, e, &x->msg);
	if (!p->room)
		return;
	note(o, F_CONTROL, "%zu bytes:", (size_t)x->msg.msg_controllen);
	/* It stands where it was asked for, whatever became of the pointer */
	x->msg.msg_control = &control;
	control_tell(o, F_CONTROL, &x->msg);
}

/* Receives without waiting, with room for everything */
static void tell_left(struct outcome *o, const struct ends *e)
{
	static uint8_t data[2 * LONGEST];
	unsigned int i;
	ssize_t len;

	for (i = 0; i < MOST_LEFT; i++) {
		struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) };
		struct msghdr msg = {
			.msg_iov = &iov, .msg_iovlen = 1,
			.msg_control = &control, .msg_controllen = sizeof(control),
		};

		len = recvmsg(e->rx, &msg, MSG_DONTWAIT | own_flags(e));
		tell_number(o, F_NEXT, len < 0 ? -errno : len);
		if (len <= 0)
			break;
		mask(e, data, len);
		note(o, F_NEXT, " sum %08x flags %x", sum_of(data, len),
		     msg.msg_flags & ~MSG_CMSG_CLOEXEC);
		if (!(e->kind->traits & T_TCP) || e->kind->traits & T_TLS)
			control_tell(o, F_NEXT, &msg);
		note(o, F_NEXT, "; ");
		keep(o, data, len);
	}
}

/* The same by more of the buffers, on a stream: what is there, and how it ends */
static const char *receive_on(struct outcome *o, const struct ends *e,
			      struct exchange *x)
{
	const size_t before = o->taken;
	const char *wrong = NULL;
	long end = 0, len;

	if (!(x->plan->besides & B_ON))
		return NULL;
	do {
		wrong = exchange_on(x, NULL, 0);
		keep(o, buffer, x->res > 0 ? x->res : 0);
	} while (!wrong && x->res > 0);
	if (x->res != -EAGAIN && x->res != -ENOBUFS)
		end = x->res;
	while ((len = recv(e->rx, buffer, sizeof(buffer), MSG_DONTWAIT)) > 0)
		keep(o, buffer, len);
	if (!end && len)
		end = -errno;
	note(o, F_NEXT, "%zu more, sum %08x, then ", o->taken - before,
	     sum_of(o->data + before, o->taken - before));
	tell_number(o, F_NEXT, end);
	note(o, F_NEXT, "; ");
	return wrong;
}

static const char *step(struct ends *e, struct exchange *x, unsigned int i)
{
	send_step(e, x->plan, i);
	if (x->plan->besides & B_HASTY && i + 1 == x->plan->steps)
		end_of_peer(e, x->plan->end);
	return ends_flush(e) ?: x->started ? exchange_settle(x) : NULL;
}

/*
 * With provided buffers: so much for one call, and for io_uring none of its own.
 * If it has one, that is for all of the buffer, in front of which is the header.
 */
static void use_pool(struct exchange *x, struct iovec *iov)
{
	const struct plan *p = x->plan;
	size_t most = p->bundle ? BUFFERS * p->each : p->each;
	size_t head = 0;

	if (p->act == A_RECVMSG)
		head = sizeof(struct io_uring_recvmsg_out) + x->msg.msg_namelen +
		       x->msg.msg_controllen;
	most -= head;
	if (p->shots || iov->iov_len > most)
		iov->iov_len = most;
	if (p->besides & B_IOVEC && p->len < most)
		iov->iov_len = p->len + (x->by == BY_RING ? head : 0);
	else if (x->by == BY_RING && p->act == A_RECVMSG)
		x->msg.msg_iovlen = 0;
}

/* Buffers, name and control of a receive, as if nobody had written there yet */
static void prepare(struct exchange *x, struct iovec *iov)
{
	const struct plan *p = x->plan;

	memset(buffer, UNTOUCHED, p->len + BEHIND);
	memset(&control, 0, sizeof(control));
	cut(iov, p->pieces, buffer, p->len);
	if (p->named) {
		x->msg.msg_name = &name;
		x->msg.msg_namelen = sizeof(name);
	}
	if (p->room) {
		x->msg.msg_control = &control;
		x->msg.msg_controllen = p->room;
	}
	if (p->pool)
		use_pool(x, iov);
}

const char *receive_one(struct ends *e, const struct plan *p, enum side by,
			struct outcome *o)
{
	struct iovec iov[MOST_PIECES];
	struct exchange x = {
		.by = by, .plan = p, .fd = e->rx, .o = o, .e = e,
		.into = buffer, .shot = tell_shot,
		.msg = { .msg_iov = iov, .msg_iovlen = p->pieces },
	};
	const char *wrong = NULL;
	unsigned int i;

	prepare(&x, iov);
	for (i = 0; i < p->early && !wrong; i++)
		wrong = step(e, &x, i);
	wrong = wrong ?: exchange_start(&x);
	if (by == BY_RING)
		memset(iov, 0xa5, sizeof(iov));
	wrong = wrong ?: exchange_overtake(&x);
	exchange_go(&x);
	for (; i < p->steps && !wrong; i++)
		wrong = step(e, &x, i);
	if (!(p->besides & B_HASTY))
		end_of_peer(e, p->end);
	wrong = wrong ?: ends_flush(e) ?: exchange_settle(&x);
	if (wrong) {
		exchange_end(&x);
		return wrong;
	}
	o->waited = x.waited;
	o->again = x.again;
	if (!x.done) {
		note(o, F_RESULT, "waits, then ");
		o->stopped = true;
		wrong = exchange_stop(&x);
	}
	exchange_linked(&x);
	o->res = x.res;
	tell_received(o, e, &x);
	wrong = wrong ?: receive_on(o, e, &x);
	exchange_end(&x);
	tell_left(o, e);
	tell_error_of(o, "receiver", e->rx);
	tell_error_of(o, "sender", e->tx);
	return wrong;
}
