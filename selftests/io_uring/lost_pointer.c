// SPDX-License-Identifier: GPL-2.0
/*
 * lost-pointer: ____sys_sendmsg() replaces msg_control of the msghdr that it
 * is given by the address of its own copy. When the send buffer is full the
 * request waits and is issued again with that msghdr; a kernel that does not
 * put the user's pointer back reads control messages from an address inside
 * the kernel, and the send ends with -EFAULT.
 *
 * Proved: sends that have been issued, have met a full send buffer and wait
 * for POLLOUT are delivered as their control messages ask once there is room,
 * for each opcode, address family and size of control (____sys_sendmsg() has
 * 36 bytes on its stack and allocates above that). That they do wait is read
 * from the ring's fdinfo before the buffer is emptied.
 *
 * In 32 bit a send may fail without any retry: from 6.10 on a kernel that does
 * not save the pointer puts back whatever an earlier request has left there.
 * And a retry may end with -EINVAL. When the pointer did come back and the
 * length did not, that is wrong_length's to report and passes here.
 *
 * Needs: root, or a user who may create user namespaces; /proc.
 * Exit code: 0 all passed or skipped, 1 a case failed (kselftest harness).
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "kselftest_harness.h"
#include "report.h"
#include "ring.h"

#define DEFECT	"lost-pointer"

SHARE_NETNS()

FIXTURE(lost_pointer)
{
	struct run run;
	const char *why;	/* of a SKIP */
	char what[128];
};

FIXTURE_VARIANT(lost_pointer)
{
	enum family family;
	enum opcode op;
	enum control control;
	enum how how;
};

FIXTURE_SETUP(lost_pointer)
{
	snprintf(self->what, sizeof(self->what), "%s%s %s, %s",
		 family_name(variant->family),
		 variant->op == OP_ZC_FIXED ? " registered buffers" : "",
		 control_name(variant->family, variant->control),
		 how_name(variant->how));
	self->why = run_open(&self->run, variant->family, variant->op,
			     variant->how, true);
	if (!self->why) {
		run_pack(&self->run, SENDS, variant->control);
		self->why = run_register(&self->run);
	}
}

FIXTURE_TEARDOWN(lost_pointer)
{
	run_close(&self->run);
}

/* Over udp4 where no family stands */
#define CASE(name) FIXTURE_VARIANT_ADD(lost_pointer, name)

/* A retry without control works everywhere: what follows is about control */
CASE(reference_udp4_sendmsg) { .op = OP_SENDMSG };
CASE(reference_udp4_zc) { .op = OP_ZC };
CASE(reference_udp4_zc_fixed) { .op = OP_ZC_FIXED };
CASE(reference_udp6_sendmsg) { .family = FAM_UDP6, .op = OP_SENDMSG };
CASE(reference_udp6_zc) { .family = FAM_UDP6, .op = OP_ZC };
CASE(reference_mapped_sendmsg) { .family = FAM_MAPPED, .op = OP_SENDMSG };
CASE(reference_mapped_zc) { .family = FAM_MAPPED, .op = OP_ZC };

/* Control on the stack of ____sys_sendmsg(): the report, GSO alone */
CASE(udp4_sendmsg_segment) { .op = OP_SENDMSG, .control = CTL_SEGMENT };
CASE(udp4_zc_segment) { .op = OP_ZC, .control = CTL_SEGMENT };
CASE(udp4_zc_fixed_segment) { .op = OP_ZC_FIXED, .control = CTL_SEGMENT };
CASE(udp6_sendmsg_segment) { .family = FAM_UDP6, .op = OP_SENDMSG, .control = CTL_SEGMENT };
CASE(udp6_zc_segment) { .family = FAM_UDP6, .op = OP_ZC, .control = CTL_SEGMENT };
CASE(udp6_zc_fixed_segment) { .family = FAM_UDP6, .op = OP_ZC_FIXED, .control = CTL_SEGMENT };
CASE(mapped_sendmsg_segment) { .family = FAM_MAPPED, .op = OP_SENDMSG, .control = CTL_SEGMENT };
CASE(mapped_zc_segment) { .family = FAM_MAPPED, .op = OP_ZC, .control = CTL_SEGMENT };
CASE(mapped_zc_fixed_segment) { .family = FAM_MAPPED, .op = OP_ZC_FIXED, .control = CTL_SEGMENT };

/* Control that ____sys_sendmsg() allocates: what a QUIC stack sends */
CASE(udp4_sendmsg_quic) { .op = OP_SENDMSG, .control = CTL_QUIC };
CASE(udp4_zc_quic) { .op = OP_ZC, .control = CTL_QUIC };
CASE(udp4_zc_fixed_quic) { .op = OP_ZC_FIXED, .control = CTL_QUIC };
CASE(udp6_sendmsg_quic) { .family = FAM_UDP6, .op = OP_SENDMSG, .control = CTL_QUIC };
CASE(udp6_zc_quic) { .family = FAM_UDP6, .op = OP_ZC, .control = CTL_QUIC };
CASE(udp6_zc_fixed_quic) { .family = FAM_UDP6, .op = OP_ZC_FIXED, .control = CTL_QUIC };
CASE(mapped_sendmsg_quic) { .family = FAM_MAPPED, .op = OP_SENDMSG, .control = CTL_QUIC };
CASE(mapped_zc_quic) { .family = FAM_MAPPED, .op = OP_ZC, .control = CTL_QUIC };
CASE(mapped_zc_fixed_quic) { .family = FAM_MAPPED, .op = OP_ZC_FIXED, .control = CTL_QUIC };

