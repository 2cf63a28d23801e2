// SPDX-License-Identifier: GPL-2.0
/*
 * The defects, by what shows them: a difference has the name of the first that
 * fits and without which it goes away.
 */
#include <sys/socket.h>

#include "messages.h"

static bool is_late_file(const struct plan *p)
{
	return p->later == L_CLOSED || p->later == L_REPLACED;
}

static bool is_late_read(const struct plan *p)
{
	return p->later == L_OVERWRITTEN;
}

static void kept(struct plan *p)
{
	p->later = L_KEPT;
}

/* A 32-bit program alone */
static bool is_wrong_length(const struct plan *p)
{
	return sizeof(long) == 4 && !receives(p) && p->control;
}

static void without_control(struct plan *p)
{
	p->control = C_NONE;
	p->later = L_KEPT;
}

static bool is_unannounced(const struct plan *p)
{
	return zero_copy(p) && p->way == W_BROKEN_LINK;
}

static void plain_way(struct plan *p)
{
	p->way = W_PLAIN;
}

static bool is_fastopen(const struct plan *p)
{
	return p->flags & MSG_FASTOPEN;
}

static void not_fast(struct plan *p)
{
	p->flags &= ~MSG_FASTOPEN;
}

static bool is_repeated_id(const struct plan *p)
{
	return p->flags & MSG_ZEROCOPY && p->flags & MSG_WAITALL;
}

static void in_parts(struct plan *p)
{
	p->flags &= ~MSG_WAITALL;
}

static bool is_rewritten(const struct plan *p)
{
	return has(p, T_REWRITES) && !receives(p) && p->full;
}

static bool is_eaten(const struct plan *p)
{
	return !receives(p) && has(p, T_EATS) && (p->full || has(p, T_LATE));
}

static void with_room(struct plan *p)
{
	p->full = 0;
	p->len = p->len > 100 ? 100 : p->len;
}

/* AF_ALG takes the initial vector before it finds no room, and then once more */
static bool is_repeated_iv(const struct plan *p)
{
	return !receives(p) && has(p, T_CIPHER) && p->full && p->control == C_CIPHER;
}

static bool is_lost_error(const struct plan *p)
{
	/* SCTP sends and receives no parts */
	return (p->end == E_RESET || (p->end == E_CLOSE && !receives(p))) &&
	       p->flags & MSG_WAITALL && !has(p, T_SCTP);
}

static bool is_cut_control(const struct plan *p)
{
	return !receives(p) && has(p, T_STREAM) && p->flags & MSG_WAITALL &&
	       (p->control == C_STAMP || p->control == C_CREDENTIALS ||
		p->control == C_BOTH);
}

static bool is_peek(const struct plan *p)
{
	return receives(p) && p->flags & (MSG_PEEK | MSG_TRUNC) &&
	       p->flags & MSG_WAITALL;
}

static bool is_merged(const struct plan *p)
{
	return receives(p) && has(p, T_RECORDS) && p->flags & MSG_WAITALL;
}

static bool is_grown(const struct plan *p)
{
	return p->act == A_RECVMSG && p->named && p->flags & MSG_WAITALL;
}

/* What a part said, such as MSG_CTRUNC, and the next issue did not */
static bool is_lost_flags(const struct plan *p)
{
	return p->act == A_RECVMSG && p->flags & MSG_WAITALL;
}

static bool is_used_up(const struct plan *p)
{
	return p->act == A_RECVMSG && p->room && p->full && has(p, T_UNIX);
}

static void without_options(struct plan *p)
{
	p->options = 0;
}

/* -- provided buffers, bundles, multishot, and what is next to them ------- */

static bool is_failed_whole(const struct plan *p)
{
	return receives(p) && p->besides & B_LINKED && p->flags & MSG_WAITALL &&
	       p->options & (O_CREDENTIALS | O_STAMP | O_PIDFD);
}

/* TLS tells the type of each record, asked for or not */
static bool is_failed_record(const struct plan *p)
{
	return receives(p) && has(p, T_TLS) && p->besides & B_LINKED &&
	       p->flags & MSG_WAITALL;
}

static bool is_zc_pieces(const struct plan *p)
{
	return p->act == A_SENDMSG_ZC && p->besides & B_FIXED &&
	       (p->pieces > 1 || !p->len);
}

static void not_registered(struct plan *p)
{
	p->besides &= ~B_FIXED;
}

static bool is_stuck_length(const struct plan *p)
{
	return p->besides & B_TAKEN && !(p->besides & B_READ);
}

static bool is_stuck_read(const struct plan *p)
{
	return p->besides & B_TAKEN && p->besides & B_READ;
}

static void not_taken(struct plan *p)
{
	p->besides &= ~B_TAKEN;
}

static bool is_refused_bundle(const struct plan *p)
{
	return !receives(p) && p->bundle && p->way == W_ASYNC;
}

static bool is_ignored_length(const struct plan *p)
{
	return !receives(p) && p->pool == 1 && !p->bundle && p->each > p->len;
}

static void no_longer(struct plan *p)
{
	p->each = p->len;
}

static bool is_longer_bundle(const struct plan *p)
{
	return p->bundle && (receives(p) ? !(p->flags & MSG_PEEK) :
			     p->besides & B_LENGTH);
}

