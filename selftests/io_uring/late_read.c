// SPDX-License-Identifier: GPL-2.0
/*
 * late-read: IORING_FEAT_SUBMIT_STABLE and io_uring_prep_sendmsg(3) promise
 * that once io_uring_submit() has returned, nothing that was given with the
 * request is read again but the data. The header is copied, the control
 * messages are not: they are read from user memory whenever the request is
 * issued, for the first time or again.
 *
 * Proved: what happens to the control buffer after submit has no effect on
 * sends that are issued only then. It is overwritten by another valid segment
 * size (the defect sends datagrams of that size, without any error), by 0xff,
 * and unmapped. Issued after submit are
 *  retry       sends that met a full send buffer
 *  poll_first  IORING_RECVSEND_POLL_FIRST on a ring with DEFER_TASKRUN
 *  link        sends behind a poll for something that has not happened yet
 * The reference cases overwrite msghdr, iovec and address: these are stable.
 *
 * Needs: for the retry cases root, or a user who may create user namespaces,
 * and /proc; nothing for the others.
 * Exit code: 0 all passed or skipped, 1 a case failed (kselftest harness).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "run.h"
#include "verdict.h"

#define DEFECT	"late-read"
#define COUNT	4

enum damage { RESIZE, JUNK, UNMAP, HEADER };

static const char * const damage_name[] = {
	[RESIZE] = "another segment size",
	[JUNK] = "0xff",
	[UNMAP] = "unmapped",
	[HEADER] = "header overwritten",
};

FIXTURE(late_read)
{
	struct run run;
	char what[160];
};

FIXTURE_VARIANT(late_read)
{
	enum opcode op;
	enum control control;
	enum how how;
	enum damage damage;
};

FIXTURE_SETUP(late_read)
{
	snprintf(self->what, sizeof(self->what), "udp4 %s, %s, %s after submit",
		 control_name(UDP4, variant->control), how_name(variant->how),
		 damage_name[variant->damage]);
}

FIXTURE_TEARDOWN(late_read)
{
}

/* The promise as far as it is kept: all but the control */
FIXTURE_VARIANT_ADD(late_read, reference_sendmsg_retry) {
	SENDMSG, NONE, RETRY, HEADER
};

FIXTURE_VARIANT_ADD(late_read, reference_sendmsg_poll_first) {
	SENDMSG, NONE, POLL_FIRST, HEADER
};

FIXTURE_VARIANT_ADD(late_read, reference_sendmsg_link) {
	SENDMSG, NONE, LINK, HEADER
};

FIXTURE_VARIANT_ADD(late_read, reference_zc_retry) {
	SENDMSG_ZC, NONE, RETRY, HEADER
};

FIXTURE_VARIANT_ADD(late_read, reference_zc_poll_first) {
	SENDMSG_ZC, NONE, POLL_FIRST, HEADER
};

FIXTURE_VARIANT_ADD(late_read, reference_zc_link) {
	SENDMSG_ZC, NONE, LINK, HEADER
};

/* Silent damage: the wire carries what was written after submit */
FIXTURE_VARIANT_ADD(late_read, sendmsg_poll_first) {
	SENDMSG, SEGMENT, POLL_FIRST, RESIZE
};

FIXTURE_VARIANT_ADD(late_read, zc_poll_first) {
	SENDMSG_ZC, SEGMENT, POLL_FIRST, RESIZE
};

FIXTURE_VARIANT_ADD(late_read, sendmsg_link) {
	SENDMSG, SEGMENT, LINK, RESIZE
};

FIXTURE_VARIANT_ADD(late_read, zc_link) {
	SENDMSG_ZC, SEGMENT, LINK, RESIZE
};

FIXTURE_VARIANT_ADD(late_read, sendmsg_retry) {
	SENDMSG, SEGMENT, RETRY, RESIZE
};

FIXTURE_VARIANT_ADD(late_read, zc_retry) {
	SENDMSG_ZC, SEGMENT, RETRY, RESIZE
};

