// SPDX-License-Identifier: GPL-2.0
/*
 * bench [OPTION...]: from what size does sendmsg_zc pay off? (liburing #1055)
 * This is no test: it judges nothing, and its numbers are those of the machine.
 *
 * Measured: messages and bytes a second, CPU time per byte, and the share that
 * the kernel copied after all, of UDP sends without GSO and with 2 to 64
 * segments by sendmsg, sendmsg_zc, and sendmsg_zc from a registered buffer,
 * 32 in flight, memory reused once the notification allows it; in the same
 * run by the alternatives: sendmsg(2) with UDP_SEGMENT, sendmmsg(2), and
 * programs of the kernel tree. Every sender has the same socket buffer. The
 * senders take turns, so that drift affects all of them alike.
 *
 * A segment is as large as the MTU allows, and smaller where a send would be
 * above 65000 bytes. Over a card (NETIF, see nic.sh) all that it can offload is
 * switched on. Without one it goes over loopback, in segments of an Ethernet,
 * to a receiver on another CPU that throws away what comes.
 *
 * Needs: io_uring. BENCH_PEERS may name a folder with udpgso_bench_tx and
 * io_uring_zerocopy_tx (tools/testing/selftests/net of a kernel tree).
 * Exit code: 0 measured (errors of sends are in the table; the defects that the
 * tests look for cause some, where a sender has to wait), 2 wrong use, 3 it
 * cannot be done here, 130 Ctrl-C.
 */
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "network.h"
#include "remote.h"
#include "report.h"

#define LARGEST_TRAIN	65000	/* bytes of a message */
#define LONGEST		60	/* seconds of a run */
#define ETHERNET_V4	1472	/* payload of a datagram */
#define ETHERNET_V6	1452
#define SINK_MSGS	64

#ifndef SOL_UDP
#define SOL_UDP		17
#endif
#ifndef UDP_GRO
#define UDP_GRO		104
#endif

static bool stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = true;
}

bool bench_stopped(void)
{
	return stopped;
}

/* Without SA_RESTART, so that whatever waits comes back */
static void catch_signals(void)
{
	const struct sigaction sa = { .sa_handler = stop };

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
}

/* -- the command line ----------------------------------------------------- */

static __printf(1, 2) int wrong_use(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "bench: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "; see bench --help\n");
	return 2;
}

static void help(void)
{
	const struct sender *s;

	printf("bench [OPTION...]: from which size on does sendmsg_zc pay?\n"
	       "  --seconds S      of a run (0.5); programs take whole ones\n"
	       "  --runs N         of each sender and size (5)\n"
	       "  --segments N,N   of a message (1,2,4,8,16,32,64); 1: no GSO\n"
	       "  --senders A,B    only these\n"
	       "  --family 4|6     (4, or what LOCAL_V4 and LOCAL_V6 leave)\n"
	       "  --json           one JSON object instead of a table\n"
	       "senders:\n");
	for (s = senders; s->name; s++)
		printf("  %-22s %s\n", s->name, s->what);
	printf("Over NETIF by nic.sh, else over loopback; programs are taken from BENCH_PEERS.\n"
	       "Exit code: 0 measured, 2 wrong use, 3 it cannot be done here, 130 Ctrl-C\n");
}

static int by_segments(const void *a, const void *b)
{
	const struct size *x = a, *y = b;

	return (int)x->segments - (int)y->segments;
}

static int parse_segments(struct bench *b, char *words)
{
	unsigned long n;
	unsigned int i;
	char *word, *end;

	b->n_sizes = 0;
	while ((word = strsep(&words, ","))) {
		n = strtoul(word, &end, 10);
		if (!*word || *end || n < 1 || n > MOST_SEGMENTS)
			return wrong_use("--segments: \"%s\" is none of 1 to %d",
					 word, MOST_SEGMENTS);
		for (i = 0; i < b->n_sizes; i++)
			if (b->sizes[i].segments == n)
				break;
		b->sizes[i].segments = n;
		if (i == b->n_sizes)
			b->n_sizes++;
	}
	qsort(b->sizes, b->n_sizes, sizeof(*b->sizes), by_segments);
	return 0;
}

static int parse_senders(char *words)
{
	struct sender *s;
	char *word;

	for (s = senders; s->name; s++)
		s->wanted = false;
	while ((word = strsep(&words, ","))) {
		for (s = senders; s->name; s++)
			if (!strcmp(s->name, word))
				break;
		if (!s->name)
			return wrong_use("--senders: there is no \"%s\"", word);
		s->wanted = true;
	}
	return 0;
}

