// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "messages_case.h"

#define IDLE_MS		3000	/* the longest that TCP's timers may take */
#define PROBE_MS	150	/* a shut window is not probed before */
#define LATE_MS		50	/* and a worker of the kernel's */
/* Or a connection that may not come: its last ACK waits for data to go with */
#define CONNECT_MS	500
#define AT_ONCE		4096	/* of what is enciphered: there is to be some left */
#define MOST_ON		80	/* sends that go on behind one that was short */

/* What is being received: of a stream, bytes that come with the same control */
struct reader {
	struct ends *e;
	struct outcome *o;
	unsigned int message;	/* whose payload it is */
	enum fact of;
	const struct exchange *x;	/* that may wait for room */
	struct outcome along;	/* its control, and that of the bytes before */
	char before[sizeof(((struct outcome *)0)->text[0])];
	long bytes;
	uint32_t sum;		/* of what is enciphered */
};

static void flush_run(struct reader *r)
{
	if (r->bytes)
		note(r->o, r->of, "%ld bytes%s; ", r->bytes, r->before);
	if (r->bytes && r->e->kind->traits & T_CIPHER)
		note(r->o, r->of, "sum %08x; ", r->sum);
	r->bytes = 0;
}

static void tell_enciphered(struct reader *r, const uint8_t *data, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		r->sum = (r->sum ^ data[i]) * 16777619u;
	r->bytes += len;
	if (r->message == 0)
		r->o->came += len;
}

static void tell_piece(struct reader *r, struct msghdr *msg, const uint8_t *data,
		       ssize_t len)
{
	const unsigned int traits = r->e->kind->traits;
	size_t skip = traits & T_STREAM ? 0 : r->e->front;
	long *at = &r->o->came, i = skip;

	if (traits & T_CIPHER) {
		tell_enciphered(r, data, len);
		return;
	}
	memset(r->along.text, 0, sizeof(r->along.text));
	if (!(traits & T_TCP) || traits & T_TLS)
		control_tell(&r->along, F_CONTROL, msg);
	if (r->message == 0) {
		for (; i < len && data[i] == byte_of(0, *at); i++)
			(*at)++;
		if (i < len)
			r->o->right = false;
	} else {
		while (i < len && data[i] == byte_of(r->message, i - skip))
			i++;
	}
	if (i < len)
		note(r->o, r->of, "wrong from %ld on (%02x), ", i, data[i]);
	if (!(traits & T_STREAM)) {
		note(r->o, r->of, "%zd bytes%s%s; ", len,
		     msg->msg_flags & MSG_EOR ? " EOR" : "",
		     r->along.text[F_CONTROL]);
		return;
	}
	if (strcmp(r->along.text[F_CONTROL], r->before))
		flush_run(r);
	memcpy(r->before, r->along.text[F_CONTROL], sizeof(r->before));
	r->bytes += len;
}

/* All that is there; 0 for the end, -errno when there is no more */
static long read_all(struct reader *r, bool *any)
{
	static uint8_t data[65536];
	char control[CONTROL_MOST];
	struct ends *e = r->e;
	ssize_t len;

	if (e->rx < 0)
		return -ENOTCONN;
	for (;;) {
		struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) };
		struct msghdr msg = {
			.msg_iov = &iov, .msg_iovlen = 1,
			.msg_control = control, .msg_controllen = sizeof(control),
		};

		if (e->kind->traits & T_STREAM && e->filled && e->filled < sizeof(data))
			iov.iov_len = e->filled;
		if (e->kind->traits & T_CIPHER && iov.iov_len > AT_ONCE)
			iov.iov_len = AT_ONCE;
		len = recvmsg(e->rx, &msg, MSG_DONTWAIT | own_flags(e));
		if (len < 0)
			return -errno;
		if (!len && e->kind->traits & (T_STREAM | T_RECORDS))
			return 0;
		*any = true;
		if (e->filled)
			e->filled -= e->kind->traits & T_STREAM ? len : 1;
		else
			tell_piece(r, &msg, data, len);
		if (e->kind->traits & T_CIPHER && r->x && !r->x->done)
			cipher_wake(e, true);
	}
}

