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

#include "gate.h"
#include "run.h"
#include "verdict.h"

#define DEFECT	"lost-pointer"

FIXTURE(lost_pointer)
{
	struct run run;
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
		 variant->op == SENDMSG_ZC_FIXED ? " registered buffers" : "",
		 control_name(variant->family, variant->control),
		 how_name(variant->how));
}

FIXTURE_TEARDOWN(lost_pointer)
{
}

/* A retry without control works everywhere: what follows is about control */
FIXTURE_VARIANT_ADD(lost_pointer, reference_udp4_sendmsg) {
	UDP4, SENDMSG, NONE, RETRY
};

FIXTURE_VARIANT_ADD(lost_pointer, reference_udp4_zc) {
	UDP4, SENDMSG_ZC, NONE, RETRY
};

FIXTURE_VARIANT_ADD(lost_pointer, reference_udp4_zc_fixed) {
	UDP4, SENDMSG_ZC_FIXED, NONE, RETRY
};

FIXTURE_VARIANT_ADD(lost_pointer, reference_udp6_sendmsg) {
	UDP6, SENDMSG, NONE, RETRY
};

FIXTURE_VARIANT_ADD(lost_pointer, reference_udp6_zc) {
	UDP6, SENDMSG_ZC, NONE, RETRY
};

FIXTURE_VARIANT_ADD(lost_pointer, reference_mapped_sendmsg) {
	MAPPED, SENDMSG, NONE, RETRY
};

FIXTURE_VARIANT_ADD(lost_pointer, reference_mapped_zc) {
	MAPPED, SENDMSG_ZC, NONE, RETRY
};

/* Control on the stack of ____sys_sendmsg(): the report, GSO alone */
FIXTURE_VARIANT_ADD(lost_pointer, udp4_sendmsg_segment) {
	UDP4, SENDMSG, SEGMENT, RETRY
};

FIXTURE_VARIANT_ADD(lost_pointer, udp4_zc_segment) {
	UDP4, SENDMSG_ZC, SEGMENT, RETRY
};

FIXTURE_VARIANT_ADD(lost_pointer, udp4_zc_fixed_segment) {
	UDP4, SENDMSG_ZC_FIXED, SEGMENT, RETRY
};

FIXTURE_VARIANT_ADD(lost_pointer, udp6_sendmsg_segment) {
	UDP6, SENDMSG, SEGMENT, RETRY
};

FIXTURE_VARIANT_ADD(lost_pointer, udp6_zc_segment) {
	UDP6, SENDMSG_ZC, SEGMENT, RETRY
};

FIXTURE_VARIANT_ADD(lost_pointer, udp6_zc_fixed_segment) {
	UDP6, SENDMSG_ZC_FIXED, SEGMENT, RETRY
};

FIXTURE_VARIANT_ADD(lost_pointer, mapped_sendmsg_segment) {
	MAPPED, SENDMSG, SEGMENT, RETRY
};

FIXTURE_VARIANT_ADD(lost_pointer, mapped_zc_segment) {
	MAPPED, SENDMSG_ZC, SEGMENT, RETRY
};

FIXTURE_VARIANT_ADD(lost_pointer, mapped_zc_fixed_segment) {
	MAPPED, SENDMSG_ZC_FIXED, SEGMENT, RETRY
};

/* Control that ____sys_sendmsg() allocates: what a QUIC stack sends */
FIXTURE_VARIANT_ADD(lost_pointer, udp4_sendmsg_quic) {
	UDP4, SENDMSG, QUIC, RETRY
};

FIXTURE_VARIANT_ADD(lost_pointer, udp4_zc_quic) {
	UDP4, SENDMSG_ZC, QUIC, RETRY
};

FIXTURE_VARIANT_ADD(lost_pointer, udp4_zc_fixed_quic) {
	UDP4, SENDMSG_ZC_FIXED, QUIC, RETRY
};

FIXTURE_VARIANT_ADD(lost_pointer, udp6_sendmsg_quic) {
	UDP6, SENDMSG, QUIC, RETRY
};

FIXTURE_VARIANT_ADD(lost_pointer, udp6_zc_quic) {
	UDP6, SENDMSG_ZC, QUIC, RETRY
};

FIXTURE_VARIANT_ADD(lost_pointer, udp6_zc_fixed_quic) {
	UDP6, SENDMSG_ZC_FIXED, QUIC, RETRY
};

FIXTURE_VARIANT_ADD(lost_pointer, mapped_sendmsg_quic) {
	MAPPED, SENDMSG, QUIC, RETRY
};

FIXTURE_VARIANT_ADD(lost_pointer, mapped_zc_quic) {
	MAPPED, SENDMSG_ZC, QUIC, RETRY
};

FIXTURE_VARIANT_ADD(lost_pointer, mapped_zc_fixed_quic) {
	MAPPED, SENDMSG_ZC_FIXED, QUIC, RETRY
};

