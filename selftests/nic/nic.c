// SPDX-License-Identifier: GPL-2.0
/*
 * What the other programs prove on lo, through a network card: only there does
 * sendmsg_zc send the program's own pages. nic.sh starts this, with a receiver
 * at the other end of the wire; without a card (NETIF) all is skipped.
 *
 * Proved:
 *  delivery          GSO sends of 2 to as many segments as the kernel takes,
 *                    at, below and above a whole segment, in one piece and in
 *                    many, arrive as they should, whether the card or the
 *                    stack segments them and computes their checksums
 *  zero_copy         a card with scatter-gather and checksum offload sends
 *                    without a copy, says the notification (not-zero-copy)
 *  lost_pointer, wrong_length, late_read, cut_control
 *                    four defects, in sends that are retried since a queue
 *                    on the card holds what was sent before
 * The receiver looks at size, order, content, ECN bits and source of every
 * datagram. A lost one is not the sender's fault: the case is repeated, at
 * most twice. A wrong one fails the case.
 *
 * Needs: root; NETIF and the variables beside it (drivers/net/README.rst).
 * Exit code: 0 all passed or skipped, 1 a case failed (kselftest harness),
 * 2 wrong use, 3 it cannot be done here.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kselftest_harness.h"
#include "device.h"
#include "gso.h"
#include "network.h"
#include "remote.h"
#include "report.h"
#include "ring.h"
#include "stream.h"

#define JUMBO		9000
#define ORDINARY	1500
#define ROOM		1048576	/* of the send buffer, where nothing may wait */

/* A send through a card: all of this is what a case is about */
struct way {
	enum family family;
	enum opcode op;
	enum control control;
	enum how how;
	bool hold;			/* our queue is on the card */
	unsigned int n;
	bool resize;			/* the control changes after submit */
};

static const char *way_name(const struct way *way, const char *more)
{
	static char name[160];

	snprintf(name, sizeof(name), "%s%s %s, %s%s", family_name(way->family),
		 way->op == OP_ZC_FIXED ? " registered buffers" : "",
		 control_name(way->family, way->control),
		 how_name(way->how), more);
	return name;
}

/* What is prepared for a test: card, a path through it, ring and queue */
struct path {
	struct device dev;
	struct run run;
	const char *why;	/* of a SKIP */
	const char *wrong;	/* what did not work that nic.sh has seen work */
};

/* The pair of sockets through the card, and nothing under way in it */
static void path_connect(struct path *path, const struct way *way)
{
	struct udp_pair *pair = &path->run.pair;

	path->wrong = device_pair(&path->dev, pair, way->family,
				  way->control & CTL_SOURCE, way->hold ? 0 : ROOM);
	if (path->wrong)
		return;
	path->why = device_path(&path->dev, pair);
	if (!path->why && way->control & CTL_SEGMENT)
		path->why = gso_refused(pair);
	qdisc_use(path->dev.ifindex, &pair->to);
	/* What is under way gives back room that a retry would not wait for */
	if (!path->why)
		path->wrong = socket_drain(pair->tx);
}

static void path_open(struct path *path, const struct way *way,
		      enum offload offload, int mtu)
{
	struct device *dev = &path->dev;
	struct run *run = &path->run;

	path->why = device_get(dev);
	if (path->why)
		return;
	device_clear(dev);
	path->why = device_ends(dev, way->family == FAM_UDP6) ?:
		    device_mtu(dev, mtu) ?: device_offload(dev, offload);
	if (!path->why && way->hold)
		path->why = device_queue(dev);
	if (!path->why)
		path_connect(path, way);
	if (!path->why && !path->wrong)
		path->why = run_start(run, way->op, way->how, way->hold);
	if (path->why || path->wrong)
		return;
	if (way->op != OP_SENDMSG && ring_tells_usage(&run->ring))
		run->zc_flags = IORING_SEND_ZC_REPORT_USAGE;
	run_pack(run, way->n, way->control);
	path->why = run_register(run);
}

static void path_close(struct path *path)
{
	run_close(&path->run);
	if (path->dev.ifindex)
		device_clear(&path->dev);
}

/* What a card has lost may come late, and must not count for new messages */
static void pack_next(struct run *run, const struct way *way)
{
	run->pair.first += run->n;
	run_pack(run, way->n, way->control);
}

