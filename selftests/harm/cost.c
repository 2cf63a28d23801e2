// SPDX-License-Identifier: GPL-2.0
/*
 * What one send through io_uring costs: instructions, or slab allocations.
 *
 * For each of {sendmsg, sendmsg_zc} x {no control, UDP_SEGMENT, with IP_TOS and
 * IP_PKTINFO, 248 bytes} x {straight through, one retry} it sends REQUESTS
 * times one request over loopback and prints the median, least and most that an
 * io_uring_enter(2) took, liburing around it included:
 *
 *	cost: instructions 64 sendmsg segment retry 16421 16421 19872
 *	cost: instructions 32 sendmsg segment retry fails EINVAL
 *
 * A retry is two calls: the first waits for POLLOUT, the second sends. What
 * makes the room is not counted. The receiver has to get what was sent.
 *
 *	cost instructions REQUESTS	reads the TSC; a count of instructions
 *					in a guest of QEMU -icount shift=0
 *	cost allocations REQUESTS	reads /sys/kernel/slab, of a kernel
 *					with CONFIG_SLUB_STATS
 *
 * Also over an AF_UNIX datagram socket: send and recv from and to memory of its
 * own or a buffer that is selected from a ring, where there are such sends;
 * recvmsg, too; sendmsg and recvmsg with descriptors or credentials:
 *
 *	cost: instructions 64 recv ring straight 6421 6421 7872
 *
 * x86 only. Needs: root, or a user who may create user namespaces; /proc.
 * Exit code: 0 measured or failed as printed, 2 wrong use, 3 cannot measure.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cost.h"
#include "report.h"

#define SLABS		"/sys/kernel/slab"
#define MOST_REQUESTS	10000
#define MOST_CACHES	1024
#define CALIBRATIONS	9
#define PATIENCE	2	/* seconds */
#define LARGE		256	/* bytes of control, at most */

static const struct {
	const char *name;
	enum control control;
	bool large;
} controls[] = {
	{ "none", CTL_NONE, false },
	{ "segment", CTL_SEGMENT, false },
	{ "quic", CTL_QUIC, false },
	{ "large", CTL_QUIC, true },
};

/* Messages over AF_UNIX; each goes straight through, and is tried again */
static const struct {
	const char *opcode, *name;
	enum plain_op op;
	enum plain_what what;
} plains[] = {
	{ "send", "memory", PLAIN_SEND, MEMORY },
	{ "send", "ring", PLAIN_SEND, RING_BUFFER },
	{ "recv", "memory", PLAIN_RECV, MEMORY },
	{ "recv", "ring", PLAIN_RECV, RING_BUFFER },
	{ "recvmsg", "memory", PLAIN_RECVMSG, MEMORY },
	{ "recvmsg", "ring", PLAIN_RECVMSG, RING_BUFFER },
	{ "recvmsg", "credentials", PLAIN_RECVMSG, CREDENTIALS },
	{ "sendmsg", "credentials", PLAIN_SENDMSG, CREDENTIALS },
	{ "sendmsg", "rights", PLAIN_SENDMSG, RIGHTS },
};

static const char *unit;
static uint64_t (*now)(void);
static uint64_t overhead;	/* what reading it twice costs */

static uint64_t instructions(void)
{
	return __builtin_ia32_rdtsc();
}

static int counters[2 * MOST_CACHES];
static unsigned int counters_n;

/* A merged cache is there once; its other names are links to it */
static const char *slabs_open(void)
{
	static const char * const names[] = {
		"alloc_fastpath", "alloc_slowpath",
	};
	DIR *dir = opendir(SLABS);
	struct dirent *entry;
	char path[512];
	unsigned int i;
	int fd;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_type != DT_DIR || !strcmp(entry->d_name, ".") ||
		    !strcmp(entry->d_name, ".."))
			continue;
		for (i = 0; i < 2 && counters_n < 2 * MOST_CACHES; i++) {
			snprintf(path, sizeof(path), SLABS "/%s/%s",
				 entry->d_name, names[i]);
			fd = open(path, O_RDONLY | O_CLOEXEC);
			if (fd >= 0)
				counters[counters_n++] = fd;
		}
	}
	if (dir)
		closedir(dir);
	if (!counters_n)
		return cannot("no counters in " SLABS, 0,
			      "build the kernel with CONFIG_SLUB_STATS");
	return NULL;
}

