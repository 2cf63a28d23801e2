// SPDX-License-Identifier: GPL-2.0
/*
 * What the other programs prove on lo, through a network card: only there does
 * sendmsg_zc send the program's own pages. nic.sh starts this, with a receiver
 * at the other end of the wire; without a card (NETIF) all is skipped.
 *
 * Proved:
 *  delivery          trains of 2 to as many segments as the kernel takes, at,
 *                    below and above a whole segment, in one and in many
 *                    pieces, arrive as they should, whoever cuts them (card or
 *                    stack) and whoever computes their checksums
 *  zero_copy         a card with scatter-gather and checksum offload sends
 *                    without a copy, says the notification (not-zero-copy)
 *  lost_pointer, wrong_length, late_read, repeated_control
 *                    the four defects, in sends that are retried since a queue
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
#include "network.h"
#include "remote.h"
#include "report.h"
#include "ring.h"
#include "train.h"

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

/* Card, path, ring and queue. false: the test is skipped, and has to return */
static bool way_open(struct __test_metadata *_metadata, const struct way *way,
		     struct device *dev, struct run *run, enum offload offload,
		     int mtu)
{
	const char *why = device_get(dev);

	if (!possible(why))
		return false;
	device_clear(dev);
	why = device_ends(dev, way->family == FAM_UDP6) ?: device_mtu(dev, mtu) ?:
	      device_offload(dev, offload);
	if (!why && way->hold)
		why = device_queue(dev);
	if (!possible(why))
		return false;
	judge(NULL, opcode_name(way->op), way_name(way, ""),
	      device_pair(dev, &run->pair, way->family, way->control & CTL_SOURCE,
			  way->hold ? 0 : ROOM));
	why = device_path(dev, &run->pair);
	if (!why && way->control & CTL_SEGMENT)
		why = trains_refused(&run->pair);
	qdisc_use(dev->ifindex, &run->pair.to);
	/* What is under way gives back room that a retry would not wait for */
	judge(NULL, opcode_name(way->op), way_name(way, ""),
	      socket_drain(run->pair.tx));
	why = why ?: run_start(run, way->op, way->how, way->hold);
	if (!possible(why))
		return false;
	if (way->op != OP_SENDMSG && ring_tells_usage(&run->ring))
		run->zc_flags = IORING_SEND_ZC_REPORT_USAGE;
	run_pack(run, way->n, way->control);
	return possible(run_register(run));
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

	run->pair.lost = 0;
	run_pack(run, way->n, way->control);
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
static struct verdict way_go(const struct way *way, const struct device *dev,
			     struct run *run)
{
	unsigned int lost = 0;
	struct verdict v;
	int i;

	for (i = 0; i < TRIES; i++) {
		v = way_try(way, run);
		lost += run->pair.lost;
		if (!run->pair.lost)
			break;
		v.mechanics = device_trouble(dev) ?: socket_drain(run->pair.tx);
		if (!v.mechanics && way->hold)
			v.mechanics = qdisc_hold();
		if (v.mechanics)
			break;
	}
	if (v.mechanics)
		return v;
	way_tell(way, run, lost);
	if (run->pair.lost) {
		/* Whose fault that is, the sender cannot tell */
		v.mechanics = reason("%s, in each of %d tries", v.effect, TRIES);
		v.effect = NULL;
	}
	return v;
}

/* -- what needs no retry -------------------------------------------------- */

FIXTURE(delivery)
{
	struct device dev;
	struct run run;
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
	snprintf(self->what, sizeof(self->what), "%s%s at once, %s, mtu %d",
		 family_name(variant->family),
		 variant->op == OP_ZC_FIXED ? " registered buffers" : "",
		 offload_name(variant->offload), variant->mtu);
}

FIXTURE_TEARDOWN(delivery)
{
}

FIXTURE_VARIANT_ADD(delivery, udp4_sendmsg_hardware) {
	FAM_UDP4, OP_SENDMSG, OFFLOAD_HARDWARE_GSO, ORDINARY
};

FIXTURE_VARIANT_ADD(delivery, udp4_zc_hardware) {
	FAM_UDP4, OP_ZC, OFFLOAD_HARDWARE_GSO, ORDINARY
};

FIXTURE_VARIANT_ADD(delivery, udp4_zc_fixed_hardware) {
	FAM_UDP4, OP_ZC_FIXED, OFFLOAD_HARDWARE_GSO, ORDINARY
};

FIXTURE_VARIANT_ADD(delivery, udp6_sendmsg_hardware) {
	FAM_UDP6, OP_SENDMSG, OFFLOAD_HARDWARE_GSO, ORDINARY
};

FIXTURE_VARIANT_ADD(delivery, udp6_zc_hardware) {
	FAM_UDP6, OP_ZC, OFFLOAD_HARDWARE_GSO, ORDINARY
};

FIXTURE_VARIANT_ADD(delivery, udp6_zc_fixed_hardware) {
	FAM_UDP6, OP_ZC_FIXED, OFFLOAD_HARDWARE_GSO, ORDINARY
};

FIXTURE_VARIANT_ADD(delivery, udp4_sendmsg_software) {
	FAM_UDP4, OP_SENDMSG, OFFLOAD_SOFTWARE_GSO, ORDINARY
};

FIXTURE_VARIANT_ADD(delivery, udp4_zc_software) {
	FAM_UDP4, OP_ZC, OFFLOAD_SOFTWARE_GSO, ORDINARY
};

FIXTURE_VARIANT_ADD(delivery, udp4_zc_fixed_software) {
	FAM_UDP4, OP_ZC_FIXED, OFFLOAD_SOFTWARE_GSO, ORDINARY
};

FIXTURE_VARIANT_ADD(delivery, udp6_sendmsg_software) {
	FAM_UDP6, OP_SENDMSG, OFFLOAD_SOFTWARE_GSO, ORDINARY
};

FIXTURE_VARIANT_ADD(delivery, udp6_zc_software) {
	FAM_UDP6, OP_ZC, OFFLOAD_SOFTWARE_GSO, ORDINARY
};

FIXTURE_VARIANT_ADD(delivery, udp6_zc_fixed_software) {
	FAM_UDP6, OP_ZC_FIXED, OFFLOAD_SOFTWARE_GSO, ORDINARY
};

FIXTURE_VARIANT_ADD(delivery, udp4_sendmsg_no_checksum) {
	FAM_UDP4, OP_SENDMSG, OFFLOAD_NO_CHECKSUM, ORDINARY
};

FIXTURE_VARIANT_ADD(delivery, udp4_zc_no_checksum) {
	FAM_UDP4, OP_ZC, OFFLOAD_NO_CHECKSUM, ORDINARY
};

FIXTURE_VARIANT_ADD(delivery, udp6_zc_no_checksum) {
	FAM_UDP6, OP_ZC, OFFLOAD_NO_CHECKSUM, ORDINARY
};

FIXTURE_VARIANT_ADD(delivery, udp4_sendmsg_no_scatter) {
	FAM_UDP4, OP_SENDMSG, OFFLOAD_NO_SCATTER, ORDINARY
};

FIXTURE_VARIANT_ADD(delivery, udp4_zc_no_scatter) {
	FAM_UDP4, OP_ZC, OFFLOAD_NO_SCATTER, ORDINARY
};

FIXTURE_VARIANT_ADD(delivery, udp6_zc_no_scatter) {
	FAM_UDP6, OP_ZC, OFFLOAD_NO_SCATTER, ORDINARY
};

FIXTURE_VARIANT_ADD(delivery, udp4_sendmsg_jumbo) {
	FAM_UDP4, OP_SENDMSG, OFFLOAD_BEST, JUMBO
};

FIXTURE_VARIANT_ADD(delivery, udp4_zc_jumbo) {
	FAM_UDP4, OP_ZC, OFFLOAD_BEST, JUMBO
};

FIXTURE_VARIANT_ADD(delivery, udp6_zc_jumbo) {
	FAM_UDP6, OP_ZC, OFFLOAD_BEST, JUMBO
};

FIXTURE_VARIANT_ADD(delivery, udp6_zc_fixed_jumbo) {
	FAM_UDP6, OP_ZC_FIXED, OFFLOAD_BEST, JUMBO
};

TEST_F(delivery, at_once)
{
	const struct way way = {
		.family = variant->family, .op = variant->op,
		.control = CTL_SOURCE, .how = HOW_RETRY, .n = 1,
	};
	struct run *run = &self->run;
	struct tally tally = { };
	unsigned int most;
	const char *wrong;

	if (variant->op != OP_ZC_FIXED &&
	    !possible(run_spoiled(variant->op)))
		return;
	if (!way_open(_metadata, &way, &self->dev, run, variant->offload,
		      variant->mtu))
		return;
	most = trains_most(&run->pair);
	if (variant->op == OP_ZC_FIXED &&
	    !possible(trains_register(run)))
		return;
	wrong = trains_send(run, &self->dev, most, &tally);
	tally_tell(&tally, run, self->what);
	judge(NULL, opcode_name(run->op), self->what, wrong);
	if (most > KNOWN_MOST)
		TH_LOG("the kernel takes %u segments", most);
}

/* -- without a copy ------------------------------------------------------- */

FIXTURE(zero_copy)
{
	struct device dev;
	struct run run;
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
	snprintf(self->what, sizeof(self->what), "%s%s at once, %s",
		 family_name(variant->family),
		 variant->op == OP_ZC_FIXED ? " registered buffers" : "",
		 offload_name(variant->offload));
}

FIXTURE_TEARDOWN(zero_copy)
{
}

FIXTURE_VARIANT_ADD(zero_copy, udp4_zc_hardware) {
	FAM_UDP4, OP_ZC, OFFLOAD_HARDWARE_GSO
};

FIXTURE_VARIANT_ADD(zero_copy, udp6_zc_hardware) {
	FAM_UDP6, OP_ZC, OFFLOAD_HARDWARE_GSO
};

FIXTURE_VARIANT_ADD(zero_copy, udp4_zc_software) {
	FAM_UDP4, OP_ZC, OFFLOAD_SOFTWARE_GSO
};

FIXTURE_VARIANT_ADD(zero_copy, udp6_zc_software) {
	FAM_UDP6, OP_ZC, OFFLOAD_SOFTWARE_GSO
};

FIXTURE_VARIANT_ADD(zero_copy, udp4_zc_fixed_software) {
	FAM_UDP4, OP_ZC_FIXED, OFFLOAD_SOFTWARE_GSO
};

TEST_F(zero_copy, usage)
{
	const struct way way = {
		.family = variant->family, .op = variant->op,
		.control = CTL_SEGMENT, .how = HOW_RETRY, .n = SENDS,
	};
	struct run *run = &self->run;
	unsigned int i, copied = 0;
	struct verdict v;

	if (!possible(run_spoiled(variant->op)))
		return;
	if (!way_open(_metadata, &way, &self->dev, run, variant->offload,
		      ORDINARY))
		return;
	if (!run->zc_flags &&
	    !possible(cannot("sendmsg_zc does not tell whether it copied", 0,
					"nothing to do, all but the first 6.1 do")))
		return;
	if (!possible(device_copies(&self->dev)))
		return;
	v = way_go(&way, &self->dev, run);
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
	struct device dev;
	struct run run;
};

FIXTURE_VARIANT(lost_pointer)
{
	struct way way;
};

FIXTURE_SETUP(lost_pointer)
{
}

FIXTURE_TEARDOWN(lost_pointer)
{
}

#define RETRIED(family, op, control) \
	{ family, op, control, HOW_RETRY, true, SENDS, false }

FIXTURE_VARIANT_ADD(lost_pointer, reference_udp4_sendmsg) {
	RETRIED(FAM_UDP4, OP_SENDMSG, CTL_NONE)
};

FIXTURE_VARIANT_ADD(lost_pointer, reference_udp4_zc) {
	RETRIED(FAM_UDP4, OP_ZC, CTL_NONE)
};

FIXTURE_VARIANT_ADD(lost_pointer, reference_udp6_zc) {
	RETRIED(FAM_UDP6, OP_ZC, CTL_NONE)
};

FIXTURE_VARIANT_ADD(lost_pointer, udp4_sendmsg_segment) {
	RETRIED(FAM_UDP4, OP_SENDMSG, CTL_SEGMENT)
};

FIXTURE_VARIANT_ADD(lost_pointer, udp4_zc_segment) {
	RETRIED(FAM_UDP4, OP_ZC, CTL_SEGMENT)
};

FIXTURE_VARIANT_ADD(lost_pointer, udp4_zc_fixed_segment) {
	RETRIED(FAM_UDP4, OP_ZC_FIXED, CTL_SEGMENT)
};

FIXTURE_VARIANT_ADD(lost_pointer, udp6_zc_segment) {
	RETRIED(FAM_UDP6, OP_ZC, CTL_SEGMENT)
};

FIXTURE_VARIANT_ADD(lost_pointer, udp4_sendmsg_quic) {
	RETRIED(FAM_UDP4, OP_SENDMSG, CTL_QUIC)
};

FIXTURE_VARIANT_ADD(lost_pointer, udp4_zc_quic) {
	RETRIED(FAM_UDP4, OP_ZC, CTL_QUIC)
};

FIXTURE_VARIANT_ADD(lost_pointer, udp6_sendmsg_quic) {
	RETRIED(FAM_UDP6, OP_SENDMSG, CTL_QUIC)
};

FIXTURE_VARIANT_ADD(lost_pointer, udp6_zc_quic) {
	RETRIED(FAM_UDP6, OP_ZC, CTL_QUIC)
};

FIXTURE_VARIANT_ADD(lost_pointer, udp6_zc_fixed_quic) {
	RETRIED(FAM_UDP6, OP_ZC_FIXED, CTL_QUIC)
};

TEST_F(lost_pointer, retry)
{
	const struct way *way = &variant->way;
	const char *opcode = opcode_name(way->op);
	struct run *run = &self->run;
	struct verdict v;
	int err = 0;

	if (!possible(device_get(&self->dev)))
		return;
	if (way->control != CTL_NONE)
		err = run_first_issue(way->op);
	judge("lost-pointer", opcode, way_name(way, ""),
	      err ? reason("-%s at once, without a retry", errno_name(err)) :
		    NULL);
	if (!way_open(_metadata, way, &self->dev, run, OFFLOAD_BEST, ORDINARY))
		return;
	v = way_go(way, &self->dev, run);
	judge(NULL, opcode, way_name(way, ""), v.mechanics);
	if (run_wrong_length(run)) {
		TH_LOG("-EINVAL, see wrong_length");
		return;
	}
	judge(way->control == CTL_NONE ? NULL : "lost-pointer", opcode,
	      way_name(way, ""), v.effect);
}

FIXTURE(wrong_length)
{
	struct device dev;
	struct run run;
};

FIXTURE_VARIANT(wrong_length)
{
	struct way way;
};

FIXTURE_SETUP(wrong_length)
{
}

FIXTURE_TEARDOWN(wrong_length)
{
}

/* One send, so that there is one retry: each would add to the length */
#define RETRIED_ONCE(family, op, control) \
	{ family, op, control, HOW_RETRY, true, 1, false }

FIXTURE_VARIANT_ADD(wrong_length, udp4_sendmsg_segment) {
	RETRIED_ONCE(FAM_UDP4, OP_SENDMSG, CTL_SEGMENT)
};

FIXTURE_VARIANT_ADD(wrong_length, udp4_zc_segment) {
	RETRIED_ONCE(FAM_UDP4, OP_ZC, CTL_SEGMENT)
};

FIXTURE_VARIANT_ADD(wrong_length, udp6_sendmsg_quic) {
	RETRIED_ONCE(FAM_UDP6, OP_SENDMSG, CTL_QUIC)
};

FIXTURE_VARIANT_ADD(wrong_length, udp6_zc_quic) {
	RETRIED_ONCE(FAM_UDP6, OP_ZC, CTL_QUIC)
};

FIXTURE_VARIANT_ADD(wrong_length, udp4_zc_fixed_quic) {
	RETRIED_ONCE(FAM_UDP4, OP_ZC_FIXED, CTL_QUIC)
};

TEST_F(wrong_length, retry)
{
	const struct way *way = &variant->way;
	const char *opcode = opcode_name(way->op);
	struct run *run = &self->run;
	struct verdict v;

	if (!possible(run_spoiled(way->op)))
		return;
	if (!way_open(_metadata, way, &self->dev, run, OFFLOAD_BEST, ORDINARY))
		return;
	if (!possible(run_hidden(run, way->control, false)))
		return;
	v = way_go(way, &self->dev, run);
	judge(NULL, opcode, way_name(way, ""), v.mechanics);
	judge("wrong-length", opcode, way_name(way, ""), v.effect);
}

FIXTURE(late_read)
{
	struct device dev;
	struct run run;
};

FIXTURE_VARIANT(late_read)
{
	struct way way;
};

FIXTURE_SETUP(late_read)
{
}

FIXTURE_TEARDOWN(late_read)
{
}

FIXTURE_VARIANT_ADD(late_read, udp4_sendmsg_poll_first) {
	{ FAM_UDP4, OP_SENDMSG, CTL_SEGMENT, HOW_POLL_FIRST, false, 4, true }
};

FIXTURE_VARIANT_ADD(late_read, udp4_zc_poll_first) {
	{ FAM_UDP4, OP_ZC, CTL_SEGMENT, HOW_POLL_FIRST, false, 4, true }
};

FIXTURE_VARIANT_ADD(late_read, udp4_sendmsg_link) {
	{ FAM_UDP4, OP_SENDMSG, CTL_SEGMENT, HOW_LINK, false, 4, true }
};

FIXTURE_VARIANT_ADD(late_read, udp6_zc_quic_link) {
	{ FAM_UDP6, OP_ZC, CTL_QUIC, HOW_LINK, false, 4, true }
};

FIXTURE_VARIANT_ADD(late_read, udp4_sendmsg_retry) {
	{ FAM_UDP4, OP_SENDMSG, CTL_SEGMENT, HOW_RETRY, true, 4, true }
};

FIXTURE_VARIANT_ADD(late_read, udp4_zc_retry) {
	{ FAM_UDP4, OP_ZC, CTL_SEGMENT, HOW_RETRY, true, 4, true }
};

FIXTURE_VARIANT_ADD(late_read, udp6_zc_quic_retry) {
	{ FAM_UDP6, OP_ZC, CTL_QUIC, HOW_RETRY, true, 4, true }
};

TEST_F(late_read, after_submit)
{
	const char *more = ", another segment size after submit";
	const struct way *way = &variant->way;
	const char *opcode = opcode_name(way->op);
	struct run *run = &self->run;
	struct verdict v;

	if (!possible(run_spoiled(way->op)))
		return;
	if (!way_open(_metadata, way, &self->dev, run, OFFLOAD_BEST, ORDINARY))
		return;
	if (way->hold &&
	    !possible(run_hidden(run, way->control, true)))
		return;
	v = way_go(way, &self->dev, run);
	judge(NULL, opcode, way_name(way, more), v.mechanics);
	judge("late-read", opcode, way_name(way, more), v.effect);
}

FIXTURE(repeated_control)
{
	struct device dev;
	struct io_uring ring;
};

FIXTURE_VARIANT(repeated_control)
{
	enum opcode op;
	bool control;
};

FIXTURE_SETUP(repeated_control)
{
}

FIXTURE_TEARDOWN(repeated_control)
{
}

FIXTURE_VARIANT_ADD(repeated_control, reference_zc) {
	OP_ZC, false
};

FIXTURE_VARIANT_ADD(repeated_control, sendmsg) {
	OP_SENDMSG, true
};

FIXTURE_VARIANT_ADD(repeated_control, zc) {
	OP_ZC, true
};

TEST_F(repeated_control, short_send)
{
	struct route route;
	const char *wrong, *defect, *why;

	if (variant->control &&
	    !possible(run_spoiled(variant->op)))
		return;
	why = device_get(&self->dev);
	if (!possible(why))
		return;
	device_clear(&self->dev);
	why = device_mtu(&self->dev, ORDINARY) ?:
	      device_offload(&self->dev, OFFLOAD_BEST) ?:
	      device_route(&self->dev, &route) ?:
	      ring_open(&self->ring, variant->op, HOW_RETRY);
	if (!possible(why))
		return;
	wrong = stream_send(&self->ring, variant->op, false, &route, &defect,
			    &why);
	if (!possible(why))
		return;
	judge(defect, opcode_name(variant->op),
	      "tcp 1 MiB, MSG_WAITALL, no control", wrong);
	if (!variant->control)
		return;
	wrong = stream_send(&self->ring, variant->op, true, &route, &defect,
			    &why);
	judge(defect, opcode_name(variant->op),
	      "tcp 1 MiB, MSG_WAITALL, SO_TIMESTAMPING", wrong);
}

/* The same control by sendmsg(2): what the receiver asks for can be had */
FIXTURE(system_call)
{
	struct device dev;
	struct run run;
};

FIXTURE_VARIANT(system_call)
{
	struct way way;
};

FIXTURE_SETUP(system_call)
{
}

FIXTURE_TEARDOWN(system_call)
{
}

FIXTURE_VARIANT_ADD(system_call, udp4) {
	{ FAM_UDP4, OP_SENDMSG, CTL_QUIC, HOW_RETRY, false, 1, false }
};

FIXTURE_VARIANT_ADD(system_call, udp6) {
	{ FAM_UDP6, OP_SENDMSG, CTL_QUIC, HOW_RETRY, false, 1, false }
};

TEST_F(system_call, reference)
{
	const struct way *way = &variant->way;
	struct run *run = &self->run;
	const char *wrong = NULL;
	int i;

	if (!way_open(_metadata, way, &self->dev, run, OFFLOAD_BEST, ORDINARY))
		return;
	for (i = 0; i < TRIES; i++) {
		run_pack(run, 1, way->control);
		ASSERT_EQ(SEND_SIZE, sendmsg(run->pair.tx,
					     &run->messages[0].msg, 0));
		wrong = pair_judge(&run->pair, run->messages, 1);
		if (!run->pair.lost)
			break;
	}
	judge(NULL, "sendmsg(2)", control_name(way->family, CTL_QUIC),
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
