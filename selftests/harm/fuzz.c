// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz [OPTION...]: does a send through io_uring do what sendmsg(2) does?
 *
 * Control buffers are made by chance: valid ones, nearly valid ones, garbage.
 * Each goes through sendmsg(2), and twice through io_uring, by sendmsg or
 * sendmsg_zc: once at once, and once on a full socket, where the request waits
 * and is issued again; plain, with POLL_FIRST, behind a link, or by a worker.
 * After submit the control is overwritten by another, and the msghdr with it, as
 * IORING_FEAT_SUBMIT_STABLE allows. Compared: length or errno, and what the
 * receiver sees of it: number, size and content of the datagrams, source
 * address, TOS, TTL, options, mark, files and credentials; and TX timestamps.
 *
 * Sockets: UDP and TCP over IPv4, IPv6 and v4-mapped, UNIX, raw ones.
 * Left out, as they depend on the time: IP options with a timestamp in them,
 * the kernel's own packet ids, and TX timestamps of TCP (two sends that wait
 * may go out in one packet, which has one). SCM_RIGHTS names no file that
 * the run itself opens and closes, and SCM_CREDENTIALS not the sender's
 * own id (a seed would not give the same buffers).
 *
 * What differs is sent alone once more, given the name of a defect if it has
 * one, made as small as it goes, and printed with a program that shows it.
 *
 * Needs: root, or unprivileged user namespaces; tbf, netem or fq; sendmsg_zc.
 * Exit code: 0 no difference, 1 a difference, 2 wrong use, 3 it cannot be done
 * here, 4 this kernel cannot do it (no sendmsg_zc).
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "fuzz.h"
#include "report.h"

#define TELL_SECONDS	10
#define DEFECTS		8
#define NAME		"fuzz"

static struct {
	unsigned long long seed;
	unsigned long count, enough, first;
	const char *kinds;
	bool json, check, keep;
} options = { .count = 10000, .enough = 40 };

/* The defects that were found, each with its first finding */
static struct defect {
	const char *name;
	unsigned long found, buffer, sends;
	double seconds;
	unsigned int runs;
	size_t from, to;	/* bytes of the control, before and after */
	struct finding small;
} defects[DEFECTS];

static unsigned long findings, buffers;
static unsigned long sorts[SORTS], sorts_accepted[SORTS];
static struct timespec started;

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - started.tv_sec +
	       (now.tv_nsec - started.tv_nsec) / 1e9;
}

static struct counts total(void)
{
	struct counts sum = { };
	unsigned int i;

	for (i = 0; i < KINDS; i++) {
		sum.buffers += counts[i].buffers;
		sum.accepted += counts[i].accepted;
		sum.sends += counts[i].sends;
		sum.waited += counts[i].waited;
		sum.retried += counts[i].retried;
	}
	return sum;
}

/* -- the command line ----------------------------------------------------- */

static __printf(1, 2) int wrong_use(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "fuzz: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "; see fuzz --help\n");
	return 2;
}

static void help(void)
{
	unsigned int i;

	printf("fuzz [OPTION...]: does a send through io_uring do what sendmsg(2) does?\n"
	       "  --count N     control buffers (10000)\n"
	       "  --seed N      which ones (one by the clock, which is printed)\n"
	       "  --first N     begin with that round of the seed (0)\n"
	       "  --enough N    stop after so many differences (40)\n"
	       "  --kinds A,B   only through these sockets\n"
	       "  --show N      print so many buffers of each kind and send nothing\n"
	       "  --keep        leave the control as it is after submit\n"
	       "  --programs    print programs for differences that are made up, to compile\n"
	       "  --self-check  with a fault in the comparison: it has to be found\n"
	       "  --json        end with one JSON object in a line\n"
	       "sockets:");
	for (i = 0; i < KINDS; i++)
		printf(" %s", traits[i].name);
	printf("\nDifferences by design:\n");
	designs_print(stdout, "  ");
	printf("Exit code: 0 no difference, 1 a difference, 2 wrong use,\n"
	       "           3 it cannot be done here, 4 no sendmsg_zc\n");
}

static bool number(const char *text, unsigned long long least,
		   unsigned long long *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 0);
	return *text >= '0' && *text <= '9' && !*end && !errno &&
	       *value >= least;
}

