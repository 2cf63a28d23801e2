// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <linux/errqueue.h>

#include "twin.h"

#define SMALL_BUFFER	65536	/* so that a MiB takes more than one issue */

const char *tcp_pair(int *sv)
{
	const int size = SMALL_BUFFER;
	struct sockaddr_storage to;
	socklen_t len;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	sv[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(sv[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	address(&to, &len, false, LO4_ADDR);
	if (bind(listener, (void *)&to, len) || listen(listener, 1) ||
	    getsockname(listener, (void *)&to, &len) ||
	    connect(sv[0], (void *)&to, len))
		return cannot("no TCP over lo", errno,
			      "build the kernel with CONFIG_INET");
	sv[1] = accept(listener, NULL, NULL);
	close(listener);
	return limit_time(sv[0]) ?: limit_time(sv[1]);
}

const char *call_drain(struct call *c, int rx, struct control_seen *seen,
		       struct story *story)
{
	static char buf[65536];
	bool wrong = false;
	int idle = 0;
	long at = 0;
	ssize_t len, i;

	while (!c->done || at < c->res) {
		char room[128];
		struct iovec iov = { .iov_base = buf, .iov_len = sizeof(buf) };
		struct msghdr msg = {
			.msg_iov = &iov, .msg_iovlen = 1,
			.msg_control = room, .msg_controllen = sizeof(room),
		};

		len = recvmsg(rx, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (len > 0 && seen)
			seen->take(seen, &msg, at, len);
		for (i = 0; i < len; i++, at++)
			wrong |= buf[i] != stream_byte(at);
		if (len > 0)
			continue;
		if (!len || errno != EAGAIN || ++idle > WAIT_MS)
			return reason("%ld bytes came, then no more", at);
		call_done(c);
	}
	tell(story, wrong ? " (%ld bytes, wrong)" : " (%ld bytes)", at);
	return NULL;
}

const char *tcp_acked(int fd)
{
	const char *wrong = socket_drain(fd);
	struct tcp_info info;
	socklen_t len = sizeof(info);

	/* Takes the socket's lock: the last ACK is done with */
	if (!wrong)
		getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len);
	return wrong;
}

long next_id(int fd, unsigned char origin)
{
	char control[256];
	const struct sock_extended_err *err;
	struct cmsghdr *cmsg;

	for (;;) {
		struct msghdr msg = {
			.msg_control = control,
			.msg_controllen = sizeof(control),
		};

		if (recvmsg(fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
			return -1;
		for (cmsg = CMSG_FIRSTHDR(&msg); cmsg;
		     cmsg = CMSG_NXTHDR(&msg, cmsg)) {
			err = (void *)CMSG_DATA(cmsg);
			if (cmsg->cmsg_level == SOL_IP &&
			    cmsg->cmsg_type == IP_RECVERR &&
			    err->ee_origin == origin)
				return err->ee_data;
		}
	}
}