static uint64_t allocations(void)
{
	uint64_t sum = 0;
	char text[256];
	unsigned int i;
	ssize_t len;

	for (i = 0; i < counters_n; i++) {
		len = pread(counters[i], text, sizeof(text) - 1, 0);
		text[len > 0 ? len : 0] = '\0';
		sum += strtoull(text, NULL, 10);
	}
	return sum;
}

static void awake(int number)
{
	(void)number;
}

static int compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void calibrate(void)
{
	int64_t took[CALIBRATIONS];
	uint64_t from;
	int i;

	for (i = 0; i < CALIBRATIONS; i++) {
		from = now();
		took[i] = now() - from;
	}
	qsort(took, CALIBRATIONS, sizeof(*took), compare);
	overhead = took[CALIBRATIONS / 2];
}

/*
 * A sendmsg_zc that fails has one completion less than is waited for, and an
 * alarm ends that.
 */
const char *enter(struct io_uring *ring, unsigned int wait, int64_t *cost)
{
	uint64_t from;
	int ret;

	alarm(wait ? PATIENCE : 0);
	from = now();
	ret = wait ? io_uring_submit_and_wait(ring, wait) :
		     io_uring_submit(ring);
	*cost += now() - from - overhead;
	alarm(0);
	return ret < 0 && ret != -EINTR ?
	       reason("io_uring_enter(2): %s", errno_name(-ret)) : NULL;
}

static const char *fill(struct run *run)
{
	return qdisc_hold() ?: pair_fill(&run->pair);
}

/* A retry under DEFER_TASKRUN takes place in the call that waits for it */
static const char *reopen(struct run *run)
{
	const char *wrong = ring_await(&run->ring, run->op, 1, 1) ?:
			    qdisc_release();

	if (!wrong && io_uring_cq_ready(&run->ring))
		wrong = "the retry came before it could be measured";
	return wrong;
}

