// SPDX-License-Identifier: GPL-2.0
/*
 * wrong-length: for a 32-bit program the kernel converts the control messages
 * to their 64-bit layout and stores the length of that in msg_controllen. When
 * the send is issued again the user's pointer is walked with that length, 4 or
 * 8 bytes a message too long.
 *
 * Proved: whatever stands behind the control buffer has no part in a retry.
 *  plain     zero bytes follow; the defect takes them for a header: -EINVAL
 *  decoy     a valid IP_PKTINFO follows; the defect obeys it, and the datagrams
 *            leave with a source address that nobody asked for
 *  page_end  nothing follows, the next page is not mapped: -EFAULT
 *
 * A 64-bit program is not affected: there all of this passes, and shows that
 * the cases themselves are right. Where lost-pointer spoils each retry there
 * is nothing to be seen, and the cases are skipped.
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

#include "run.h"
#include "verdict.h"

#define DEFECT		"wrong-length"
#define DECOY_SOURCE	"127.0.0.3"

enum layout { PLAIN, DECOY, PAGE_END };

FIXTURE(wrong_length)
{
	struct run run;
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
		[PLAIN] = "zero bytes behind it",
		[DECOY] = "another IP_PKTINFO behind it",
		[PAGE_END] = "at the end of a page",
	};

	snprintf(self->what, sizeof(self->what), "%s %s %s, retry",
		 family_name(variant->family),
		 control_name(variant->family, variant->control),
		 names[variant->layout]);
}

FIXTURE_TEARDOWN(wrong_length)
{
}

/* One message, converted on the stack: 16 bytes become 24 */
FIXTURE_VARIANT_ADD(wrong_length, udp4_sendmsg_segment) {
	UDP4, SENDMSG, SEGMENT, PLAIN
};

FIXTURE_VARIANT_ADD(wrong_length, udp4_zc_segment) {
	UDP4, SENDMSG_ZC, SEGMENT, PLAIN
};

FIXTURE_VARIANT_ADD(wrong_length, udp4_zc_fixed_segment) {
	UDP4, SENDMSG_ZC_FIXED, SEGMENT, PLAIN
};

/* Three messages, converted in allocated memory: 56 bytes become 80 */
FIXTURE_VARIANT_ADD(wrong_length, udp4_sendmsg_quic) {
	UDP4, SENDMSG, QUIC, PLAIN
};

FIXTURE_VARIANT_ADD(wrong_length, udp4_zc_quic) {
	UDP4, SENDMSG_ZC, QUIC, PLAIN
};

FIXTURE_VARIANT_ADD(wrong_length, udp6_sendmsg_quic) {
	UDP6, SENDMSG, QUIC, PLAIN
};

FIXTURE_VARIANT_ADD(wrong_length, udp6_zc_quic) {
	UDP6, SENDMSG_ZC, QUIC, PLAIN
};

/* The 24 bytes too many are a message of just that size, and are obeyed */
FIXTURE_VARIANT_ADD(wrong_length, udp4_sendmsg_quic_decoy) {
	UDP4, SENDMSG, QUIC, DECOY
};

FIXTURE_VARIANT_ADD(wrong_length, udp4_zc_quic_decoy) {
	UDP4, SENDMSG_ZC, QUIC, DECOY
};

/* The bytes too many cannot be read */
FIXTURE_VARIANT_ADD(wrong_length, udp4_sendmsg_segment_page_end) {
	UDP4, SENDMSG, SEGMENT, PAGE_END
};

FIXTURE_VARIANT_ADD(wrong_length, udp4_zc_segment_page_end) {
	UDP4, SENDMSG_ZC, SEGMENT, PAGE_END
};

FIXTURE_VARIANT_ADD(wrong_length, udp4_sendmsg_quic_page_end) {
	UDP4, SENDMSG, QUIC, PAGE_END
};

FIXTURE_VARIANT_ADD(wrong_length, udp4_zc_quic_page_end) {
	UDP4, SENDMSG_ZC, QUIC, PAGE_END
};

/* Behind the control, and not counted in its length */
static void add_decoy(struct parcel *p)
{
	size_t len = p->msg.msg_controllen;
	struct in_pktinfo info = { };

	inet_pton(AF_INET, DECOY_SOURCE, &info.ipi_spec_dst);
	parcel_add_control(p, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	p->msg.msg_controllen = len;
}

static const char *lay_out(struct run *run, enum layout layout)
{
	size_t page = sysconf(_SC_PAGESIZE);
	unsigned int i;
	char *at;

	for (i = 0; i < run->n; i++) {
		if (layout == DECOY)
			add_decoy(&run->parcels[i]);
		if (layout != PAGE_END)
			continue;
		at = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (at == MAP_FAILED || mprotect(at + page, page, PROT_NONE))
			return reason("cannot map a page: %s",
				      errno_name(errno));
		parcel_control_at_end(&run->parcels[i], &run->flow, at, page);
	}
	return NULL;
}

TEST_F(wrong_length, retry)
{
	struct run *run = &self->run;
	const char *wrong;

	if (!possible(_metadata, run_spoiled(variant->op)))
		return;
	if (!possible(_metadata, run_open(run, variant->family, variant->op,
					  RETRY, true)))
		return;
	run_pack(run, 1, variant->control);
	if (!possible(_metadata, run_register(run)))
		return;
	if (!possible(_metadata, run_hidden(run, variant->control, false)))
		return;

	/* One send, so that there is one retry: each would add to the length */
	run_pack(run, 1, variant->control);
	wrong = lay_out(run, variant->layout) ?: run_submit(run) ?:
		run_finish(run);
	judge(_metadata, NULL, opcode_name(run->op), self->what, wrong);

	judge(_metadata, DEFECT, opcode_name(run->op), self->what, run_judge(run));
}

/* The same buffers in a send that goes straight through */
TEST_F(wrong_length, reference_at_once)
{
	struct run *run = &self->run;
	const char *wrong;

	if (!possible(_metadata, run_spoiled(variant->op)))
		return;
	if (!possible(_metadata, run_open(run, variant->family, variant->op,
					  RETRY, false)))
		return;
	run_pack(run, 1, variant->control);
	if (!possible(_metadata, run_register(run)))
		return;
	wrong = lay_out(run, variant->layout) ?: run_submit(run) ?:
		run_finish(run) ?: run_judge(run);
	judge(_metadata, NULL, opcode_name(run->op), self->what, wrong);
}

TEST_HARNESS_MAIN
