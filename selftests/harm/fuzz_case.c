// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"
#include "network.h"
#include "report.h"

#define PAGE		4096
#define HEAD		0x10000	/* user_data of what a linked send waits for */
#define ISSUE_MS	100	/* in which a worker has issued what it got */
#define FAULTY_LEVEL	SOL_SOCKET
#define FAULTY_TYPE	SO_MARK

static bool no_zerocopy(enum kind kind, const struct way *way)
{
	return way->op == OP_ZC && !traits[kind].zerocopy;
}

/*
 * What differs by design. A row is looked for only where the result is not that
 * of sendmsg(2), and it has to give exactly this result and no effect.
 */
static const struct design {
	const char *what, *why;
	bool (*applies)(enum kind kind, const struct way *way);
	int res;
} designs[] = {
	{
		"sendmsg_zc on a UNIX or raw socket",
		"only TCP, UDP and vsock can send without a copy (SOCK_SUPPORT_ZC)",
		no_zerocopy, -EOPNOTSUPP,
	},
};

struct counts counts[KINDS];
unsigned long sends[2][BYS][2];
bool counting = true;
bool faulty;

static struct io_uring rings[2];	/* the second has DEFER_TASKRUN */
static int starter;			/* eventfd that heads of links wait for */
static struct flow flows[2][KINDS];	/* by narrow */
static bool opened[2][KINDS];

/* Of each slot: a page, another, and one that is not mapped */
static uint8_t *memory;
static uint8_t *large[8];

static struct slot {
	struct msghdr msg;
	struct iovec iov;
	struct sockaddr_storage to;
} slots[SLOTS];

const char *by_name(enum by by)
{
	static const char * const names[] = {
		[PLAIN] = "plain", [FIRST_POLL] = "POLL_FIRST",
		[LINKED] = "IOSQE_IO_LINK", [BY_WORKER] = "IOSQE_ASYNC",
	};

	return names[by];
}

const char *way_name(const struct way *way)
{
	static char name[128];

	snprintf(name, sizeof(name), "%s, %s, %s%s%s", opcode_name(way->op),
		 by_name(way->by), way->wait ? "full socket" : "straight",
		 way->defer ? ", DEFER_TASKRUN" : "",
		 way->keep ? "" : ", control overwritten after submit");
	return name;
}

bool way_fits(enum kind kind, const struct way *way)
{
	/* Else nothing is ever issued again, but POLL_FIRST waits */
	return !way->wait || traits[kind].full || way->by == FIRST_POLL;
}

void designs_print(FILE *to, const char *prefix)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(designs); i++)
		fprintf(to, "%s%s: -%s, as %s\n", prefix, designs[i].what,
			errno_name(-designs[i].res), designs[i].why);
}