/* What one try came to: wrong in the sends themselves, or in what they do */
struct verdict {
	const char *mechanics;
	const char *effect;
};

static struct verdict way_try(const struct way *way, struct run *run)
{
	struct verdict v = { };
	unsigned int i;

	datagrams_lost = 0;
	pack_next(run, way);
	v.mechanics = run_submit(run);
	for (i = 0; i < run->n && way->resize; i++)
		message_resize(&run->messages[i]);
	v.mechanics = v.mechanics ?: run_finish(run);
	if (!v.mechanics)
		v.effect = run_judge(run);
	return v;
}

/* One line on what became of the sends, before anything is judged */
static void way_tell(const struct way *way, const struct run *run,
		     unsigned int lost)
{
	unsigned int i, good = 0;

	for (i = 0; i < run->n; i++)
		good += run->done[i].res >= 0 && !run->done[i].copied;
	printf("# nic: sends %u%s", run->n, way->hold ? ", all retried" : "");
	if (run->zc_flags)
		printf(", without a copy %u", good);
	printf(", datagrams lost %u\n", lost);
	fflush(stdout);
}

/* Repeat what a loss has spoilt; only what is wrong in another way counts */
static struct verdict way_go(const struct way *way, struct path *path)
{
	struct run *run = &path->run;
	unsigned int lost = 0;
	struct verdict v;
	int i;

	for (i = 0; i < TRIES; i++) {
		v = way_try(way, run);
		lost += datagrams_lost;
		if (!datagrams_lost)
			break;
		v.mechanics = device_trouble(&path->dev) ?: socket_drain(run->pair.tx);
		if (!v.mechanics && way->hold)
			v.mechanics = qdisc_hold();
		if (v.mechanics)
			break;
	}
	if (v.mechanics)
		return v;
	way_tell(way, run, lost);
	if (datagrams_lost) {
		/* Whose fault that is, the sender cannot tell */
		v.mechanics = reason("%s, in each of %d tries", v.effect, TRIES);
		v.effect = NULL;
	}
	return v;
}

/* -- what needs no retry -------------------------------------------------- */

FIXTURE(delivery)
{
	struct path path;
	char what[160];
};

FIXTURE_VARIANT(delivery)
{
	enum family family;
	enum opcode op;
	enum offload offload;
	int mtu;
};

FIXTURE_SETUP(delivery)
{
	const struct way way = {
		.family = variant->family, .op = variant->op,
		.control = CTL_SOURCE, .how = HOW_RETRY, .n = 1,
	};

	snprintf(self->what, sizeof(self->what), "%s%s at once, %s, mtu %d",
		 family_name(variant->family),
		 variant->op == OP_ZC_FIXED ? " registered buffers" : "",
		 offload_name(variant->offload), variant->mtu);
	path_open(&self->path, &way, variant->offload, variant->mtu);
}

FIXTURE_TEARDOWN(delivery)
{
	path_close(&self->path);
}

FIXTURE_VARIANT_ADD(delivery, udp4_sendmsg_hardware) {
	.family = FAM_UDP4, .op = OP_SENDMSG, .offload = OFFLOAD_HARDWARE_GSO, .mtu = ORDINARY,
};

FIXTURE_VARIANT_ADD(delivery, udp4_zc_hardware) {
	.family = FAM_UDP4, .op = OP_ZC, .offload = OFFLOAD_HARDWARE_GSO, .mtu = ORDINARY,
};

FIXTURE_VARIANT_ADD(delivery, udp4_zc_fixed_hardware) {
	.family = FAM_UDP4, .op = OP_ZC_FIXED, .offload = OFFLOAD_HARDWARE_GSO, .mtu = ORDINARY,
};

FIXTURE_VARIANT_ADD(delivery, udp6_sendmsg_hardware) {
	.family = FAM_UDP6, .op = OP_SENDMSG, .offload = OFFLOAD_HARDWARE_GSO, .mtu = ORDINARY,
};

FIXTURE_VARIANT_ADD(delivery, udp6_zc_hardware) {
	.family = FAM_UDP6, .op = OP_ZC, .offload = OFFLOAD_HARDWARE_GSO, .mtu = ORDINARY,
};

FIXTURE_VARIANT_ADD(delivery, udp6_zc_fixed_hardware) {
	.family = FAM_UDP6, .op = OP_ZC_FIXED, .offload = OFFLOAD_HARDWARE_GSO, .mtu = ORDINARY,
};

