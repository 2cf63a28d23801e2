// SPDX-License-Identifier: GPL-2.0
/*
 * What becomes of a send through io_uring when the kernel runs out of memory,
 * or cannot copy from user memory, at one point of it.
 *
 * For each of {sendmsg, sendmsg_zc} x {small, middle, large control} x course
 * it lets the first such point fail (/proc/thread-self/fail-nth), the next time the
 * second one, and so on until a send comes through without any. Courses:
 *  straight     issued at once
 *  poll-first   IORING_RECVSEND_POLL_FIRST
 *  link         behind a poll for something that has not happened yet
 *  worker       issued by io-wq; only what is done before counts
 *  full         the socket is full, so it is issued again after POLLOUT
 *  worker-full  the same, first issued by io-wq
 *  cancelled    the same as full, but cancelled while it waits
 *
 * Proved each time: io_uring_enter(2) fails and a second try works, or the
 * send completes, once, in full or with an errno that fits; with the data not
 * mangled; and the next send through the same ring is delivered as it should be.
 *
 *	fault nth	fail one point after the other; prints for each
 *			  fault: 64 sendmsg large full 7 ENOBUFS
 *			and in the end how many there are:
 *			  fault: 64 sendmsg large full of 19
 *			The first of these lines goes to /dev/kmsg, too, ahead
 *			of what the kernel says of it.
 *	fault rest	fail nothing: the same sends, a few times each
 *
 * More words choose from these, such as: fault nth large full
 *
 * Needs: root; a kernel with CONFIG_FAULT_INJECTION, FAILSLAB and
 * FAULT_INJECTION_USERCOPY, set in debugfs not to leave out any allocation
 * (scripts/kit/harm/fault.py). "rest" needs none of these.
 * Exit code: 0 as it should be, 1 not so, 2 wrong use, 3 cannot be tried here.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "network.h"
#include "report.h"
#include "ring.h"

#define FAIL_NTH	"/proc/thread-self/fail-nth"
#define MOST_POINTS	1000
#define REST_ROUNDS	3
#define PATIENCE	60	/* seconds for one send, before it counts as lost */
#define QUIET_MS	20	/* without a sign, and nothing more is coming */
#define TOS		2	/* as the ECN that datagram.c asks for */
#define LARGE		256	/* the most that control has, in bytes */

enum fate { CLEAN, WRONG, UNABLE };

static const struct course {
	const char *name;
	enum how how;
	bool full;
	bool cancelled;
} courses[] = {
	{ .name = "straight", .how = HOW_RETRY },
	{ .name = "poll-first", .how = HOW_POLL_FIRST },
	{ .name = "link", .how = HOW_LINK },
	{ .name = "worker", .how = HOW_ASYNC },
	{ .name = "full", .how = HOW_RETRY, .full = true },
	{ .name = "worker-full", .how = HOW_ASYNC, .full = true },
	{ .name = "cancelled", .how = HOW_RETRY, .full = true, .cancelled = true },
};

/*
 * By what the series needs for the control: its place in the request will do,
 * it is just past that, or well past it, which is what a mutant is tried with.
 * What is past it has memory of its own.
 */
static const struct size {
	const char *name;
	size_t bytes;		/* at most, 0: just UDP_SEGMENT */
} sizes[] = {
	{ .name = "small" },
	{ .name = "middle", .bytes = CONTROL_ROOM },
	{ .name = "large", .bytes = LARGE },
};

struct way {
	enum opcode op;
	const struct size *size;
	const struct course *course;
	char name[80];
	struct run run;
	union {
		size_t align;	/* as a cmsghdr is */
		char control[LARGE];
	};
	char came[32];		/* of the last send, for the report */
};

static int nth = -1, kmsg = -1;