/* Bytes that are sent, and not yet where they can be read */
static bool on_the_way(const struct reader *r, const struct exchange *x)
{
	const struct ends *e = r->e;
	int bytes = 0;

	if (x && e->rx >= 0 && e->kind->traits & T_STREAM && r->o->came < x->res)
		return true;
	return e->tx >= 0 && e->rx >= 0 && e->kind->traits & T_TCP &&
	       !ioctl(e->tx, SIOCOUTQ, &bytes) && bytes;
}

/* Until it is done and has arrived, or nothing happens any more */
static const char *drain(struct reader *r, struct exchange *x)
{
	const unsigned int traits = r->e->kind->traits;
	int most = traits & T_TCP ? IDLE_MS : traits & T_LATE ? LATE_MS : 2;
	const char *wrong = NULL;
	int idle;

	r->x = x;
	for (idle = 0; idle < most && !wrong;) {
		bool any = false;
		long left;

		wrong = ends_flush(r->e);
		left = wrong ? 0 : read_all(r, &any);
		if (x && !wrong)
			wrong = exchange_settle(x);
		if (any)
			idle = 0;
		else if ((!x || x->done) && !on_the_way(r, x) &&
			 (!(traits & T_LATE) || idle > 5))
			break;
		else if (idle++ && traits & (T_TCP | T_LATE))
			usleep(1000);
		if (!left && !any)
			break;
	}
	flush_run(r);
	return wrong;
}

