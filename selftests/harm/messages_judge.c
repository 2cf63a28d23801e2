// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "messages.h"

#define OFTEN		3	/* runs in which a difference has to come again */

/* -- the defects, by what shows them -------------------------------------- */

static bool is_late_file(const struct plan *p)
{
	return p->later == L_CLOSED || p->later == L_REPLACED;
}

static bool is_late_read(const struct plan *p)
{
	return p->later == L_OVERWRITTEN;
}

static bool is_unannounced(const struct plan *p)
{
	return zero_copy(p) && p->way == W_BROKEN_LINK;
}

static bool is_fastopen(const struct plan *p)
{
	return p->flags & MSG_FASTOPEN;
}

static bool is_repeated_id(const struct plan *p)
{
	return p->flags & MSG_ZEROCOPY && p->flags & MSG_WAITALL;
}

static bool is_rewritten(const struct plan *p)
{
	return has(p, T_REWRITES) && !receives(p) && p->full;
}

static bool is_eaten(const struct plan *p)
{
	return !receives(p) && has(p, T_EATS) && (p->full || has(p, T_LATE));
}

static bool is_lost_error(const struct plan *p)
{
	return (p->end == E_RESET || (p->end == E_CLOSE && !receives(p))) &&
	       p->flags & MSG_WAITALL;
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

static bool is_buffers(const struct plan *p)
{
	return p->pool;
}

/* In this order: what may show has the facts, and what it rests on is there */
static const struct defect {
	const char *name;
	unsigned int facts;	/* in one of which it shows */
	bool (*fits)(const struct plan *p);
} defects[] = {
	{ "late-file", ALL, is_late_file },
	{ "late-read", ALL, is_late_read },
	{ "unannounced-notification", F(F_NOTICE), is_unannounced },
	{ "fastopen-unfinished", ALL, is_fastopen },
	{ "repeated-id", F(F_QUEUE), is_repeated_id },
	{ "rewritten-name", ALL, is_rewritten },
	{ "eaten-data", F(F_RESULT) | F(F_PEER), is_eaten },
	{ "cut-control", F(F_PEER) | F(F_QUEUE), is_cut_control },
	{ "lost-error", F(F_NEXT) | F(F_ERROR), is_lost_error },
	{ "merged-records", F(F_RESULT) | F(F_DATA) | F(F_FLAGS), is_merged },
	{ "repeated-peek", F(F_RESULT) | F(F_DATA), is_peek },
	{ "grown-name", F(F_NAME), is_grown },
	{ "lost-flags", F(F_FLAGS), is_lost_flags },
	{ "used-up-control", F(F_CONTROL) | F(F_FILES) | F(F_FLAGS), is_used_up },
	{ "buffers", ALL, is_buffers },
};

/* Without what the defect rests on. The difference has to go with it */
static struct plan without(const struct plan *p, const char *name)
{
	struct plan less = *p;

	if (!strncmp(name, "late-", 5))
		less.later = L_KEPT;
	else if (!strcmp(name, "unannounced-notification"))
		less.way = W_PLAIN;
	else if (!strcmp(name, "eaten-data") || !strcmp(name, "rewritten-name"))
		less.full = 0, less.len = less.len > 100 ? 100 : less.len;
	else if (!strcmp(name, "fastopen-unfinished"))
		less.flags &= ~MSG_FASTOPEN;
	else if (!strcmp(name, "buffers"))
		less.pool = 0, less.shots = 0, less.bundle = 0;
	else if (!strcmp(name, "used-up-control"))
		less.options = 0;
	else
		less.flags &= ~MSG_WAITALL;
	return less;
}

unsigned long too_slow;

static unsigned int differing(const struct outcome *call, const struct outcome *ring)
{
	unsigned int i, facts = 0;

	for (i = 0; i < FACTS; i++)
		if (strcmp(call->text[i], ring->text[i]))
			facts |= F(i);
	return facts;
}

static const char *run_both(const struct plan *p, bool twice, bool fault,
			    struct outcome *call, struct outcome *ring,
			    struct verdict *v)
{
	const char *wrong = plan_run(p, BY_CALL, call);
	struct design *d = designs;

	*v = (struct verdict) { };
	wrong = wrong ?: plan_run(p, twice ? BY_CALL : BY_RING, ring);
	if (wrong)
		return wrong;
	if (fault && receives(p) && p->room && p->way == W_LINK)
		note(ring, F_RESULT, " and a fault");
	v->facts = differing(call, ring);
	if (!call->part && !ring->part &&
	    (call->early != ring->early || call->stamp != ring->stamp))
		v->facts |= F(F_QUEUE);
	if (v->facts && (call->slow || ring->slow)) {
		too_slow++;
		v->facts = 0;
	}
	if (!v->facts)
		return NULL;
	while (d->name && !(!(v->facts & ~d->facts) && d->holds(p, call, ring)))
		d++;
	v->design = d->name ? d : NULL;
	v->defect = d->name ? NULL : "unexplained";
	return NULL;
}

/* That of what the difference goes away with, alone or with others */
static const char *give_name(const struct plan *p, bool twice, bool fault,
			     struct verdict *v)
{
	static struct outcome other[2];
	const char *wrong = NULL;
	struct plan least = *p;
	struct verdict again;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(defects) && !wrong; i++) {
		struct plan less = without(p, defects[i].name);

		if (!defects[i].fits(p) || !(v->facts & defects[i].facts))
			continue;
		wrong = run_both(&less, twice, fault, &other[0], &other[1], &again);
		if (!again.defect) {
			v->defect = defects[i].name;
			return wrong;
		}
	}
	for (i = 0; i < ARRAY_SIZE(defects) && !wrong; i++) {
		if (!defects[i].fits(&least))
			continue;
		least = without(&least, defects[i].name);
		wrong = run_both(&least, twice, fault, &other[0], &other[1], &again);
		if (!again.defect) {
			v->defect = "several";
			return wrong;
		}
	}
	return wrong;
}

const char *plan_judge(const struct plan *p, bool twice, bool fault,
		       struct outcome *call, struct outcome *ring,
		       struct verdict *v)
{
	static struct outcome other[2];
	const char *wrong = run_both(p, twice, fault, call, ring, v);
	unsigned int i, differs = 0;
	struct verdict again;

	if (wrong || !v->defect)
		return wrong;
	for (i = 0; i < OFTEN && !wrong; i++) {
		wrong = run_both(p, twice, fault, &other[0], &other[1], &again);
		differs += !!again.defect;
	}
	if (differs < OFTEN)
		v->defect = "not repeated";
	else
		wrong = wrong ?: give_name(p, twice, fault, v);
	return wrong;
}

const char *plan_minimise(struct plan *p, bool twice, bool fault,
			  const struct verdict *v, unsigned int *runs)
{
	static struct outcome call, ring;
	struct verdict now;
	const char *wrong = NULL;
	bool smaller = true;
	unsigned int n;

	while (smaller && !wrong) {
		struct plan less = *p;

		smaller = false;
		for (n = 0; plan_shrink(&less, n) && !wrong; n++, less = *p) {
			if (!memcmp(&less, p, sizeof(less)))
				continue;
			(*runs)++;
			wrong = plan_judge(&less, twice, fault, &call, &ring, &now);
			if (!now.defect || strcmp(now.defect, v->defect))
				continue;
			*p = less;
			smaller = true;
		}
	}
	return wrong;
}
