// SPDX-License-Identifier: GPL-2.0
/*
 * blocked COMMAND: runs a command of the shell while sends of this process block
 * in workers of io_uring, inside of __sys_sendmsg_sock().
 *
 * Datagrams with SCM_CREDENTIALS go to a full AF_UNIX socket by IOSQE_ASYNC, from
 * a socket that is not connected: poll() says that there is room, so that io_uring
 * issues each a second time and lets it block. The command runs when each worker
 * sleeps there (/proc/self/task/N/wchan). Then the receiver is emptied: each
 * datagram has to arrive once, whole and with its credentials, and each request
 * has to complete with its length.
 *
 * For live/cure, which is loaded or taken out by the command. Needs: root.
 * Exit code: 0 as it should be, 1 not, or the command failed, 3 cannot run here.
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <liburing.h>

#define SENDS		8
#define SIZE		8		/* of a datagram */
#define PATIENCE	120000		/* ms; debug kernels are slow */
#define STEP		20000		/* us */
#define PLACE		"unix_"		/* unix_wait_for_peer(), or what it is inlined into */

static struct out {
	struct msghdr msg;
	struct iovec iov;
	char data[SIZE];
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(struct ucred))];
	} control;
} outs[SENDS];

static int could_not(const char *what)
{
	perror(what);
	return 3;
}

static int wrong(const char *what, int number)
{
	printf("blocked: %s: %d\n", what, number);
	return 1;
}

/* A receiver without room, and a sender that is not connected to it */
static int full_pair(int *in, int *out, struct sockaddr_un *to, socklen_t *len)
{
	int on = 1;

	*in = socket(AF_UNIX, SOCK_DGRAM, 0);
	*out = socket(AF_UNIX, SOCK_DGRAM, 0);
	*to = (struct sockaddr_un) { .sun_family = AF_UNIX };
	*len = sizeof(*to);
	if (*in < 0 || *out < 0 || bind(*in, (void *)to, sizeof(sa_family_t)) ||
	    getsockname(*in, (void *)to, len) ||
	    setsockopt(*in, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)))
		return -1;
	while (sendto(*out, "f", 1, MSG_DONTWAIT, (void *)to, *len) == 1)
		;
	return errno == EAGAIN ? 0 : -1;
}

static void fill(struct out *out, int number, struct sockaddr_un *to, socklen_t len)
{
	struct ucred own = { .pid = getpid(), .uid = getuid(), .gid = getgid() };
	struct cmsghdr *cmsg = &out->control.head;

	snprintf(out->data, SIZE, "send %d", number);
	out->iov = (struct iovec) { .iov_base = out->data, .iov_len = SIZE };
	out->msg = (struct msghdr) {
		.msg_name = to, .msg_namelen = len, .msg_iov = &out->iov, .msg_iovlen = 1,
		.msg_control = &out->control, .msg_controllen = sizeof(out->control.room),
	};
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_CREDENTIALS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(own));
	memcpy(CMSG_DATA(cmsg), &own, sizeof(own));
}

/* How many threads of this process sleep where a send waits for room */
static int asleep(void)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *task;
	int found = 0;

	while (tasks && (task = readdir(tasks))) {
		char path[300], place[80] = "";
		FILE *file;

		snprintf(path, sizeof(path), "/proc/self/task/%s/wchan", task->d_name);
		file = fopen(path, "r");
		if (file && fgets(place, sizeof(place), file) &&
		    !strncmp(place, PLACE, strlen(PLACE)))
			found++;
		if (file)
			fclose(file);
	}
	if (tasks)
		closedir(tasks);
	return found;
}

/* Gives 0 when all have arrived, each as it was sent */
static int receive(int in)
{
	int seen[SENDS] = { 0 }, got = 0, number;
	struct pollfd ready = { .fd = in, .events = POLLIN };

	while (got < SENDS) {
		char data[SIZE + 1] = "", control[CMSG_SPACE(sizeof(struct ucred))];
		struct iovec iov = { .iov_base = data, .iov_len = SIZE };
		struct msghdr msg = {
			.msg_iov = &iov, .msg_iovlen = 1,
			.msg_control = control, .msg_controllen = sizeof(control),
		};
		struct ucred from;
		ssize_t size;

		if (poll(&ready, 1, PATIENCE) != 1)
			return wrong("datagrams that arrived", got);
		size = recvmsg(in, &msg, 0);
		if (size == 1 && data[0] == 'f')
			continue;
		if (size != SIZE || sscanf(data, "send %d", &number) != 1 || number < 0 ||
		    number >= SENDS || seen[number]++)
			return wrong("a datagram that was not sent, bytes of it", size);
		if (!CMSG_FIRSTHDR(&msg))
			return wrong("no credentials", number);
		memcpy(&from, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(from));
		if (from.pid != getpid())
			return wrong("credentials with pid", from.pid);
		got++;
	}
	return 0;
}

static int complete(struct io_uring *ring)
{
	struct __kernel_timespec limit = { .tv_sec = PATIENCE / 1000 };
	struct io_uring_cqe *cqe;
	int i;

	for (i = 0; i < SENDS; i++) {
		if (io_uring_wait_cqe_timeout(ring, &cqe, &limit))
			return wrong("completions", i);
		if (cqe->res != SIZE)
			return wrong("result of a send", cqe->res);
		io_uring_cqe_seen(ring, cqe);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct io_uring ring;
	struct sockaddr_un to;
	int in, out, i, said;
	socklen_t len;

	if (argc != 2)
		return could_not("blocked COMMAND");
	if (full_pair(&in, &out, &to, &len))
		return could_not("a full socket");
	if (io_uring_queue_init(2 * SENDS, &ring, 0))
		return could_not("io_uring");
	for (i = 0; i < SENDS; i++) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

		fill(&outs[i], i, &to, len);
		io_uring_prep_sendmsg(sqe, out, &outs[i].msg, 0);
		sqe->flags |= IOSQE_ASYNC;
	}
	if (io_uring_submit(&ring) != SENDS)
		return could_not("submit");
	for (i = 0; asleep() < SENDS; i++) {
		if (i > PATIENCE * 1000 / STEP)
			return could_not("not all sends block");
		usleep(STEP);
	}
	printf("blocked: %d sends block in the kernel: %s\n", SENDS, argv[1]);
	fflush(stdout);
	said = system(argv[1]);
	if (said)
		return wrong("status of the command", said);
	if (asleep() != SENDS)
		return wrong("sends that still block", asleep());
	if (receive(in) || complete(&ring))
		return 1;
	printf("blocked: each went on, once and whole\n");
	return 0;
}
