// SPDX-License-Identifier: GPL-2.0
/*
 * What a message through io_uring can end with, one row for each errno or
 * silent change, next to what the system call gives for the same. The rows are
 * those of Documentation/errors.rst, which says what to do about each.
 *
 * A row passes when both results are those of its table; it is skipped, with
 * the reason, when this kernel gives the same both ways, or cannot be asked;
 * it fails on anything else.
 *
 * Needs: root, or unprivileged user namespaces. Nothing outside the program's
 * own network namespaces changes.
 *
 *     errors [-l] [ROW]...
 */
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "errors.h"
#include "network.h"

#define LIMIT	20	/* seconds for a row */

static const struct row *const tables[] = {
	control_rows, network_rows, zerocopy_rows, stream_rows, local_rows,
	ring_rows,
};

struct seen *seen;

static void say(char *where, size_t size, const char *fmt, va_list ap)
{
	vsnprintf(where, size, fmt, ap);
}

void skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(seen->skip, sizeof(seen->skip), fmt, ap);
	va_end(ap);
	_exit(0);
}

void broken(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(seen->broken, sizeof(seen->broken), fmt, ap);
	va_end(ap);
	_exit(0);
}

void odd(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(seen->odd, sizeof(seen->odd), fmt, ap);
	va_end(ap);
}

/* "-EFAULT" or "2700" */
static const char *number(int n)
{
	static char text[2][32];
	static int turn;

	turn = !turn;
	if (n < 0 && n > -4096 && strerrorname_np(-n))
		snprintf(text[turn], sizeof(text[0]), "-%s",
			 strerrorname_np(-n));
	else
		snprintf(text[turn], sizeof(text[0]), "%d", n);
	return text[turn];
}

static void run_one(const struct row *row)
{
	int status;
	pid_t pid;

	memset(seen, 0, sizeof(*seen));
	fflush(NULL);
	pid = fork();
	if (!pid) {
		const char *why = netns_enter(true);

		alarm(LIMIT);
		if (why)
			skip("%s", why);
		row->run();
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		ksft_exit_fail_msg("fork: %s\n", strerror(errno));
	if (status && !seen->broken[0])
		snprintf(seen->broken, sizeof(seen->broken),
			 WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ?
			 "not finished within %d s" : "it died (limit %d s)",
			 LIMIT);
}

static void report(const struct row *row)
{
	bool usual = seen->ring == row->ring && seen->call == row->call;

	if (seen->broken[0]) {
		ksft_print_msg("%s: %s\n", row->name, seen->broken);
		ksft_test_result_fail("%s\n", row->name);
		return;
	}
	if (seen->skip[0]) {
		ksft_test_result_code(KSFT_SKIP, row->name, "%s", seen->skip);
		return;
	}
	ksft_print_msg("%s: %s %s, system call %s%s%s\n", row->name, row->road,
		       number(seen->ring), number(seen->call),
		       seen->odd[0] ? ", " : "", seen->odd);
	if (usual && (!row->silent || seen->odd[0]))
		ksft_test_result_pass("%s\n", row->name);
	else if (seen->ring == seen->call && !seen->odd[0])
		ksft_test_result_code(KSFT_SKIP, row->name,
				      "not in this kernel: %s by both",
				      number(seen->ring));
	else
		ksft_test_result_fail("%s: %s and %s expected\n", row->name,
				      number(row->ring), number(row->call));
}

static bool chosen(const char *name, int argc, char *argv[])
{
	int i;

	for (i = 1; i < argc; i++)
		if (!strcmp(argv[i], name))
			return true;
	return argc == 1;
}

int main(int argc, char *argv[])
{
	const struct row *row;
	unsigned int i, count = 0;
	bool list = false;
	int opt;

	while ((opt = getopt(argc, argv, "l")) != -1) {
		list = opt == 'l';
		if (!list) {
			fprintf(stderr, "usage: %s [-l] [ROW]...\n", argv[0]);
			return 2;
		}
	}
	argc -= optind - 1;
	argv += optind - 1;
	for (i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		for (row = tables[i]; row->name; row++) {
			if (list)
				printf("%s: %s\n", row->name, row->does);
			count += chosen(row->name, argc, argv);
		}
	if (list)
		return 0;
	if (!count || (argc > 1 && (int)count < argc - 1)) {
		fprintf(stderr, "%s: no such row: see %s -l\n", argv[0],
			argv[0]);
		return 2;
	}
	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (seen == MAP_FAILED)
		ksft_exit_fail_msg("mmap: %s\n", strerror(errno));
	ksft_print_header();
	ksft_set_plan(count);
	for (i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		for (row = tables[i]; row->name; row++) {
			if (!chosen(row->name, argc, argv))
				continue;
			run_one(row);
			report(row);
		}
	ksft_print_cnts();
	return ksft_get_fail_cnt() ? KSFT_FAIL : KSFT_PASS;
}
