// SPDX-License-Identifier: GPL-2.0
/*
 * Plans of provided buffers, and of what else there is about a request.
 */
#include <sys/socket.h>

#include "messages.h"

unsigned int one_of(struct dice *dice, const unsigned int *of, unsigned int n)
{
	return of[below(dice, n)];
}

/* Whether a plan may take provided buffers */
bool takes_pool(struct dice *dice, const struct plan *p)
{
	/* AF_ALG with a receive that goes on would not come to an end */
	return kinds[p->kind].type != SOCK_RAW && !has(p, T_ONE_WAY | T_FASTOPEN) &&
	       percent(dice, 35) && !(has(p, T_CIPHER) && p->act == A_RECVMSG);
}

void send_from_pool(struct dice *dice, struct plan *p)
{
	p->pool = 1 + below(dice, 3);
	p->len += !p->len;
	/* io_uring_prep_send(3), io_uring_prep_recv(3): bundles are for rings */
	p->bundle = p->pool > 1 && has(p, T_STREAM) && percent(dice, 50);
	p->each = p->bundle ? p->len < 3000 ? 100 : 1000 : p->len + 100 * below(dice, 2);
	if (p->bundle && percent(dice, 30))
		p->besides |= B_LENGTH;
	if (percent(dice, 8))
		p->way = W_ASYNC;
	/* Timestamps and ids are for each part; a cipher rests on what went before */
	if (has(p, T_STREAM) && !has(p, T_CIPHER) && !(p->flags & MSG_ZEROCOPY) &&
	    percent(dice, 60))
		p->besides |= B_ON;
}

/* More receives than the kernel does in one round */
static void many_rounds(struct dice *dice, struct plan *p)
{
	p->each = 20;
	p->steps = 1;
	p->step[0].len = ONE_OF(dice, 100, 700, 1000);
	p->early = p->early > 1 ? 1 : p->early;
}

static void read_by_pool(struct plan *p)
{
	p->besides |= B_READ;
	p->flags = 0;
	if (p->way == W_POLL_FIRST)
		p->way = W_PLAIN;
}

/* Whether there are enough for all that comes, with so much in each */
static bool buffers_last(const struct plan *p)
{
	unsigned int i, parts = 0;

	for (i = 0; i < p->steps && p->len; i++)
		parts += (p->step[i].len + p->len - 1) / p->len;
	return !has(p, T_STREAM | T_SCTP) || (p->len && parts < BUFFERS);
}

static bool has_no_peek(const struct plan *p)
{
	return !(p->flags & (MSG_PEEK | MSG_TRUNC | MSG_OOB));
}

/* Not MSG_WAITALL with incremental ones: on 6.18 that stores where it must not */
void receive_by_pool(struct dice *dice, struct plan *p)
{
	unsigned int i;

	p->pool = 1 + below(dice, 3);
	p->each = p->act == A_RECVMSG ? 1000 : ONE_OF(dice, 100, 400, 600, 1000);
	p->shots = p->act == A_RECVMSG || (percent(dice, 40) && !has(p, T_CIPHER));
	/* How much room a message finds there depends on what came before */
	if (p->act == A_RECVMSG && p->pool == 3)
		p->pool = 2;
	p->bundle = p->pool > 1 && !p->shots && has(p, T_STREAM) &&
		    percent(dice, 40);
	p->pieces = 1;
	if (p->shots)
		p->flags &= MSG_CMSG_CLOEXEC;
	p->flags &= ~(MSG_OOB | (p->bundle || p->pool == 3 ? MSG_WAITALL : 0));
	if (percent(dice, 12))
		p->way = W_ASYNC;
	if (p->act == A_RECVMSG) {
		/* Of a stream there are as many parts as that makes */
		p->besides |= percent(dice, 40) && buffers_last(p) ? B_IOVEC : 0;
		return;
	}
	if (p->shots && has(p, T_STREAM) && percent(dice, 40))
		many_rounds(dice, p);
	if (!p->shots && !p->bundle && percent(dice, 25))
		read_by_pool(p);
	if (p->full && !(p->flags & MSG_DONTWAIT) && p->way != W_ASYNC &&
	    percent(dice, 30))
		p->besides |= B_TAKEN;
	if (p->shots || !has(p, T_STREAM) || has(p, T_CIPHER) || !has_no_peek(p) ||
	    percent(dice, 50))
		return;
	p->besides |= B_ON;
	for (i = 0; i < p->steps; i++)
		p->step[i].oob = 0;
}

void besides_send(struct dice *dice, struct plan *p)
{
	/* When it is over the rest can go no more */
	if (p->end == E_CLOSE || p->end == E_RESET)
		p->besides &= ~B_ON;
	if (zero_copy(p) && has(p, T_ZC) && percent(dice, 35))
		p->besides |= B_FIXED;
	/* Cut into pieces, the first ones are empty */
	if (p->besides & B_FIXED && p->act == A_SENDMSG_ZC && percent(dice, 40)) {
		p->len = 1;
		p->pieces = MOST_PIECES;
	}
	if (p->act == A_SEND && !p->bundle && !has(p, T_FASTOPEN) && percent(dice, 15))
		p->besides |= B_LINKED;
}

void besides_receive(struct dice *dice, struct plan *p)
{
	/* Whether a datagram was cut, and so failed, recv(2) does not say */
	const bool told = has(p, T_STREAM) || !(p->flags & MSG_WAITALL);

	if (p->act == A_RECV && !p->pool && percent(dice, 6))
		read_by_pool(p);
	if (p->act == A_RECV && !p->shots && !p->bundle && !(p->besides & B_READ) &&
	    has_no_peek(p) && told && percent(dice, 25))
		p->besides |= B_LINKED;
	if ((p->end == E_SHUTDOWN || p->end == E_CLOSE) && percent(dice, 40)) {
		p->besides |= B_HASTY;
		if (percent(dice, 50)) {
			p->early = p->steps;
			p->full = 0;
			p->besides &= ~B_TAKEN;
		}
	}
}