FIXTURE_VARIANT_ADD(delivery, udp4_sendmsg_software) {
	.family = FAM_UDP4, .op = OP_SENDMSG, .offload = OFFLOAD_SOFTWARE_GSO, .mtu = ORDINARY,
};

FIXTURE_VARIANT_ADD(delivery, udp4_zc_software) {
	.family = FAM_UDP4, .op = OP_ZC, .offload = OFFLOAD_SOFTWARE_GSO, .mtu = ORDINARY,
};

FIXTURE_VARIANT_ADD(delivery, udp4_zc_fixed_software) {
	.family = FAM_UDP4, .op = OP_ZC_FIXED, .offload = OFFLOAD_SOFTWARE_GSO, .mtu = ORDINARY,
};

FIXTURE_VARIANT_ADD(delivery, udp6_sendmsg_software) {
	.family = FAM_UDP6, .op = OP_SENDMSG, .offload = OFFLOAD_SOFTWARE_GSO, .mtu = ORDINARY,
};

FIXTURE_VARIANT_ADD(delivery, udp6_zc_software) {
	.family = FAM_UDP6, .op = OP_ZC, .offload = OFFLOAD_SOFTWARE_GSO, .mtu = ORDINARY,
};

FIXTURE_VARIANT_ADD(delivery, udp6_zc_fixed_software) {
	.family = FAM_UDP6, .op = OP_ZC_FIXED, .offload = OFFLOAD_SOFTWARE_GSO, .mtu = ORDINARY,
};

FIXTURE_VARIANT_ADD(delivery, udp4_sendmsg_no_checksum) {
	.family = FAM_UDP4, .op = OP_SENDMSG, .offload = OFFLOAD_NO_CHECKSUM, .mtu = ORDINARY,
};

FIXTURE_VARIANT_ADD(delivery, udp4_zc_no_checksum) {
	.family = FAM_UDP4, .op = OP_ZC, .offload = OFFLOAD_NO_CHECKSUM, .mtu = ORDINARY,
};

FIXTURE_VARIANT_ADD(delivery, udp6_zc_no_checksum) {
	.family = FAM_UDP6, .op = OP_ZC, .offload = OFFLOAD_NO_CHECKSUM, .mtu = ORDINARY,
};

FIXTURE_VARIANT_ADD(delivery, udp4_sendmsg_no_scatter) {
	.family = FAM_UDP4, .op = OP_SENDMSG, .offload = OFFLOAD_NO_SCATTER, .mtu = ORDINARY,
};

FIXTURE_VARIANT_ADD(delivery, udp4_zc_no_scatter) {
	.family = FAM_UDP4, .op = OP_ZC, .offload = OFFLOAD_NO_SCATTER, .mtu = ORDINARY,
};

FIXTURE_VARIANT_ADD(delivery, udp6_zc_no_scatter) {
	.family = FAM_UDP6, .op = OP_ZC, .offload = OFFLOAD_NO_SCATTER, .mtu = ORDINARY,
};

FIXTURE_VARIANT_ADD(delivery, udp4_sendmsg_jumbo) {
	.family = FAM_UDP4, .op = OP_SENDMSG, .offload = OFFLOAD_BEST, .mtu = JUMBO,
};

FIXTURE_VARIANT_ADD(delivery, udp4_zc_jumbo) {
	.family = FAM_UDP4, .op = OP_ZC, .offload = OFFLOAD_BEST, .mtu = JUMBO,
};

FIXTURE_VARIANT_ADD(delivery, udp6_zc_jumbo) {
	.family = FAM_UDP6, .op = OP_ZC, .offload = OFFLOAD_BEST, .mtu = JUMBO,
};

FIXTURE_VARIANT_ADD(delivery, udp6_zc_fixed_jumbo) {
	.family = FAM_UDP6, .op = OP_ZC_FIXED, .offload = OFFLOAD_BEST, .mtu = JUMBO,
};

TEST_F(delivery, at_once)
{
	struct run *run = &self->path.run;
	struct tally tally = { };
	unsigned int most;
	const char *wrong;

	if (variant->op != OP_ZC_FIXED &&
	    !possible(run_spoiled(variant->op)))
		return;
	if (!possible(self->path.why))
		return;
	judge(NULL, opcode_name(variant->op), self->what, self->path.wrong);
	most = gso_most(&run->pair);
	if (!possible(gso_register(run)))
		return;
	wrong = gso_send_all(run, &self->path.dev, most, &tally);
	tally_tell(&tally, run, self->what);
	judge(NULL, opcode_name(run->op), self->what, wrong);
	if (most > KNOWN_MOST)
		TH_LOG("the kernel takes %u segments", most);
}

