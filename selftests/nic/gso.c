// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "gso.h"
#include "network.h"
#include "remote.h"
#include "report.h"

#define LARGEST_SEND	65400		/* bytes, headers left out */
#define PIECED		1400		/* largest segment of many pieces */
#define PROBED		400		/* segment when counting how many */
#define MOST_PIECES	12
#define GAP		64		/* bytes between pieces */

/* One send: so many segments, less or more by so many bytes */
struct gso_send {
	unsigned int segments;		/* 0: as many as the kernel takes */
	int more;
	unsigned int pieces;
	enum control control;
};

static const struct gso_send gso_sends[] = {
	/* No GSO: a datagram below and at a segment */
	{ .segments = 1, .more = -1, .pieces = 1, .control = CTL_NONE },
	{ .segments = 1, .more = 0, .pieces = 1, .control = CTL_NONE },
	/* The smallest: below, at and above two segments, and one alone */
	{ .segments = 1, .more = 0, .pieces = 1, .control = CTL_SEGMENT },
	{ .segments = 2, .more = -1, .pieces = 1, .control = CTL_SEGMENT },
	{ .segments = 2, .more = 0, .pieces = 1, .control = CTL_SEGMENT },
	{ .segments = 2, .more = 4, .pieces = 1, .control = CTL_SEGMENT },
	/* What QUIC stacks send */
	{ .segments = 8, .more = 0, .pieces = 1, .control = CTL_QUIC },
	{ .segments = 16, .more = -1, .pieces = 1, .control = CTL_QUIC },
	{ .segments = 32, .more = 0, .pieces = 1, .control = CTL_SEGMENT },
	/* The most that each kernel takes, and the most that this one does */
	{ .segments = KNOWN_MOST, .more = 0, .pieces = 1, .control = CTL_QUIC },
	{ .segments = 0, .more = 0, .pieces = 1, .control = CTL_SEGMENT },
	{ .segments = 0, .more = -1, .pieces = 1, .control = CTL_QUIC },
	/* In pieces whose ends are no ends of segments */
	{ .segments = 8, .more = 0, .pieces = 7, .control = CTL_SEGMENT },
	{ .segments = 8, .more = 4, .pieces = MOST_PIECES, .control = CTL_QUIC },
	{ .segments = 2, .more = -1, .pieces = 3, .control = CTL_SEGMENT },
	{ .segments = 1, .more = 0, .pieces = 5, .control = CTL_NONE },
};

#define GSO_SENDS	(sizeof(gso_sends) / sizeof(*gso_sends))

/* Move the payload apart, so that no two pieces can be merged */
static void gso_split(struct message *p, unsigned int pieces)
{
	static struct iovec iov[MOST_PIECES];
	size_t piece = (p->len + pieces - 1) / pieces;
	char *data = p->payload.iov_base;
	unsigned int i = pieces;

	/* The last one first, since each goes where the next one was */
	while (i--) {
		iov[i].iov_len = i + 1 < pieces ? piece : p->len - i * piece;
		iov[i].iov_base = memmove(data + i * (piece + GAP),
					  data + i * piece, iov[i].iov_len);
	}
	p->msg.msg_iov = iov;
	p->msg.msg_iovlen = pieces;
}

static void gso_pack(const struct gso_send *send, struct run *run,
		     unsigned int most)
{
	unsigned int n = send->segments ?: most;
	uint16_t segment = run->pair.segment;

	if (segment > LARGEST_SEND / n)
		segment = LARGEST_SEND / n & ~3;
	/*
	 * Without a copy a send is at most 17 fragments, one for each page
	 * that a piece lies in; more are refused with -EMSGSIZE.
	 */
	if (send->pieces > 1 && segment > PIECED)
		segment = PIECED;
	run->pair.first++;
	run->n = 1;
	message_shape(run->messages, &run->pair, run->pair.first, send->control,
		      n * segment + send->more, segment);
	gso_split(run->messages, send->pieces);
}

const char *gso_register(struct run *run)
{
	io_uring_unregister_buffers(&run->ring);
	message_shape(run->messages, &run->pair, FILLER_ID, CTL_NONE,
		      LARGEST_SEND + MOST_PIECES * (GAP + 1), 4);
	return run_register(run);
}