/* From now on the n-th point that this thread comes to fails; 0: none does */
static bool fault_set(unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);
	int i;

	/* The copy of this text is itself such a point, if one is left */
	for (i = 0; i < 3; i++)
		if (nth < 0 || pwrite(nth, text, len, 0) == len)
			return true;
	return false;
}

/* Stop that: how many points were left to go, 0 when it has struck */
static unsigned int fault_stop(void)
{
	char text[16] = "";
	unsigned int left;

	if (nth < 0)
		return 1;
	/* Fails if it would be the next one to be struck */
	left = pread(nth, text, sizeof(text) - 1, 0) < 0 ? 1 :
	       strtoul(text, NULL, 10);
	return fault_set(0) ? left : 0;
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

static void pack(struct way *way)
{
	struct message *p = &way->run.messages[0];
	const int tos = TOS;

	run_pack(&way->run, 1, way->size->bytes ? CTL_QUIC : CTL_SEGMENT);
	p->msg.msg_control = memcpy(way->control, p->buf, p->msg.msg_controllen);
	p->buf = way->control;
	while (p->msg.msg_controllen + CMSG_SPACE(sizeof(tos)) <= way->size->bytes)
		message_add_control(p, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
}

static void queue(struct way *way, enum how how)
{
	struct run *run = &way->run;
	struct io_uring_sqe *sqe;

	if (how == HOW_LINK) {
		sqe = io_uring_get_sqe(&run->ring);
		io_uring_prep_poll_add(sqe, run->trigger[0], POLLIN);
		sqe->user_data = NOT_A_SEND;
		sqe->flags |= IOSQE_IO_LINK;
	}
	ring_send(&run->ring, run->op, how, &run->pair, run->messages, 0);
}

/* Submit what is queued. A call that fails must be good for another one */
static const char *submit(struct way *way, unsigned int *left)
{
	struct io_uring *ring = &way->run.ring;
	unsigned int ready = io_uring_sq_ready(ring);
	int ret;

	fault_set(*left);
	ret = io_uring_submit(ring);
	*left = fault_stop();
	if (ret == (int)ready)
		return NULL;
	snprintf(way->came, sizeof(way->came), "enter-%s",
		 ret < 0 ? errno_name(-ret) : "short");
	if (*left)
		return reason("io_uring_submit() took %d of %u requests", ret,
			      ready);
	return ring_submit(ring);
}

/* Do what is pending and wait for a completion, with faults */
static const char *await(struct way *way, unsigned int *left)
{
	struct __kernel_timespec ts = { .tv_sec = WAIT_MS / 1000 };
	struct io_uring_cqe *cqe;
	int ret;

	fault_set(*left);
	ret = io_uring_wait_cqe_timeout(&way->run.ring, &cqe, &ts);
	*left = fault_stop();
	if (!ret || !*left)
		return NULL;
	return reason("waiting for a completion: %s", errno_name(-ret));
}

static const char *cancel(struct way *way, unsigned int *left)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&way->run.ring);

	io_uring_prep_cancel64(sqe, 0, 0);
	sqe->user_data = NOT_A_SEND;
	return submit(way, left);
}

/* From submit to the last completion; *left: points to go until one fails */
static const char *go(struct way *way, unsigned int *left)
{
	const struct course *course = way->course;
	struct run *run = &way->run;
	const char *wrong;

	if (course->full) {
		wrong = qdisc_hold() ?: pair_fill(&run->pair);
		if (wrong)
			return wrong;
	}
	pack(way);
	queue(way, course->how);
	wrong = submit(way, left);
	/* One that cannot wait for POLLOUT now is left to io-wq, unseen */
	if (!wrong && course->full && *left)
		wrong = ring_await(&run->ring, run->op, 1, 1);
	if (!wrong && *left && course->cancelled)
		wrong = cancel(way, left);
	if (!wrong && course->how == HOW_LINK &&
	    write(run->trigger[1], "", 1) != 1)
		wrong = reason("cannot write to a pipe: %s", errno_name(errno));
	if (!wrong && course->full && !course->cancelled)
		wrong = qdisc_release();
	if (!wrong && *left)
		wrong = await(way, left);
	/* A cancellation that has failed lets the send wait on */
	if (!wrong && course->cancelled)
		wrong = qdisc_release();
	return wrong ?: ring_collect(&run->ring, run->done, 1);
}