static void as_long(struct plan *p)
{
	if (receives(p))
		p->bundle = 0;
	p->besides &= ~B_LENGTH;
}

static bool is_overtaken_bundle(const struct plan *p)
{
	return !receives(p) && p->bundle && p->besides & B_ON;
}

static bool is_gapped_ring(const struct plan *p)
{
	return !receives(p) && p->pool == 3 && !p->bundle && p->besides & B_ON;
}

static bool is_gapped_receive(const struct plan *p)
{
	return receives(p) && p->pool == 3 && p->way == W_ASYNC && p->besides & B_ON;
}

/* A worker takes its buffer for good when it selects it, whatever is sent of it */
static bool is_worker_gap(const struct plan *p)
{
	return !receives(p) && p->pool > 1 && p->way == W_ASYNC && p->besides & B_ON;
}

static void ends_there(struct plan *p)
{
	p->besides &= ~B_ON;
}

static bool is_mixed_stream(const struct plan *p)
{
	return receives(p) && p->bundle && (p->way == W_ASYNC || p->besides & B_TAKEN);
}

static bool is_bundled_peek(const struct plan *p)
{
	return receives(p) && p->bundle && p->flags & MSG_PEEK;
}

static void without_bundle(struct plan *p)
{
	p->bundle = 0;
}

static bool is_queued_end(const struct plan *p)
{
	return p->shots && p->besides & B_HASTY && p->early == p->steps &&
	       has(p, T_UNIX) && has(p, T_STREAM);
}

static bool is_missed_end(const struct plan *p)
{
	return p->shots && has(p, T_UNIX) && has(p, T_STREAM) &&
	       (p->end == E_SHUTDOWN || p->end == E_CLOSE);
}

static void one_round(struct plan *p)
{
	p->shots = 0;
	p->besides &= ~B_HASTY;
}

/* What task work receives up to an urgent mark, and what it says of that */
static bool is_missed_mark(const struct plan *p)
{
	unsigned int i, marks = 0;

	for (i = 0; i < p->steps; i++)
		marks += p->step[i].oob;
	return p->shots && has(p, T_TCP) && marks;
}

static bool is_first_only(const struct plan *p)
{
	return p->besides & B_IOVEC;
}

static void without_iovec(struct plan *p)
{
	p->besides &= ~B_IOVEC;
}

static bool is_buffers(const struct plan *p)
{
	return p->pool;
}

/* In this order: what may show has the facts, and what it rests on is there */
const struct defect defects[] = {
	{ "late-file", ALL, is_late_file, kept },
	{ "late-read", ALL, is_late_read, kept },
	{ "wrong-length", ALL, is_wrong_length, without_control },
	{ "unannounced-notification", F(F_NOTICE), is_unannounced, plain_way },
	{ "fastopen-unfinished", ALL, is_fastopen, not_fast },
	{ "repeated-id", F(F_QUEUE), is_repeated_id, in_parts },
	{ "rewritten-name", ALL, is_rewritten, with_room },
	{ "eaten-data", F(F_RESULT) | F(F_PEER), is_eaten, with_room },
	{ "repeated-iv", F(F_PEER) | F(F_NEXT), is_repeated_iv, with_room },
	{ "cut-control", F(F_PEER) | F(F_QUEUE), is_cut_control, in_parts },
	{ "failed-whole", F(F_NEXT), is_failed_whole, without_options },
	{ "failed-whole", F(F_NEXT), is_failed_record, in_parts },
	{ "lost-error", F(F_NEXT) | F(F_ERROR), is_lost_error, in_parts },
	{ "merged-records", F(F_RESULT) | F(F_DATA) | F(F_FLAGS), is_merged, in_parts },
	{ "repeated-peek", F(F_RESULT) | F(F_DATA), is_peek, in_parts },
	{ "grown-name", F(F_NAME), is_grown, in_parts },
	{ "lost-flags", F(F_FLAGS), is_lost_flags, in_parts },
	{ "used-up-control", F(F_CONTROL) | F(F_FILES) | F(F_FLAGS), is_used_up,
	  without_options },
	{ "zc-pieces", F(F_RESULT) | F(F_PEER) | F(F_NOTICE), is_zc_pieces, not_registered },
	{ "refused-bundle", ALL, is_refused_bundle, plain_way },
	{ "ignored-length", ALL, is_ignored_length, no_longer },
	{ "stuck-length", ALL, is_stuck_length, not_taken },
	{ "stuck-read", ALL, is_stuck_read, not_taken },
	{ "first-only", ALL, is_first_only, without_iovec },
	{ "queued-end", ALL, is_queued_end, one_round },
	{ "missed-end", ALL, is_missed_end, one_round },
	{ "missed-mark", ALL, is_missed_mark, one_round },
	{ "repeated-peek", ALL, is_bundled_peek, without_bundle },
	{ "mixed-stream", ALL, is_mixed_stream, without_bundle },
	{ "longer-bundle", ALL, is_longer_bundle, as_long },
	{ "worker-gap", ALL, is_worker_gap, plain_way },
	{ "gapped-ring", ALL, is_gapped_ring, ends_there },
	{ "gapped-receive", ALL, is_gapped_receive, ends_there },
	{ "overtaken-bundle", ALL, is_overtaken_bundle, ends_there },
	{ "buffers", ALL, is_buffers, without_pool },
	{ }
};
