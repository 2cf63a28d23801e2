// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/net_tstamp.h>

#include "network.h"
#include "race.h"
#include "report.h"

#define STREAM_BYTES	65536	/* of one send; both buffers hold less */
#define STREAM_BUFFER	8192
#define SLOT		CONTROL_ROOM
#define TOS		2	/* what datagram.c asks for */
#define OTHER		NOT_A_SEND
#define MOST_OTHERS	(2 * MOST + 1)
#define TIMEOUT_US	3000	/* a linked one at most */
#define SETTLE_US	5000
#define TICK_NS		(1000 * 1000)

/* What came of each request */
struct account {
	struct done sends[MOST];
	unsigned int others[MOST_OTHERS];
	unsigned int missing;
};

unsigned int roll(struct dice *dice, unsigned int sides)
{
	/* xorshift64* */
	dice->state ^= dice->state >> 12;
	dice->state ^= dice->state << 25;
	dice->state ^= dice->state >> 27;
	return (dice->state * 2685821657736338717ULL >> 32) % sides;
}

static bool cancels(const struct plan *plan)
{
	return plan->event >= CANCEL_EACH || plan->timeout;
}

const char *plan_text(const struct race *race)
{
	static const char * const events[] = {
		[NOTHING] = "let go", [CLOSE] = "closed",
		[SHUTDOWN] = "shut down", [CANCEL_EACH] = "cancelled each",
		[CANCEL_FD] = "cancelled by fd",
		[CANCEL_FD_ALL] = "cancelled all by fd",
		[CANCEL_ANY] = "cancelled any",
	};
	static const char * const edits[] = {
		[STILL] = "left alone", [FILL] = "overwritten",
		[PROTECT] = "protected", [UNMAP] = "unmapped",
	};
	const struct plan *plan = &race->plan;
	static char text[256];

	snprintf(text, sizeof(text),
		 "%d bit, %u %s over %s,%s%s%s%s%s %s control %s%s; %s%s%s",
		 8 * (int)sizeof(long), plan->n, opcode_name(plan->op),
		 plan->stream ? "TCP" : "UDP", plan->full ? " full," : "",
		 race->how == HOW_SQPOLL ? " SQPOLL," : race->how == HOW_DEFER ?
		 " DEFER_TASKRUN," : "", plan->async ? " ASYNC," : "",
		 plan->poll_first ? " POLL_FIRST," : "",
		 plan->timeout ? " LINK_TIMEOUT," : "",
		 plan->large ? "large" : "small", edits[plan->edit],
		 plan->edit == STILL ? "" : plan->early ? " before submit" :
		 " after submit", events[plan->event],
		 plan->settled ? " after a while" : "",
		 plan->together ? ", let go at once" : "");
	return text;
}

