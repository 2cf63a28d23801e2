// SPDX-License-Identifier: GPL-2.0
/*
 * wrong-length: for a 32-bit program the kernel converts the control messages
 * to their 64-bit layout and stores the length of that in msg_controllen. When
 * the send is issued again the user's pointer is walked with that length, 4 or
 * 8 bytes a message too long.
 *
 * Proved: what follows the control buffer in memory has no effect on a retry.
 *  plain     zero bytes follow; the defect takes them for a header: -EINVAL
 *  decoy     a valid IP_PKTINFO follows; the defect obeys it, and the datagrams
 *            leave with a source address that nobody asked for
 *  page_end  nothing follows, the next page is not mapped: -EFAULT
 *
 * A 64-bit program is not affected: there all of this passes, which shows
 * that the cases themselves are right. Where lost-pointer spoils every retry
 * nothing can be seen, and the cases are skipped.
 *
 * Needs: root, or a user who may create user namespaces; /proc.
 * Exit code: 0 all passed or skipped, 1 a case failed (kselftest harness).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "report.h"
#include "ring.h"

#define DEFECT		"wrong-length"
#define DECOY_SOURCE	"127.0.0.3"

enum layout { LAYOUT_PLAIN, LAYOUT_DECOY, LAYOUT_PAGE_END };

SHARE_NETNS()

FIXTURE(wrong_length)
{
	struct run run;
	const char *why;	/* of a SKIP */
	char what[128];
};

FIXTURE_VARIANT(wrong_length)
{
	enum family family;
	enum opcode op;
	enum control control;
	enum layout layout;
};

FIXTURE_SETUP(wrong_length)
{
	static const char * const names[] = {
		[LAYOUT_PLAIN] = "zero bytes behind it",
		[LAYOUT_DECOY] = "another IP_PKTINFO behind it",
		[LAYOUT_PAGE_END] = "at the end of a page",
	};

	snprintf(self->what, sizeof(self->what), "%s %s %s, retry",
		 family_name(variant->family),
		 control_name(variant->family, variant->control),
		 names[variant->layout]);
	self->why = run_spoiled(variant->op) ?:
		    run_open(&self->run, variant->family, variant->op,
			     HOW_RETRY, false);
	if (!self->why) {
		/* One send, so that there is one retry: each would add to the length */
		run_pack(&self->run, 1, variant->control);
		self->why = run_register(&self->run);
	}
}

FIXTURE_TEARDOWN(wrong_length)
{
	run_close(&self->run);
}

/* Over udp4 where no family stands */
#define CASE(name) FIXTURE_VARIANT_ADD(wrong_length, name)

/* One message, converted on the stack: 16 bytes become 24 */
CASE(udp4_sendmsg_segment) { .op = OP_SENDMSG, .control = CTL_SEGMENT };
CASE(udp4_zc_segment) { .op = OP_ZC, .control = CTL_SEGMENT };
CASE(udp4_zc_fixed_segment) { .op = OP_ZC_FIXED, .control = CTL_SEGMENT };

/* Three messages, converted in allocated memory: 56 bytes become 80 */
CASE(udp4_sendmsg_quic) { .op = OP_SENDMSG, .control = CTL_QUIC };
CASE(udp4_zc_quic) { .op = OP_ZC, .control = CTL_QUIC };
CASE(udp6_sendmsg_quic) { .family = FAM_UDP6, .op = OP_SENDMSG, .control = CTL_QUIC };
CASE(udp6_zc_quic) { .family = FAM_UDP6, .op = OP_ZC, .control = CTL_QUIC };

/* The 24 bytes too many are a message of just that size, and are obeyed */
CASE(udp4_sendmsg_quic_decoy) { .op = OP_SENDMSG, .control = CTL_QUIC, .layout = LAYOUT_DECOY };
CASE(udp4_zc_quic_decoy) { .op = OP_ZC, .control = CTL_QUIC, .layout = LAYOUT_DECOY };

/* The bytes too many cannot be read */
CASE(udp4_sendmsg_segment_page_end) {
	.op = OP_SENDMSG, .control = CTL_SEGMENT, .layout = LAYOUT_PAGE_END,
};

CASE(udp4_zc_segment_page_end) { .op = OP_ZC, .control = CTL_SEGMENT, .layout = LAYOUT_PAGE_END };

CASE(udp4_sendmsg_quic_page_end) {
	.op = OP_SENDMSG, .control = CTL_QUIC, .layout = LAYOUT_PAGE_END,
};

CASE(udp4_zc_quic_page_end) { .op = OP_ZC, .control = CTL_QUIC, .layout = LAYOUT_PAGE_END };

/* Behind the control, and not counted in its length */
static void add_decoy(struct message *p)
{
	size_t len = p->msg.msg_controllen;
	struct in_pktinfo info = { };

	inet_pton(AF_INET, DECOY_SOURCE, &info.ipi_spec_dst);
	message_add_control(p, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	p->msg.msg_controllen = len;
}

static const char *lay_out(struct run *run, enum layout layout)
{
	size_t page = sysconf(_SC_PAGESIZE);
	unsigned int i;
	char *at;

	for (i = 0; i < run->n; i++) {
		if (layout == LAYOUT_DECOY)
			add_decoy(&run->messages[i]);
		if (layout != LAYOUT_PAGE_END)
			continue;
		at = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (at == MAP_FAILED || mprotect(at + page, page, PROT_NONE))
			return reason("cannot map a page: %s",
				      errno_name(errno));
		message_control_at_end(&run->messages[i], &run->pair, at, page);
	}
	return NULL;
}

TEST_F(wrong_length, retry)
{
	struct run *run = &self->run;
	const char *wrong;

	if (!possible(self->why ?: run_hold(run) ?:
		      run_hidden(run, variant->control, false)))
		return;

	run_pack(run, 1, variant->control);
	wrong = lay_out(run, variant->layout) ?: run_submit(run) ?:
		run_finish(run);
	judge(NULL, opcode_name(run->op), self->what, wrong);

	judge(DEFECT, opcode_name(run->op), self->what, run_judge(run));
}

/* The same buffers in a send that goes straight through */
TEST_F(wrong_length, reference_at_once)
{
	struct run *run = &self->run;
	const char *wrong;

	if (!possible(self->why))
		return;
	wrong = lay_out(run, variant->layout) ?: run_submit(run) ?:
		run_finish(run) ?: run_judge(run);
	judge(NULL, opcode_name(run->op), self->what, wrong);
}

TEST_HARNESS_MAIN
