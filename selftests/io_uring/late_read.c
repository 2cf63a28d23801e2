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
 * and unmapped. Control that is no good at submit, or not there, and is right
 * afterwards, is refused as sendmsg(2) refuses it. Issued after submit are
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

#include "kselftest_harness.h"
#include "report.h"
#include "ring.h"

#define DEFECT	"late-read"
#define COUNT	4

enum damage {
	DAMAGE_RESIZE, DAMAGE_JUNK, DAMAGE_UNMAP, DAMAGE_HEADER,
	/* it is done before submit, and undone after it */
	MENDED_LENGTH, MENDED_MAP,
};

static const char * const damage_name[] = {
	[DAMAGE_RESIZE] = "another segment size",
	[DAMAGE_JUNK] = "0xff",
	[DAMAGE_UNMAP] = "unmapped",
	[DAMAGE_HEADER] = "header overwritten",
	[MENDED_LENGTH] = "0 as its cmsg_len until",
	[MENDED_MAP] = "unmapped until",
};

SHARE_NETNS()

FIXTURE(late_read)
{
	struct run run;
	const char *why;	/* of a SKIP */
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
		 control_name(FAM_UDP4, variant->control), how_name(variant->how),
		 damage_name[variant->damage]);
	if (variant->control != CTL_NONE)
		self->why = run_spoiled(variant->op);
	self->why = self->why ?: run_open(&self->run, FAM_UDP4, variant->op,
					  variant->how, variant->how == HOW_RETRY);
	if (!self->why && variant->how == HOW_RETRY)
		self->why = run_hidden(&self->run, variant->control, true);
}

FIXTURE_TEARDOWN(late_read)
{
	run_close(&self->run);
}

#define CASE(name) FIXTURE_VARIANT_ADD(late_read, name)

/* What is kept of the promise: everything but the control */
CASE(reference_sendmsg_retry) { .op = OP_SENDMSG, .how = HOW_RETRY, .damage = DAMAGE_HEADER };
CASE(reference_sendmsg_poll_first) {
	.op = OP_SENDMSG, .how = HOW_POLL_FIRST, .damage = DAMAGE_HEADER,
};

CASE(reference_sendmsg_link) { .op = OP_SENDMSG, .how = HOW_LINK, .damage = DAMAGE_HEADER };
CASE(reference_zc_retry) { .op = OP_ZC, .how = HOW_RETRY, .damage = DAMAGE_HEADER };
CASE(reference_zc_poll_first) { .op = OP_ZC, .how = HOW_POLL_FIRST, .damage = DAMAGE_HEADER };
CASE(reference_zc_link) { .op = OP_ZC, .how = HOW_LINK, .damage = DAMAGE_HEADER };

/* Silent damage: the wire carries what was written after submit */
CASE(sendmsg_poll_first) { .op = OP_SENDMSG, .control = CTL_SEGMENT, .how = HOW_POLL_FIRST };
CASE(zc_poll_first) { .op = OP_ZC, .control = CTL_SEGMENT, .how = HOW_POLL_FIRST };
CASE(sendmsg_link) { .op = OP_SENDMSG, .control = CTL_SEGMENT, .how = HOW_LINK };
CASE(zc_link) { .op = OP_ZC, .control = CTL_SEGMENT, .how = HOW_LINK };
CASE(sendmsg_retry) { .op = OP_SENDMSG, .control = CTL_SEGMENT, .how = HOW_RETRY };
CASE(zc_retry) { .op = OP_ZC, .control = CTL_SEGMENT, .how = HOW_RETRY };

/* The same for control that does not fit into 40 bytes */
CASE(sendmsg_quic_poll_first) { .op = OP_SENDMSG, .control = CTL_QUIC, .how = HOW_POLL_FIRST };
CASE(zc_quic_poll_first) { .op = OP_ZC, .control = CTL_QUIC, .how = HOW_POLL_FIRST };
CASE(sendmsg_quic_retry) { .op = OP_SENDMSG, .control = CTL_QUIC, .how = HOW_RETRY };
CASE(zc_quic_retry) { .op = OP_ZC, .control = CTL_QUIC, .how = HOW_RETRY };

/* A buffer that was reused, as by a function that has returned */
CASE(sendmsg_poll_first_junk) {
	.op = OP_SENDMSG, .control = CTL_SEGMENT, .how = HOW_POLL_FIRST, .damage = DAMAGE_JUNK,
};

CASE(zc_poll_first_junk) {
	.op = OP_ZC, .control = CTL_SEGMENT, .how = HOW_POLL_FIRST, .damage = DAMAGE_JUNK,
};

CASE(sendmsg_retry_junk) {
	.op = OP_SENDMSG, .control = CTL_SEGMENT, .how = HOW_RETRY, .damage = DAMAGE_JUNK,
};

CASE(zc_retry_junk) {
	.op = OP_ZC, .control = CTL_SEGMENT, .how = HOW_RETRY, .damage = DAMAGE_JUNK,
};

/* A buffer that was freed */
CASE(sendmsg_link_unmap) {
	.op = OP_SENDMSG, .control = CTL_SEGMENT, .how = HOW_LINK, .damage = DAMAGE_UNMAP,
};