/* First issued by an io-wq worker: another stack, and a header made at prep */
CASE(udp4_sendmsg_segment_async) { .op = OP_SENDMSG, .control = CTL_SEGMENT, .how = HOW_ASYNC };
CASE(udp4_zc_segment_async) { .op = OP_ZC, .control = CTL_SEGMENT, .how = HOW_ASYNC };

/* Issued by the submission thread, which has the task's memory but no stack */
CASE(udp4_zc_quic_sqpoll) { .op = OP_ZC, .control = CTL_QUIC, .how = HOW_SQPOLL };

/* Issued again by task work inside the task's own io_uring_enter(2) */
CASE(udp4_zc_quic_defer) { .op = OP_ZC, .control = CTL_QUIC, .how = HOW_DEFER };

/* Not issued at submit: the first issue is the one that meets a full buffer */
CASE(udp4_sendmsg_segment_poll_first) {
	.op = OP_SENDMSG, .control = CTL_SEGMENT, .how = HOW_POLL_FIRST,
};

CASE(udp4_zc_segment_poll_first) { .op = OP_ZC, .control = CTL_SEGMENT, .how = HOW_POLL_FIRST };

/* After a poll: old kernels prepare the header of a linked send at submit */
CASE(udp4_sendmsg_segment_link) { .op = OP_SENDMSG, .control = CTL_SEGMENT, .how = HOW_LINK };
CASE(udp4_zc_segment_link) { .op = OP_ZC, .control = CTL_SEGMENT, .how = HOW_LINK };

/*
 * Bring the sends to where they have been issued and met a full buffer. What
 * a link or POLL_FIRST holds back is first let go: sends behind a link find
 * the buffer full, of those with POLL_FIRST the first two or so fill it.
 */
static const char *force_retry(struct run *run)
{
	struct pollfd pfd = { .fd = run->pair.tx, .events = POLLOUT };
	const char *wrong = NULL;

	if (run->how == HOW_LINK)
		wrong = pair_fill(&run->pair);
	else if (run->how == HOW_POLL_FIRST && poll(&pfd, 1, 0) != 1)
		wrong = "the send buffer is full before anything was sent";
	if (!wrong)
		wrong = run_submit(run);
	if (wrong || (run->how != HOW_LINK && run->how != HOW_POLL_FIRST))
		return wrong;
	return run_release(run) ?:
	       ring_await(&run->ring, run->op, run->n,
			  run->how == HOW_POLL_FIRST ? 1 : run->n);
}

TEST_F(lost_pointer, retry)
{
	struct run *run = &self->run;
	const char *wrong;
	int err = 0;

	if (hint_first_issue && variant->control != CTL_NONE)
		err = hint_first_issue(variant->op);
	judge(DEFECT, opcode_name(variant->op), self->what,
	      err ? reason("-%s at once, without a retry", errno_name(err)) :
		    NULL);

	if (!possible(self->why))
		return;

	wrong = force_retry(run) ?: run_finish(run);
	judge(NULL, opcode_name(run->op), self->what, wrong);

	if (hint_wrong_length && hint_wrong_length(run)) {
		TH_LOG("-EINVAL, see wrong_length");
		return;
	}
	judge(DEFECT, opcode_name(run->op), self->what, run_judge(run));
}

/* The same control by sendmsg(2): what the receiver asks for can be had */
FIXTURE(system_call)
{
	struct run run;
	const char *why;	/* of a SKIP */
};

FIXTURE_VARIANT(system_call)
{
	enum family family;
};

FIXTURE_SETUP(system_call)
{
	self->why = netns_enter(false) ?:
		    pair_open(&self->run.pair, variant->family);
	if (!self->why)
		run_pack(&self->run, 1, CTL_QUIC);
}

FIXTURE_TEARDOWN(system_call)
{
	run_close(&self->run);
}

FIXTURE_VARIANT_ADD(system_call, udp4) { .family = FAM_UDP4 };
FIXTURE_VARIANT_ADD(system_call, udp6) { .family = FAM_UDP6 };
FIXTURE_VARIANT_ADD(system_call, mapped) { .family = FAM_MAPPED };

TEST_F(system_call, reference)
{
	struct run *run = &self->run;

	if (!possible(self->why))
		return;
	ASSERT_EQ(SEND_SIZE, sendmsg(run->pair.tx, &run->messages[0].msg, 0));
	judge(NULL, "sendmsg(2)", control_name(variant->family, CTL_QUIC),
	      pair_judge(&run->pair, run->messages, 1));
}

TEST_HARNESS_MAIN