/* -- without a copy ------------------------------------------------------- */

FIXTURE(zero_copy)
{
	struct path path;
	struct way way;
	char what[128];
};

FIXTURE_VARIANT(zero_copy)
{
	enum family family;
	enum opcode op;
	enum offload offload;
};

FIXTURE_SETUP(zero_copy)
{
	self->way = (struct way) {
		.family = variant->family, .op = variant->op,
		.control = CTL_SEGMENT, .how = HOW_RETRY, .n = SENDS,
	};
	snprintf(self->what, sizeof(self->what), "%s%s at once, %s",
		 family_name(variant->family),
		 variant->op == OP_ZC_FIXED ? " registered buffers" : "",
		 offload_name(variant->offload));
	path_open(&self->path, &self->way, variant->offload, ORDINARY);
}

FIXTURE_TEARDOWN(zero_copy)
{
	path_close(&self->path);
}

FIXTURE_VARIANT_ADD(zero_copy, udp4_zc_hardware) {
	.family = FAM_UDP4, .op = OP_ZC, .offload = OFFLOAD_HARDWARE_GSO,
};

FIXTURE_VARIANT_ADD(zero_copy, udp6_zc_hardware) {
	.family = FAM_UDP6, .op = OP_ZC, .offload = OFFLOAD_HARDWARE_GSO,
};

FIXTURE_VARIANT_ADD(zero_copy, udp4_zc_software) {
	.family = FAM_UDP4, .op = OP_ZC, .offload = OFFLOAD_SOFTWARE_GSO,
};

FIXTURE_VARIANT_ADD(zero_copy, udp6_zc_software) {
	.family = FAM_UDP6, .op = OP_ZC, .offload = OFFLOAD_SOFTWARE_GSO,
};

FIXTURE_VARIANT_ADD(zero_copy, udp4_zc_fixed_software) {
	.family = FAM_UDP4, .op = OP_ZC_FIXED, .offload = OFFLOAD_SOFTWARE_GSO,
};

TEST_F(zero_copy, usage)
{
	struct run *run = &self->path.run;
	unsigned int i, copied = 0;
	struct verdict v;

	if (!possible(run_spoiled(variant->op)) ||
	    !possible(self->path.why))
		return;
	judge(NULL, opcode_name(variant->op), self->what, self->path.wrong);
	if (!run->zc_flags &&
	    !possible(cannot("sendmsg_zc does not tell whether it copied", 0,
			     "nothing to do, all but the first 6.1 do")))
		return;
	if (!possible(device_copies(&self->path.dev)))
		return;
	v = way_go(&self->way, &self->path);
	judge(NULL, opcode_name(run->op), self->what,
	      v.mechanics ?: v.effect);
	for (i = 0; i < run->n; i++)
		copied += run->done[i].copied;
	judge("not-zero-copy", opcode_name(run->op), self->what,
	      !copied ? NULL :
	      reason("%u of %u sends were copied; does a packet socket listen (/proc/net/packet)?",
		     copied, run->n));
}

/* -- the four defects ----------------------------------------------------- */

FIXTURE(lost_pointer)
{
	struct path path;
	struct way way;
};

FIXTURE_VARIANT(lost_pointer)
{
	enum family family;
	enum opcode op;
	enum control control;
};

FIXTURE_SETUP(lost_pointer)
{
	self->way = (struct way) {
		.family = variant->family, .op = variant->op,
		.control = variant->control, .how = HOW_RETRY, .hold = true,
		.n = SENDS,
	};
	path_open(&self->path, &self->way, OFFLOAD_BEST, ORDINARY);
}

FIXTURE_TEARDOWN(lost_pointer)
{
	path_close(&self->path);
}

FIXTURE_VARIANT_ADD(lost_pointer, reference_udp4_sendmsg) {
	.family = FAM_UDP4, .op = OP_SENDMSG, .control = CTL_NONE,
};

FIXTURE_VARIANT_ADD(lost_pointer, reference_udp4_zc) {
	.family = FAM_UDP4, .op = OP_ZC, .control = CTL_NONE,
};

