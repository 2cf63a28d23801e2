// SPDX-License-Identifier: GPL-2.0
/*
 * Races of sends that wait, through io_uring with control messages, against
 * whatever may end them or take away what they need.
 *
 * Lives follow one another: a child with one ring (plain, SQPOLL or
 * DEFER_TASKRUN) plays a few rounds. In each, up to eight sends with small or
 * large control wait for room: UDP behind a closed queue, or TCP in the middle
 * of MSG_WAITALL; issued inline, by io-wq, or with POLL_FIRST; some with a
 * linked timeout. Another thread overwrites, protects or unmaps the control,
 * from before submit or after it. Then the socket is closed or shut down, or
 * they are cancelled by user_data or fd, or let go, or both at once. A life
 * ends by itself, or with sends that wait: the ring is closed, the thread or
 * the process exits, or the parent kills it, at any time.
 *
 * Proved each time: a request completes once, a sendmsg_zc is notified of once
 * when that was announced, within a minute, with a result for which there was
 * a reason; what arrives is as its control said at submit; the ring goes on
 * working; a life that has ended leaves no socket behind. What a debug kernel
 * says is for the caller to read.
 *
 *	race [--seconds N] [--rounds N] [--seed N]
 *			whichever comes first; default: 10 s, 1000000 rounds
 *	race --self-check
 *			a completion is dropped on purpose, which must be told
 *
 * The last line is a JSON object: how many rounds, sends and results of each
 * kind. "refused" are sends whose control was good until they were submitted
 * and yet was found bad, "odd" datagrams that are not as it said: a kernel
 * that has late-read or wrong-length gives some, else there must be none.
 *
 * Needs: root, or a user who may create user namespaces; /proc.
 * Exit code: 0 nothing wrong, 1 something was, 2 wrong use, 3 cannot run here.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "network.h"
#include "race.h"
#include "report.h"

#define ROUNDS		8	/* of one life at most */
#define PATIENCE	60	/* seconds for a completion; debug kernels are slow */
#define LIFE		(3 * PATIENCE)
#define KILL_US		20000	/* within which a life is killed at any time */
#define SAY_S		10
#define READY		"r"	/* a life may be killed now */

enum ending { TIDY, RING_EXIT, THREAD_EXIT, PROCESS_EXIT, KILLED, ENDINGS };

static struct tally *tally;
static bool self_check;

static void plan_roll(struct race *race)
{
	struct dice *dice = &race->dice;
	struct plan *plan = &race->plan;

	plan->op = roll(dice, 2) ? OP_ZC : OP_SENDMSG;
	plan->stream = !roll(dice, 3);
	plan->full = !plan->stream || roll(dice, 2);
	plan->large = roll(dice, 4);
	plan->async = !roll(dice, 4);
	plan->poll_first = !roll(dice, 4);
	plan->timeout = !roll(dice, 4);
	plan->settled = roll(dice, 2);
	plan->together = roll(dice, 2);
	plan->early = !roll(dice, 3);
	plan->edit = roll(dice, EDITS);
	plan->event = roll(dice, EVENTS);
	plan->n = 1 + roll(dice, plan->stream ? MOST / 2 : MOST);
	/*
	 * A process does not end before the thread of its SQPOLL ring has been
	 * notified, and its own end of the connection is open until then.
	 */
	if (plan->stream && race->how == HOW_SQPOLL)
		plan->op = OP_SENDMSG;
	if (self_check)
		*plan = (struct plan){ .op = OP_SENDMSG, .full = true, .n = 1 };
}

static const char *ring_start(struct race *race)
{
	static const enum how hows[] = { HOW_RETRY, HOW_RETRY, HOW_SQPOLL, HOW_DEFER };
	const char *why;

	race->how = hows[roll(&race->dice, 4)];
	why = ring_init(&race->ring, race->how);
	/* Not all kernels have DEFER_TASKRUN */
	if (!why || race->how == HOW_RETRY)
		return why;
	race->how = HOW_RETRY;
	return ring_init(&race->ring, HOW_RETRY);
}

