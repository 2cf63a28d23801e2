// SPDX-License-Identifier: GPL-2.0
#include <sys/socket.h>

#include "messages.h"

/* The ways to make a plan smaller; each changes it, or leaves it as it is */
static const int flags[] = {
	MSG_WAITALL, MSG_PEEK, MSG_TRUNC, MSG_DONTWAIT, MSG_MORE, MSG_EOR, MSG_OOB,
	MSG_ZEROCOPY,
};

static void without_way(struct plan *p)
{
	p->way = W_PLAIN;
}

static void without_ring(struct plan *p)
{
	p->flavour = R_PLAIN;
}

static void without_end(struct plan *p)
{
	p->end = E_NONE;
}

static void without_later(struct plan *p)
{
	p->later = L_KEPT;
}

static void without_control(struct plan *p)
{
	p->control = C_NONE;
	p->later = L_KEPT;
}

static void in_one_piece(struct plan *p)
{
	p->pieces = 1;
}

static void without_name(struct plan *p)
{
	p->named = always_named(p) && !receives(p);
}

static void without_room(struct plan *p)
{
	p->room = 0;
}

void without_pool(struct plan *p)
{
	p->pool = 0;
	p->shots = 0;
	p->bundle = 0;
	p->besides &= ~(B_TAKEN | B_ON | B_IOVEC | B_LENGTH);
}

static void by_message(struct plan *p)
{
	if (!p->pool && !p->besides)
		p->act = receives(p) ? A_RECVMSG : A_SENDMSG;
}

static void fewer_steps(struct plan *p)
{
	p->steps -= p->steps > 1;
	p->early -= p->early > p->steps;
}

static void nothing_early(struct plan *p)
{
	p->early = 0;
	p->full |= receives(p);
}

static void plain_steps(struct plan *p)
{
	unsigned int i;

	for (i = 0; i < p->steps; i++)
		p->step[i] = (struct step) { .len = p->step[i].len };
}

static void short_steps(struct plan *p)
{
	unsigned int i;

	for (i = 0; i < p->steps; i++)
		if (p->step[i].len > 100)
			p->step[i].len = 100;
}

static void shorter(struct plan *p)
{
	if (p->len > 3000)
		p->len = 3000;
}

static void short_one(struct plan *p)
{
	if (p->len > 100)
		p->len = 100;
}

bool plan_shrink(struct plan *p, unsigned int n)
{
	static void (* const ways[])(struct plan *) = {
		without_pool, without_way, without_ring, without_end, without_later,
		without_control, in_one_piece, without_name, without_room, by_message,
		fewer_steps, nothing_early, plain_steps, short_steps, short_one, shorter,
	};

	if (n < ARRAY_SIZE(ways)) {
		ways[n](p);
		return true;
	}
	n -= ARRAY_SIZE(ways);
	if (n < ARRAY_SIZE(flags)) {
		p->flags &= ~flags[n];
		return true;
	}
	n -= ARRAY_SIZE(flags);
	if (n < 8) {
		p->besides &= ~(1 << n);
		return true;
	}
	n -= 8;
	p->options &= ~(1 << n);
	return n < 5;
}
