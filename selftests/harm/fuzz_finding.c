// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fuzz.h"
#include "report.h"

#define MOST_RUNS	3000	/* of one finding, until it is small enough */

/* Send the case of a finding, and nothing else */
static const char *alone(struct finding *f, bool keep, bool *differ,
			 unsigned int *runs)
{
	static struct buffer now[SLOTS], later[SLOTS];
	struct way way = f->way;
	struct batch batch = {
		.kind = f->kind, .n = f->copies, .len = f->len,
		.buffers = now, .later = later,
	};
	unsigned int i, tries = f->copies == 1 ? 1 : 3;
	const char *wrong;

	way.keep |= keep;
	*differ = false;
	for (i = 0; i < batch.n; i++) {
		now[i] = f->buffer;
		later[i] = f->later;
	}
	while (tries-- && !*differ) {
		struct result want[SLOTS], got[SLOTS];

		++*runs;
		counting = false;
		wrong = by_sendmsg(&batch, want) ?:
			by_ring(&batch, &way, got);
		counting = true;
		if (wrong)
			return wrong;
		for (i = 0; i < batch.n && !*differ; i++) {
			*differ = case_differs(f->kind, &way, &f->buffer,
					       &want[i], &got[i]);
			f->want = want[i];
			f->got = got[i];
			f->slot = i;
		}
	}
	return NULL;
}

static const char *name_of(const struct finding *f)
{
	bool odd = f->got.res == -EINVAL || f->got.res == -EFAULT;

	/* It is wrong whatever happens to the buffer after submit */
	if (faulty || !f->got.waited)
		return "unexplained";
	/* A part went out, the rest was refused: the control came twice */
	if (f->got.res > 0 && f->got.res < f->want.res)
		return "repeated-control";
	if (!odd)
		return "unexplained";
	if (BITS == 32)
		return "wrong-length";
	return f->got.res == -EFAULT ? "lost-pointer" : "unexplained";
}

static const char *classify(struct finding *f, unsigned int *runs)
{
	const char *wrong;
	bool differ;

	wrong = alone(f, false, &differ, runs);
	if (wrong)
		return wrong;
	f->defect = "not repeated";
	if (!differ)
		return NULL;
	f->defect = name_of(f);
	if (f->way.keep)
		return NULL;
	wrong = alone(f, true, &differ, runs);
	if (wrong)
		return wrong;
	f->defect = differ ? name_of(f) : "late-read";
	return NULL;
}

const char *finding_classify(struct finding *found)
{
	struct result want = found->want, got = found->got;
	unsigned int runs = 0;
	const char *wrong;

	found->copies = 1;
	wrong = classify(found, &runs);
	/*
	 * A worker may be faster than what overwrites the control, and a send
	 * that waits is issued again but once if it is the only one.
	 */
	if (!wrong && !strcmp(found->defect, "not repeated")) {
		found->copies = SLOTS;
		wrong = classify(found, &runs);
	}
	/* What it was among others, if that is all there is */
	if (!wrong && !strcmp(found->defect, "not repeated")) {
		found->want = want;
		found->got = got;
	}
	return wrong;
}

/* -- smaller -------------------------------------------------------------- */

struct shrinking {
	struct finding *found;
	unsigned int *runs;
	bool smaller;
	const char *wrong;
};

/* Take the candidate if it has the same defect */
static bool attempt(struct shrinking *s, struct finding *candidate)
{
	const char *defect = s->found->defect;

	if (s->wrong || *s->runs > MOST_RUNS ||
	    !way_fits(candidate->kind, &candidate->way))
		return false;
	s->wrong = classify(candidate, s->runs);
	if (s->wrong || strcmp(candidate->defect, defect))
		return false;
	*s->found = *candidate;
	s->smaller = true;
	return true;
}

static void simplify_way(struct shrinking *s)
{
	struct finding f = *s->found;

	if (f.copies > 1) {
		f.copies = 1;
		attempt(s, &f);
	}
	f = *s->found;
	if (f.way.by != PLAIN) {
		f.way.by = PLAIN;
		attempt(s, &f);
	}
	f = *s->found;
	if (f.way.wait) {
		f.way.wait = false;
		attempt(s, &f);
	}
	f = *s->found;
	if (f.way.defer) {
		f.way.defer = false;
		attempt(s, &f);
	}
	f = *s->found;
	if (f.way.op != OP_SENDMSG) {
		f.way.op = OP_SENDMSG;
		attempt(s, &f);
	}
	f = *s->found;
	if (!f.way.keep) {
		f.way.keep = true;
		attempt(s, &f);
	}
}