static int parse_one(struct bench *b, int option, char *arg)
{
	char *end = NULL;
	unsigned long n;

	switch (option) {
	case 's':
		b->seconds = strtod(arg, &end);
		if (end == arg || *end || !(b->seconds >= 0.01) ||
		    b->seconds > LONGEST)
			return wrong_use("--seconds %s: give 0.01 to %d", arg,
					 LONGEST);
		return 0;
	case 'r':
		n = strtoul(arg, &end, 10);
		if (!*arg || *end || n < 1 || n > MOST_RUNS)
			return wrong_use("--runs %s: give 1 to %d", arg,
					 MOST_RUNS);
		b->runs = n;
		return 0;
	case 'n':
		return parse_segments(b, arg);
	case 'w':
		return parse_senders(arg);
	case 'f':
		if (strcmp(arg, "4") && strcmp(arg, "6"))
			return wrong_use("--family %s: give 4 or 6", arg);
		b->pair.family = *arg == '4' ? FAM_UDP4 : FAM_UDP6;
		return 0;
	case 'j':
		b->json = true;
		return 0;
	case ':':
		return wrong_use("%s: it wants a value", arg);
	}
	return wrong_use("%s: no such option", arg);
}

/* 0 to go on, else the exit code, and -1 after --help */
static int parse(struct bench *b, int argc, char **argv)
{
	static const struct option options[] = {
		{ "seconds", required_argument, NULL, 's' },
		{ "runs", required_argument, NULL, 'r' },
		{ "segments", required_argument, NULL, 'n' },
		{ "senders", required_argument, NULL, 'w' },
		{ "family", required_argument, NULL, 'f' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	int option, ret;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (option == 'h') {
			help();
			return -1;
		}
		ret = parse_one(b, option, strchr("?:", option) ?
				argv[optind - 1] : optarg);
		if (ret)
			return ret;
	}
	if (optind < argc)
		return wrong_use("%s: it takes options alone", argv[optind]);
	return 0;
}

/* -- where it goes -------------------------------------------------------- */

/* The first or the last of the CPUs that this process may use */
static void pin(bool last)
{
	cpu_set_t all, one;
	int cpu, found = -1;

	if (sched_getaffinity(0, sizeof(all), &all))
		return;
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &all) && (last || found < 0))
			found = cpu;
	if (found < 0)
		return;
	CPU_ZERO(&one);
	CPU_SET(found, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

/* Throw away what comes, without copying it, until the parent is gone */
static void sink(int fd)
{
	struct mmsghdr msgs[SINK_MSGS] = { };
	const int on = 1;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pin(true);
	/* Let GSO sends come whole, as they leave through a card that segments */
	setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof(on));
	while (recvmmsg(fd, msgs, SINK_MSGS, MSG_TRUNC | MSG_WAITFORONE,
			NULL) >= 0 || errno == EINTR)
		;
	_exit(0);
}

static pid_t sink_pid;

static const char *to_self(struct bench *b)
{
	struct udp_pair *pair = &b->pair;
	bool v6 = pair->family == FAM_UDP6;

	address(&pair->to, &pair->to_len, v6, v6 ? "::1" : "127.0.0.1");
	pair->segment = v6 ? ETHERNET_V6 : ETHERNET_V4;
	pair->rx = receiver_open(&pair->to, pair->to_len);
	pair->tx = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC,
			  0);
	if (pair->rx < 0 || pair->tx < 0)
		return cannot("no sockets on loopback", errno,
			      "ip link set lo up, or choose another --family");
	sink_pid = fork();
	if (!sink_pid)
		sink(pair->rx);
	if (sink_pid < 0)
		return cannot("no process to receive", errno,
			      "raise RLIMIT_NPROC (ulimit -u)");
	pin(false);
	return NULL;
}

/*
 * To a socket that nobody reads: the receiver of the tests looks at every byte,
 * which takes longer than to send it.
 */
static const char *to_remote(struct bench *b)
{
	const char *why = device_get(&b->dev);

	if (why)
		return why;
	device_clear(&b->dev);
	why = device_offload(&b->dev, OFFLOAD_BEST) ?:
	      device_pair(&b->dev, &b->pair, b->pair.family, false, 0);
	return why ?: b->dev.remote->open(b->dev.remote, &b->pair.to,
					     "sink");
}

/*
 * The send buffer of any new socket. It is less than the queue of a card
 * holds, so that a sender waits instead of having its packets dropped there.
 */
