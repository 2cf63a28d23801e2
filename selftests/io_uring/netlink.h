/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests about interfaces: to rtnetlink a message, attributes put into it one
 * after another, and the errno of the kernel's answer; and ioctls.
 */
#ifndef IO_URING_SELFTEST_NETLINK_H
#define IO_URING_SELFTEST_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <net/if.h>

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

struct request {
	struct nlmsghdr nlh;
	union {
		struct tcmsg tc;
		struct ifaddrmsg ifa;
	};
	char attrs[512];
};

void *attr_put(struct request *req, unsigned short type, const void *data,
	       size_t len);
void attr_put_u32(struct request *req, unsigned short type, uint32_t val);
void attr_end(struct request *req, struct rtattr *nest);

/* Send one request and return the errno of its answer, or 0 */
int rtnl_talk(struct request *req);

/* An ioctl on the interface of that name; its errno, or 0 */
int if_ioctl(const char *name, unsigned long request, struct ifreq *ifr);

/* Hand each message of a dump to see(); the errno of the answer, or 0 */
int rtnl_dump(struct request *req,
	      void (*see)(const struct nlmsghdr *nlh, void *arg), void *arg);

#endif
