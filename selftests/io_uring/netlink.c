// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netlink.h"

void *attr_put(struct request *req, unsigned short type, const void *data,
	       size_t len)
{
	struct rtattr *rta;

	rta = (void *)((char *)req + NLMSG_ALIGN(req->nlh.nlmsg_len));
	rta->rta_type = type;
	rta->rta_len = RTA_LENGTH(len);
	if (len)
		memcpy(RTA_DATA(rta), data, len);
	req->nlh.nlmsg_len = NLMSG_ALIGN(req->nlh.nlmsg_len) +
			     RTA_ALIGN(rta->rta_len);
	return rta;
}

void attr_put_u32(struct request *req, unsigned short type, uint32_t val)
{
	attr_put(req, type, &val, sizeof(val));
}

void attr_end(struct request *req, struct rtattr *nest)
{
	nest->rta_len = (char *)req + req->nlh.nlmsg_len - (char *)nest;
}

int if_ioctl(const char *name, unsigned long request, struct ifreq *ifr)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int ret;

	if (fd < 0)
		return errno;
	snprintf(ifr->ifr_name, sizeof(ifr->ifr_name), "%s", name);
	ret = ioctl(fd, request, ifr) ? errno : 0;
	close(fd);
	return ret;
}

/* A socket with the request in it, or -1 and errno */
static int ask(struct request *req, unsigned short flags)
{
	int fd, err;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return -1;
	req->nlh.nlmsg_flags |= NLM_F_REQUEST | flags;
	if (send(fd, req, req->nlh.nlmsg_len, 0) < 0) {
		err = errno;
		close(fd);
		errno = err;
		return -1;
	}
	return fd;
}

int rtnl_talk(struct request *req)
{
	struct {
		struct nlmsghdr nlh;
		struct nlmsgerr err;
		char rest[1024];
	} answer;
	int fd, ret = 0;

	fd = ask(req, NLM_F_ACK);
	if (fd < 0)
		return errno;
	if (recv(fd, &answer, sizeof(answer), 0) < 0)
		ret = errno;
	else if (answer.nlh.nlmsg_type == NLMSG_ERROR)
		ret = -answer.err.error;
	close(fd);
	return ret;
}

int rtnl_dump(struct request *req,
	      void (*see)(const struct nlmsghdr *nlh, void *arg), void *arg)
{
	union {
		struct nlmsghdr nlh;
		char room[32768];
	} answer;
	const struct nlmsghdr *nlh;
	bool more = true;
	int fd, ret = 0;
	size_t left;
	ssize_t len;

	fd = ask(req, NLM_F_DUMP);
	if (fd < 0)
		return errno;
	while (more && !ret) {
		len = recv(fd, &answer, sizeof(answer), 0);
		if (len < 0) {
			ret = errno;
			break;
		}
		left = len;
		for (nlh = &answer.nlh; NLMSG_OK(nlh, left);
		     nlh = NLMSG_NEXT(nlh, left)) {
			if (nlh->nlmsg_type == NLMSG_DONE)
				more = false;
			else if (nlh->nlmsg_type == NLMSG_ERROR)
				ret = -((struct nlmsgerr *)NLMSG_DATA(nlh))->error;
			else
				see(nlh, arg);
		}
	}
	close(fd);
	return ret;
}
