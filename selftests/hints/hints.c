// SPDX-License-Identifier: GPL-2.0
/*
 * Hooks of ../io_uring for kernels that have some of the fixes: the commit
 * that may be missing, and which defect hides another. And for kernels that
 * have no tbf: netem and fq can hold packets, too.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/pkt_sched.h>

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

/* netem: one slot of a minute; a delay would orphan the packets (6.1, 7.3) */
#define NETEM_SLOT_NS	(60LL * 1000 * 1000 * 1000)
#define NETEM_PACKETS	10000

static void netem_options(struct request *req, bool hold)
{
	struct tc_netem_slot slot = {
		.min_delay = hold ? NETEM_SLOT_NS : 0,
		.max_delay = hold ? NETEM_SLOT_NS : 0,
	};
	struct tc_netem_qopt qopt = { .limit = NETEM_PACKETS };
	struct rtattr *nest;

	nest = attr_put(req, TCA_OPTIONS, &qopt, sizeof(qopt));
	attr_put(req, TCA_NETEM_SLOT, &slot, sizeof(slot));
	attr_end(req, nest);
}

/*
 * fq: 20 kB/s is about 130 ms a packet. A card frees what fq lets through later
 * than lo does: there a packet waits for a second, which is fq's own limit.
 */
#define FQ_LO_RATE	20000
#define FQ_CARD_RATE	1000

static void fq_options(struct request *req, bool hold)
{
	struct rtattr *nest = attr_put(req, TCA_OPTIONS, NULL, 0);
	uint32_t rate = qdisc_on_card() ? FQ_CARD_RATE : FQ_LO_RATE;

	attr_put_u32(req, TCA_FQ_FLOW_MAX_RATE, hold ? rate : ~0U);
	attr_put_u32(req, TCA_FQ_INITIAL_QUANTUM, 1514);
	attr_put_u32(req, TCA_FQ_QUANTUM, 1514);
	attr_end(req, nest);
}

/* IO_URING_QDISC=netem: this one alone */
const struct qdisc *hint_qdiscs(void)
{
	static const struct qdisc all[] = {
		{ .kind = "tbf", .options = tbf_options },
		{ .kind = "netem", .options = netem_options },
		{ .kind = "fq", .options = fq_options },
		{ }
	};
	static struct qdisc one[2];
	const char *only = getenv("IO_URING_QDISC");
	const struct qdisc *qdisc = all;

	if (!only)
		return all;
	while (qdisc->kind && strcmp(qdisc->kind, only))
		qdisc++;
	one[0] = *qdisc;
	return one;
}
