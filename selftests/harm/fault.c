// SPDX-License-Identifier: GPL-2.0
/*
 * What becomes of a send through io_uring when the kernel runs out of memory,
 * or cannot copy from user memory, at one point of it.
 *
 * For each of {sendmsg, sendmsg_zc} x {small, middle, large control}, and of
 * sendmsg x {one file, two files, MSG_ZEROCOPY}, and for each course it lets
 * the first such point fail (/proc/thread-self/fail-nth), the next time the
 * second one, and so on until a send comes through without any. Courses:
 *  straight     issued at once
 *  poll-first   IORING_RECVSEND_POLL_FIRST
 *  link         behind a poll for something that has not happened yet
 *  worker       issued by io-wq; only what is done before counts
 *  full         the socket is full, so it is issued again after POLLOUT
 *  worker-full  the same, first issued by io-wq
 *  cancelled    the same as full, but cancelled while it waits
 *
 * Proved each time: io_uring_enter(2) fails and a second try works, or the
 * send completes, once, in full or with an errno that fits; with the data not
 * mangled; and the next send through the same ring is delivered as it should be.
 * A file that is passed arrives once, where the send did, and is the one that
 * was meant; none is kept, neither as a descriptor nor by the kernel alone. A
 * send with MSG_ZEROCOPY has the next id where it arrived, and none where not.
 *
 *	fault nth	fail one point after the other; prints for each
 *			  fault: 64 sendmsg large full 7 ENOBUFS
 *			and in the end how many there are:
 *			  fault: 64 sendmsg large full of 19
 *			The first of these lines goes to /dev/kmsg, too, ahead
 *			of what the kernel says of it.
 *	fault rest	fail nothing: the same sends, a few times each
 *
 * More words choose from these, such as: fault nth large full
 *
 * Needs: root; a kernel with CONFIG_FAULT_INJECTION, FAILSLAB and
 * FAULT_INJECTION_USERCOPY, set in debugfs not to leave out any allocation
 * (scripts/kit/harm/fault.py). "rest" needs none of these.
 * Exit code: 0 as it should be, 1 not so, 2 wrong use, 3 cannot be tried here.
 */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fault.h"
#include "report.h"

#define MOST_POINTS	1000
#define REST_ROUNDS	3

enum fate { CLEAN, WRONG, UNABLE };

static const struct course courses[] = {
	{ .name = "straight", .how = HOW_RETRY },
	{ .name = "poll-first", .how = HOW_POLL_FIRST },
	{ .name = "link", .how = HOW_LINK },
	{ .name = "worker", .how = HOW_ASYNC },
	{ .name = "full", .how = HOW_RETRY, .full = true },
	{ .name = "worker-full", .how = HOW_ASYNC, .full = true },
	{ .name = "cancelled", .how = HOW_RETRY, .full = true, .cancelled = true },
};

static const struct carried * const kinds[] = {
	&carried_small, &carried_middle, &carried_large,
	&carried_file, &carried_files, &carried_zerocopy,
};

static enum fate each_point(struct way *way)
{
	bool struck = true;
	const char *wrong;
	unsigned int n;

	for (n = 1; n < MOST_POINTS && struck; n++) {
		wrong = attempt(way, n, &struck);
		if (wrong) {
			printf("fault: %s %u WRONG %s\n", way->name, n, wrong);
			return WRONG;
		}
		if (struck)
			printf("fault: %s %u %s\n", way->name, n, way->came);
	}
	if (struck) {
		printf("fault: %s WRONG more than %d points\n", way->name, n);
		return WRONG;
	}
	printf("fault: %s of %u\n", way->name, n - 2);
	return CLEAN;
}

static enum fate undisturbed(struct way *way)
{
	const char *wrong;
	bool struck;
	int i;

	for (i = 0; i < REST_ROUNDS; i++) {
		wrong = attempt(way, 0, &struck);
		if (wrong) {
			printf("fault: %s rest WRONG %s\n", way->name, wrong);
			return WRONG;
		}
	}
	printf("fault: %s rest\n", way->name);
	return CLEAN;
}

static enum fate walk(struct way *way, bool inject)
{
	const char *why;

	why = way->carried->open(way);
	if (!why)
		io_uring_queue_exit(&way->run.ring);
	if (!why && inject)
		why = fault_open();
	if (why) {
		printf("fault: %s: %s\n", way->name, why);
		return UNABLE;
	}
	return inject ? each_point(way) : undisturbed(way);
}

/* In a process of its own, and so in a network namespace of its own */
static enum fate walk_apart(struct way *way, bool inject)
{
	enum fate fate;
	pid_t child;
	int status;

	fflush(stdout);
	child = fork();
	if (!child) {
		fate = walk(way, inject);
		fflush(stdout);
		_exit(fate);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return UNABLE;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	printf("fault: %s WRONG killed by signal %d\n", way->name,
	       WTERMSIG(status));
	return WRONG;
}

/* Whether each of the words is one of the name */
static bool chosen(const char *name, char **words)
{
	const char *at;
	size_t len;

	for (; *words; words++) {
		len = strlen(*words);
		for (at = name; (at = strstr(at, *words)); at++)
			if ((at == name || at[-1] == ' ') &&
			    (!at[len] || at[len] == ' '))
				break;
		if (!at)
			return false;
	}
	return true;
}

/* One way after the other, of those that are chosen. false: none is */
static bool walk_all(char **words, bool inject, enum fate *worst)
{
	static struct way way;
	enum fate fate;
	unsigned int i;
	bool any = false;

	for (i = 0; i < 2 * ARRAY_SIZE(kinds) * ARRAY_SIZE(courses); i++) {
		way.op = i & 1 ? OP_ZC : OP_SENDMSG;
		way.carried = kinds[i / 2 % ARRAY_SIZE(kinds)];
		way.course = &courses[i / 2 / ARRAY_SIZE(kinds)];
		snprintf(way.name, sizeof(way.name), "%zu %s %s %s",
			 8 * sizeof(long), opcode_name(way.op),
			 way.carried->name, way.course->name);
		if ((way.op == OP_ZC && !way.carried->by_zc) ||
		    !chosen(way.name, words))
			continue;
		any = true;
		fate = walk_apart(&way, inject);
		if (fate > *worst)
			*worst = fate;
	}
	return any;
}

int main(int argc, char **argv)
{
	static const int exits[] = { [CLEAN] = 0, [WRONG] = 1, [UNABLE] = 3 };
	bool inject = argc >= 2 && !strcmp(argv[1], "nth");
	enum fate worst = CLEAN;

	if (argc >= 2 && (inject || !strcmp(argv[1], "rest")) &&
	    walk_all(argv + 2, inject, &worst))
		return exits[worst];
	fprintf(stderr, "usage: fault nth|rest [small|...|zerocopy] [OPCODE] [COURSE]\n");
	return 2;
}
