// SPDX-License-Identifier: GPL-2.0
/* Rows about AF_UNIX and netlink: files, identities, names, full receivers */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <linux/sockios.h>

#include "errors.h"

#define PART	100

/* A message that passes a file, behind a link */
static int passed;

static void close_it(void *arg)
{
	close(*(int *)arg);
}

static void other_file(void *arg)
{
	dup2(STDERR_FILENO, *(int *)arg);
}

/* Whether what is passed is the same file as fd */
static bool same_file(int from, int fd)
{
	union {
		struct cmsghdr cmsg;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	char data[LEN];
	struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	struct stat meant, came;
	int got;

	if (recvmsg(from, &msg, 0) < 0 || !msg.msg_controllen)
		broken("no file was passed");
	memcpy(&got, CMSG_DATA(&control.cmsg), sizeof(got));
	if (fstat(got, &came) || fstat(fd, &meant))
		broken("fstat: %s", strerror(errno));
	return came.st_ino == meant.st_ino && came.st_dev == meant.st_dev;
}

static void pass(void (*change)(void *arg), int pair[2])
{
	struct packet p;
	int fds[2];

	if (pipe(fds))
		broken("pipe: %s", strerror(errno));
	passed = dup(fds[0]);
	unix_pair(SOCK_DGRAM, pair);
	packet_make(&p, LEN, NULL, 0);
	packet_control(&p, SOL_SOCKET, SCM_RIGHTS, &passed, sizeof(passed));
	seen->call = call(pair[0], &p, 0);
	if (!same_file(pair[1], fds[0]))
		broken("sendmsg(2) passed another file");
	seen->ring = ring_late(pair[0], &p, 0, change, &passed);
	if (seen->ring == LEN && !same_file(pair[1], fds[0]))
		odd("another file arrives");
}

static void file_closed(void)
{
	int pair[2];

	pass(close_it, pair);
}

static void file_replaced(void)
{
	int pair[2];

	pass(other_file, pair);
}

/* A full receiver that is emptied while the sender waits */
struct full {
	int tx, rx;
	struct packet p;
	int last;		/* length of the last message that came */
};

static int send_full(void *arg)
{
	struct full *full = arg;

	return call(full->tx, &full->p, 0);
}

static void empty(void *arg)
{
	struct full *full = arg;
	char data[LEN];
	int ret;

	while ((ret = recv(full->rx, data, sizeof(data), MSG_DONTWAIT)) >= 0)
		full->last = ret;
}

static void eaten(struct full *full)
{
	fill(full->tx, &full->p);
	seen->call = call_blocked(send_full, empty, full);
	empty(full);
	fill(full->tx, &full->p);
	io_uring_prep_sendmsg(ring_sqe(), full->tx, &full->p.msg, 0);
	ring_submit();
	empty(full);
	seen->ring = ring_cqe(NULL, NULL);
	empty(full);
	if (seen->ring >= 0 && full->last != LEN)
		odd("a message of %d bytes arrives, asked for: %d",
		    full->last, LEN);
}

/* Not a socketpair: two that send to each other never count as full */
static void one_way(int pair[2])
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(at);

	pair[0] = socket(AF_UNIX, SOCK_DGRAM, 0);
	pair[1] = socket(AF_UNIX, SOCK_DGRAM, 0);
	if (bind(pair[1], (void *)&at, sizeof(at.sun_family)) ||
	    getsockname(pair[1], (void *)&at, &len) ||
	    connect(pair[0], (void *)&at, len))
		broken("AF_UNIX datagrams: %s", strerror(errno));
}

static void eaten_unix(void)
{
	struct full full = { };
	int pair[2];

	one_way(pair);
	full.tx = pair[0];
	full.rx = pair[1];
	packet_make(&full.p, LEN, NULL, 0);
	eaten(&full);
}

static void eaten_netlink(void)
{
	struct sockaddr_nl to = { .nl_family = AF_NETLINK };
	socklen_t len = sizeof(to);
	struct full full = { };

	full.tx = socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK);
	full.rx = socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK);
	if (full.tx < 0 || full.rx < 0 || bind(full.rx, (void *)&to, len) ||
	    getsockname(full.rx, (void *)&to, &len))
		broken("netlink sockets: %s", strerror(errno));
	packet_make(&full.p, LEN, &to, len);
	eaten(&full);
}

/* The pid in SCM_CREDENTIALS, the first control of a message with a file */
static int pid_of(const struct msghdr *msg)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);
	struct ucred cred;

	if (!cmsg || cmsg->cmsg_type != SCM_CREDENTIALS)
		return -1;
	memcpy(&cred, CMSG_DATA(cmsg), sizeof(cred));
	return cred.pid;
}

