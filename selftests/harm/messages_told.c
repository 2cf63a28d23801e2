// SPDX-License-Identifier: GPL-2.0
#include <sys/utsname.h>

#include "messages_told.h"

void print_side(const char *who, const struct outcome *o)
{
	unsigned int i;

	printf("#   %s:%s\n", who, o->waited ? " waited" : "");
	for (i = 0; i < FACTS; i++)
		if (*o->text[i])
			printf("#     %s: %s\n", fact_names[i], o->text[i]);
	if (o->early)
		printf("#     timestamps: %u, the last of byte %u\n", o->early, o->stamp);
}

static void print_count(const char *before, const char *name, const struct count *c)
{
	printf("%s\"%s\": [%lu, %lu, %lu]", before, name, c->done, c->waited, c->again);
}

static void print_counts(void)
{
	unsigned int i, j;
	char name[64];

	printf(", \"kinds\": {");
	for (i = 0; i < kinds_known; i++) {
		printf("%s\"%s\": {", i ? ", " : "", kinds[i].name);
		for (j = 0; j < ACTS; j++)
			print_count(j ? ", " : "", act_names[j], &by_kind[i][j]);
		printf("}");
	}
	printf("}, \"ways\": {");
	for (i = 0; i < WAYS * FLAVOURS; i++) {
		snprintf(name, sizeof(name), "%s%s%s", way_names[i / FLAVOURS],
			 i % FLAVOURS ? ", " : "", flavour_names[i % FLAVOURS]);
		print_count(i ? ", " : "", name, &by_way[i / FLAVOURS][i % FLAVOURS]);
	}
	printf("}");
}

void print_json(void)
{
	const struct design *d;
	const struct found *f;
	struct utsname uts;

	uname(&uts);
	printf("{\"program\": \"messages\", \"kernel\": \"%s\", \"seed\": %lu, ",
	       uts.release, options.seed);
	printf("\"first\": %lu, \"done\": %lu, \"seconds\": %.1f, ", options.first,
	       exchanges, seconds());
	printf("\"unexplained\": %lu, \"slow\": %lu", unexplained, too_slow);
	print_counts();
	printf(", \"designs\": {");
	for (d = designs; d->name; d++)
		printf("%s\"%s\": %lu", d == designs ? "" : ", ", d->name, d->met);
	printf("}, \"found\": {");
	for (f = found; f->name; f++)
		printf("%s\"%s\": [%lu, %lu]", f == found ? "" : ", ", f->name,
		       f->times, f->first);
	printf("}}\n");
}

void print_summary(void)
{
	const struct design *d;
	const struct found *f;
	unsigned long waited = 0, again = 0;
	unsigned int i;

	for (i = 0; i < WAYS * FLAVOURS; i++) {
		waited += by_way[i / FLAVOURS][i % FLAVOURS].waited;
		again += by_way[i / FLAVOURS][i % FLAVOURS].again;
	}
	printf("# seed %lu: %lu exchanges, %lu waited, %lu issued again; %.1f s\n",
	       options.seed, exchanges, waited, again, seconds());
	if (too_slow)
		printf("# %lu runs not compared: a timer of TCP's may have run\n", too_slow);
	for (d = designs; d->name; d++)
		if (d->met)
			printf("# by design: %s %lu times\n", d->name, d->met);
	for (f = found; f->name; f++)
		printf("# %s: %lu times, first %lu\n", f->name, f->times, f->first);
}
