// SPDX-License-Identifier: GPL-2.0
/* What bench prints: a table or JSON, and the answer */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bench.h"
#include "report.h"

#define MEGA		1e6
#define GIGA		1e9
#define ABI_BITS	(8 * (int)sizeof(long))
#define MOSTLY		0.5	/* share of copies above which it copies */

/* Median and spread of the runs that had no error; n is how many */
struct spread {
	unsigned int n;
	double median;
	double min;
	double max;
};

/* What is measured of a run */
enum measure { MESSAGES, BYTES, CPU, COPIED };

struct sample *samples_of(const struct sender *s, const struct bench *b,
			  unsigned int size)
{
	return s->samples + size * b->runs;
}

static double value_of(const struct sample *sample, enum measure measure)
{
	switch (measure) {
	case MESSAGES:
		return sample->messages / sample->seconds;
	case BYTES:
		return sample->bytes / sample->seconds;
	case CPU:
		return sample->cpu / (sample->bytes / GIGA);
	case COPIED:
		return sample->copied;
	}
	return 0;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static struct spread spread_of(const struct sender *s, const struct bench *b,
			       unsigned int size, enum measure measure)
{
	struct spread spread = { };
	double values[MOST_RUNS];
	const struct sample *sample;
	unsigned int i, n = 0;

	if (*s->why || (s->no_gso && b->sizes[size].segments > 1))
		return spread;
	for (i = 0; i < b->runs; i++) {
		sample = samples_of(s, b, size) + i;
		if (!*sample->error && sample->bytes)
			values[n++] = value_of(sample, measure);
	}
	if (!n)
		return spread;
	qsort(values, n, sizeof(*values), by_value);
	spread.n = n;
	spread.min = values[0];
	spread.max = values[n - 1];
	spread.median = (values[(n - 1) / 2] + values[n / 2]) / 2;
	return spread;
}

static const struct sender *named(const char *name)
{
	const struct sender *s;

	for (s = senders; s->name; s++)
		if (!strcmp(s->name, name) && s->wanted && !*s->why)
			return s;
	return NULL;
}

/* -- the answer ----------------------------------------------------------- */

/* Less CPU a byte, and throughput not below the lowest run with a copy */
static bool pays(const struct sender *zc, const struct sender *copy,
		 const struct bench *b, unsigned int size)
{
	struct spread rate = spread_of(zc, b, size, BYTES);
	struct spread base = spread_of(copy, b, size, BYTES);

	return rate.n && base.n && rate.median >= base.min &&
	       spread_of(zc, b, size, CPU).median <
	       spread_of(copy, b, size, CPU).median;
}

/* Bytes of the smallest message from which on it pays, or 0 */
static unsigned int pays_from(const struct sender *zc, const struct bench *b)
{
	const struct sender *copy = named("sendmsg");
	unsigned int from = 0, i;

	for (i = b->n_sizes; zc && copy && i--; from = b->sizes[i].bytes)
		if (!pays(zc, copy, b, i))
			break;
	return from;
}

/* Whether all that has been measured of zero-copy was copied in truth */
static bool copies(const struct bench *b)
{
	const struct sender *s;
	struct spread share;
	bool any = false;
	unsigned int i;

	for (s = senders; s->name; s++) {
		if (!s->wanted || *s->why)
			continue;
		for (i = 0; i < b->n_sizes; i++) {
			share = spread_of(s, b, i, COPIED);
			if (share.n && share.median >= 0 &&
			    share.median < MOSTLY)
				return false;
			any |= share.n && share.median >= MOSTLY;
		}
	}
	return any;
}

/* Loopback, or what device_copies() says */
static const char *why_copies(const struct bench *b)
{
	if (!b->nic)
		return cannot("over loopback the data is copied", 0,
			      "set NETIF to a network card");
	return device_copies(&b->dev);
}

#define RULE \
	"median CPU per byte lower, and throughput not lower, from there on"

static const char *conclude(const struct bench *b)
{
	const struct sender *zc = named("sendmsg_zc");
	const struct sender *fixed = named("sendmsg_zc_fixed");
	unsigned int from = pays_from(zc, b), from_fixed = pays_from(fixed, b);
	const char *why = why_copies(b);
	char more[64] = "";

	if (!named("sendmsg") || (!zc && !fixed))
		return "no answer without runs of sendmsg and of a sendmsg_zc";
	if (!why && copies(b))
		why = cannot("the kernel copied the data all the same", 0,
			     "see who listens to packets (/proc/net/packet)");
	if (why)
		return reason("zero-copy does not pay here: %s", why);
	if (!from && from_fixed)
		return reason("zero-copy pays from %u bytes on, registered buffers alone (%s)",
			      from_fixed, RULE);
	if (!from)
		return reason("zero-copy does not pay up to %u bytes: more CPU, or slower",
			      b->sizes[b->n_sizes - 1].bytes);
	if (from_fixed)
		snprintf(more, sizeof(more),
			 ", out of a registered buffer from %u bytes on",
			 from_fixed);
	else if (fixed)
		snprintf(more, sizeof(more),
			 ", out of a registered buffer it does not");
	return reason("zero-copy pays from %u bytes on%s (%s)", from, more,
		      RULE);
}

/* -- the table ------------------------------------------------------------ */

/* What device_describe() prints, without its "# nic: " and its end of line */
static const char *device_line(const struct bench *b)
{
	static char line[512];
	FILE *to;

	if (!b->nic)
		return "lo (loopback)";
	to = fmemopen(line, sizeof(line), "w");
	if (to) {
		device_describe(&b->dev, to);
		fclose(to);
	}
	line[strcspn(line, "\n")] = 0;
	return line;
}

static void print_device(const struct bench *b)
{
	printf("# nic: %s%s\n", device_line(b), b->nic ? "" :
	       "; the CPU time has the kernel's part of receiving in it");
}

/* What went wrong in a row: the first error, and how often a send was refused */
static void print_trouble(const struct sender *s, const struct bench *b,
			  unsigned int size)
{
	const struct sample *sample = samples_of(s, b, size);
	const char *error = NULL;
	unsigned int i, errors = 0, busy = 0;

	for (i = 0; i < b->runs; i++, sample++) {
		busy += sample->busy;
		errors += !!*sample->error;
		if (*sample->error && !error)
			error = sample->error;
	}
	if (error)
		printf("  %u of %u runs: %s", errors, b->runs, error);
	if (busy)
		printf("  refused %u times (-EAGAIN, -ENOBUFS)", busy);
}

static void print_row(const struct sender *s, const struct bench *b,
		      unsigned int size)
{
	struct spread rate = spread_of(s, b, size, BYTES);
	struct spread cpu = spread_of(s, b, size, CPU);
	struct spread share = spread_of(s, b, size, COPIED);
	char text[64];

	printf("%8u %6u  %-20s", b->sizes[size].segments, b->sizes[size].bytes,
	       s->name);
	if (rate.n) {
		printf(" %10.0f", spread_of(s, b, size, MESSAGES).median);
		snprintf(text, sizeof(text), "(%.0f..%.0f)", rate.min / MEGA,
			 rate.max / MEGA);
		printf(" %7.0f %-15s", rate.median / MEGA, text);
		snprintf(text, sizeof(text), "(%.3f..%.3f)", cpu.min, cpu.max);
		printf(" %8.3f %-16s", cpu.median, text);
	} else {
		printf(" %10s %7s %-15s %8s %-16s", "-", "-", "", "-", "");
	}
	if (rate.n && share.median >= 0)
		printf(" %5.0f%%", 100 * share.median);
	else
		printf(" %6s", "-");
	print_trouble(s, b, size);
	printf("\n");
}

static void print_left_out(void)
{
	const struct sender *s;

	for (s = senders; s->name; s++)
		if (s->wanted && *s->why)
			printf("# left out: %s: %s\n", s->name, s->why);
}

void report_table(const struct bench *b)
{
	const struct sender *s;
	struct utsname uts;
	unsigned int i;

	uname(&uts);
	printf("# nic: %s %s, %d bit, %s, %d sends in flight, SO_SNDBUF %d, %u x %g s\n",
	       uts.release, uts.machine, ABI_BITS, family_name(b->pair.family),
	       IN_FLIGHT, b->sndbuf, b->runs, b->seconds);
	print_device(b);
	print_left_out();
	printf("# medians (least..most); a message is one GSO send; CPU: user and system time\n");
	printf("%8s %6s  %-20s %10s %7s %-15s %8s %-16s %6s\n", "segments",
	       "bytes", "sender", "messages/s", "MB/s", "", "CPU s/GB", "",
	       "copied");
	for (i = 0; i < b->n_sizes; i++, printf("\n"))
		for (s = senders; s->name; s++)
			if (s->wanted && !*s->why &&
			    !(s->no_gso && b->sizes[i].segments > 1))
				print_row(s, b, i);
	printf("%s\n", conclude(b));
}

/* -- JSON ----------------------------------------------------------------- */

static void put_string(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			printf("\\%c", *text);
		else if ((unsigned char)*text < ' ')
			putchar(' ');
		else
			putchar(*text);
	}
	putchar('"');
}