/* Empty it for the next time, whether the poll has seen it or not */
static void empty_trigger(struct run *run)
{
	char byte;

	fcntl(run->trigger[0], F_SETFL, O_NONBLOCK);
	while (read(run->trigger[0], &byte, 1) > 0)
		;
}

/* Whether a failed point may lead to this */
static bool fits(int err)
{
	return err == ENOMEM || err == ENOBUFS || err == EFAULT ||
	       err == EAGAIN || err == ECANCELED;
}

/*
 * A sendmsg_zc that fails before its turn in a link leaves a notification that
 * its completion has not announced: kernels do so, with the series or without.
 */
static void take_unannounced(struct way *way)
{
	struct __kernel_timespec ts = { .tv_nsec = QUIET_MS * 1000000 };
	struct io_uring *ring = &way->run.ring;
	struct io_uring_cqe *cqe;

	if (way->course->how == HOW_LINK && way->run.done[0].res < 0 &&
	    !io_uring_wait_cqe_timeout(ring, &cqe, &ts) &&
	    cqe->flags & IORING_CQE_F_NOTIF)
		io_uring_cqe_seen(ring, cqe);
}

static const char *judge_faulty(struct way *way)
{
	int res = way->run.done[0].res;

	if (res < 0 && !way->came[0])
		snprintf(way->came, sizeof(way->came), "%s", errno_name(-res));
	if (res < 0)
		return fits(-res) ? NULL : reason("completed with -%s",
						  errno_name(-res));
	if (!way->came[0])
		snprintf(way->came, sizeof(way->came), "sent");
	/* Datagrams may be lost behind the socket, in the queue or on lo */
	return done_judge(way->run.done, way->run.messages, 1);
}

static const char *judge_clean(struct way *way)
{
	struct run *run = &way->run;

	if (way->course->cancelled)
		return run->done[0].res == -ECANCELED ? NULL :
		       reason("cancelled, but completed with %d",
			      run->done[0].res);
	return run_judge(run);
}

/* The same kind of send, through the same ring, without anything in its way */
static const char *again(struct way *way)
{
	struct run *run = &way->run;
	const char *wrong;

	pack(way);
	queue(way, HOW_RETRY);
	wrong = ring_submit(&run->ring) ?:
		ring_collect(&run->ring, run->done, 1) ?: run_judge(run);
	return wrong ? reason("the next send: %s", strdup(wrong)) : NULL;
}

/* Ahead of what the kernel will say. Not by dprintf(), which wants to seek */
static void announce(const struct way *way, unsigned int n)
{
	char text[sizeof(way->name) + 32];
	int len = snprintf(text, sizeof(text), "fault: %s %u\n", way->name, n);

	if (kmsg >= 0 && write(kmsg, text, len) != len)
		perror("fault: /dev/kmsg");
}

/* One send in which the n-th point fails; *struck: there was an n-th one */
static const char *attempt(struct way *way, unsigned int n, bool *struck)
{
	struct run *run = &way->run;
	unsigned int left = n;
	const char *wrong;

	alarm(PATIENCE);
	way->came[0] = '\0';
	wrong = ring_init(&run->ring, HOW_DEFER);
	if (wrong)
		return wrong;
	announce(way, n);
	wrong = go(way, &left);
	*struck = !left;
	if (!wrong)
		wrong = *struck ? judge_faulty(way) : judge_clean(way);
	take_unannounced(way);
	empty_trigger(run);
	wrong = wrong ?: settle(run) ?: again(way) ?: settle(run);
	io_uring_queue_exit(&run->ring);
	return wrong;
}

