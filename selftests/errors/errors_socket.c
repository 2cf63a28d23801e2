// SPDX-License-Identifier: GPL-2.0
/* Messages, sockets, and a system call that blocks */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "errors.h"
#include "network.h"
#include "datagram.h"

void packet_make(struct packet *p, size_t len, const void *to, socklen_t tolen)
{
	size_t i;

	memset(p, 0, sizeof(*p));
	p->data = malloc(len);
	if (!p->data)
		broken("no memory");
	for (i = 0; i < len; i++)
		p->data[i] = stream_byte(i);
	p->iov = (struct iovec) { .iov_base = p->data, .iov_len = len };
	p->msg.msg_iov = &p->iov;
	p->msg.msg_iovlen = 1;
	if (tolen) {
		memcpy(&p->to, to, tolen);
		p->msg.msg_name = &p->to;
		p->msg.msg_namelen = tolen;
	}
}

void packet_control(struct packet *p, int level, int type, const void *data,
		    size_t len)
{
	struct cmsghdr *cmsg = (void *)(p->room + p->msg.msg_controllen);

	cmsg->cmsg_level = level;
	cmsg->cmsg_type = type;
	cmsg->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(cmsg), data, len);
	p->msg.msg_control = p->room;
	p->msg.msg_controllen += CMSG_SPACE(len);
}

void packet_segment(struct packet *p, uint16_t size)
{
	packet_control(p, SOL_UDP, UDP_SEGMENT, &size, sizeof(size));
}

int called(ssize_t ret)
{
	return ret < 0 ? -errno : ret;
}

int call(int fd, const struct packet *p, int flags)
{
	return called(sendmsg(fd, &p->msg, flags | MSG_NOSIGNAL));
}

/* S in /proc/PID/stat: it sleeps in the call, as it does nothing else */
static bool asleep(pid_t pid)
{
	char name[64], state = 0;
	FILE *stat;

	snprintf(name, sizeof(name), "/proc/%d/stat", pid);
	stat = fopen(name, "r");
	if (!stat)
		return true;
	if (fscanf(stat, "%*d %*s %c", &state) != 1)
		state = 0;
	fclose(stat);
	return state == 'S' || state == 'Z';
}

int call_blocked(int (*what)(void *arg), void (*let)(void *arg), void *arg)
{
	int *result, status;
	pid_t pid;

	result = mmap(NULL, sizeof(*result), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (result == MAP_FAILED)
		broken("mmap: %s", strerror(errno));
	pid = fork();
	if (!pid) {
		alarm(10);
		*result = what(arg);
		_exit(0);
	}
	if (pid < 0)
		broken("fork: %s", strerror(errno));
	while (!asleep(pid))
		sched_yield();
	let(arg);
	if (waitpid(pid, &status, 0) != pid || status)
		broken("the system call did not return");
	return *result;
}

int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) ? errno : 0;
}

void udp_open(struct udp *udp, int family)
{
	address(&udp->to, &udp->len, family == AF_INET6,
		family == AF_INET6 ? LO6_ADDR : LO4_ADDR);
	udp->rx = receiver_open(&udp->to, udp->len);
	udp->tx = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (udp->rx < 0 || udp->tx < 0)
		broken("a UDP socket: %s", strerror(errno));
}

void tcp_pair(int pair[2])
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof(at);
	int listener;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	pair[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (void *)&at, len) || listen(listener, 1) ||
	    getsockname(listener, (void *)&at, &len) ||
	    connect(pair[0], (void *)&at, len))
		broken("a TCP connection over lo: %s", strerror(errno));
	pair[1] = accept(listener, NULL, NULL);
	if (pair[1] < 0)
		broken("accept: %s", strerror(errno));
	close(listener);
}

void unix_pair(int type, int pair[2])
{
	if (socketpair(AF_UNIX, type, 0, pair))
		broken("socketpair: %s", strerror(errno));
}

void fill(int fd, struct packet *p)
{
	int ret, i;

	for (i = 0; i < 100000; i++) {
		ret = call(fd, p, MSG_DONTWAIT);
		if (ret == -EAGAIN)
			return;
		if (ret < 0)
			broken("filling the socket: %s", strerror(-ret));
	}
	skip("the socket never says EAGAIN");
}