/* A pair of TCP sockets with small buffers, in place of those of UDP */
static const char *stream_pair(struct race *race)
{
	const int size = STREAM_BUFFER;
	const int report = SOF_TIMESTAMPING_SOFTWARE |
			   SOF_TIMESTAMPING_OPT_TSONLY;
	struct udp_pair *pair = &race->pair;
	struct sockaddr_storage to;
	int listener;
	socklen_t len;

	address(&to, &len, false, LO4_ADDR);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pair->tx = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	setsockopt(pair->tx, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(pair->tx, SOL_SOCKET, SO_TIMESTAMPING, &report,
		   sizeof(report));
	pair->rx = -1;
	if (!bind(listener, (void *)&to, len) && !listen(listener, 1) &&
	    !getsockname(listener, (void *)&to, &len) &&
	    !connect(pair->tx, (void *)&to, len))
		pair->rx = accept4(listener, NULL, NULL,
				   SOCK_NONBLOCK | SOCK_CLOEXEC);
	close(listener);
	return pair->rx < 0 ? reason("no TCP: %s", errno_name(errno)) : NULL;
}

static void stream_fill(int fd)
{
	static const char zeros[4096];

	while (send(fd, zeros, sizeof(zeros), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
}

static const char *wire_open(struct race *race)
{
	/* TCP cannot connect through a closed queue, nor go on after a loss */
	if (race->plan.stream)
		return qdisc_release() ?: stream_pair(race);
	return pair_open(&race->pair, FAM_UDP4) ?: qdisc_hold() ?:
	       pair_fill(&race->pair);
}

static void wire_close(struct race *race)
{
	close(race->pair.tx);
	close(race->pair.rx);
}

static void pack_datagram(struct race *race, unsigned int i)
{
	struct message *p = &race->messages[i];
	const int tos = TOS;

	message_pack(p, &race->pair, i, race->plan.large ? CTL_QUIC : CTL_SEGMENT);
	while (race->plan.large &&
	       p->msg.msg_controllen + CMSG_SPACE(sizeof(tos)) <= SLOT)
		message_add_control(p, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
}

static void pack_stream(struct race *race, unsigned int i)
{
	const uint32_t ack = SOF_TIMESTAMPING_TX_ACK;
	struct message *p = &race->messages[i];
	static char data[STREAM_BYTES];

	p->msg = (struct msghdr){ .msg_iov = &p->iov, .msg_iovlen = 1 };
	p->iov = (struct iovec){ data, sizeof(data) };
	p->len = sizeof(data);
	p->buf = p->room;
	do {
		message_add_control(p, SOL_SOCKET, SO_TIMESTAMPING, &ack,
				    sizeof(ack));
	} while (race->plan.large &&
		 p->msg.msg_controllen + CMSG_SPACE(sizeof(ack)) <= SLOT);
}

static void pack(struct race *race)
{
	unsigned int i;

	for (i = 0; i < race->plan.n; i++) {
		struct message *p = &race->messages[i];

		if (race->plan.stream)
			pack_stream(race, i);
		else
			pack_datagram(race, i);
		p->msg.msg_control = memcpy(race->page + i * SLOT, p->room,
					    p->msg.msg_controllen);
	}
}

static void queue(struct race *race)
{
	const struct plan *plan = &race->plan;
	struct io_uring_sqe *sqe;
	unsigned int i;

	for (i = 0; i < plan->n; i++) {
		sqe = io_uring_get_sqe(&race->ring);
		ring_prep(sqe, plan->op, race->pair.tx, &race->messages[i].msg,
			  MSG_NOSIGNAL | (plan->stream ? MSG_WAITALL : 0));
		sqe->user_data = i;
		if (plan->async)
			sqe->flags |= IOSQE_ASYNC;
		if (plan->poll_first)
			sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
		if (!plan->timeout)
			continue;
		sqe->flags |= IOSQE_IO_LINK;
		race->wait[i].tv_nsec = roll(&race->dice, TIMEOUT_US) * 1000;
		sqe = io_uring_get_sqe(&race->ring);
		io_uring_prep_link_timeout(sqe, &race->wait[i], 0);
		sqe->user_data = OTHER + race->others++;
	}
}

static const char *submit(struct race *race)
{
	const char *wrong = ring_submit(&race->ring);
	time_t late = time(NULL) + race->patience;

	/* The kernel's thread takes them on its own time */
	while (!wrong && io_uring_sq_ready(&race->ring)) {
		if (time(NULL) > late)
			wrong = "the kernel's thread took no request";
		sched_yield();
	}
	return wrong;
}

const char *race_begin(struct race *race)
{
	struct plan *plan = &race->plan;
	const char *wrong = wire_open(race);

	if (wrong)
		return wrong;
	race->others = 0;
	race->tally->rounds++;
	race->tally->sends += plan->n;
	if (plan->stream && plan->full)
		stream_fill(race->pair.tx);
	pack(race);
	queue(race);
	if (plan->early)
		wrong = mutator_start(&race->mutator, plan->edit, race->page);
	wrong = wrong ?: submit(race);
	if (!wrong && !plan->early)
		wrong = mutator_start(&race->mutator, plan->edit, race->page);
	/* Not forced, as in the selftest: io-wq may block instead of polling */
	if (!wrong && plan->settled)
		usleep(SETTLE_US);
	return wrong;
}

static const char *cancel(struct race *race)
{
	static const unsigned int flags[] = {
		[CANCEL_EACH] = 0,
		[CANCEL_FD] = IORING_ASYNC_CANCEL_FD,
		[CANCEL_FD_ALL] = IORING_ASYNC_CANCEL_FD |
				  IORING_ASYNC_CANCEL_ALL,
		[CANCEL_ANY] = IORING_ASYNC_CANCEL_ANY |
			       IORING_ASYNC_CANCEL_ALL,
	};
	enum event event = race->plan.event;
	bool one_by_one = event == CANCEL_EACH || event == CANCEL_FD;
	unsigned int i, n = one_by_one ? race->plan.n : 1;
	struct io_uring_sqe *sqe;

	for (i = 0; i < n; i++) {
		sqe = io_uring_get_sqe(&race->ring);
		if (event == CANCEL_EACH)
			io_uring_prep_cancel64(sqe, i, 0);
		else
			io_uring_prep_cancel_fd(sqe, race->pair.tx, 0);
		sqe->cancel_flags = flags[event];
		sqe->user_data = OTHER + race->others++;
	}
	return submit(race);
}

static const char *happen(struct race *race)
{
	switch (race->plan.event) {
	case NOTHING:
		return NULL;
	case CLOSE:
		/* The number stays in use, so that no send gets another file */
		return dup2(race->null, race->pair.tx) < 0 ? "dup2(2) failed" :
							     NULL;
	case SHUTDOWN:
		/* An unconnected socket is shut down, too, and says ENOTCONN */
		shutdown(race->pair.tx, SHUT_WR);
		return NULL;
	default:
		return cancel(race);
	}
}

static void *let_go(void *arg)
{
	*(const char **)arg = qdisc_release();
	return NULL;
}

static void drain(struct race *race)
{
	static char data[65536];

	while (race->plan.stream && read(race->pair.rx, data, sizeof(data)) > 0)
		;
}

static const char *enter(struct race *race, struct account *account,
			 const struct io_uring_cqe *cqe)
{
	struct done *d;

	account->missing--;
	if (cqe->user_data >= OTHER &&
	    cqe->user_data < OTHER + race->others)
		return account->others[cqe->user_data - OTHER]++ ?
		       "a second completion of a cancellation or timeout" :
		       NULL;
	if (cqe->user_data >= race->plan.n)
		return reason("a completion for request %llu, which does not exist",
			      (unsigned long long)cqe->user_data);
	d = &account->sends[cqe->user_data];
	if (cqe->flags & IORING_CQE_F_NOTIF) {
		race->tally->notified++;
		return !d->completions ? "a notification before the completion" :
		       !d->more || d->notifications++ ?
		       "a notification that no completion announced" : NULL;
	}
	d->res = cqe->res;
	d->more = cqe->flags & IORING_CQE_F_MORE;
	account->missing += d->more;
	return d->completions++ ? "a second completion" : NULL;
}

static const char *due_yet(const struct race *race,
			   const struct account *account)
{
	unsigned int i;

	for (i = 0; i < race->plan.n; i++) {
		if (!account->sends[i].completions)
			return reason("send %u: completion lost", i);
		if (account->sends[i].more && !account->sends[i].notifications)
			return reason("send %u: notification lost", i);
	}
	return "completion of a cancellation or timeout lost";
}

static const char *collect(struct race *race, struct account *account)
{
	time_t late = time(NULL) + race->patience;
	struct io_uring_cqe *cqe;
	const char *wrong = NULL;

	memset(account, 0, sizeof(*account));
	account->missing = race->plan.n + race->others;
	while (!wrong && account->missing) {
		struct __kernel_timespec ts = { .tv_nsec = TICK_NS };

		drain(race);
		if (!io_uring_wait_cqe_timeout(&race->ring, &cqe, &ts)) {
			if (!race->drop)
				wrong = enter(race, account, cqe);
			race->drop = false;
			io_uring_cqe_seen(&race->ring, cqe);
		} else if (time(NULL) > late) {
			wrong = due_yet(race, account);
		}
	}
	/* Whatever comes now comes twice */
	if (!wrong && !io_uring_peek_cqe(&race->ring, &cqe))
		wrong = reason("one more completion, of request %llu",
			       (unsigned long long)cqe->user_data);
	return wrong;
}

/* What bad control may give, depending on where it is bad */
static bool is_spoilt(int err)
{
	return err == EFAULT || err == EINVAL || err == ENODEV ||
	       err == ENETUNREACH || err == EHOSTUNREACH || err == EMSGSIZE ||
	       err == EIO;
}

/* Reasons that the round has given */
static bool is_due(const struct plan *plan, int err)
{
	if (err == ECANCELED || err == EINTR)
		return cancels(plan);
	if (err == EPIPE)
		return plan->event == SHUTDOWN;
	/* io-wq looks the file up when it issues */
	return err == ENOTSOCK && plan->event == CLOSE;
}

static void count_spoilt(struct race *race)
{
	if (race->plan.edit != STILL && race->plan.early)
		race->tally->spoilt++;
	else
		race->tally->refused++;
}

static const char *judge_sent(struct race *race, const struct message *p,
			      const struct done *d)
{
	const struct plan *plan = &race->plan;

	if (plan->op != OP_SENDMSG && !d->more)
		return "success without F_MORE";
	if ((size_t)d->res == p->len) {
		race->tally->whole++;
		return NULL;
	}
	if (!plan->stream || !d->res || (size_t)d->res > p->len)
		return reason("%d of %zu bytes", d->res, p->len);
	if (cancels(plan) || plan->event == SHUTDOWN)
		race->tally->part++;
	else
		/* Its control was read again for the rest */
		count_spoilt(race);
	return NULL;
}

static const char *judge_one(struct race *race, const struct message *p,
			     const struct done *d)
{
	const struct plan *plan = &race->plan;
	struct tally *tally = race->tally;

	if (plan->op == OP_SENDMSG && d->more)
		return "F_MORE from sendmsg";
	if (d->res >= 0)
		return judge_sent(race, p, d);
	if (is_due(plan, -d->res)) {
		if (d->res == -ECANCELED || d->res == -EINTR)
			tally->cancelled++;
		else
			tally->failed++;
		return NULL;
	}
	if (!is_spoilt(-d->res))
		return reason("-%s", errno_name(-d->res));
	count_spoilt(race);
	return NULL;
}

/* What came through has to be as its control was at submit */
static void judge_datagrams(struct race *race)
{
	int ecn = race->plan.large ? TOS : 0;
	struct datagram d;

	while (receiver_take(race->pair.rx, &d, 0) > 0)
		if (d.wrong >= 0 || d.ecn != ecn ||
		    (d.len != SEGMENT_SIZE &&
		     d.len != SEND_SIZE - SEGMENT_SIZE))
			race->tally->odd++;
}

static const char *judge(struct race *race, const struct account *account)
{
	const struct plan *plan = &race->plan;
	const char *wrong = NULL;
	unsigned int i;

	for (i = 0; i < plan->n && !wrong; i++) {
		wrong = judge_one(race, &race->messages[i], &account->sends[i]);
		if (wrong)
			wrong = reason("send %u: %s", i, wrong);
	}
	if (wrong || plan->stream || (plan->edit != STILL && plan->early))
		return wrong;
	/* What has left the queue counts no longer, unless nobody can ask */
	if (plan->event != CLOSE)
		wrong = socket_drain(race->pair.tx);
	judge_datagrams(race);
	return wrong;
}

const char *race_finish(struct race *race)
{
	const char *opened = NULL, *wrong;
	struct account account;
	pthread_t helper;
	bool helped;

	helped = race->plan.together &&
		 !pthread_create(&helper, NULL, let_go, &opened);
	wrong = happen(race);
	if (helped)
		thread_join(helper);
	else
		opened = qdisc_release();
	wrong = wrong ?: opened ?: collect(race, &account);
	mutator_stop(&race->mutator);
	wrong = wrong ?: judge(race, &account);
	wire_close(race);
	return wrong;
}

const char *race_reap(struct race *race)
{
	struct account account;
	const char *wrong;
	unsigned int i;

	wrong = qdisc_release() ?: collect(race, &account);
	mutator_stop(&race->mutator);
	/* Those of the thread itself are cancelled, not those of others */
	for (i = 0; i < race->plan.n && !wrong; i++) {
		struct done *d = &account.sends[i];

		if (d->res == -ECANCELED || d->res == -EINTR ||
		    (race->plan.stream && d->res > 0))
			race->tally->cancelled++;
		else
			wrong = judge_one(race, &race->messages[i], d);
	}
	wire_close(race);
	return wrong;
}
