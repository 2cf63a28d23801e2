// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "receiver.h"

uint8_t payload_byte(unsigned int id, size_t at)
{
	uint32_t word = id << 16 | (uint32_t)(at / 4);

	return word >> (8 * (3 - at % 4));
}

bool address(struct sockaddr_storage *ss, socklen_t *len, bool v6,
	     const char *text)
{
	struct sockaddr_in6 *sin6 = (void *)ss;
	struct sockaddr_in *sin = (void *)ss;

	memset(ss, 0, sizeof(*ss));
	if (v6) {
		sin6->sin6_family = AF_INET6;
		*len = sizeof(*sin6);
		return inet_pton(AF_INET6, text, &sin6->sin6_addr) == 1;
	}
	sin->sin_family = AF_INET;
	*len = sizeof(*sin);
	return inet_pton(AF_INET, text, &sin->sin_addr) == 1;
}

int receiver_open(struct sockaddr_storage *at, socklen_t len)
{
	bool v6 = at->ss_family == AF_INET6;
	const int on = 1, big = 4 << 20;
	int fd;

	fd = socket(at->ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (bind(fd, (void *)at, len) || getsockname(fd, (void *)at, &len)) {
		close(fd);
		return -1;
	}
	if (v6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof(on));
	else
		setsockopt(fd, IPPROTO_IP, IP_RECVTOS, &on, sizeof(on));
	/* A whole train of segments has to fit: beyond the limit where allowed */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof(big)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &big, sizeof(big));
	return fd;
}

static void look_at(struct datagram *d, const uint8_t *data)
{
	size_t i;

	d->id = data[0] << 8 | data[1];
	/* A piece that does not begin with a whole word shows by its content */
	d->at = 4 * (data[2] << 8 | data[3]);
	d->wrong = -1;
	for (i = 0; i < d->len && d->wrong < 0; i++)
		if (data[i] != payload_byte(d->id, d->at + i))
			d->wrong = d->at + i;
}

int receiver_take(int fd, struct datagram *d, int ms)
{
	char control[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(64)];
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	static uint8_t data[LARGEST];
	struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) };
	struct msghdr msg;
	struct cmsghdr *cmsg;
	ssize_t len;
	int ret;

	do {
		memset(data, 0, sizeof(uint32_t));
		ret = poll(&pfd, 1, ms);
		if (ret <= 0)
			return ret;
		msg = (struct msghdr) {
			.msg_name = &d->from, .msg_namelen = sizeof(d->from),
			.msg_iov = &iov, .msg_iovlen = 1,
			.msg_control = control, .msg_controllen = sizeof(control),
		};
		len = recvmsg(fd, &msg, MSG_DONTWAIT);
		if (len < 0)
			return -1;
		d->len = len;
		look_at(d, data);
	} while (len >= 4 && d->id == UNHEARD_ID);

	d->ecn = 0;
	for (cmsg = CMSG_FIRSTHDR(&msg); cmsg; cmsg = CMSG_NXTHDR(&msg, cmsg)) {
		/* IP_TOS comes as one byte, IPV6_TCLASS as an int */
		if (cmsg->cmsg_level == IPPROTO_IP &&
		    cmsg->cmsg_type == IP_TOS)
			d->ecn = *(uint8_t *)CMSG_DATA(cmsg) & 3;
		else if (cmsg->cmsg_level == IPPROTO_IPV6 &&
			 cmsg->cmsg_type == IPV6_TCLASS)
			d->ecn = *(int *)CMSG_DATA(cmsg) & 3;
	}
	return 1;
}