static void connect_late(struct ends *e)
{
	struct pollfd pfd = { .fd = e->listener, .events = POLLIN };

	if (e->listener >= 0 && e->rx < 0 && poll(&pfd, 1, CONNECT_MS) == 1)
		e->rx = accept4(e->listener, NULL, NULL, SOCK_CLOEXEC);
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void leave(struct ends *e, enum end end)
{
	const struct linger at_once = { .l_onoff = 1 };

	if (end == E_RESET && e->kind->traits & T_TCP)
		setsockopt(e->rx, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(e->rx);
	e->rx = -1;
}

/* Something small, without waiting; then the end */
static const char *tell_next(struct reader *r, const struct plan *p)
{
	uint8_t data[MOST_HEAD + NEXT_LEN];
	struct ends *e = r->e;
	const bool to = has(p, T_ADDRESS) && p->named;
	const char *wrong;
	unsigned int i;
	ssize_t len;
	bool any;

	memcpy(data, e->start, e->head);
	fill_payload(data + e->head, 1, NEXT_LEN);
	for (i = 0; i < (e->rx < 0 ? 2 : 1); i++) {
		len = sendto(e->tx, data, e->head + NEXT_LEN, MSG_DONTWAIT | MSG_NOSIGNAL,
			     to ? (void *)&e->to : NULL, to ? e->to_len : 0);
		tell_number(r->o, F_NEXT, len < 0 ? -errno : len);
		note(r->o, F_NEXT, "; ");
	}
	r->message = 1;
	r->of = F_NEXT;
	*r->before = 0;
	wrong = drain(r, NULL);
	tell_error_of(r->o, "sender", e->tx);
	tell_error_of(r->o, "receiver", e->rx);
	queue_tell(r->o, e->tx);
	/* Ids of TCP count bytes, those that filled it as well */
	if (has(p, T_STREAM) && p->options & O_IDS && r->o->early)
		r->o->stamp -= e->total;
	shutdown(e->tx, SHUT_WR);
	wrong = wrong ?: ends_flush(e);
	if (e->rx >= 0)
		tell_number(r->o, F_NEXT, read_all(r, &any));
	return wrong;
}

static void tell_sent(struct outcome *o, const struct plan *p, struct exchange *x)
{
	/* How much of a stream fits depends on the time */
	if (has(p, T_TCP) && x->res > 0 && x->res < (long)p->len) {
		note(o, F_RESULT, "a part");
		o->part = true;
		if (o->came == x->res || p->end == E_RESET || p->end == E_CLOSE)
			snprintf(o->text[F_PEER], sizeof(*o->text), "as much");
	} else {
		tell_number(o, F_RESULT, x->res);
	}
	if (p->besides & B_ON)
		snprintf(o->text[F_PEER], sizeof(*o->text), "%ld bytes in all%s", o->came,
			 o->right ? "" : ", wrong");
	if (x->by == BY_RING && zero_copy(p) && x->more != x->notices)
		note(o, F_NOTICE, "%u notifications, %u announced", x->notices,
		     x->more);
}

/* The message waits, or is done: what its caller and the peer do then */
static const char *go_on(struct reader *r, const struct plan *p, struct exchange *x)
{
	struct outcome *o = r->o;
	const char *wrong = NULL;

	connect_late(r->e);
	if (!x->done && p->end == E_CANCEL)
		wrong = exchange_stop(x);
	if (p->full)
		wrong = wrong ?: ends_free(r->e);
	/* There is room then, also for who has yet to look */
	if (p->full && has(p, T_SCTP))
		wrong = wrong ?: ends_flush(r->e) ?: exchange_settle(x);
	if (p->end == E_RESET || p->end == E_CLOSE)
		leave(r->e, p->end);
	wrong = wrong ?: drain(r, x);
	if (!wrong && !x->done) {
		note(o, F_RESULT, "waits, then ");
		o->stopped = true;
		wrong = exchange_stop(x);
	}
	return wrong ?: exchange_notices(x);
}

/* What is left of a short send goes behind it, as its application does that */
static const char *send_on(struct reader *r, struct exchange *x, const uint8_t *data)
{
	const size_t len = x->plan->len;
	const long first = x->res;
	size_t sent = first > 0 ? first : 0;
	const char *wrong = NULL;
	unsigned int i;

	exchange_linked(x);
	if (!(x->plan->besides & B_ON))
		return NULL;
	for (i = 0; i < MOST_ON && sent < len && !wrong; i++) {
		wrong = exchange_on(x, data + sent, len - sent);
		sent += x->res > 0 ? x->res : 0;
		wrong = wrong ?: drain(r, NULL);
	}
	x->res = first;
	return wrong;
}

const char *send_one(struct ends *e, const struct plan *p, enum side by,
		     struct outcome *o)
{
	static uint8_t data[MOST_HEAD + LONGEST];
	static char control[CONTROL_MOST];
	struct sockaddr_storage to = e->to;
	struct reader r = { .e = e, .o = o, .of = F_PEER };
	struct iovec iov[MOST_PIECES];
	struct exchange x = {
		.by = by, .plan = p, .fd = e->tx, .o = o,
		.msg = { .msg_iov = iov, .msg_iovlen = p->pieces },
	};
	int files[FILES];
	const char *wrong = p->full ? ends_fill(e) : NULL;
	long filled = now_ms();

	exchange_register(data, sizeof(data));
	if (wrong)
		return wrong;
	files_take(files);
	memcpy(data, e->start, e->head);
	fill_payload(data + e->head, 0, p->len);
	cut(iov, p->pieces, data, e->head + p->len);
	if (p->named) {
		x.msg.msg_name = &to;
		x.msg.msg_namelen = e->to_len;
	}
	x.msg.msg_controllen = control_put(control, e, p->control, files);
	x.msg.msg_control = x.msg.msg_controllen ? control : NULL;
	wrong = exchange_start(&x);
	o->waited = x.waited;
	if (p->later == L_OVERWRITTEN)
		control_other(control, x.msg.msg_controllen, e, p->control);
	files_later(files, p->later);
	if (by == BY_RING) {
		memset(&to, 0xa5, sizeof(to));
		memset(iov, 0xa5, sizeof(iov));
		memset(&x.msg, 0xa5, sizeof(x.msg));
	}
	exchange_go(&x);
	o->slow = has(p, T_TCP) && p->full && now_ms() - filled > PROBE_MS;
	wrong = wrong ?: go_on(&r, p, &x) ?: send_on(&r, &x, data);
	exchange_end(&x);
	files_close(files);
	if (wrong)
		return wrong;
	o->again = x.again;
	o->res = x.res;
	tell_sent(o, p, &x);
	return tell_next(&r, p);
}