/* The same for control that does not fit into 40 bytes */
FIXTURE_VARIANT_ADD(late_read, sendmsg_quic_poll_first) {
	SENDMSG, QUIC, POLL_FIRST, RESIZE
};

FIXTURE_VARIANT_ADD(late_read, zc_quic_poll_first) {
	SENDMSG_ZC, QUIC, POLL_FIRST, RESIZE
};

FIXTURE_VARIANT_ADD(late_read, sendmsg_quic_retry) {
	SENDMSG, QUIC, RETRY, RESIZE
};

FIXTURE_VARIANT_ADD(late_read, zc_quic_retry) {
	SENDMSG_ZC, QUIC, RETRY, RESIZE
};

/* A buffer that was reused, as by a function that has returned */
FIXTURE_VARIANT_ADD(late_read, sendmsg_poll_first_junk) {
	SENDMSG, SEGMENT, POLL_FIRST, JUNK
};

FIXTURE_VARIANT_ADD(late_read, zc_poll_first_junk) {
	SENDMSG_ZC, SEGMENT, POLL_FIRST, JUNK
};

FIXTURE_VARIANT_ADD(late_read, sendmsg_retry_junk) {
	SENDMSG, SEGMENT, RETRY, JUNK
};

FIXTURE_VARIANT_ADD(late_read, zc_retry_junk) {
	SENDMSG_ZC, SEGMENT, RETRY, JUNK
};

/* A buffer that was freed */
FIXTURE_VARIANT_ADD(late_read, sendmsg_link_unmap) {
	SENDMSG, SEGMENT, LINK, UNMAP
};

FIXTURE_VARIANT_ADD(late_read, zc_poll_first_unmap) {
	SENDMSG_ZC, SEGMENT, POLL_FIRST, UNMAP
};

FIXTURE_VARIANT_ADD(late_read, zc_quic_link_unmap) {
	SENDMSG_ZC, QUIC, LINK, UNMAP
};

FIXTURE_VARIANT_ADD(late_read, zc_retry_unmap) {
	SENDMSG_ZC, SEGMENT, RETRY, UNMAP
};

static void damage(struct run *run, enum damage kind)
{
	size_t page = sysconf(_SC_PAGESIZE);
	unsigned int i;

	for (i = 0; i < run->n; i++) {
		struct parcel *p = &run->parcels[i];

		switch (kind) {
		case RESIZE:
			parcel_resize(p);
			break;
		case JUNK:
			memset(p->buf, 0xff, p->msg.msg_controllen);
			break;
		case UNMAP:
			/* The page that the control ends with */
			munmap(p->buf + p->msg.msg_controllen - page, page);
			break;
		case HEADER:
			memset(&p->msg, 0xff, sizeof(p->msg));
			memset(&p->iov, 0xff, sizeof(p->iov));
			memset(&p->to, 0xff, sizeof(p->to));
			break;
		}
	}
}

TEST_F(late_read, after_submit)
{
	size_t page = sysconf(_SC_PAGESIZE);
	struct run *run = &self->run;
	const char *wrong;
	unsigned int i;
	char *at;

	if (variant->control != NONE &&
	    !possible(_metadata, run_spoiled(variant->op)))
		return;
	if (!possible(_metadata, run_open(run, UDP4, variant->op, variant->how,
					  variant->how == RETRY)))
		return;
	if (variant->how == RETRY &&
	    !possible(_metadata, run_hidden(run, variant->control, true)))
		return;
	run_pack(run, COUNT, variant->control);
	for (i = 0; i < run->n && variant->damage == UNMAP; i++) {
		at = mmap(NULL, page, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		ASSERT_TRUE(at != MAP_FAILED);
		parcel_control_at_end(&run->parcels[i], &run->flow, at, page);
	}
	wrong = run_submit(run);
	if (!wrong) {
		damage(run, variant->damage);
		wrong = run_finish(run);
	}
	judge(_metadata, NULL, opcode_name(run->op), self->what, wrong);

	judge(_metadata, variant->damage == HEADER ? NULL : DEFECT,
	      opcode_name(run->op), self->what, run_judge(run));
}

TEST_HARNESS_MAIN