static void put_pair(const char *key, const char *text)
{
	printf("\"%s\": ", key);
	if (text)
		put_string(text);
	else
		printf("null");
	printf(", ");
}

static void put_sample(const struct sample *sample, const char *sep)
{
	printf("%s{\"messages\": %lu, \"bytes\": %llu, \"seconds\": %.6f, \"cpu\": %.6f, ",
	       sep, sample->messages, (unsigned long long)sample->bytes,
	       sample->seconds, sample->cpu);
	if (sample->copied < 0)
		printf("\"copied\": null, ");
	else
		printf("\"copied\": %.4f, ", sample->copied);
	printf("\"busy\": %u, \"error\": ", sample->busy);
	if (*sample->error)
		put_string(sample->error);
	else
		printf("null");
	printf("}");
}

static void put_row(const struct sender *s, const struct bench *b,
		    unsigned int size, const char *sep)
{
	const struct sample *sample = samples_of(s, b, size);
	unsigned int i;

	printf("%s\n {", sep);
	put_pair("sender", s->name);
	printf("\"segments\": %u, \"segment\": %u, \"bytes\": %u, \"runs\": [",
	       b->sizes[size].segments, b->sizes[size].segment,
	       b->sizes[size].bytes);
	for (i = 0; i < b->runs; i++)
		put_sample(sample + i, i ? ",\n  " : "\n  ");
	printf("]}");
}

