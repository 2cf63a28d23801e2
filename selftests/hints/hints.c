// SPDX-License-Identifier: GPL-2.0
/*
 * Hooks of ../io_uring for kernels that have some of the fixes: the commit
 * that may be missing, and which defect hides another.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixes.h"
#include "network.h"
#include "report.h"
#include "ring.h"

#define UNKNOWN_LEVEL	0x7777

void report_hint(const char *defect, const char *opcode)
{
	const char *sep = "; may lack";
	const struct fix *fix;
	bool open = false;

	/* What has no cause in the table is not a defect of the kernel */
	for (fix = fixes; fix->defect; fix++) {
		if (strcmp(fix->defect, defect) || !(fix->bits & ABI_BITS) ||
		    (strcmp(fix->opcode, opcode) && strcmp(fix->opcode, "any")))
			continue;
		if (!fix->commit) {
			open = true;
			continue;
		}
		printf("%s %.12s (\"%s\", v%s)", sep, fix->commit, fix->subject,
		       fix->mainline);
		sep = " or";
	}
	if (open && *sep == ';')
		printf("; no released kernel has the fix yet");
}

/* What ask() says in a child, which may enter a network namespace, or 0 */
static int aside(int (*ask)(struct run *run, enum opcode op), enum opcode op)
{
	static struct run run;
	pid_t child;
	int status;

	/* What cannot be had here, the test itself will miss and report */
	child = fork();
	if (!child)
		_exit(ask(&run, op));
	if (child < 0 || waitpid(child, &status, 0) != child ||
	    !WIFEXITED(status))
		return 0;
	return WEXITSTATUS(status);
}

static int first_issue(struct run *run, enum opcode op)
{
	if (run_open(run, FAM_UDP4, op, HOW_RETRY, false))
		return 0;
	run_pack(run, 1, CTL_SEGMENT);
	if (run_submit(run) || run_finish(run) || run->done[0].res > 0)
		return 0;
	return -run->done[0].res;
}

int hint_first_issue(enum opcode op)
{
	if (sizeof(long) != 4 || op == OP_ZC_FIXED)
		return 0;
	return aside(first_issue, op);
}

/*
 * wrong-length gives -EINVAL for what follows the control, and here follows
 * what it takes for one more message, which no protocol looks at. A pointer
 * that is NULL by then gives it for control without any message.
 */
static int pointer_comes_back(struct run *run, enum opcode op)
{
	const char filler[sizeof(struct in_pktinfo)] = { };
	size_t len;

	if (run_open(run, FAM_UDP4, op == OP_SENDMSG ? OP_SENDMSG : OP_ZC, HOW_RETRY,
		     true))
		return 0;
	run_pack(run, 1, CTL_QUIC);
	len = run->messages[0].msg.msg_controllen;
	message_add_control(&run->messages[0], UNKNOWN_LEVEL, 0, filler,
			    sizeof(filler));
	run->messages[0].msg.msg_controllen = len;
	return !run_submit(run) && !run_finish(run) &&
	       run->done[0].res == SEND_SIZE;
}

bool hint_wrong_length(const struct run *run)
{
	unsigned int i;

	for (i = 0; i < run->n; i++)
		if (sizeof(long) == 4 && run->done[i].res == -EINVAL)
			return aside(pointer_comes_back, run->op);
	return false;
}

const char *hint_spoiled(enum opcode op)
{
	int err = hint_first_issue(op);

	if (err != EFAULT && err != EINVAL)
		return NULL;
	return cannot("every send with control fails in 32 bit", err,
		      "fix lost-pointer first, it hides this");
}

const char *hint_hidden(struct run *run, enum control control, bool length)
{
	const char *wrong;
	int res;

	/* Whatever else goes wrong here, the test itself will meet and report */
	run_pack(run, 1, control);
	wrong = run_submit(run) ?: run_finish(run) ?: socket_drain(run->pair.tx);
	res = run->done[0].res;
	if (!wrong && res == -EFAULT)
		return cannot("every retry ends with -EFAULT", 0,
			      "fix lost-pointer first, it hides this");
	if (!wrong && res == -EINVAL && length && sizeof(long) == 4)
		return cannot("every retry ends with -EINVAL in 32 bit", 0,
			      "fix wrong-length first, it hides this");
	if (!wrong && res == (int)run->messages[0].len)
		pair_judge(&run->pair, run->messages, 1);
	return qdisc_hold();
}