static bool wanted(enum kind kind)
{
	size_t len = strlen(traits[kind].name);
	const char *at = options.kinds;

	for (; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
		if (!strncmp(at, traits[kind].name, len) &&
		    (!at[len] || at[len] == ','))
			return true;
	return !options.kinds;
}

/* Each word of --kinds has to be one */
static bool kinds_known(void)
{
	unsigned int i, words = 1, known = 0;
	const char *at;

	for (at = options.kinds; *at; at++)
		words += *at == ',';
	for (i = 0; i < KINDS; i++)
		known += wanted(i);
	return words == known;
}

static enum kind choose_kind(struct dice *dice)
{
	unsigned int i, sum = 0, at;

	for (i = 0; i < KINDS; i++)
		sum += wanted(i) ? traits[i].weight : 0;
	at = below(dice, sum);
	for (i = 0; ; i++) {
		if (!wanted(i))
			continue;
		if (at < traits[i].weight)
			return i;
		at -= traits[i].weight;
	}
}

/* -- rounds --------------------------------------------------------------- */

static struct defect *defect_of(const char *name)
{
	struct defect *d;

	for (d = defects; d->name; d++)
		if (!strcmp(d->name, name))
			break;
	d->name = name;
	return d;
}

/* Name it; the first of a name is made small and printed with its program */
static const char *handle(struct finding *found, unsigned long buffer)
{
	const char *wrong = finding_classify(found);
	struct defect *d;

	if (wrong)
		return wrong;
	findings++;
	d = defect_of(found->defect);
	if (d->found++) {
		/* What does not come again cannot be looked at later */
		if (!strcmp(d->name, "not repeated"))
			finding_print(found);
		return NULL;
	}
	d->buffer = buffer;
	d->sends = total().sends;
	d->seconds = seconds();
	d->from = found->buffer.len;
	if (strcmp(d->name, "not repeated"))
		wrong = finding_shrink(found, &d->runs);
	if (wrong)
		return wrong;
	d->to = found->buffer.len;
	d->small = *found;
	printf("# difference in buffer %lu, round %lu of seed %llu, ", buffer,
	       (buffer - 1) / SLOTS + options.first, options.seed);
	printf("after %.1f s; made smaller in %u runs\n", d->seconds, d->runs);
	finding_print(found);
	if (strcmp(d->name, "not repeated")) {
		printf("---- %s-%d.c\n", d->name, BITS);
		reproduce(stdout, found);
		printf("---- end\n");
	}
	fflush(stdout);
	return NULL;
}

static const char *compare(const struct batch *batch, const struct way *way,
			   const struct result *want, const struct result *got)
{
	const char *wrong = NULL;
	unsigned int i;

	for (i = 0; i < batch->n && !wrong; i++) {
		struct finding found = {
			.kind = batch->kind, .way = *way, .len = batch->len,
			.buffer = batch->buffers[i], .later = batch->later[i],
			.want = want[i], .got = got[i],
		};

		if (findings >= options.enough)
			break;
		if (case_differs(batch->kind, way, &batch->buffers[i], &want[i],
				 &got[i]))
			wrong = handle(&found, buffers + i + 1);
	}
	return wrong;
}

/* At once, then on a full socket, each by one of the two and in one way */
static const char *by_two(struct dice *dice, const struct batch *batch,
			  const struct result *want)
{
	/* Refused whatever is in it: a few will do */
	unsigned int share = traits[batch->kind].zerocopy ? 50 : 5;
	struct result got[SLOTS];
	const char *wrong = NULL;
	unsigned int i;

	/* For the self-check on any kernel: where it has no defect */
	for (i = 0; i < (options.check ? 1 : 2) && !wrong; i++) {
		struct way way = {
			.op = percent(dice, share) ? OP_ZC : OP_SENDMSG,
			.wait = i, .by = below(dice, BYS),
			.defer = below(dice, 2), .keep = options.keep,
		};

		if (!way_fits(batch->kind, &way))
			way.by = FIRST_POLL;
		wrong = by_ring(batch, &way, got) ?:
			compare(batch, &way, want, got);
	}
	return wrong;
}

static size_t choose_length(struct dice *dice, enum kind kind)
{
	static const size_t packets[] = { 1, 8, 64, 64, 64, 200, 1400, LONGEST };
	static const size_t streams[] = { 1, 8, 64, 64, 64, 200, 1000, 1000 };

	return (traits[kind].stream ? streams : packets)[below(dice, 8)];
}

static const char *round_of(unsigned long index, unsigned int n)
{
	static struct buffer now[SLOTS], later[SLOTS];
	struct dice dice = dice_of(options.seed, index);
	struct batch batch = { .n = n, .buffers = now, .later = later };
	struct result want[SLOTS];
	enum sort sort[SLOTS];
	const char *wrong;
	unsigned int i;

	batch.kind = choose_kind(&dice);
	batch.len = choose_length(&dice, batch.kind);
	for (i = 0; i < SLOTS; i++) {
		sort[i] = buffer_make(&dice, batch.kind, &now[i]);
		buffer_make(&dice, batch.kind, &later[i]);
	}
	wrong = by_sendmsg(&batch, want) ?: by_two(&dice, &batch, want);
	buffers += n;
	counts[batch.kind].buffers += n;
	for (i = 0; i < n; i++) {
		sorts[sort[i]]++;
		sorts_accepted[sort[i]] += want[i].res >= 0;
		counts[batch.kind].accepted += want[i].res >= 0;
	}
	return wrong;
}

static const char *run(void)
{
	double next = TELL_SECONDS;
	const char *wrong = NULL;
	unsigned long i;

	for (i = options.first; buffers < options.count && !wrong; i++) {
		unsigned long left = options.count - buffers;

		if (findings >= options.enough ||
		    (options.check && defects->name))
			break;
		wrong = round_of(i, left < SLOTS ? left : SLOTS);
		if (seconds() < next)
			continue;
		next = seconds() + TELL_SECONDS;
		fprintf(stderr, "fuzz: %lu of %lu buffers, %lu differences, %.0f s\n",
			buffers, options.count, findings, seconds());
	}
	return wrong;
}

/* -- the end -------------------------------------------------------------- */

static void print_counts(const struct counts *c)
{
	printf("\"buffers\": %lu, \"accepted\": %lu, ", c->buffers, c->accepted);
	printf("\"sends\": %lu, \"waited\": %lu, \"retried\": %lu", c->sends,
	       c->waited, c->retried);
}

/* What of each sort was made and accepted, and all by kind of socket, and by way */
static void print_tables(void)
{
	static const char * const names[SORTS] = { "valid", "nearly", "garbage" };
	unsigned int i, by;

	for (i = 0; i < SORTS; i++)
		printf(", \"%s\": [%lu, %lu]", names[i], sorts[i],
		       sorts_accepted[i]);
	printf(", \"kinds\": {");
	for (i = 0; i < KINDS; i++) {
		printf("%s\"%s\": {", i ? ", " : "", traits[i].name);
		print_counts(&counts[i]);
		printf("}");
	}
	printf("}, \"ways\": {");
	for (i = 0; i < 4; i++)
		for (by = 0; by < BYS; by++)
			printf("%s\"%s, %s, %s\": %lu", i || by ? ", " : "",
			       opcode_name(i & 1 ? OP_ZC : OP_SENDMSG),
			       i & 2 ? "full" : "straight", by_name(by),
			       sends[i & 1][by][i >> 1]);
	printf("}");
}

static void print_json(void)
{
	struct counts sum = total();
	const struct defect *d;
	struct utsname uts;

	uname(&uts);
	printf("{\"program\": \"fuzz\", \"kernel\": \"%s\", ", uts.release);
	printf("\"bits\": %d, \"seed\": %llu, \"seconds\": %.1f, ", BITS,
	       options.seed, seconds());
	print_counts(&sum);
	printf(", \"differences\": %lu", findings);
	print_tables();
	printf(", \"defects\": [");
	for (d = defects; d->name; d++) {
		printf("%s{\"name\": \"%s\", \"found\": %lu, \"buffer\": %lu, ",
		       d == defects ? "" : ", ", d->name, d->found, d->buffer);
		printf("\"sends\": %lu, \"seconds\": %.1f, \"runs\": %u, ",
		       d->sends, d->seconds, d->runs);
		printf("\"from\": %zu, \"to\": %zu}", d->from, d->to);
	}
	printf("]}\n");
}

static void print_summary(void)
{
	struct counts sum = total();
	struct defect *d;

	printf("# seed %llu, %d bit: %lu control buffers (%lu accepted), ",
	       options.seed, BITS, sum.buffers, sum.accepted);
	printf("%lu sends through io_uring, %lu waited, %lu of them issued again; %.1f s\n",
	       sum.sends, sum.waited, sum.retried, seconds());
	for (d = defects; d->name; d++)
		printf("# %s: %lu times, first in buffer %lu after %lu sends\n",
		       d->name, d->found, d->buffer, d->sends);
	printf("# %lu differences\n", findings);
}

/* The fault is in sends behind a link, with a mark: no more may be left */
static int judge_check(void)
{
	const struct finding *f = &defects->small;

	if (!defects->name) {
		printf("# self-check: the fault was not found\n");
		return 1;
	}
	if (strcmp(defects->name, "unexplained") || f->way.by != LINKED ||
	    f->way.wait || f->way.op != OP_SENDMSG || f->way.defer ||
	    !f->way.keep || f->len != 1 || f->buffer.place != AT_START ||
	    f->buffer.len > CMSG_SPACE(sizeof(uint32_t))) {
		printf("# self-check: the fault was not made small\n");
		return 1;
	}
	printf("# self-check: found in buffer %lu, made smaller from %zu to %zu bytes\n",
	       defects->buffer, defects->from, defects->to);
	return 0;
}

static int show(unsigned long n)
{
	struct buffer buf;
	unsigned long i;
	unsigned int k;

	for (k = 0; k < KINDS; k++) {
		struct dice dice = dice_of(options.seed, k);

		for (i = 0; wanted(k) && i < n; i++) {
			enum sort sort = buffer_make(&dice, k, &buf);

			printf("%s, %s\n", traits[k].name, sort_names[sort]);
			buffer_print(stdout, &buf, "  ");
		}
	}
	return 0;
}

/* What goes wrong before anything is sent */
static int say(const char *wrong, int status)
{
	fprintf(stderr, "%s: %s\n", NAME, wrong);
	return status;
}

/* A program for each kind of socket, way and place, of a difference made up */
static int programs(void)
{
	unsigned int k, by, i = 0;

	for (k = 0; k < KINDS; k++) {
		struct dice dice = dice_of(options.seed, k);

		for (by = 0; by < 2 * BYS; by++) {
			struct finding made_up = {
				.kind = k, .len = 64, .copies = 1 + by % 2,
				.way.by = by / 2, .way.wait = by % 2,
				.way.defer = by % 3, .way.keep = by == 5,
				.way.op = by % 3 ? OP_SENDMSG : OP_ZC,
				.defect = "made-up",
			};

			buffer_make(&dice, k, &made_up.buffer);
			buffer_make(&dice, k, &made_up.later);
			made_up.buffer.place = by % PLACES;
			if (made_up.buffer.place == LARGE)
				made_up.buffer.len = large_lengths[0];
			else if (!made_up.buffer.len ||
				 made_up.buffer.len > ROOM)
				made_up.buffer.len = 24;
			made_up.buffer.over = made_up.buffer.place == ODD ||
					      made_up.buffer.place == OVER_END;
			printf("---- made-up-%u-%d.c\n", i++, BITS);
			reproduce(stdout, &made_up);
			printf("---- end\n");
		}
	}
	return 0;
}

static int fuzz(void)
{
	const char *wrong;
	bool skip;

	printf("# seed %llu\n", options.seed);
	fflush(stdout);
	/* First what the kernel can, as a reason to skip is not a failure */
	wrong = cases_begin(&skip);
	if (wrong)
		return say(wrong, skip ? 4 : 3);
	wrong = flows_begin();
	if (wrong)
		return say(wrong, 3);
	faulty = options.check;
	options.keep |= options.check;
	wrong = run();
	print_summary();
	if (options.json)
		print_json();
	if (wrong)
		return say(wrong, 3);
	if (options.check)
		return judge_check();
	return findings ? 1 : 0;
}

int main(int argc, char **argv)
{
	static const struct option known[] = {
		{ "count", required_argument, NULL, 'c' },
		{ "seed", required_argument, NULL, 's' },
		{ "first", required_argument, NULL, 'f' },
		{ "enough", required_argument, NULL, 'e' },
		{ "kinds", required_argument, NULL, 'k' },
		{ "show", required_argument, NULL, 'p' },
		{ "programs", no_argument, NULL, 'r' },
		{ "keep", no_argument, NULL, 'l' },
		{ "self-check", no_argument, NULL, 'x' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	unsigned long long value = 0, shown = 0;
	bool made_up = false;
	int c;

	clock_gettime(CLOCK_REALTIME, &started);
	options.seed = started.tv_sec;
	clock_gettime(CLOCK_MONOTONIC, &started);
	opterr = 0;
	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (strchr("csfep", c) &&
		    !number(optarg, c != 's' && c != 'f', &value))
			return wrong_use("%s %s: give a number%s",
					 argv[optind - 2], optarg,
					 c != 's' && c != 'f' ? " from 1 up" : "");
		switch (c) {
		case 'c':
			options.count = value;
			break;
		case 's':
			options.seed = value;
			break;
		case 'f':
			options.first = value;
			break;
		case 'e':
			options.enough = value;
			break;
		case 'k':
			options.kinds = optarg;
			if (!kinds_known())
				return wrong_use("--kinds %s: not a socket that it knows",
						 optarg);
			break;
		case 'p':
			shown = value;
			break;
		case 'r':
			made_up = true;
			break;
		case 'l':
			options.keep = true;
			break;
		case 'x':
			options.check = true;
			break;
		case 'j':
			options.json = true;
			break;
		case 'h':
			help();
			return 0;
		default:
			return wrong_use("%s: no such option, or a value is missing",
					 argv[optind - 1]);
		}
	}
	if (optind < argc)
		return wrong_use("%s: it takes no arguments", argv[optind]);
	if (made_up)
		return programs();
	return shown ? show(shown) : fuzz();
}