FIXTURE_VARIANT_ADD(lost_pointer, reference_udp6_zc) {
	.family = FAM_UDP6, .op = OP_ZC, .control = CTL_NONE,
};

FIXTURE_VARIANT_ADD(lost_pointer, udp4_sendmsg_segment) {
	.family = FAM_UDP4, .op = OP_SENDMSG, .control = CTL_SEGMENT,
};

FIXTURE_VARIANT_ADD(lost_pointer, udp4_zc_segment) {
	.family = FAM_UDP4, .op = OP_ZC, .control = CTL_SEGMENT,
};

FIXTURE_VARIANT_ADD(lost_pointer, udp4_zc_fixed_segment) {
	.family = FAM_UDP4, .op = OP_ZC_FIXED, .control = CTL_SEGMENT,
};

FIXTURE_VARIANT_ADD(lost_pointer, udp6_zc_segment) {
	.family = FAM_UDP6, .op = OP_ZC, .control = CTL_SEGMENT,
};

FIXTURE_VARIANT_ADD(lost_pointer, udp4_sendmsg_quic) {
	.family = FAM_UDP4, .op = OP_SENDMSG, .control = CTL_QUIC,
};

FIXTURE_VARIANT_ADD(lost_pointer, udp4_zc_quic) {
	.family = FAM_UDP4, .op = OP_ZC, .control = CTL_QUIC,
};

FIXTURE_VARIANT_ADD(lost_pointer, udp6_sendmsg_quic) {
	.family = FAM_UDP6, .op = OP_SENDMSG, .control = CTL_QUIC,
};

FIXTURE_VARIANT_ADD(lost_pointer, udp6_zc_quic) {
	.family = FAM_UDP6, .op = OP_ZC, .control = CTL_QUIC,
};

FIXTURE_VARIANT_ADD(lost_pointer, udp6_zc_fixed_quic) {
	.family = FAM_UDP6, .op = OP_ZC_FIXED, .control = CTL_QUIC,
};

TEST_F(lost_pointer, retry)
{
	const char *what = way_name(&self->way, "");
	const char *opcode = opcode_name(variant->op);
	struct verdict v;
	int err = 0;

	if (!possible(self->path.why))
		return;
	if (hint_first_issue && variant->control != CTL_NONE)
		err = hint_first_issue(variant->op);
	judge("lost-pointer", opcode, what,
	      err ? reason("-%s at once, without a retry", errno_name(err)) :
		    NULL);
	judge(NULL, opcode, what, self->path.wrong);
	v = way_go(&self->way, &self->path);
	judge(NULL, opcode, what, v.mechanics);
	if (hint_wrong_length && hint_wrong_length(&self->path.run)) {
		TH_LOG("-EINVAL, see wrong_length");
		return;
	}
	judge(variant->control == CTL_NONE ? NULL : "lost-pointer", opcode,
	      what, v.effect);
}

FIXTURE(wrong_length)
{
	struct path path;
	struct way way;
};

FIXTURE_VARIANT(wrong_length)
{
	enum family family;
	enum opcode op;
	enum control control;
};

/* One send, so that there is one retry: each would add to the length */
FIXTURE_SETUP(wrong_length)
{
	self->way = (struct way) {
		.family = variant->family, .op = variant->op,
		.control = variant->control, .how = HOW_RETRY, .hold = true,
		.n = 1,
	};
	path_open(&self->path, &self->way, OFFLOAD_BEST, ORDINARY);
}

FIXTURE_TEARDOWN(wrong_length)
{
	path_close(&self->path);
}

FIXTURE_VARIANT_ADD(wrong_length, udp4_sendmsg_segment) {
	.family = FAM_UDP4, .op = OP_SENDMSG, .control = CTL_SEGMENT,
};

FIXTURE_VARIANT_ADD(wrong_length, udp4_zc_segment) {
	.family = FAM_UDP4, .op = OP_ZC, .control = CTL_SEGMENT,
};

FIXTURE_VARIANT_ADD(wrong_length, udp6_sendmsg_quic) {
	.family = FAM_UDP6, .op = OP_SENDMSG, .control = CTL_QUIC,
};

FIXTURE_VARIANT_ADD(wrong_length, udp6_zc_quic) {
	.family = FAM_UDP6, .op = OP_ZC, .control = CTL_QUIC,
};