static void pin(void)
{
	cpu_set_t one;
	int cpu = sched_getcpu();

	CPU_ZERO(&one);
	CPU_SET(cpu < 0 ? 0 : cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
	io_uring_register_iowq_aff(&rings[0], sizeof(one), &one);
	io_uring_register_iowq_aff(&rings[1], sizeof(one), &one);
}

const char *cases_begin(bool *skip)
{
	unsigned int i;
	const char *why;
	size_t first;

	/* What a kernel lacks is a reason to skip */
	*skip = true;
	why = ring_open(&rings[0], OP_ZC, HOW_RETRY) ?:
	      ring_open(&rings[1], OP_ZC, HOW_POLL_FIRST);
	if (why)
		return why;
	*skip = false;
	/* Workers, too: what is sent on one processor arrives in its order */
	pin();
	starter = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	memory = mmap(NULL, 3 * PAGE * SLOTS, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (starter < 0 || memory == MAP_FAILED)
		return cannot("no memory", errno, "free some");
	for (i = 0; i < SLOTS; i++)
		if (mprotect(memory + (3 * i + 2) * PAGE, PAGE, PROT_NONE))
			return cannot("no guard page", errno, "free some memory");
	for (i = 0; large_lengths[i]; i++) {
		struct cmsghdr header = {
			.cmsg_len = large_lengths[i], .cmsg_level = 0x7777,
		};

		first = large_lengths[i] < INT_MAX ? large_lengths[i] : PAGE;
		large[i] = mmap(NULL, first, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (large[i] == MAP_FAILED)
			return cannot("no memory", errno, "free some");
		memcpy(large[i], &header, sizeof(header));
	}
	return NULL;
}

/* -- one round ------------------------------------------------------------ */

static const char *flow_of(enum kind kind, bool narrow, size_t len,
			   struct flow **flow)
{
	const char *why;

	*flow = &flows[narrow][kind];
	if (!opened[narrow][kind]) {
		why = flow_open(*flow, kind, narrow);
		if (why)
			return why;
		opened[narrow][kind] = true;
	}
	(*flow)->len = len;
	return NULL;
}

/* Sockets in an unknown state: the next round has new ones */
static void give_up(struct flow *flow)
{
	opened[flow->narrow][flow->kind] = false;
	flow_close(flow);
}

/* The control of a slot as the kernel is told of it; *room: bytes that exist */
static uint8_t *control_of(unsigned int slot, const struct buffer *buf,
			   size_t *room)
{
	uint8_t *start = memory + 3 * slot * PAGE, *end = start + 2 * PAGE;
	unsigned int i;

	*room = buf->len;
	switch (buf->place) {
	case AT_START:
		return start;
	case ODD:
		return start + buf->over;
	case AT_END:
		return end - buf->len;
	case OVER_END:
		*room = buf->len - buf->over;
		return end - *room;
	case LARGE:
		*room = 0;
		for (i = 0; large_lengths[i] != buf->len; i++)
			;
		return large[i];
	default:
		*room = 0;
		return NULL;
	}
}

static void prepare(const struct flow *flow, unsigned int i,
		    const struct buffer *buf)
{
	struct slot *slot = &slots[i];
	uint8_t *control;
	size_t room;

	control = control_of(i, buf, &room);
	/* Whatever is read behind the buffer must not depend on earlier ones */
	if (buf->place == AT_START || buf->place == ODD)
		memset(control + room, 0, 64);
	memcpy(control, buf->bytes, room);
	slot->iov = flow_payload(flow, i);
	slot->to = flow->to;
	slot->msg = (struct msghdr) {
		.msg_name = flow->to_len ? &slot->to : NULL,
		.msg_namelen = flow->to_len,
		.msg_iov = &slot->iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = buf->len,
	};
}

/* A stream may take a part: then io_uring goes on with the rest */
static int send_flags(const struct flow *flow)
{
	return MSG_NOSIGNAL | (traits[flow->kind].stream ? MSG_WAITALL : 0);
}

/* What the kernel has promised not to read any more after submit */
static void overwrite(unsigned int i, const struct buffer *buf,
		      const struct buffer *later)
{
	size_t room;
	uint8_t *control = control_of(i, buf, &room);

	memcpy(control, later->bytes, room);
}

static void scribble(unsigned int i)
{
	memset(&slots[i], 0xa5, sizeof(slots[i]));
}

/* TCP: all that was taken has to come, be it after a probe of a shut window */
static bool is_due(const struct result *results, const struct effect *effects,
		   unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (results[i].res > 0 &&
		    effects[i].bytes < (unsigned int)results[i].res)
			return true;
	return false;
}

/* Take all that is still under way */
static const char *settle(struct flow *flow, struct effect *effects,
			  unsigned int n, const struct result *results)
{
	struct pollfd pfd = { .fd = flow->rx, .events = POLLIN };
	const char *wrong = flow_flush(flow);

	flow_take(flow, effects);
	while (!wrong && traits[flow->kind].stream &&
	       is_due(results, effects, n)) {
		if (poll(&pfd, 1, WAIT_MS) != 1)
			wrong = reason("%s: bytes that were sent did not arrive within 10 s",
				       traits[flow->kind].name);
		flow_take(flow, effects);
	}
	return wrong;
}

const char *by_sendmsg(const struct batch *batch, struct result *results)
{
	struct effect effects[SLOTS + 1] = { };
	struct flow *flow;
	const char *why;
	unsigned int i;
	int tries;

	why = flow_of(batch->kind, false, batch->len, &flow);
	if (why)
		return why;
	flow_take(flow, effects);
	memset(effects, 0, sizeof(effects));
	flow_tell(SYSCALL);
	for (i = 0; i < batch->n; i++) {
		tries = 0;
		do {
			prepare(flow, i, &batch->buffers[i]);
			results[i].res = sendmsg(flow->tx, &slots[i].msg,
						 send_flags(flow) | MSG_DONTWAIT);
			if (results[i].res < 0)
				results[i].res = -errno;
			if (results[i].res == -EAGAIN || i % 8 == 7)
				flow_take(flow, effects);
		} while (results[i].res == -EAGAIN && tries++ < 10);
		results[i].waited = false;
	}
	why = settle(flow, effects, batch->n, results);
	flow_tell(NOBODY);
	for (i = 0; i < batch->n; i++)
		results[i].effect = effects[i];
	return why;
}

/* For a linked send: a request ahead of it, which is done when told */
static void add_head(struct io_uring *ring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	io_uring_prep_poll_add(sqe, starter, POLLIN);
	sqe->flags = IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;
	sqe->user_data = HEAD;
}

static void add(struct io_uring *ring, const struct flow *flow, unsigned int i,
		const struct way *way)
{
	struct io_uring_sqe *sqe;

	if (way->by == LINKED)
		add_head(ring);
	sqe = io_uring_get_sqe(ring);
	ring_prep(sqe, way->op, flow->tx, &slots[i].msg, send_flags(flow));
	sqe->user_data = i;
	if (way->by == FIRST_POLL)
		sqe->ioprio = IORING_RECVSEND_POLL_FIRST;
	if (way->by == BY_WORKER)
		sqe->flags = IOSQE_ASYNC;
}

struct progress {
	struct result *results;
	bool done[SLOTS];
	unsigned int completions, notices;	/* notices are still due */
	const char *wrong;
};

static void reap(struct io_uring *ring, unsigned int n, struct progress *p)
{
	struct io_uring_cqe *cqe;

	while (!io_uring_peek_cqe(ring, &cqe)) {
		uint64_t i = cqe->user_data;

		if (cqe->flags & IORING_CQE_F_NOTIF) {
			p->notices--;
		} else if (i == HEAD) {
			p->wrong = reason("what a link waits for came to %d",
					  cqe->res);
		} else if (i >= n || p->done[i]) {
			p->wrong = reason("a second completion of send %u",
					  (unsigned int)i);
		} else {
			p->done[i] = true;
			p->results[i].res = cqe->res;
			p->completions++;
			p->notices += !!(cqe->flags & IORING_CQE_F_MORE);
		}
		io_uring_cqe_seen(ring, cqe);
	}
}

/* Take completions and what arrives until all are complete. NULL or what not */
static const char *collect(struct io_uring *ring, struct flow *flow,
			   unsigned int n, struct progress *p,
			   struct effect *effects)
{
	struct __kernel_timespec ms = { .tv_nsec = 1000 * 1000 };
	struct io_uring_cqe *cqe;
	unsigned int i;

	for (i = 0; i < WAIT_MS && !p->wrong; i++) {
		reap(ring, n, p);
		/* Room for those that wait, and notices, come of receiving */
		flow_take(flow, effects);
		if (p->completions == n && !p->notices)
			return NULL;
		io_uring_wait_cqe_timeout(ring, &cqe, &ms);
	}
	if (p->wrong)
		return p->wrong;
	return reason("%u of %u sends complete, %u notifications due, then none for 10 s",
		      p->completions, n, p->notices);
}

/* Sends in the list of polls that fdinfo shows */
static unsigned int polled(const struct io_uring *ring, enum opcode op)
{
	unsigned int found, n = 0;
	char path[64], line[128];
	bool list = false;
	FILE *info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", ring->ring_fd);
	info = fopen(path, "re");
	if (!info)
		return 0;
	while (fgets(line, sizeof(line), info)) {
		if (!strncmp(line, "PollList:", 9))
			list = true;
		else if (list && sscanf(line, " op=%u,", &found) == 1 &&
			 found == (op == OP_SENDMSG ? IORING_OP_SENDMSG :
						   IORING_OP_SENDMSG_ZC))
			n++;
	}
	fclose(info);
	return n;
}

/*
 * Which of the requests wait for room. All of them have been issued when
 * io_uring_submit() is back, but not those behind a link and those of workers:
 * look until each is complete or polls. One that polled in vain too often, as a
 * socket with timestamps in its error queue is always ready, is left to a
 * worker that blocks in the send: after a while it is taken for one that waits.
 */
static const char *count_waiting(struct io_uring *ring, const struct way *way,
				 const struct batch *batch, struct progress *p)
{
	const struct timespec ms = { .tv_nsec = 1000 * 1000 };
	struct counts *c = &counts[batch->kind];
	unsigned int i, waiting, seen;

	for (i = 0; ; i++) {
		if (way->defer || way->by == LINKED)
			io_uring_get_events(ring);
		reap(ring, batch->n, p);
		waiting = batch->n - p->completions;
		seen = waiting;
		if (waiting && (way->by == LINKED || way->by == BY_WORKER))
			seen = polled(ring, way->op);
		if (seen == waiting || i == ISSUE_MS)
			break;
		nanosleep(&ms, NULL);
	}
	for (i = 0; i < batch->n; i++)
		p->results[i].waited = !p->done[i];
	if (counting)
		c->waited += waiting;
	if (counting && way->by != FIRST_POLL)
		c->retried += seen < waiting ? seen : waiting;
	return p->wrong;
}

static void start_linked(void)
{
	const uint64_t one = 1;

	if (write(starter, &one, sizeof(one)) < 0)
		perror("fuzz: eventfd");
}

static void stop_linked(void)
{
	uint64_t value;

	if (read(starter, &value, sizeof(value)) < 0)
		perror("fuzz: eventfd");
}

static const char *round_trip(const struct batch *batch, const struct way *way,
			      struct flow *flow, struct progress *p,
			      struct effect *effects)
{
	struct io_uring *ring = &rings[way->defer];
	const char *wrong = way->wait ? flow_fill(flow) : NULL;
	unsigned int i;

	if (wrong)
		return wrong;
	for (i = 0; i < batch->n; i++) {
		prepare(flow, i, &batch->buffers[i]);
		add(ring, flow, i, way);
	}
	wrong = ring_submit(ring);
	if (wrong)
		return wrong;
	for (i = 0; i < batch->n; i++) {
		if (!way->keep)
			overwrite(i, &batch->buffers[i], &batch->later[i]);
		scribble(i);
	}
	if (way->by == LINKED)
		start_linked();
	if (way->wait)
		wrong = count_waiting(ring, way, batch, p) ?: flow_free(flow);
	wrong = wrong ?: collect(ring, flow, batch->n, p, effects);
	if (way->by == LINKED)
		stop_linked();
	return wrong;
}

/* After something went wrong: a new ring, so that none comes late */
static const char *renew(struct flow *flow, bool defer)
{
	give_up(flow);
	io_uring_queue_exit(&rings[defer]);
	return ring_init(&rings[defer], defer ? HOW_POLL_FIRST : HOW_RETRY);
}

const char *by_ring(const struct batch *batch, const struct way *way,
		    struct result *results)
{
	struct progress progress = { .results = results };
	struct effect effects[SLOTS + 1] = { };
	struct flow *flow;
	const char *wrong;
	unsigned int i;

	wrong = flow_of(batch->kind, way->wait, batch->len, &flow);
	if (wrong)
		return wrong;
	/* Nothing that is still under way may count */
	flow_take(flow, effects);
	memset(effects, 0, sizeof(effects));
	for (i = 0; i < batch->n; i++)
		results[i] = (struct result) { .res = -ETIME };
	if (counting) {
		counts[batch->kind].sends += batch->n;
		sends[way->op][way->by][way->wait] += batch->n;
	}
	flow_tell(RING);
	wrong = round_trip(batch, way, flow, &progress, effects) ?:
		settle(flow, effects, batch->n, results);
	if (wrong) {
		/* The results say it, too: -ETIME where there is none */
		fprintf(stderr, "fuzz: %s, %s: %s\n",
			traits[batch->kind].name, way_name(way), wrong);
		wrong = renew(flow, way->defer);
	}
	flow_tell(NOBODY);
	for (i = 0; i < batch->n; i++)
		results[i].effect = effects[i];
	return wrong;
}

/* -- comparison ----------------------------------------------------------- */

static bool by_design(enum kind kind, const struct way *way,
		      const struct result *got)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(designs); i++)
		if (designs[i].applies(kind, way) &&
		    got->res == designs[i].res && !got->effect.pieces &&
		    !got->effect.stamps)
			return true;
	return false;
}

static bool has_message(const struct buffer *buf, int level, int type)
{
	struct cmsghdr header;
	unsigned int n;
	size_t at, len;

	for (n = 0; buffer_message(buf, n, &at, &len); n++) {
		memcpy(&header, buf->bytes + at, sizeof(header));
		if (header.cmsg_level == level && header.cmsg_type == type)
			return true;
	}
	return false;
}

bool case_differs(enum kind kind, const struct way *way,
		  const struct buffer *buf, const struct result *want,
		  const struct result *got)
{
	struct result seen = *got;

	if (faulty && way->by == LINKED && got->res >= 0 &&
	    has_message(buf, FAULTY_LEVEL, FAULTY_TYPE))
		seen.res = -EINVAL;
	if (seen.res == want->res &&
	    !memcmp(&seen.effect, &want->effect, sizeof(seen.effect)))
		return false;
	return !by_design(kind, way, &seen);
}
