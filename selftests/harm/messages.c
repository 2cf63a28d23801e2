// SPDX-License-Identifier: GPL-2.0
/*
 * messages [OPTION...]: is a message that io_uring issues more than once the
 * message that was asked for?
 *
 * A message exchange is made by chance: a socket, a send or a receive, its
 * flags, control, name and pieces, what the other end does, and when. It is done
 * twice, on sockets with the same history: by the blocking system call in a
 * thread, and through io_uring, in most cases where the socket is full or empty
 * at first, so that the request has to be issued again. Compared are the result,
 * the data with its bounds, control, flags and name, notifications, what the
 * other end got, what the next calls say, errors, the error queue, and
 * descriptors that nobody was shown.
 *
 * After submit what was given to io_uring is overwritten, as
 * IORING_FEAT_SUBMIT_STABLE allows; in some cases the control, or the files that
 * it names, too, on both sides.
 *
 * Left out, as it would hang or harm: room for a name that is smaller than the
 * name, IOSQE_IO_DRAIN, zero-copy data that nobody reads, MSG_ERRQUEUE, which
 * waits through io_uring and nowhere else.
 *
 * What differs, and not by design, is done again, given the name of a defect if
 * the difference goes away with what that rests on, and made smaller.
 *
 * Needs: root; tbf; a kernel with io_uring.
 * Exit code: 0 no difference, 1 a difference, 2 wrong use, 3 it cannot be done
 * here, 4 this kernel has no io_uring, or does not allow it.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "messages_told.h"

#define TELL_SECONDS	10
struct settings options = { .count = 10000, .enough = 20 };
struct found found[MOST_DEFECTS];
struct count by_kind[MOST_KINDS][ACTS], by_way[WAYS][FLAVOURS];
unsigned long unexplained, exchanges;

static bool there[MOST_KINDS];
static struct timespec started;

double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - started.tv_sec + (now.tv_nsec - started.tv_nsec) / 1e9;
}

/* -- one after the other -------------------------------------------------- */

static struct plan plan_of(unsigned long number)
{
	struct dice dice = dice_of(options.seed, number);
	unsigned int i, sum = 0, at;

	for (i = 0; i < kinds_known; i++)
		sum += there[i] ? kinds[i].weight : 0;
	at = below(&dice, sum);
	for (i = 0; ; i++) {
		if (!there[i])
			continue;
		if (at < kinds[i].weight)
			break;
		at -= kinds[i].weight;
	}
	return plan_make(&dice, i);
}

static struct found *found_of(const char *name)
{
	struct found *f = found;

	while (f->name && strcmp(f->name, name))
		f++;
	f->name = name;
	return f;
}

/* The first of a name is made smaller; what has no name is always printed */
static const char *handle(struct plan p, unsigned long number,
			  const struct verdict *v, struct outcome *call,
			  struct outcome *ring)
{
	struct found *f = found_of(v->defect);
	bool once = !strcmp(v->defect, "not repeated");
	bool known = !once && strcmp(v->defect, "unexplained");
	unsigned int runs = 0;
	const char *wrong = NULL;
	struct verdict now;

	unexplained += !known;
	if (f->times++ && known && !options.all)
		return NULL;
	if (f->times == 1)
		f->first = number;
	printf("# %s: --seed %llu --first %lu --count 1\n#   ", v->defect,
	       options.seed, number);
	plan_print(stdout, &p);
	/* What does not come again cannot be looked at later */
	if (!once)
		wrong = plan_minimise(&p, options.twice, options.check, v, &runs) ?:
			plan_judge(&p, options.twice, options.check, call, ring,
				   &now);
	if (wrong)
		return wrong;
	f->small = p;
	printf("\n#   smaller, in %u runs: ", runs);
	plan_print(stdout, &p);
	printf("\n");
	print_side("system call", call);
	print_side(options.twice ? "system call" : "io_uring", ring);
	fflush(stdout);
	return NULL;
}

static const char *do_one(unsigned long number)
{
	static struct outcome call, ring;
	const struct plan p = plan_of(number);
	struct verdict v;
	const char *wrong = plan_judge(&p, options.twice, options.check, &call,
				       &ring, &v);
	struct count *counts[] = {
		&by_kind[p.kind][p.act], &by_way[p.way][p.flavour],
	};
	unsigned int i;

	if (wrong)
		return wrong;
	exchanges++;
	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		counts[i]->done++;
		counts[i]->waited += ring.waited;
		counts[i]->again += ring.again;
	}
	if (v.design)
		designs[v.design - designs].met++;
	return v.defect ? handle(p, number, &v, &call, &ring) : NULL;
}

static const char *run(void)
{
	double next = TELL_SECONDS;
	const char *wrong = NULL;
	unsigned long i;

	for (i = options.first; i < options.first + options.count && !wrong; i++) {
		if (unexplained >= options.enough || (options.check && found->name))
			break;
		wrong = do_one(i);
		if (wrong)
			printf("# --seed %llu --first %lu --count 1: %s\n", options.seed,
			       i, wrong);
		if (seconds() < next)
			continue;
		next = seconds() + TELL_SECONDS;
		fprintf(stderr, "messages: %lu of %lu, %lu unexplained, %.0f s\n",
			exchanges, options.count, unexplained, seconds());
	}
	return wrong;
}