FIXTURE_VARIANT_ADD(wrong_length, udp4_zc_fixed_quic) {
	.family = FAM_UDP4, .op = OP_ZC_FIXED, .control = CTL_QUIC,
};

TEST_F(wrong_length, retry)
{
	const char *what = way_name(&self->way, "");
	const char *opcode = opcode_name(variant->op);
	struct verdict v;

	if (!possible(run_spoiled(variant->op)) ||
	    !possible(self->path.why))
		return;
	judge(NULL, opcode, what, self->path.wrong);
	if (!possible(run_hidden(&self->path.run, variant->control, false)))
		return;
	v = way_go(&self->way, &self->path);
	judge(NULL, opcode, what, v.mechanics);
	judge("wrong-length", opcode, what, v.effect);
}

FIXTURE(late_read)
{
	struct path path;
	struct way way;
};

FIXTURE_VARIANT(late_read)
{
	enum family family;
	enum opcode op;
	enum control control;
	enum how how;
};

FIXTURE_SETUP(late_read)
{
	self->way = (struct way) {
		.family = variant->family, .op = variant->op,
		.control = variant->control, .how = variant->how,
		.hold = variant->how == HOW_RETRY, .n = 4, .resize = true,
	};
	path_open(&self->path, &self->way, OFFLOAD_BEST, ORDINARY);
}

FIXTURE_TEARDOWN(late_read)
{
	path_close(&self->path);
}

FIXTURE_VARIANT_ADD(late_read, udp4_sendmsg_poll_first) {
	.family = FAM_UDP4, .op = OP_SENDMSG, .control = CTL_SEGMENT, .how = HOW_POLL_FIRST,
};

FIXTURE_VARIANT_ADD(late_read, udp4_zc_poll_first) {
	.family = FAM_UDP4, .op = OP_ZC, .control = CTL_SEGMENT, .how = HOW_POLL_FIRST,
};

FIXTURE_VARIANT_ADD(late_read, udp4_sendmsg_link) {
	.family = FAM_UDP4, .op = OP_SENDMSG, .control = CTL_SEGMENT, .how = HOW_LINK,
};

FIXTURE_VARIANT_ADD(late_read, udp6_zc_quic_link) {
	.family = FAM_UDP6, .op = OP_ZC, .control = CTL_QUIC, .how = HOW_LINK,
};

FIXTURE_VARIANT_ADD(late_read, udp4_sendmsg_retry) {
	.family = FAM_UDP4, .op = OP_SENDMSG, .control = CTL_SEGMENT, .how = HOW_RETRY,
};

FIXTURE_VARIANT_ADD(late_read, udp4_zc_retry) {
	.family = FAM_UDP4, .op = OP_ZC, .control = CTL_SEGMENT, .how = HOW_RETRY,
};

FIXTURE_VARIANT_ADD(late_read, udp6_zc_quic_retry) {
	.family = FAM_UDP6, .op = OP_ZC, .control = CTL_QUIC, .how = HOW_RETRY,
};

TEST_F(late_read, after_submit)
{
	const char *what = way_name(&self->way, ", another segment size after submit");
	const char *opcode = opcode_name(variant->op);
	struct verdict v;

	if (!possible(run_spoiled(variant->op)) ||
	    !possible(self->path.why))
		return;
	judge(NULL, opcode, what, self->path.wrong);
	if (self->way.hold &&
	    !possible(run_hidden(&self->path.run, variant->control, true)))
		return;
	v = way_go(&self->way, &self->path);
	judge(NULL, opcode, what, v.mechanics);
	judge("late-read", opcode, what, v.effect);
}

FIXTURE(cut_control)
{
	struct device dev;
	struct io_uring ring;
	struct route route;
	const char *why;	/* of a SKIP */
};

FIXTURE_VARIANT(cut_control)
{
	enum opcode op;
	bool control;
};

FIXTURE_SETUP(cut_control)
{
	self->why = device_get(&self->dev);
	if (self->why)
		return;
	device_clear(&self->dev);
	self->why = device_mtu(&self->dev, ORDINARY) ?:
		    device_offload(&self->dev, OFFLOAD_BEST) ?:
		    device_route(&self->dev, &self->route) ?:
		    ring_open(&self->ring, variant->op, HOW_RETRY);
}

FIXTURE_TEARDOWN(cut_control)
{
	if (self->ring.ring_fd > 0)
		io_uring_queue_exit(&self->ring);
}