/* First issued by an io-wq worker: another stack, and a header made at prep */
FIXTURE_VARIANT_ADD(lost_pointer, udp4_sendmsg_segment_async) {
	UDP4, SENDMSG, SEGMENT, ASYNC
};

FIXTURE_VARIANT_ADD(lost_pointer, udp4_zc_segment_async) {
	UDP4, SENDMSG_ZC, SEGMENT, ASYNC
};

/* Issued by the submission thread, which has the task's memory but no stack */
FIXTURE_VARIANT_ADD(lost_pointer, udp4_zc_quic_sqpoll) {
	UDP4, SENDMSG_ZC, QUIC, SQPOLL
};

/* Issued again by task work inside the task's own io_uring_enter(2) */
FIXTURE_VARIANT_ADD(lost_pointer, udp4_zc_quic_defer) {
	UDP4, SENDMSG_ZC, QUIC, DEFER
};

/* Not issued at submit: the first issue is the one that meets a full buffer */
FIXTURE_VARIANT_ADD(lost_pointer, udp4_sendmsg_segment_poll_first) {
	UDP4, SENDMSG, SEGMENT, POLL_FIRST
};

FIXTURE_VARIANT_ADD(lost_pointer, udp4_zc_segment_poll_first) {
	UDP4, SENDMSG_ZC, SEGMENT, POLL_FIRST
};

/* Behind a poll: old kernels make the header of a linked send at submit */
FIXTURE_VARIANT_ADD(lost_pointer, udp4_sendmsg_segment_link) {
	UDP4, SENDMSG, SEGMENT, LINK
};

FIXTURE_VARIANT_ADD(lost_pointer, udp4_zc_segment_link) {
	UDP4, SENDMSG_ZC, SEGMENT, LINK
};

/*
 * Bring the sends to where they have been issued and met a full buffer. What
 * a link or POLL_FIRST holds back is first let go: sends behind a link find
 * the buffer full, of those with POLL_FIRST the first two or so fill it.
 */
static const char *force_retry(struct run *run)
{
	struct pollfd pfd = { .fd = run->flow.tx, .events = POLLOUT };
	const char *wrong = NULL;

	if (run->how == LINK)
		wrong = flow_fill(&run->flow);
	else if (run->how == POLL_FIRST && poll(&pfd, 1, 0) != 1)
		wrong = "the send buffer is full before anything was sent";
	if (!wrong)
		wrong = run_submit(run);
	if (wrong || (run->how != LINK && run->how != POLL_FIRST))
		return wrong;
	return run_release(run) ?:
	       ring_await(&run->ring, run->op, run->n,
			  run->how == POLL_FIRST ? 1 : run->n);
}

TEST_F(lost_pointer, retry)
{
	struct run *run = &self->run;
	const char *wrong;
	int err = 0;

	if (variant->control != NONE)
		err = run_first_issue(variant->op);
	judge(_metadata, DEFECT, opcode_name(variant->op), self->what,
	      err ? reason("-%s at once, without a retry", errno_name(err)) :
		    NULL);

	if (!possible(_metadata, run_open(run, variant->family, variant->op,
					  variant->how, true)))
		return;
	run_pack(run, SENDS, variant->control);
	if (!possible(_metadata, run_register(run)))
		return;

	wrong = force_retry(run) ?: run_finish(run);
	judge(_metadata, NULL, opcode_name(run->op), self->what, wrong);

	if (run_wrong_length(run)) {
		TH_LOG("-EINVAL, see wrong_length");
		return;
	}
	judge(_metadata, DEFECT, opcode_name(run->op), self->what, run_judge(run));
}

/* The same control by sendmsg(2): what the receiver asks for can be had */
FIXTURE(system_call)
{
	struct flow flow;
	struct parcel parcel;
};

FIXTURE_VARIANT(system_call)
{
	enum family family;
};

FIXTURE_SETUP(system_call)
{
}

FIXTURE_TEARDOWN(system_call)
{
}

FIXTURE_VARIANT_ADD(system_call, udp4) {
	UDP4
};

FIXTURE_VARIANT_ADD(system_call, udp6) {
	UDP6
};

FIXTURE_VARIANT_ADD(system_call, mapped) {
	MAPPED
};

TEST_F(system_call, reference)
{
	struct parcel *p = &self->parcel;

	if (!possible(_metadata, netns_enter(false)))
		return;
	if (!possible(_metadata, flow_open(&self->flow, variant->family)))
		return;
	parcel_pack(p, &self->flow, 0, QUIC);
	ASSERT_EQ(SEND_SIZE, sendmsg(self->flow.tx, &p->msg, 0));
	judge(_metadata, NULL, "sendmsg(2)", control_name(variant->family, QUIC),
	      flow_judge(&self->flow, p, 1));
}

TEST_HARNESS_MAIN