static bool fine(const struct race *race, const char *wrong)
{
	if (wrong)
		snprintf(tally->wrong, sizeof(tally->wrong), "%s: %s",
			 plan_text(race), wrong);
	return !wrong;
}

/* The rounds of a life, and the beginning of one more unless it ends TIDY */
static bool play(struct race *race, enum ending ending)
{
	unsigned int n = self_check ? 1 : roll(&race->dice, ROUNDS);

	if (!fine(race, ring_start(race)))
		return false;
	for (; n; n--) {
		plan_roll(race);
		if (!fine(race, race_begin(race) ?: race_finish(race)))
			return false;
	}
	if (ending == TIDY)
		return true;
	plan_roll(race);
	return fine(race, race_begin(race));
}

static void *play_apart(void *arg)
{
	return play(arg, THREAD_EXIT) ? arg : NULL;
}

/* Sends wait, and the memory is mutated, when their thread is gone */
static bool outlive(struct race *race)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, play_apart, race))
		return fine(race, "no thread");
	if (!thread_join(thread))
		return false;
	/* Nobody else may wait for completions of such a ring */
	if (race->how == HOW_DEFER) {
		tally->abandoned += race->plan.n;
		return true;
	}
	return fine(race, race_reap(race));
}

static bool live(struct race *race, enum ending ending, int ready)
{
	race->tally = tally;
	race->patience = self_check ? 2 : PATIENCE;
	race->drop = self_check;
	race->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	race->page = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (race->null < 0 || race->page == MAP_FAILED)
		return fine(race, "no /dev/null, or no memory");
	if (ending == THREAD_EXIT)
		return outlive(race);
	if (!play(race, ending))
		return false;
	if (ending == TIDY)
		return true;
	tally->abandoned += race->plan.n;
	if (ending == RING_EXIT)
		io_uring_queue_exit(&race->ring);
	if (ending == KILLED && write(ready, READY, 1) == 1)
		pause();
	return true;
}

static void wait_us(long us)
{
	const struct timespec ts = { .tv_nsec = us * 1000 };

	nanosleep(&ts, NULL);
}

/* Sockets of this network namespace, which has but those of lives */
static int in_use(void)
{
	FILE *stat = fopen("/proc/net/sockstat", "re");
	int n = -1;

	if (!stat)
		return -1;
	if (fscanf(stat, "sockets: used %d", &n) != 1)
		n = -1;
	fclose(stat);
	return n;
}

static const char *leftovers(void)
{
	time_t late = time(NULL) + PATIENCE;
	const char *wrong = qdisc_release();

	while (!wrong && in_use()) {
		if (time(NULL) > late)
			wrong = reason("%d sockets are left of a life that has ended",
				       in_use());
		wait_us(1000);
	}
	return wrong;
}

/* Wait for a child that has ended or is to end. false: it does not */
static bool reap(pid_t child, int *status)
{
	time_t late = time(NULL) + PATIENCE;

	while (waitpid(child, status, WNOHANG) != child) {
		if (time(NULL) > late)
			return false;
		wait_us(1000);
	}
	return true;
}

/* Until a child is gone, which is killed after some us if that is not 0 */
static const char *see_off(pid_t child, int ready, long us)
{
	struct pollfd pfd = { .fd = ready, .events = POLLIN };
	const char *wrong = NULL;
	bool killed = us;
	int status;
	char said;

	if (us)
		wait_us(us);
	else if (poll(&pfd, 1, LIFE * 1000) != 1)
		wrong = "a life does not end";
	else
		killed = read(ready, &said, 1) == 1;
	if (killed || wrong)
		kill(child, SIGKILL);
	/* What is notified of when it has left the queue may hold it up */
	qdisc_release();
	if (!reap(child, &status))
		return "a process that has ended or was killed does not go away";
	if (wrong || killed || !status)
		return wrong;
	return tally->wrong[0] ? tally->wrong :
	       reason("a life ended with wait status %#x", status);
}