static void wrong_pid(void)
{
	char control[256], byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	const int file = STDERR_FILENO;
	struct packet p;
	int pair[2];

	unix_pair(SOCK_STREAM, pair);
	set(pair[1], SOL_SOCKET, SO_PASSCRED, 1);
	packet_make(&p, 1, NULL, 0);
	packet_control(&p, SOL_SOCKET, SCM_RIGHTS, &file, sizeof(file));
	call(pair[0], &p, 0);
	seen->call = called(recvmsg(pair[1], &msg, 0));
	if (pid_of(&msg) != getpid())
		broken("recvmsg(2) did not tell the pid");

	msg.msg_controllen = sizeof(control);
	io_uring_prep_recvmsg(ring_sqe(), pair[1], &msg, 0);
	ring_submit();
	call(pair[0], &p, 0);
	seen->ring = ring_cqe(NULL, NULL);
	if (pid_of(&msg) != getpid())
		odd("SCM_CREDENTIALS of pid %d instead of the sender's",
		    pid_of(&msg));
}

/* A stream from a socket that has a name */
static void named_pair(int pair[2])
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(at), unnamed = sizeof(at.sun_family);
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);

	pair[0] = socket(AF_UNIX, SOCK_STREAM, 0);
	if (bind(listener, (void *)&at, unnamed) || listen(listener, 1) ||
	    bind(pair[0], (void *)&at, unnamed) ||
	    getsockname(listener, (void *)&at, &len) ||
	    connect(pair[0], (void *)&at, len))
		broken("a named stream: %s", strerror(errno));
	pair[1] = accept(listener, NULL, NULL);
}

static void no_name(void)
{
	struct sockaddr_storage from;
	char data[2 * PART] = "";
	struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) };
	struct msghdr msg = {
		.msg_name = &from, .msg_namelen = sizeof(from),
		.msg_iov = &iov, .msg_iovlen = 1,
	};
	int pair[2], left = PART, want, i;

	named_pair(pair);
	send(pair[0], data, PART, 0);
	shutdown(pair[0], SHUT_WR);
	seen->call = called(recvmsg(pair[1], &msg, MSG_WAITALL));
	want = msg.msg_namelen;

	named_pair(pair);
	msg.msg_namelen = sizeof(from);
	io_uring_prep_recvmsg(ring_sqe(), pair[1], &msg, MSG_WAITALL);
	ring_submit();
	send(pair[0], data, PART, 0);
	for (i = 0; i < 1000000 && left; i++) {
		io_uring_get_events(ring_up());
		ioctl(pair[1], SIOCINQ, &left);
	}
	shutdown(pair[0], SHUT_WR);
	seen->ring = ring_cqe(NULL, NULL);
	if ((int)msg.msg_namelen != want)
		odd("msg_namelen %d, by recvmsg(2) %d", (int)msg.msg_namelen,
		    want);
}

static void records_merged(void)
{
	char data[2 * PART] = "";
	int pair[2];

	unix_pair(SOCK_SEQPACKET, pair);
	send(pair[0], data, PART, 0);
	seen->call = called(recv(pair[1], data, sizeof(data), MSG_WAITALL));
	send(pair[0], data, PART, 0);
	io_uring_prep_recv(ring_sqe(), pair[1], data, sizeof(data),
			   MSG_WAITALL);
	ring_submit();
	send(pair[0], data, PART, 0);
	seen->ring = ring_cqe(NULL, NULL);
}

const struct row local_rows[] = {
	{
		.name = "eaten_unix",
		.does = "an AF_UNIX datagram meets a receiver that is full",
		.road = "sendmsg",
		.ring = 0,
		.call = LEN,
		.silent = true,
		.defect = "eaten-data",
		.run = eaten_unix,
	}, {
		.name = "eaten_netlink",
		.does = "a netlink message meets a receiver that is full",
		.road = "sendmsg",
		.ring = -ENODATA,
		.call = LEN,
		.defect = "eaten-data",
		.run = eaten_netlink,
	}, {
		.name = "file_closed",
		.does = "SCM_RIGHTS: the descriptor is closed after submit, behind a link",
		.road = "sendmsg",
		.ring = -EBADF,
		.call = LEN,
		.defect = "late-file",
		.run = file_closed,
	}, {
		.name = "file_replaced",
		.does = "SCM_RIGHTS: the number gets another file after submit, behind a link",
		.road = "sendmsg",
		.ring = LEN,
		.call = LEN,
		.silent = true,
		.defect = "late-file",
		.run = file_replaced,
	}, {
		.name = "wrong_pid",
		.does = "SO_PASSCRED, submitted before anything has come; the sender passes a file",
		.road = "recvmsg",
		.ring = 1,
		.call = 1,
		.silent = true,
		.defect = "used-up-control",
		.run = wrong_pid,
	}, {
		.name = "no_name",
		.does = "AF_UNIX stream, MSG_WAITALL, a part and then the end",
		.road = "recvmsg",
		.ring = PART,
		.call = PART,
		.silent = true,
		.defect = "grown-name",
		.run = no_name,
	}, {
		.name = "records_merged",
		.does = "AF_UNIX seqpacket, MSG_WAITALL, two records of 100 bytes",
		.road = "recv",
		.ring = 2 * PART,
		.call = PART,
		.defect = "merged-records",
		.run = records_merged,
	},
	{ }
};
