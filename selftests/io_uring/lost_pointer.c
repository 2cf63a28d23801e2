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
 * In 32 bit a retry may end with -EINVAL: then the pointer did come back and
 * the length did not, which is wrong_length's to report and passes here.
 *
 * Needs: root, or a user who may create user namespaces; /proc.
 * Exit code: 0 all passed or skipped, 1 a case failed (kselftest harness).
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "datagram.h"
#include "gate.h"
#include "report.h"
#include "ring.h"

#define DEFECT	"lost-pointer"

FIXTURE(lost_pointer)
{
	struct io_uring ring;
	struct flow flow;
	struct parcel parcels[SENDS];
	struct done done[SENDS];
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

#define ROW(name, ...)							\
	FIXTURE_VARIANT_ADD(lost_pointer, name) { __VA_ARGS__ }

/* A retry without control works everywhere: what follows is about control */
ROW(reference_udp4_sendmsg, UDP4, SENDMSG, NONE, RETRY);
ROW(reference_udp4_zc, UDP4, SENDMSG_ZC, NONE, RETRY);
ROW(reference_udp4_zc_fixed, UDP4, SENDMSG_ZC_FIXED, NONE, RETRY);
ROW(reference_udp6_sendmsg, UDP6, SENDMSG, NONE, RETRY);
ROW(reference_udp6_zc, UDP6, SENDMSG_ZC, NONE, RETRY);
ROW(reference_mapped_sendmsg, MAPPED, SENDMSG, NONE, RETRY);
ROW(reference_mapped_zc, MAPPED, SENDMSG_ZC, NONE, RETRY);

/* Control on the stack of ____sys_sendmsg(): the report, GSO alone */
ROW(udp4_sendmsg_segment, UDP4, SENDMSG, SEGMENT, RETRY);
ROW(udp4_zc_segment, UDP4, SENDMSG_ZC, SEGMENT, RETRY);
ROW(udp4_zc_fixed_segment, UDP4, SENDMSG_ZC_FIXED, SEGMENT, RETRY);
ROW(udp6_sendmsg_segment, UDP6, SENDMSG, SEGMENT, RETRY);
ROW(udp6_zc_segment, UDP6, SENDMSG_ZC, SEGMENT, RETRY);
ROW(udp6_zc_fixed_segment, UDP6, SENDMSG_ZC_FIXED, SEGMENT, RETRY);
ROW(mapped_sendmsg_segment, MAPPED, SENDMSG, SEGMENT, RETRY);
ROW(mapped_zc_segment, MAPPED, SENDMSG_ZC, SEGMENT, RETRY);
ROW(mapped_zc_fixed_segment, MAPPED, SENDMSG_ZC_FIXED, SEGMENT, RETRY);

/* Control that ____sys_sendmsg() allocates: what a QUIC stack sends */
ROW(udp4_sendmsg_quic, UDP4, SENDMSG, QUIC, RETRY);
ROW(udp4_zc_quic, UDP4, SENDMSG_ZC, QUIC, RETRY);
ROW(udp4_zc_fixed_quic, UDP4, SENDMSG_ZC_FIXED, QUIC, RETRY);
ROW(udp6_sendmsg_quic, UDP6, SENDMSG, QUIC, RETRY);
ROW(udp6_zc_quic, UDP6, SENDMSG_ZC, QUIC, RETRY);
ROW(udp6_zc_fixed_quic, UDP6, SENDMSG_ZC_FIXED, QUIC, RETRY);
ROW(mapped_sendmsg_quic, MAPPED, SENDMSG, QUIC, RETRY);
ROW(mapped_zc_quic, MAPPED, SENDMSG_ZC, QUIC, RETRY);
ROW(mapped_zc_fixed_quic, MAPPED, SENDMSG_ZC_FIXED, QUIC, RETRY);

/* First issued by an io-wq worker: another stack, and a header made at prep */
ROW(udp4_sendmsg_segment_async, UDP4, SENDMSG, SEGMENT, ASYNC);
ROW(udp4_zc_segment_async, UDP4, SENDMSG_ZC, SEGMENT, ASYNC);

/* Issued by the submission thread, which has the task's memory but no stack */
ROW(udp4_zc_quic_sqpoll, UDP4, SENDMSG_ZC, QUIC, SQPOLL);

/* Issued again by task work inside the task's own io_uring_enter(2) */
ROW(udp4_zc_quic_defer, UDP4, SENDMSG_ZC, QUIC, DEFER);

/* Not issued at submit: the first issue is the one that meets a full buffer */
ROW(udp4_sendmsg_segment_poll_first, UDP4, SENDMSG, SEGMENT, POLL_FIRST);
ROW(udp4_zc_segment_poll_first, UDP4, SENDMSG_ZC, SEGMENT, POLL_FIRST);

/* Behind a read: old kernels make the header of a linked send at submit */
ROW(udp4_sendmsg_segment_link, UDP4, SENDMSG, SEGMENT, LINK);
ROW(udp4_zc_segment_link, UDP4, SENDMSG_ZC, SEGMENT, LINK);

/*
 * Submit n sends so that each meets a full send buffer. Those behind a link
 * and those with POLL_FIRST are issued only after submit, so their buffer is
 * full by then; of the latter, the first two that are issued fill it.
 */
static const char *submit_all(struct io_uring *ring, enum opcode op,
			      enum how how, struct flow *flow,
			      struct parcel *parcels, unsigned int n)
{
	static char byte[SENDS];
	struct io_uring_sqe *sqe;
	int pipefd[2] = { -1, -1 };
	const char *wrong;
	unsigned int i;

	if (how == LINK && pipe(pipefd))
		return reason("pipe(2) failed: %s", errno_name(errno));
	if (how != POLL_FIRST) {
		wrong = flow_fill(flow);
		if (wrong)
			return wrong;
	}
	for (i = 0; i < n; i++) {
		if (how == LINK) {
			sqe = io_uring_get_sqe(ring);
			io_uring_prep_read(sqe, pipefd[0], &byte[i], 1, 0);
			sqe->user_data = NOT_A_SEND;
			sqe->flags |= IOSQE_IO_LINK;
		}
		ring_send(ring, op, how, flow, &parcels[i], i);
	}
	wrong = ring_submit(ring);
	if (!wrong && how == LINK && write(pipefd[1], byte, n) != (ssize_t)n)
		wrong = "cannot write to a pipe";
	return wrong;
}

TEST_F(lost_pointer, retry)
{
	unsigned int i, n = SENDS;
	const char *wrong;

	NEED(netns_enter());
	NEED(flow_open(&self->flow, variant->family));
	NEED(ring_open(&self->ring, variant->op, variant->how));
	for (i = 0; i < n; i++)
		parcel_pack(&self->parcels[i], &self->flow, i,
			    variant->control);
	if (variant->op == SENDMSG_ZC_FIXED)
		NEED(ring_register(&self->ring, self->parcels, n));
	NEED(gate_close());

	wrong = submit_all(&self->ring, variant->op, variant->how, &self->flow,
			   self->parcels, n);
	if (!wrong)
		wrong = ring_await(&self->ring, variant->op, n,
				   variant->how == POLL_FIRST ? 1 : n);
	if (!wrong)
		wrong = gate_open();
	if (!wrong)
		wrong = ring_collect(&self->ring, self->done, n);
	if (wrong)
		blame(NULL, opcode_name(variant->op), self->what, wrong);
	ASSERT_EQ(NULL, wrong);

	for (i = 0; i < n; i++)
		if (sizeof(long) == 4 && self->done[i].res == -EINVAL)
			break;
	if (i < n) {
		TH_LOG("send %u: -EINVAL, see wrong_length", i);
		return;
	}
	wrong = done_judge(self->done, n, SEND_SIZE);
	if (!wrong)
		wrong = flow_judge(&self->flow, self->parcels, n);
	if (wrong)
		blame(DEFECT, opcode_name(variant->op), self->what, wrong);
	ASSERT_EQ(NULL, wrong);
}

TEST_HARNESS_MAIN