CASE(zc_poll_first_unmap) {
	.op = OP_ZC, .control = CTL_SEGMENT, .how = HOW_POLL_FIRST, .damage = DAMAGE_UNMAP,
};

CASE(zc_quic_link_unmap) {
	.op = OP_ZC, .control = CTL_QUIC, .how = HOW_LINK, .damage = DAMAGE_UNMAP,
};

CASE(zc_retry_unmap) {
	.op = OP_ZC, .control = CTL_SEGMENT, .how = HOW_RETRY, .damage = DAMAGE_UNMAP,
};

/* Refused at submit, whatever is there by the time it is issued */
CASE(sendmsg_link_mended) {
	.op = OP_SENDMSG, .control = CTL_SEGMENT, .how = HOW_LINK, .damage = MENDED_LENGTH,
};

CASE(zc_poll_first_mended) {
	.op = OP_ZC, .control = CTL_QUIC, .how = HOW_POLL_FIRST, .damage = MENDED_LENGTH,
};

CASE(sendmsg_poll_first_mapped) {
	.op = OP_SENDMSG, .control = CTL_SEGMENT, .how = HOW_POLL_FIRST, .damage = MENDED_MAP,
};

CASE(zc_link_mapped) {
	.op = OP_ZC, .control = CTL_QUIC, .how = HOW_LINK, .damage = MENDED_MAP,
};

static char *last_page(const struct message *p)
{
	return p->buf + p->msg.msg_controllen - sysconf(_SC_PAGESIZE);
}

static void take_away(struct run *run)
{
	unsigned int i;

	for (i = 0; i < run->n; i++)
		munmap(last_page(&run->messages[i]), sysconf(_SC_PAGESIZE));
}

static int bring_back(struct run *run)
{
	size_t page = sysconf(_SC_PAGESIZE);
	unsigned int i;

	for (i = 0; i < run->n; i++) {
		struct message *p = &run->messages[i];
		char *at = mmap(last_page(p), page, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

		if (at == MAP_FAILED)
			return -1;
		message_control_at_end(p, &run->pair, at, page);
	}
	return 0;
}

static void set_length(struct run *run, size_t len)
{
	unsigned int i;

	for (i = 0; i < run->n; i++)
		((struct cmsghdr *)run->messages[i].buf)->cmsg_len = len;
}

/* NULL if all sends were refused with this errno, or what came instead */
static const char *judge_refused(const struct run *run, int error)
{
	unsigned int i;

	for (i = 0; i < run->n; i++)
		if (run->done[i].res != -error)
			return run->done[i].res < 0 ?
			       reason("-%s instead of -%s",
				      errno_name(-run->done[i].res),
				      errno_name(error)) :
			       reason("%d bytes sent instead of -%s",
				      run->done[i].res, errno_name(error));
	return NULL;
}

static void damage(struct run *run, enum damage kind)
{
	size_t page = sysconf(_SC_PAGESIZE);
	unsigned int i;

	for (i = 0; i < run->n; i++) {
		struct message *p = &run->messages[i];

		switch (kind) {
		case DAMAGE_RESIZE:
			message_resize(p);
			break;
		case DAMAGE_JUNK:
			memset(p->buf, 0xff, p->msg.msg_controllen);
			break;
		case DAMAGE_UNMAP:
			munmap(last_page(p), page);
			break;
		case DAMAGE_HEADER:
			memset(&p->msg, 0xff, sizeof(p->msg));
			memset(&p->iov, 0xff, sizeof(p->iov));
			memset(&p->to, 0xff, sizeof(p->to));
			break;
		default:
			break;
		}
	}
}

TEST_F(late_read, after_submit)
{
	bool pages = variant->damage == DAMAGE_UNMAP || variant->damage == MENDED_MAP;
	size_t page = sysconf(_SC_PAGESIZE), length;
	struct run *run = &self->run;
	const char *wrong;
	unsigned int i;
	char *at;

	if (!possible(self->why))
		return;
	run_pack(run, COUNT, variant->control);
	for (i = 0; i < run->n && pages; i++) {
		at = mmap(NULL, page, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		ASSERT_TRUE(at != MAP_FAILED);
		message_control_at_end(&run->messages[i], &run->pair, at, page);
	}
	length = ((struct cmsghdr *)run->messages[0].buf)->cmsg_len;
	if (variant->damage == MENDED_LENGTH)
		set_length(run, 0);
	if (variant->damage == MENDED_MAP)
		take_away(run);
	wrong = run_submit(run);
	if (!wrong) {
		if (variant->damage == MENDED_MAP)
			ASSERT_EQ(0, bring_back(run));
		if (variant->damage == MENDED_LENGTH)
			set_length(run, length);
		damage(run, variant->damage);
		wrong = run_finish(run);
	}
	judge(NULL, opcode_name(run->op), self->what, wrong);

	wrong = variant->damage == MENDED_LENGTH ? judge_refused(run, EINVAL) :
		variant->damage == MENDED_MAP ? judge_refused(run, EFAULT) :
		run_judge(run);
	judge(variant->damage == DAMAGE_HEADER ? NULL : DEFECT,
	      opcode_name(run->op), self->what, wrong);
}

TEST_HARNESS_MAIN