/* One child. NULL or what went wrong */
static const char *life(uint64_t seed)
{
	/* Neighbouring seeds must not give the same first numbers */
	struct dice dice = { .state = (seed + 1) * 0x9e3779b97f4a7c15ULL };
	bool any_time = !roll(&dice, 8) && !self_check;
	enum ending ending = self_check ? TIDY : roll(&dice, ENDINGS);
	long us = any_time ? 1 + roll(&dice, KILL_US) : 0;
	static struct race race;
	int ready[2], status;
	const char *wrong;
	pid_t child;

	tally->lives++;
	if (pipe2(ready, O_CLOEXEC))
		return "pipe(2) failed";
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ready[0]);
		race.dice = dice;
		status = !live(&race, ending, ready[1]);
		/* The thread of a ring may have it open for longer */
		close(ready[1]);
		_exit(status);
	}
	close(ready[1]);
	wrong = child < 0 ? "fork(2) failed" : see_off(child, ready[0], us);
	close(ready[0]);
	return wrong ?: leftovers();
}

static void summary(uint64_t seed, long seconds, bool wrong)
{
	const struct {
		const char *name;
		unsigned long count;
	} counts[] = {
		{ "lives", tally->lives }, { "rounds", tally->rounds },
		{ "sends", tally->sends }, { "whole", tally->whole },
		{ "part", tally->part }, { "cancelled", tally->cancelled },
		{ "failed", tally->failed }, { "spoilt", tally->spoilt },
		{ "refused", tally->refused }, { "odd", tally->odd },
		{ "notified", tally->notified },
		{ "abandoned", tally->abandoned }, { "wrong", wrong },
	};
	unsigned int i;

	printf("{\"bits\": %d, \"seed\": %llu, \"seconds\": %ld",
	       8 * (int)sizeof(long), (unsigned long long)seed, seconds);
	for (i = 0; i < sizeof(counts) / sizeof(*counts); i++)
		printf(", \"%s\": %lu", counts[i].name, counts[i].count);
	printf("}\n");
}

static int live_on(time_t seconds, unsigned long rounds, uint64_t seed)
{
	time_t start = time(NULL), said = start, now = start;
	const char *wrong = NULL;
	uint64_t i;

	for (i = 0; now - start < seconds && tally->rounds < rounds && !wrong;
	     i++) {
		wrong = life(seed + i);
		now = time(NULL);
		if (now - said < SAY_S)
			continue;
		said = now;
		printf("race: %lu rounds, life %llu\n", tally->rounds,
		       (unsigned long long)(seed + i));
		fflush(stdout);
	}
	if (wrong)
		printf("race: --seed %llu: %s\n",
		       (unsigned long long)(seed + i - 1), wrong);
	summary(seed, now - start, wrong);
	return !!wrong;
}

static int miss_one(void)
{
	const char *wrong;

	self_check = true;
	wrong = life(1);
	printf("race: self-check: %s\n", wrong ?: "nothing was told");
	return !wrong || !strstr(wrong, "completion lost");
}

static bool number(const char *text, unsigned long *value)
{
	char *end;

	errno = 0;
	*value = strtoul(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno;
}

int main(int argc, char **argv)
{
	static const struct option known[] = {
		{ "seconds", required_argument, NULL, 's' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "seed", required_argument, NULL, 'x' },
		{ "self-check", no_argument, NULL, 'c' },
		{ }
	};
	unsigned long seconds = 10, rounds = 1000000, seed = 1;
	bool wrong = false;
	const char *why;
	int opt;

	while ((opt = getopt_long(argc, argv, "", known, NULL)) != -1)
		if (opt == 'c')
			self_check = true;
		else
			wrong |= opt == '?' ||
				 !number(optarg, opt == 's' ? &seconds :
					 opt == 'r' ? &rounds : &seed);
	if (wrong || optind < argc) {
		fprintf(stderr, "usage: race [--seconds N] [--rounds N] [--seed N]\n"
				"       race --self-check\n");
		return 2;
	}
	tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	why = tally == MAP_FAILED ? "out of memory" :
	      netns_enter(true) ?: qdisc_hold() ?: qdisc_release();
	if (why) {
		fprintf(stderr, "race: %s\n", why);
		return 3;
	}
	return self_check ? miss_one() : live_on(seconds, rounds, seed);
}
