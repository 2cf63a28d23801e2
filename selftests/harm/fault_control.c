// SPDX-License-Identifier: GPL-2.0
/*
 * Of fault: sends with control, over UDP. By what the series needs for it: its
 * place in the request will do, it is just past that, or well past it, which is
 * what a mutant is tried with. What is past it has memory of its own.
 */
#include <netinet/in.h>
#include <string.h>

#include "fault.h"
#include "report.h"

#define QUIET_MS	20	/* without a sign, and nothing more is coming */
#define TOS		2	/* as the ECN that datagram.c asks for */

static const char *open_pair(struct way *way)
{
	return run_open(&way->run, FAM_UDP4, way->op, HOW_DEFER,
			way->course->full);
}

static const char *fill_up(struct way *way)
{
	return qdisc_hold() ?: pair_fill(&way->run.pair);
}

static const char *let_go(struct way *way)
{
	(void)way;
	return qdisc_release();
}

static const char *pack(struct way *way)
{
	const size_t most = way->carried->control;
	struct message *p = &way->run.messages[0];
	const int tos = TOS;

	run_pack(&way->run, 1, most ? CTL_QUIC : CTL_SEGMENT);
	p->msg.msg_control = memcpy(way->control, p->buf, p->msg.msg_controllen);
	p->buf = way->control;
	while (p->msg.msg_controllen + CMSG_SPACE(sizeof(tos)) <= most)
		message_add_control(p, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	return NULL;
}

/*
 * Nothing of earlier sends is on its way any more; what came is as it was sent.
 * What has left the socket may still wait for ksoftirqd to deliver it.
 */
static const char *settle(struct run *run)
{
	const char *wrong = socket_drain(run->pair.tx);
	struct datagram d;

	while (!wrong && receiver_take(run->pair.rx, &d, QUIET_MS) > 0)
		if (d.wrong >= 0)
			wrong = reason("wrong content at byte %ld", d.wrong);
	return wrong;
}

/* Datagrams may be lost behind the socket, in the queue or on lo */
static const char *arrived(struct way *way, bool sent, bool struck)
{
	struct run *run = &way->run;
	const char *wrong = NULL;

	if (sent && !struck)
		wrong = pair_judge(&run->pair, run->messages, 1);
	return wrong ?: settle(run);
}

#define OVER_UDP							\
	.by_zc = true, .open = open_pair, .fill = fill_up,			\
	.let_go = let_go, .pack = pack, .arrived = arrived

const struct carried carried_small = {
	.name = "small", OVER_UDP,
};

const struct carried carried_middle = {
	.name = "middle", .control = CONTROL_ROOM, OVER_UDP,
};

const struct carried carried_large = {
	.name = "large", .control = CONTROL_MOST, OVER_UDP,
};