/* sendmsg(2) takes so many segments; the receiver passes over them */
static bool takes(struct udp_pair *pair, unsigned int segments)
{
	static struct message p;
	struct pollfd pfd = { .fd = pair->tx, .events = POLLOUT };

	message_shape(&p, pair, FILLER_ID, CTL_SEGMENT,
		      segments * PROBED, PROBED);
	poll(&pfd, 1, WAIT_MS);
	return sendmsg(pair->tx, &p.msg, 0) >= 0;
}

const char *gso_refused(struct udp_pair *pair)
{
	if (takes(pair, 2) || errno != EIO)
		return NULL;
	return cannot("GSO without checksum offload", EIO,
		      "nothing to do, kernels before 6.11 refuse it, sendmsg(2) too");
}

unsigned int gso_most(struct udp_pair *pair)
{
	unsigned int low = KNOWN_MOST, high = LARGEST_SEND / PROBED + 1;

	if (!takes(pair, low))
		return 1;
	while (high - low > 1) {
		if (takes(pair, (low + high) / 2))
			low = (low + high) / 2;
		else
			high = (low + high) / 2;
	}
	return low;
}

/* Make one send until it is through, or wrong for another reason than loss */
static const char *gso_go(struct run *run, const struct device *dev,
			  const struct gso_send *send, unsigned int most,
			  struct tally *tally)
{
	const char *wrong = NULL;
	const struct message *p = run->messages;
	struct pollfd pfd = { .fd = run->pair.tx, .events = POLLOUT };
	struct io_uring_sqe *sqe;
	int i, want;

	for (i = 0; i < TRIES; i++) {
		gso_pack(send, run, most);
		poll(&pfd, 1, WAIT_MS);
		sqe = ring_send(&run->ring, run->op, HOW_RETRY, &run->pair,
				run->messages, 0);
		if (run->op != OP_SENDMSG)
			sqe->ioprio |= run->zc_flags;
		wrong = ring_submit(&run->ring) ?:
			ring_collect(&run->ring, run->done, 1);
		if (wrong)
			break;
		tally->sends++;
		/* Without checksum offload old kernels refuse GSO, each way */
		if (run->done[0].res == -EIO && send->control & CTL_SEGMENT) {
			want = sendmsg(run->pair.tx, &p->msg, 0) < 0 ? -errno :
								      0;
			wrong = want == -EIO ? NULL :
				"-EIO where sendmsg(2) succeeds";
			tally->refused++;
			break;
		}
		wrong = run_judge(run);
		tally->lost += datagrams_lost;
		tally->copied += run->done[0].copied;
		tally->datagrams += send->control & CTL_SEGMENT ?
			(p->len + p->segment - 1) / p->segment : 1;
		if (!datagrams_lost)
			break;
		wrong = device_trouble(dev) ?: wrong;
	}
	if (wrong)
		return reason("%zu bytes, %u segments of %u, %u pieces: %s",
			      p->len, send->segments ?: most, p->segment,
			      send->pieces, wrong);
	return NULL;
}

const char *gso_send_all(struct run *run, const struct device *dev,
			 unsigned int most, struct tally *tally)
{
	const char *wrong = NULL;
	unsigned int i;

	tally->packets = -device_packets(dev);
	tally->by_card = device_segments(dev);
	for (i = 0; i < GSO_SENDS && !wrong; i++)
		wrong = gso_go(run, dev, &gso_sends[i], most, tally);
	tally->packets += device_packets(dev);
	return wrong;
}

static const char *who_segmented(const struct tally *t)
{
	if (t->refused)
		return "nobody: -EIO, as from sendmsg(2): before 6.11 GSO needs checksum offload";
	if (!t->by_card)
		return "the stack";
	if (t->packets < (long)t->datagrams * 3 / 4)
		return "the card";
	return "the card, whose driver counts what is on the wire";
}

void tally_tell(const struct tally *t, const struct run *run, const char *what)
{
	printf("# nic: %s %s: %u sends, %u datagrams, tx_packets %+ld, segmented by %s",
	       opcode_name(run->op), what, t->sends, t->datagrams, t->packets,
	       who_segmented(t));
	if (run->op != OP_SENDMSG && run->zc_flags)
		printf(", without a copy: %u of %u",
		       t->sends - t->refused - t->copied, t->sends);
	printf(", lost %u\n", t->lost);
	fflush(stdout);
}
