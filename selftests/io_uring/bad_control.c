// SPDX-License-Identifier: GPL-2.0
/*
 * Control messages that the kernel must refuse, and those that it must ignore.
 *
 * Proved: sendmsg and sendmsg_zc through io_uring give the same result as
 * sendmsg(2) gives for the same header on the same socket; a send that is
 * refused does not stop those submitted after it from being sent; and the
 * socket works afterwards. sendmsg(2) alone decides what the result has to be.
 *
 * Needs: nothing but loopback; uses a network namespace where that is allowed.
 * Exit code: 0 all passed or skipped, 1 a case failed (kselftest harness).
 */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "report.h"
#include "ring.h"

#define LARGE	33554432	/* more than any net.core.optmem_max */

enum fault {
	FAULT_LEN_SHORT,
	FAULT_LEN_LONG,
	FAULT_SECOND_BEYOND,
	FAULT_CONTROLLEN_SHORT,
	FAULT_UNKNOWN_TYPE,
	FAULT_UNKNOWN_LEVEL,
	FAULT_OVER_OPTMEM,
	FAULT_OVER_INT_MAX,
	FAULT_NO_MEMORY,
	FAULT_NO_MEMORY_BEHIND,
	FAULT_SEGMENT_TOO_LARGE,
	FAULT_TOO_MANY_SEGMENTS,
};

SHARE_NETNS()

FIXTURE(bad_control)
{
	struct run run;
	const char *why;	/* of a SKIP */
	char *pages;
};

FIXTURE_VARIANT(bad_control)
{
	enum fault fault;
	const char *what;
};

