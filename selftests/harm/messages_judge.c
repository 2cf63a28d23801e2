// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "messages.h"

#define OFTEN		3	/* runs in which a difference has to come again */

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

	for (i = 0; defects[i].name && !wrong; i++) {
		struct plan less = *p;

		if (!defects[i].fits(p) || !(v->facts & defects[i].facts))
			continue;
		defects[i].less(&less);
		wrong = run_both(&less, twice, fault, &other[0], &other[1], &again);
		if (!again.defect) {
			v->defect = defects[i].name;
			return wrong;
		}
	}
	for (i = 0; defects[i].name && !wrong; i++) {
		if (!defects[i].fits(&least))
			continue;
		defects[i].less(&least);
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
