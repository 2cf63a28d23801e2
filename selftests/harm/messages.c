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
	printf("# %s: --seed %lu --first %lu --count 1\n#   ", v->defect,
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
			printf("# --seed %lu --first %lu --count 1: %s\n", options.seed,
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

/* Which sockets and buffers there are decides which plans a seed gives */
static const char *begin(void)
{
	const char *wrong = netns_enter(true) ?: files_open();
	unsigned int i;

	pools_begin();
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

static int run_all(void)
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

	printf("messages [OPTION...]: does io_uring send and receive what was asked for?\n"
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

static bool number(const char *text, unsigned long *value)
{
	char *end;

	errno = 0;
	*value = strtoul(text, &end, 0);
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

/* An option takes a number, or a word, or nothing */
static const struct {
	const char *name;
	unsigned long *number;
	bool *flag;
} known[] = {
	{ "--count", &options.count, NULL },
	{ "--seed", &options.seed, NULL },
	{ "--first", &options.first, NULL },
	{ "--enough", &options.enough, NULL },
	{ "--show", &options.show, NULL },
	{ "--all", NULL, &options.all },
	{ "--twice", NULL, &options.twice },
	{ "--self-check", NULL, &options.check },
	{ "--json", NULL, &options.json },
};

/* How many words the option takes, 0: it is wrong */
static int take_option(char **words)
{
	unsigned int i = 0;

	while (i < ARRAY_SIZE(known) && strcmp(known[i].name, *words))
		i++;
	if (!strcmp(*words, "--kinds") && words[1]) {
		options.kinds = words[1];
		return 2;
	}
	if (i == ARRAY_SIZE(known))
		return 0;
	if (known[i].flag) {
		*known[i].flag = true;
		return 1;
	}
	return words[1] && number(words[1], known[i].number) ? 2 : 0;
}

int main(int argc, char **argv)
{
	int i = 1, taken;

	options.seed = time(NULL);
	for (; i < argc; i += taken) {
		if (!strcmp(argv[i], "--help"))
			return help();
		taken = take_option(argv + i);
		if (!taken) {
			fprintf(stderr, "messages: %s: what is that? see --help\n",
				argv[i]);
			return 2;
		}
	}
	options.twice |= options.check;
	return options.show ? show() : run_all();
}