static enum fate each_point(struct way *way)
{
	bool struck = true;
	const char *wrong;
	unsigned int n;

	for (n = 1; n < MOST_POINTS && struck; n++) {
		wrong = attempt(way, n, &struck);
		if (wrong) {
			printf("fault: %s %u WRONG %s\n", way->name, n, wrong);
			return WRONG;
		}
		if (struck)
			printf("fault: %s %u %s\n", way->name, n, way->came);
	}
	if (struck) {
		printf("fault: %s WRONG more than %d points\n", way->name, n);
		return WRONG;
	}
	printf("fault: %s of %u\n", way->name, n - 2);
	return CLEAN;
}

static enum fate undisturbed(struct way *way)
{
	const char *wrong;
	bool struck;
	int i;

	for (i = 0; i < REST_ROUNDS; i++) {
		wrong = attempt(way, 0, &struck);
		if (wrong) {
			printf("fault: %s rest WRONG %s\n", way->name, wrong);
			return WRONG;
		}
	}
	printf("fault: %s rest\n", way->name);
	return CLEAN;
}

static enum fate walk(struct way *way, bool inject)
{
	const char *why;

	why = run_open(&way->run, FAM_UDP4, way->op, HOW_DEFER, way->course->full);
	if (why) {
		printf("fault: %s: %s\n", way->name, why);
		return UNABLE;
	}
	io_uring_queue_exit(&way->run.ring);
	if (inject)
		nth = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	if (inject && nth < 0) {
		printf("fault: no " FAIL_NTH ": build the kernel with CONFIG_FAULT_INJECTION\n");
		return UNABLE;
	}
	return inject ? each_point(way) : undisturbed(way);
}

/* In a process of its own, and so in a network namespace of its own */
static enum fate walk_apart(struct way *way, bool inject)
{
	enum fate fate;
	pid_t child;
	int status;

	fflush(stdout);
	child = fork();
	if (!child) {
		fate = walk(way, inject);
		fflush(stdout);
		_exit(fate);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return UNABLE;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	printf("fault: %s WRONG killed by signal %d\n", way->name,
	       WTERMSIG(status));
	return WRONG;
}

/* Whether each of the words is one of the name */
static bool chosen(const char *name, char **words)
{
	const char *at;
	size_t len;

	for (; *words; words++) {
		len = strlen(*words);
		for (at = name; (at = strstr(at, *words)); at++)
			if ((at == name || at[-1] == ' ') &&
			    (!at[len] || at[len] == ' '))
				break;
		if (!at)
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	static const int exits[] = { [CLEAN] = 0, [WRONG] = 1, [UNABLE] = 3 };
	enum fate worst = CLEAN, fate;
	static struct way way;
	unsigned int i, n = 0;
	bool inject;

	inject = argc >= 2 && !strcmp(argv[1], "nth");
	if (argc < 2 || (!inject && strcmp(argv[1], "rest")))
		goto usage;
	if (inject)
		kmsg = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	for (i = 0; i < 2 * ARRAY_SIZE(sizes) * ARRAY_SIZE(courses); i++) {
		way.op = i & 1 ? OP_ZC : OP_SENDMSG;
		way.size = &sizes[i / 2 % ARRAY_SIZE(sizes)];
		way.course = &courses[i / 2 / ARRAY_SIZE(sizes)];
		snprintf(way.name, sizeof(way.name), "%zu %s %s %s",
			 8 * sizeof(long), opcode_name(way.op),
			 way.size->name, way.course->name);
		if (!chosen(way.name, argv + 2))
			continue;
		n++;
		fate = walk_apart(&way, inject);
		if (fate > worst)
			worst = fate;
	}
	if (n)
		return exits[worst];
usage:
	fprintf(stderr, "usage: fault nth|rest [small|middle|large] [OPCODE] [COURSE]\n");
	return 2;
}