static bool wanted(const char *name)
{
	const size_t len = strlen(name);
	const char *at;

	for (at = options.kinds; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
		if (!strncmp(at, name, len) && (!at[len] || at[len] == ','))
			return true;
	return !options.kinds;
}

/* Which sockets there are decides which plans a seed gives */
static const char *begin(void)
{
	const char *wrong = netns_enter(true) ?: files_open();
	unsigned int i;

	for (i = 0; i < kinds_known && !wrong; i++) {
		const char *why = kind_missing(i);

		there[i] = !why && wanted(kinds[i].name);
		if (why)
			printf("# not here: %s\n", why);
	}
	return wrong;
}

/* The fault is in receives behind a link with room for control: no more is left */
static int judge_check(void)
{
	const struct plan *p = &found->small;

	if (!found->name) {
		printf("# self-check: the fault was not found\n");
		return 1;
	}
	if (p->way != W_LINK || !p->room || p->pieces > 1 || p->steps > 1 ||
	    p->options || p->end || p->flavour) {
		printf("# self-check: the fault was not made small\n");
		return 1;
	}
	printf("# self-check: found in exchange %lu\n", found->first);
	return 0;
}

static int messages(void)
{
	const char *wrong = sides_begin();

	if (wrong) {
		fprintf(stderr, "messages: %s\n", wrong);
		return 4;
	}
	wrong = begin();
	clock_gettime(CLOCK_MONOTONIC, &started);
	wrong = wrong ?: run();
	print_summary();
	if (options.json)
		print_json();
	if (wrong) {
		fprintf(stderr, "messages: %s\n", wrong);
		return 3;
	}
	return options.check ? judge_check() : found->name ? 1 : 0;
}

/* -- the command line ----------------------------------------------------- */

static int help(void)
{
	const struct design *d;

	printf("messages [OPTION...]: is a message that io_uring issues more than once the one asked for?\n"
	       "  --count N     message exchanges (10000)\n"
	       "  --seed N      which ones (one by the clock, which is printed)\n"
	       "  --first N     begin with that one of the seed (0)\n"
	       "  --enough N    stop after so many differences without a name (20)\n"
	       "  --all         print each difference, not the first of each name alone\n"
	       "  --kinds A,B   only through these sockets\n"
	       "  --show N      print so many of them, and send nothing\n"
	       "  --twice       the system call on both sides: nothing may differ\n"
	       "  --self-check  with a fault in the comparison: it has to be found\n"
	       "  --json        end with one JSON object in a line\n"
	       "Differences by design:\n");
	for (d = designs; d->name; d++)
		printf("  %s: %s (%s)\n", d->name, d->why, d->where);
	printf("Exit code: 0 no difference, 1 a difference, 2 wrong use,\n"
	       "           3 it cannot be done here, 4 no io_uring\n");
	return 0;
}

static bool number(const char *text, unsigned long long *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 0);
	return *text >= '0' && *text <= '9' && !*end && !errno;
}

static int show(void)
{
	const char *wrong = begin();
	unsigned long i;

	if (wrong) {
		fprintf(stderr, "messages: %s\n", wrong);
		return 3;
	}
	for (i = options.first; i < options.first + options.show; i++) {
		struct plan p = plan_of(i);

		printf("%lu: ", i);
		plan_print(stdout, &p);
		printf("\n");
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option known[] = {
		{ "count", 1, NULL, 'c' }, { "seed", 1, NULL, 's' },
		{ "first", 1, NULL, 'f' }, { "enough", 1, NULL, 'e' },
		{ "kinds", 1, NULL, 'k' }, { "show", 1, NULL, 'n' },
		{ "twice", 0, NULL, 't' }, { "self-check", 0, NULL, 'x' },
		{ "json", 0, NULL, 'j' }, { "all", 0, NULL, 'a' }, { "help", 0, NULL, 'h' }, { }
	};
	unsigned long long value = 0;
	int c;

	options.seed = time(NULL);
	while ((c = getopt_long(argc, argv, "", known, NULL)) >= 0) {
		if (strchr("csfen", c) && !number(optarg, &value)) {
			fprintf(stderr, "messages: %s is no number; see --help\n", optarg);
			return 2;
		}
		switch (c) {
		case 'c': options.count = value; break;
		case 's': options.seed = value; break;
		case 'f': options.first = value; break;
		case 'e': options.enough = value; break;
		case 'n': options.show = value; break;
		case 'k': options.kinds = optarg; break;
		case 't': options.twice = true; break;
		case 'x': options.check = options.twice = true; break;
		case 'a': options.all = true; break;
		case 'j': options.json = true; break;
		case 'h': return help();
		default: return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "messages: %s: what is that? see --help\n", argv[optind]);
		return 2;
	}
	return options.show ? show() : messages();
}