static void ordinary_buffer(struct bench *b)
{
	const struct timeval patience = { .tv_sec = WAIT_MS / 1000 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(b->sndbuf);
	int half;

	/* The kernel doubles what it is given */
	if (!getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &b->sndbuf, &len)) {
		half = b->sndbuf / 2;
		setsockopt(b->pair.tx, SOL_SOCKET, SO_SNDBUF, &half,
			   sizeof(half));
	}
	close(fd);
	getsockopt(b->pair.tx, SOL_SOCKET, SO_SNDBUF, &b->sndbuf, &len);
	setsockopt(b->pair.tx, SOL_SOCKET, SO_SNDTIMEO, &patience,
		   sizeof(patience));
}

static const char *prepare(struct bench *b)
{
	const char *why = b->nic ? to_remote(b) : to_self(b);
	struct sender *s;
	unsigned int i;

	if (why)
		return why;
	ordinary_buffer(b);
	b->area = mmap(NULL, IN_FLIGHT * SLOT, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (b->area == MAP_FAILED)
		return cannot("no memory", errno, "free 2 MiB");
	for (i = 0; i < IN_FLIGHT; i++)
		b->messages[i].payload = (struct iovec) {
			b->area + i * SLOT, SLOT
		};
	for (i = 0; i < b->n_sizes; i++) {
		struct size *size = &b->sizes[i];

		/* The receiver counts in words of four bytes */
		size->segment = b->pair.segment;
		if (size->segment > LARGEST_TRAIN / size->segments)
			size->segment = LARGEST_TRAIN / size->segments & ~3;
		size->bytes = size->segment * size->segments;
	}
	for (s = senders; s->name; s++) {
		if (!s->wanted)
			continue;
		s->samples = calloc(b->n_sizes * b->runs, sizeof(*s->samples));
		why = s->samples ? s->open(s, b) : "no memory";
		snprintf(s->why, sizeof(s->why), "%s", why ? why : "");
	}
	return NULL;
}

/* -- the runs ------------------------------------------------------------- */

static void measure(struct bench *b, struct sender *s, unsigned int size,
		    unsigned int run)
{
	const struct size *of = &b->sizes[size];
	unsigned int i;

	for (i = 0; i < IN_FLIGHT; i++)
		message_shape(&b->messages[i], &b->pair, FILLER_ID,
			      of->segments > 1 ? CTL_SEGMENT : CTL_NONE,
			      of->bytes, of->segment);
	s->go(s, b, of, samples_of(s, b, size) + run);
}

static void measure_all(struct bench *b)
{
	unsigned int run, size;
	struct sender *s;

	for (run = 0; run < b->runs; run++)
		for (size = 0; size < b->n_sizes; size++) {
			fprintf(stderr, "bench: run %u of %u, %u segment%s, %u bytes\n",
				run + 1, b->runs, b->sizes[size].segments,
				b->sizes[size].segments > 1 ? "s" : "",
				b->sizes[size].bytes);
			for (s = senders; s->name && !stopped; s++)
				if (s->wanted && !*s->why &&
				    !(s->no_gso && b->sizes[size].segments > 1))
					measure(b, s, size, run);
			if (stopped)
				return;
		}
}

static int go(struct bench *b)
{
	const char *why = prepare(b);

	if (why && !stopped) {
		fprintf(stderr, "bench: %s\n", why);
		return 3;
	}
	measure_all(b);
	if (stopped) {
		fprintf(stderr, "bench: interrupted\n");
		return 130;
	}
	if (b->json)
		report_json(b);
	else
		report_table(b);
	return fflush(stdout) ? 3 : 0;
}

int main(int argc, char **argv)
{
	static struct bench b = {
		.seconds = 0.5, .runs = 5,
	};
	char segments[] = "1,2,4,8,16,32,64";
	const char *netif = getenv("NETIF"), *v4 = getenv("LOCAL_V4");
	struct sender *s;
	int ret;

	b.nic = netif && *netif;
	b.pair.family = b.nic && !(v4 && *v4) ? FAM_UDP6 : FAM_UDP4;
	for (s = senders; s->name; s++)
		s->wanted = true;
	parse_segments(&b, segments);
	ret = parse(&b, argc, argv);
	if (ret)
		return ret < 0 ? 0 : ret;
	catch_signals();
	ret = go(&b);
	if (sink_pid > 0) {
		kill(sink_pid, SIGKILL);
		waitpid(sink_pid, NULL, 0);
	}
	return ret;
}
