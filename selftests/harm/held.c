// SPDX-License-Identifier: GPL-2.0
/*
 * A request that waits must not hold memory for control that will be refused:
 * sends with 4 MiB of control, more than any net.core.optmem_max, wait behind a
 * link. Free memory must not shrink, and each send then ends as sendmsg(2) does.
 *
 * Needs no privileges, but a machine on which nothing else runs: a guest.
 * Exit codes: 0 nothing was held, 1 it was or a send ended otherwise, 3 could
 * not run. 60 sends of 4 MiB would hold 240 MiB.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <unistd.h>
#include <liburing.h>

#define SENDS		60
#define CONTROL		(4 << 20)
#define HELD_MAX	(16 << 20)	/* what the rest of the kernel may take meanwhile */
#define ENDS		(sizeof(void *) == 8 ? -ENOBUFS : -ENOMEM)

static long long free_bytes(void)
{
	struct sysinfo info;

	return sysinfo(&info) ? -1 : (long long)info.freeram * info.mem_unit;
}

static int could_not(const char *what)
{
	perror(what);
	return 3;
}

static int try(const char *name, int zc, int fd, const struct msghdr *msg)
{
	int trigger[2], bad = 0, i;
	long long before, held;
	struct io_uring_cqe *cqe;
	struct io_uring_sqe *sqe;
	struct io_uring ring;

	if (pipe(trigger) || io_uring_queue_init(2 * SENDS, &ring, 0))
		return could_not("ring");
	before = free_bytes();
	for (i = 0; i < SENDS; i++) {
		sqe = io_uring_get_sqe(&ring);
		io_uring_prep_poll_add(sqe, trigger[0], POLLIN);
		sqe->flags |= IOSQE_IO_LINK;
		sqe = io_uring_get_sqe(&ring);
		if (zc)
			io_uring_prep_sendmsg_zc(sqe, fd, msg, 0);
		else
			io_uring_prep_sendmsg(sqe, fd, msg, 0);
		sqe->user_data = 1;
	}
	if (io_uring_submit(&ring) != 2 * SENDS)
		return could_not("io_uring_submit");
	held = before - free_bytes();
	if (write(trigger[1], "", 1) != 1)
		return could_not("write");
	for (i = 0; i < 2 * SENDS; i++) {
		if (io_uring_wait_cqe(&ring, &cqe))
			return could_not("io_uring_wait_cqe");
		if (cqe->user_data && cqe->res != ENDS && !bad++)
			printf("held: %s: ended with %d instead of %d\n", name,
			       cqe->res, ENDS);
		io_uring_cqe_seen(&ring, cqe);
	}
	io_uring_queue_exit(&ring);
	close(trigger[0]);
	close(trigger[1]);
	printf("held: %s, %d sends wait with %d KiB of control each: %lld KiB held\n",
	       name, SENDS, CONTROL >> 10, held >> 10);
	return bad || held > HELD_MAX;
}

int main(void)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(9),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct iovec iov = { .iov_base = "x", .iov_len = 1 };
	struct msghdr msg = {
		.msg_name = &to,
		.msg_namelen = sizeof(to),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = calloc(1, CONTROL),
		.msg_controllen = CONTROL,
	};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	int ret;

	if (fd < 0 || !msg.msg_control)
		return could_not("socket");
	/* well formed, since in 32 bit that is looked at first */
	CMSG_FIRSTHDR(&msg)->cmsg_len = CONTROL;
	CMSG_FIRSTHDR(&msg)->cmsg_level = SOL_SOCKET;
	ret = try("sendmsg", 0, fd, &msg);
	return ret == 3 ? ret : ret | try("sendmsg_zc", 1, fd, &msg);
}