static void simplify_rest(struct shrinking *s)
{
	static const size_t lengths[] = { 1, 8, 64, 200 };
	struct finding f = *s->found;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		f = *s->found;
		if (f.len <= lengths[i])
			break;
		f.len = lengths[i];
		if (attempt(s, &f))
			break;
	}
	f = *s->found;
	if (f.buffer.place != AT_START) {
		f.buffer.place = AT_START;
		f.buffer.over = 0;
		if (f.buffer.len <= ROOM)
			attempt(s, &f);
	}
}

static void remove_bytes(struct buffer *buf, size_t at, size_t n)
{
	memmove(buf->bytes + at, buf->bytes + at + n, ROOM - at - n);
	buf->len -= n;
}

static void simplify_control(struct shrinking *s)
{
	struct finding f;
	size_t at, len, i;
	unsigned int n;

	if (s->found->buffer.len > ROOM)
		return;
	/* Whole messages, the last ones first */
	for (n = 8; n--; ) {
		f = *s->found;
		if (!buffer_message(&f.buffer, n, &at, &len))
			continue;
		len = CMSG_ALIGN(len);
		if (at + len > f.buffer.len)
			len = f.buffer.len - at;
		remove_bytes(&f.buffer, at, len);
		attempt(s, &f);
	}
	/* Then its end, by halves */
	for (len = s->found->buffer.len / 2; len; len /= 2) {
		f = *s->found;
		if (len > f.buffer.len)
			continue;
		f.buffer.len -= len;
		while (attempt(s, &f) && len <= f.buffer.len)
			f.buffer.len -= len;
	}
	for (i = 0; i < s->found->buffer.len; i++) {
		f = *s->found;
		if (!f.buffer.bytes[i])
			continue;
		f.buffer.bytes[i] = 0;
		attempt(s, &f);
	}
}

/* What overwrites it: nothing but zeroes, or as little as does it */
static void simplify_later(struct shrinking *s)
{
	struct finding f = *s->found;
	size_t i;

	if (f.way.keep)
		return;
	memset(f.later.bytes, 0, ROOM);
	if (!memcmp(&f.later, &s->found->later, sizeof(f.later)) ||
	    attempt(s, &f))
		return;
	for (i = 0; i < s->found->buffer.len && i < ROOM; i++) {
		f = *s->found;
		if (f.later.bytes[i] == f.buffer.bytes[i])
			continue;
		f.later.bytes[i] = f.buffer.bytes[i];
		attempt(s, &f);
	}
}

const char *finding_shrink(struct finding *found, unsigned int *runs)
{
	struct shrinking s = { .found = found, .runs = runs };

	do {
		s.smaller = false;
		simplify_way(&s);
		simplify_rest(&s);
		simplify_control(&s);
		simplify_later(&s);
	} while (s.smaller && !s.wrong && *runs < MOST_RUNS);
	return s.wrong;
}

/* -- told ----------------------------------------------------------------- */

static void print_result(const char *who, const struct result *r,
			 const char *told)
{
	if (r->res < 0)
		printf("#   %s: -%s", who, errno_name(-r->res));
	else
		printf("#   %s: %d", who, r->res);
	printf("; arrived: %u, %u bytes%s\n", r->effect.pieces,
	       r->effect.bytes, r->waited ? "; had to wait" : "");
	if (*told)
		printf("#     %s\n", told + 2);
}

void finding_print(const struct finding *found)
{
	struct finding again = *found;
	struct buffer later = found->later;
	unsigned int runs;
	bool differ;

	printf("# %s: %s, payload of %zu bytes, %d bit, %s%s\n", found->defect,
	       traits[found->kind].name, found->len, BITS,
	       way_name(&found->way), found->copies > 1 ? ", many at once" : "");
	printf("#   control:\n");
	buffer_print(stdout, &found->buffer, "#   ");
	if (!found->way.keep && found->buffer.place < NOWHERE) {
		later.len = found->buffer.len;
		later.place = found->buffer.place;
		later.over = found->buffer.over;
		printf("#   overwritten by:\n");
		buffer_print(stdout, &later, "#   ");
	}
	/* Once more, and this time what arrives is told */
	flows_told = strcmp(found->defect, "not repeated");
	if (flows_told)
		alone(&again, false, &differ, &runs);
	flows_told = false;
	print_result("sendmsg(2)", &again.want,
		     flow_told(SYSCALL, again.slot));
	print_result("io_uring", &again.got, flow_told(RING, again.slot));
}