FIXTURE_VARIANT_ADD(cut_control, reference_zc) {
	.op = OP_ZC, .control = false,
};

FIXTURE_VARIANT_ADD(cut_control, sendmsg) {
	.op = OP_SENDMSG, .control = true,
};

FIXTURE_VARIANT_ADD(cut_control, zc) {
	.op = OP_ZC, .control = true,
};

TEST_F(cut_control, short_send)
{
	const char *wrong, *defect, *why;

	if (variant->control &&
	    !possible(run_spoiled(variant->op)))
		return;
	if (!possible(self->why))
		return;
	wrong = stream_send(&self->ring, variant->op, false, &self->route,
			    &defect, &why);
	if (!possible(why))
		return;
	judge(defect, opcode_name(variant->op),
	      "tcp 1 MiB, MSG_WAITALL, no control", wrong);
	if (!variant->control)
		return;
	wrong = stream_send(&self->ring, variant->op, true, &self->route,
			    &defect, &why);
	judge(defect, opcode_name(variant->op),
	      "tcp 1 MiB, MSG_WAITALL, SO_TIMESTAMPING", wrong);
}

/* The same control by sendmsg(2): what the receiver asks for can be had */
FIXTURE(system_call)
{
	struct path path;
	struct way way;
};

FIXTURE_VARIANT(system_call)
{
	enum family family;
};

FIXTURE_SETUP(system_call)
{
	self->way = (struct way) {
		.family = variant->family, .op = OP_SENDMSG,
		.control = CTL_QUIC, .how = HOW_RETRY, .n = 1,
	};
	path_open(&self->path, &self->way, OFFLOAD_BEST, ORDINARY);
}

FIXTURE_TEARDOWN(system_call)
{
	path_close(&self->path);
}

FIXTURE_VARIANT_ADD(system_call, udp4) {
	.family = FAM_UDP4,
};

FIXTURE_VARIANT_ADD(system_call, udp6) {
	.family = FAM_UDP6,
};

TEST_F(system_call, reference)
{
	struct run *run = &self->path.run;
	const char *wrong = NULL;
	int i;

	if (!possible(self->path.why))
		return;
	judge(NULL, "sendmsg(2)", way_name(&self->way, ""), self->path.wrong);
	for (i = 0; i < TRIES; i++) {
		pack_next(run, &self->way);
		ASSERT_EQ(SEND_SIZE, sendmsg(run->pair.tx,
					     &run->messages[0].msg, 0));
		wrong = pair_judge(&run->pair, run->messages, 1);
		if (!datagrams_lost)
			break;
	}
	judge(NULL, "sendmsg(2)", control_name(variant->family, CTL_QUIC),
	      wrong);
}

/* -- the program ---------------------------------------------------------- */

/* The harness brings its own main() */
#define main test_main
TEST_HARNESS_MAIN
#undef main

/* The card and a path to the remote for each family whose addresses are set */
static int check(void)
{
	struct device dev;
	struct udp_pair pair;
	const char *why;
	int family;

	why = device_get(&dev);
	for (family = FAM_UDP4; family <= FAM_UDP6 && !why; family++) {
		if (!getenv(family == FAM_UDP6 ? "LOCAL_V6" : "LOCAL_V4"))
			continue;
		why = device_ends(&dev, family == FAM_UDP6);
		if (why) {
			fprintf(stderr, "nic: %s\n", why);
			return 2;
		}
		why = device_pair(&dev, &pair, family, false, 0) ?:
		      device_path(&dev, &pair);
	}
	if (why) {
		fprintf(stderr, "nic: %s\n", why);
		return 3;
	}
	fprintf(stderr, "# nic: ");
	device_describe(&dev, stderr);
	return 0;
}

int main(int argc, char **argv)
{
	struct device dev;

	if (argc < 2 || argv[1][0] == '-')
		return test_main(argc, argv);
	if (!strcmp(argv[1], "check"))
		return check();
	device_name(&dev);
	if (!strcmp(argv[1], "save")) {
		device_save(&dev, stdout);
		return 0;
	}
	if (!strcmp(argv[1], "restore"))
		return device_restore(&dev, stdin) ? 0 : 3;
	fprintf(stderr, "nic: no %s: check, save, restore or options (-h)\n",
		argv[1]);
	return 2;
}