static void put_rows(const struct bench *b)
{
	const struct sender *s;
	const char *sep = "";
	unsigned int i;

	printf("\"rows\": [");
	for (i = 0; i < b->n_sizes; i++) {
		for (s = senders; s->name; s++) {
			if (!s->wanted || *s->why ||
			    (s->no_gso && b->sizes[i].segments > 1))
				continue;
			put_row(s, b, i, sep);
			sep = ",";
		}
	}
	printf("],\n");
}

static void put_left_out(void)
{
	const struct sender *s;
	const char *sep = "";

	printf("\"left_out\": [");
	for (s = senders; s->name; s++) {
		if (!s->wanted || !*s->why)
			continue;
		printf("%s{", sep);
		put_pair("sender", s->name);
		printf("\"why\": ");
		put_string(s->why);
		printf("}");
		sep = ", ";
	}
	printf("],\n");
}

void report_json(const struct bench *b)
{
	struct utsname uts;

	uname(&uts);
	printf("{");
	put_pair("kernel", uts.release);
	put_pair("machine", uts.machine);
	put_pair("netif", b->nic ? b->dev.name : "lo");
	put_pair("device", device_line(b));
	put_pair("copies", why_copies(b));
	put_pair("family", family_name(b->pair.family));
	printf("\"bits\": %d, \"in_flight\": %d, \"sndbuf\": %d, \"seconds\": %g,\n",
	       ABI_BITS, IN_FLIGHT, b->sndbuf, b->seconds);
	put_left_out();
	put_rows(b);
	printf("\"answer\": ");
	put_string(conclude(b));
	printf("}\n");
}