FIXTURE_SETUP(bad_control)
{
	size_t page = sysconf(_SC_PAGESIZE);

	self->why = netns_enter(false) ?: pair_open(&self->run.pair, FAM_UDP4);
	self->pages = mmap(NULL, 2 * page + LARGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	/* Not unmapped: what the ring maps would be put there */
	if (self->pages == MAP_FAILED ||
	    mprotect(self->pages + page, page, PROT_NONE))
		self->why = "not enough memory: raise RLIMIT_AS (ulimit -v)";
}

FIXTURE_TEARDOWN(bad_control)
{
	size_t page = sysconf(_SC_PAGESIZE);

	if (self->pages != MAP_FAILED)
		munmap(self->pages, 2 * page + LARGE);
	run_close(&self->run);
}

#define CASE(name) FIXTURE_VARIANT_ADD(bad_control, name)

/* Lengths that do not add up: EINVAL */
CASE(len_short) { .fault = FAULT_LEN_SHORT, .what = "cmsg_len less than a header" };
CASE(len_long) { .fault = FAULT_LEN_LONG, .what = "cmsg_len beyond the buffer" };
CASE(second_beyond) { .fault = FAULT_SECOND_BEYOND, .what = "second message beyond the buffer" };

/* Too short for any header: no control at all, the data is sent */
CASE(controllen_short) { .fault = FAULT_CONTROLLEN_SHORT, .what = "msg_controllen below a header" };

/* SOL_SOCKET refuses types that it does not know, others' levels are ignored */
CASE(unknown_type) { .fault = FAULT_UNKNOWN_TYPE, .what = "SOL_SOCKET with an unknown type" };
CASE(unknown_level) { .fault = FAULT_UNKNOWN_LEVEL, .what = "an unknown level" };

/* More than the socket may allocate: ENOBUFS, in 32 bit ENOMEM */
CASE(over_optmem) { .fault = FAULT_OVER_OPTMEM, .what = "control over net.core.optmem_max" };
CASE(over_int_max) { .fault = FAULT_OVER_INT_MAX, .what = "msg_controllen over INT_MAX" };

/* Memory that is not there: EFAULT */
CASE(no_memory) { .fault = FAULT_NO_MEMORY, .what = "msg_control not mapped" };
CASE(no_memory_behind) { .fault = FAULT_NO_MEMORY_BEHIND, .what = "second message not mapped" };

/* Well-formed, refused by UDP: EINVAL or EMSGSIZE */
CASE(segment_too_large) { .fault = FAULT_SEGMENT_TOO_LARGE, .what = "UDP_SEGMENT over the MTU" };
CASE(too_many_segments) { .fault = FAULT_TOO_MANY_SEGMENTS, .what = "too many segments" };

/* The pages are a readable one, one without access, and a large empty area */
static void spoil(struct message *p, const struct udp_pair *pair, char *pages,
		  enum fault fault)
{
	struct cmsghdr *first = (void *)p->room;
	struct cmsghdr *second = (void *)(p->room + p->msg.msg_controllen);
	size_t page = sysconf(_SC_PAGESIZE);
	const uint16_t one = 1, whole = 65535;

	switch (fault) {
	case FAULT_LEN_SHORT:
		first->cmsg_len = sizeof(*first) - 1;
		break;
	case FAULT_LEN_LONG:
		first->cmsg_len = p->msg.msg_controllen + 1;
		break;
	case FAULT_SECOND_BEYOND:
		second->cmsg_level = SOL_SOCKET;
		second->cmsg_len = CMSG_LEN(64);
		p->msg.msg_controllen += sizeof(*second);
		break;
	case FAULT_CONTROLLEN_SHORT:
		p->msg.msg_controllen = sizeof(*first) - 1;
		p->control = CTL_NONE;
		break;
	case FAULT_UNKNOWN_TYPE:
		first->cmsg_level = SOL_SOCKET;
		first->cmsg_type = 0x7777;
		break;
	case FAULT_UNKNOWN_LEVEL:
		first->cmsg_level = 0x7777;
		p->control = CTL_NONE;
		break;
	case FAULT_OVER_OPTMEM:
	case FAULT_OVER_INT_MAX:
		p->msg.msg_control = pages + 2 * page;
		p->msg.msg_controllen = fault == FAULT_OVER_OPTMEM ? LARGE :
					(size_t)INT_MAX + 1;
		first = p->msg.msg_control;
		first->cmsg_level = 0x7777;
		first->cmsg_len = p->msg.msg_controllen;
		break;
	case FAULT_NO_MEMORY:
		p->msg.msg_control = pages + page;
		break;
	case FAULT_NO_MEMORY_BEHIND:
		message_control_at_end(p, pair, pages, page);
		p->msg.msg_controllen += sizeof(*first);
		break;
	case FAULT_SEGMENT_TOO_LARGE:
		memcpy(CMSG_DATA(first), &whole, sizeof(whole));
		p->control = CTL_NONE;
		break;
	case FAULT_TOO_MANY_SEGMENTS:
		memcpy(CMSG_DATA(first), &one, sizeof(one));
		break;
	}
}

static const char *same_result(struct run *run, char *pages, enum fault fault)
{
	struct message *bad = &run->messages[0], *good = &run->messages[1];
	const char *wrong = NULL;
	int want;

	/* First sendmsg(2), the judge of what is right */
	run_pack(run, 1, CTL_SEGMENT);
	spoil(bad, &run->pair, pages, fault);
	want = sendmsg(run->pair.tx, &bad->msg, MSG_NOSIGNAL);
	if (want < 0)
		want = -errno;
	else
		wrong = pair_judge(&run->pair, bad, 1);
	if (wrong)
		return wrong;

	/* Then the same by io_uring, with two good ones behind it */
	run_pack(run, 3, CTL_SEGMENT);
	spoil(bad, &run->pair, pages, fault);
	ring_send(&run->ring, run->op, HOW_RETRY, &run->pair, bad, 0);
	ring_send(&run->ring, run->op, HOW_RETRY, &run->pair, &good[0], 1);
	ring_send(&run->ring, run->op, HOW_RETRY, &run->pair, &good[1], 2);
	wrong = ring_submit(&run->ring) ?:
		ring_collect(&run->ring, run->done, 3);
	if (wrong)
		return wrong;
	if (run->done[0].res != want)
		return reason("%s where sendmsg(2) gives %s",
			      errno_name(-run->done[0].res), errno_name(-want));
	wrong = done_judge(&run->done[1], good, 2);
	if (wrong)
		return wrong;
	return want < 0 ? pair_judge(&run->pair, good, 2) :
			  pair_judge(&run->pair, bad, 3);
}

/* A ring for that opcode, where sends with control are not refused anyway */
static const char *open_ring(struct run *run, enum opcode op)
{
	return run_spoiled(op) ?:
	       run_start(run, op, HOW_RETRY, false);
}

TEST_F(bad_control, sendmsg)
{
	if (!possible(self->why ?: open_ring(&self->run, OP_SENDMSG)))
		return;
	judge(NULL, "sendmsg", variant->what,
	      same_result(&self->run, self->pages, variant->fault));
}

TEST_F(bad_control, zc)
{
	if (!possible(self->why ?: open_ring(&self->run, OP_ZC)))
		return;
	judge(NULL, "sendmsg_zc", variant->what,
	      same_result(&self->run, self->pages, variant->fault));
}

TEST_HARNESS_MAIN