/* More of the same, which does not change what is sent */
static void enlarge(struct message *p)
{
	static union {
		size_t align;		/* as a cmsghdr is */
		char room[LARGE];
	} more;
	struct cmsghdr *cmsg;
	int tos = 0;

	for (cmsg = CMSG_FIRSTHDR(&p->msg); cmsg; cmsg = CMSG_NXTHDR(&p->msg, cmsg))
		if (cmsg->cmsg_level == IPPROTO_IP && cmsg->cmsg_type == IP_TOS)
			memcpy(&tos, CMSG_DATA(cmsg), sizeof(tos));
	memcpy(more.room, p->msg.msg_control, p->msg.msg_controllen);
	p->buf = more.room;
	while (p->msg.msg_controllen + CMSG_SPACE(sizeof(tos)) <= LARGE)
		message_add_control(p, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
}

/* One request; a send that fails is told by done[0].res */
static const char *request(struct run *run, unsigned int control, int64_t *cost)
{
	const char *wrong = run->hold ? fill(run) : NULL;
	unsigned int came;

	if (wrong)
		return wrong;
	run->n = 1;
	message_shape(run->messages, &run->pair, 0, controls[control].control, LENGTH,
		      SEGMENT);
	if (controls[control].large)
		enlarge(run->messages);
	ring_send(&run->ring, run->op, run->how, &run->pair, run->messages, 0);
	*cost = 0;
	if (run->hold)
		wrong = enter(&run->ring, 0, cost) ?: reopen(run);
	wrong = wrong ?: enter(&run->ring, run->op == OP_SENDMSG ? 1 : 2, cost);
	if (wrong)
		return wrong;
	came = io_uring_cq_ready(&run->ring);
	wrong = ring_collect(&run->ring, run->done, 1);
	if (wrong || run->done[0].res < 0)
		return wrong;
	if (came != 1 + run->done[0].notifications)
		return "the notification came too late to be measured";
	return run_judge(run);
}

/* A line: what n requests took, or the errno that one failed with */
static int told(const char *opcode, const char *what, bool retry, int failed,
		const char *wrong, int64_t *cost, long n)
{
	if (wrong) {
		fprintf(stderr, "cost: %s %s: %s\n", opcode, what, wrong);
		return 3;
	}
	qsort(cost, n, sizeof(*cost), compare);
	printf("cost: %s %zu %s %s %s ", unit, 8 * sizeof(long), opcode, what,
	       retry ? "retry" : "straight");
	if (failed)
		printf("fails %s\n", errno_name(failed));
	else
		printf("%lld %lld %lld\n", (long long)cost[n / 2],
		       (long long)cost[0], (long long)cost[n - 1]);
	return fflush(stdout) ? 3 : 0;
}

static int measure(enum opcode op, unsigned int control, bool retry, long n)
{
	static int64_t cost[MOST_REQUESTS];
	struct run run = { };
	const char *wrong;
	long i;

	wrong = run_open(&run, FAM_UDP4, op, HOW_DEFER, retry);
	sigaction(SIGALRM, &(struct sigaction) { .sa_handler = awake }, NULL);
	if (!wrong)
		calibrate();
	for (i = 0; i < n && !wrong && run.done[0].res >= 0; i++)
		wrong = request(&run, control, &cost[i]);
	return told(opcode_name(op), controls[control].name, retry,
		    run.done[0].res < 0 ? -run.done[0].res : 0, wrong, cost, n);
}

static int measure_plain(unsigned int at, bool retry, long n)
{
	static int64_t cost[MOST_REQUESTS];
	struct plain plain = {
		.op = plains[at].op, .what = plains[at].what, .retry = retry,
	};
	const char *wrong = NULL;
	long i;

	if (plain_open(&plain))
		return 0;		/* it has no such requests */
	calibrate();
	for (i = 0; i < n && !wrong && !plain.failed; i++)
		wrong = plain_request(&plain, i, &cost[i]);
	return told(plains[at].opcode, plains[at].name, retry, plain.failed, wrong, cost,
		    n);
}

#define SENT	(4 * ARRAY_SIZE(controls))
#define ALL	(SENT + 2 * ARRAY_SIZE(plains))

/* In a process, and so in a network namespace and with a ring of its own */
static int measure_apart(unsigned int i, long n)
{
	pid_t child = fork();
	int status;

	if (!child && i < SENT)
		_exit(measure(i & 1 ? OP_ZC : OP_SENDMSG, i / 4, i & 2, n));
	if (!child)
		_exit(measure_plain((i - SENT) / 2, (i - SENT) & 1, n));
	if (child < 0 || waitpid(child, &status, 0) != child)
		return 3;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 3;
}

int main(int argc, char **argv)
{
	long n = argc == 3 ? atol(argv[2]) : 0;
	unsigned int i, worst = 0, ret;
	const char *wrong = NULL;

	unit = argv[1];
	if (n >= 1 && n <= MOST_REQUESTS) {
		if (!strcmp(unit, "instructions"))
			now = instructions;
		else if (!strcmp(unit, "allocations"))
			now = allocations;
	}
	if (!now) {
		fprintf(stderr, "usage: cost instructions|allocations REQUESTS (1 to %d)\n",
			MOST_REQUESTS);
		return 2;
	}
	if (now == allocations)
		wrong = slabs_open();
	if (wrong) {
		fprintf(stderr, "cost: %s\n", wrong);
		return 3;
	}
	for (i = 0; i < ALL; i++) {
		ret = measure_apart(i, n);
		if (ret > worst)
			worst = ret;
	}
	return worst;
}
