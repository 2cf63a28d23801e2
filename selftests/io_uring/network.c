// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/pkt_sched.h>

#include "datagram.h"
#include "network.h"
#include "report.h"

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

int rtnl_ask(struct request *req, unsigned short flags)
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

	fd = rtnl_ask(req, NLM_F_ACK);
	if (fd < 0)
		return errno;
	if (recv(fd, &answer, sizeof(answer), 0) < 0)
		ret = errno;
	else if (answer.nlh.nlmsg_type == NLMSG_ERROR)
		ret = -answer.err.error;
	close(fd);
	return ret;
}

#define LO_IFINDEX	1

/*
 * tbf: 100 bytes a second after a burst that the first two sends use up, so
 * the next packet leaves after tens of seconds unless the rate is changed.
 */
#define TBF_CLOSED_RATE	100
#define TBF_OPEN_RATE	1000000000
#define TBF_BURST	8000
#define QUEUE_BYTES	4194304
#define FILLER_SIZE	1200	/* fits any card's MTU */
#define QUEUE_PACKETS	10000

/* netem: one slot of a minute; a delay would orphan the packets (6.1, 7.3) */
#define NETEM_SLOT_NS	(60LL * 1000 * 1000 * 1000)

/*
 * fq: 20 kB/s is about 130 ms a packet. A card frees what fq lets through later
 * than lo does: there a packet waits for a second, which is fq's own limit.
 */
#define FQ_CLOSED_RATE	20000
#define FQ_CARD_RATE	1000

/* The device that has the queue, and an address that is reached through it */
static int device = LO_IFINDEX;
static struct sockaddr_storage beyond;

static int lo_up(void)
{
	struct ifreq ifr = {
		.ifr_flags = IFF_UP | IFF_RUNNING | IFF_LOOPBACK,
	};

	return if_ioctl("lo", SIOCSIFFLAGS, &ifr);
}

/* IFA_F_NODAD: usable at once, and never deprecated under the test */
static int lo_add6(const char *text)
{
	struct request req = {
		.nlh.nlmsg_len = NLMSG_LENGTH(sizeof(req.ifa)),
		.nlh.nlmsg_type = RTM_NEWADDR,
		.nlh.nlmsg_flags = NLM_F_CREATE,
		.ifa.ifa_family = AF_INET6,
		.ifa.ifa_prefixlen = 128,
		.ifa.ifa_flags = IFA_F_NODAD,
		.ifa.ifa_index = LO_IFINDEX,
	};
	struct in6_addr addr;

	inet_pton(AF_INET6, text, &addr);
	attr_put(&req, IFA_LOCAL, &addr, sizeof(addr));
	return rtnl_talk(&req);
}

/*
 * The kernel adds the local route of a new IPv6 address from a work item, and
 * what is sent before that is dropped. Wait for a datagram to come through.
 */
static const char *lo6_wait(void)
{
	struct sockaddr_in6 addr = { .sin6_family = AF_INET6 };
	struct pollfd pfd = { .events = POLLIN };
	socklen_t len = sizeof(addr);
	const char *why = NULL;
	int i;

	pfd.fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (pfd.fd < 0)
		return NULL;
	inet_pton(AF_INET6, LO6_ADDR, &addr.sin6_addr);
	if (!bind(pfd.fd, (void *)&addr, len) &&
	    !getsockname(pfd.fd, (void *)&addr, &len)) {
		for (i = 0; i < WAIT_MS && !(pfd.revents & POLLIN); i++) {
			sendto(pfd.fd, "", 1, 0, (void *)&addr, len);
			poll(&pfd, 1, 1);
		}
		if (i == WAIT_MS)
			why = cannot("no IPv6 over lo", 0,
				     "remove the packet filter, or boot with ipv6.disable=1");
	}
	close(pfd.fd);
	return why;
}

const char *netns_enter(bool must)
{
	int ret;

	if (unshare(CLONE_NEWNET) &&
	    unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return !must ? NULL : cannot("no network namespace", errno,
			"run as root, or allow user namespaces (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone)");
	device = LO_IFINDEX;
	beyond.ss_family = AF_UNSPEC;
	ret = lo_up();
	if (ret)
		return cannot("cannot set up lo", ret,
			      "run as root, or allow user namespaces their capabilities (sysctl kernel.apparmor_restrict_unprivileged_userns=0)");
	/* A kernel without IPv6 fails here; the sockets of the test will say so */
	lo_add6(LO6_SOURCE);
	lo_add6(LO6_ADDR);
	return lo6_wait();
}

static void tbf_options(struct request *req, bool closed)
{
	struct tc_tbf_qopt qopt = {
		.rate.rate = closed ? TBF_CLOSED_RATE : TBF_OPEN_RATE,
		.rate.linklayer = TC_LINKLAYER_ETHERNET,
		.limit = QUEUE_BYTES,
	};
	struct rtattr *nest = attr_put(req, TCA_OPTIONS, NULL, 0);

	attr_put(req, TCA_TBF_PARMS, &qopt, sizeof(qopt));
	attr_put_u32(req, TCA_TBF_BURST, closed ? TBF_BURST : QUEUE_BYTES);
	attr_end(req, nest);
}

static void netem_options(struct request *req, bool closed)
{
	struct tc_netem_slot slot = {
		.min_delay = closed ? NETEM_SLOT_NS : 0,
		.max_delay = closed ? NETEM_SLOT_NS : 0,
	};
	struct tc_netem_qopt qopt = { .limit = QUEUE_PACKETS };
	struct rtattr *nest;

	nest = attr_put(req, TCA_OPTIONS, &qopt, sizeof(qopt));
	attr_put(req, TCA_NETEM_SLOT, &slot, sizeof(slot));
	attr_end(req, nest);
}

static void fq_options(struct request *req, bool closed)
{
	struct rtattr *nest = attr_put(req, TCA_OPTIONS, NULL, 0);
	uint32_t rate = device == LO_IFINDEX ? FQ_CLOSED_RATE : FQ_CARD_RATE;

	attr_put_u32(req, TCA_FQ_FLOW_MAX_RATE, closed ? rate : ~0U);
	attr_put_u32(req, TCA_FQ_INITIAL_QUANTUM, 1514);
	attr_put_u32(req, TCA_FQ_QUANTUM, 1514);
	attr_end(req, nest);
}

static const struct discipline {
	const char *kind;
	void (*options)(struct request *req, bool closed);
} disciplines[] = {
	{ "tbf", tbf_options },
	{ "netem", netem_options },
	{ "fq", fq_options },
	{ }
};

static const struct discipline *in_use;

void qdisc_use(int ifindex, const struct sockaddr_storage *to)
{
	device = ifindex;
	beyond = *to;
}

static int qdisc_set(const struct discipline *disc, bool closed, int flags)
{
	struct request req = {
		.nlh.nlmsg_len = NLMSG_LENGTH(sizeof(req.tc)),
		.nlh.nlmsg_type = RTM_NEWQDISC,
		.nlh.nlmsg_flags = flags,
		.tc.tcm_ifindex = device,
		.tc.tcm_handle = QDISC_HANDLE,
		.tc.tcm_parent = TC_H_ROOT,
	};

	attr_put(&req, TCA_KIND, disc->kind, strlen(disc->kind) + 1);
	disc->options(&req, closed);
	return rtnl_talk(&req);
}

/*
 * Send small datagrams through the device that every receiver ignores, from a
 * socket with free space. 0 or the errno.
 */
static int send_filler(unsigned int n, size_t size)
{
	static const uint8_t filler[FILLER_SIZE] = {
		FILLER_ID >> 8, FILLER_ID & 0xff,
	};
	struct sockaddr_storage to = beyond;
	socklen_t len = sizeof(struct sockaddr_in6);
	int fd, ret = 0;

	if (to.ss_family == AF_UNSPEC)
		address(&to, &len, false, LO4_ADDR);
	else if (to.ss_family == AF_INET)
		len = sizeof(struct sockaddr_in);
	fd = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	/* On lo to itself, else to whoever receives, through the device */
	if (device == LO_IFINDEX)
		ret = bind(fd, (void *)&to, len) ||
		      getsockname(fd, (void *)&to, &len);
	else
		ret = setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &device,
				 sizeof(device));
	while (n-- && !ret)
		ret = sendto(fd, filler, size, 0, (void *)&to, len) < 0;
	if (ret)
		ret = errno;
	close(fd);
	return ret;
}

const char *qdisc_hold(void)
{
	const char *only = getenv("IO_URING_QDISC");
	const struct discipline *disc;
	int ret = ENOENT;

	for (disc = disciplines; disc->kind && ret; disc++) {
		if (only && strcmp(only, disc->kind))
			continue;
		ret = qdisc_set(disc, true, NLM_F_CREATE | NLM_F_REPLACE);
		in_use = disc;
	}
	if (ret)
		return cannot("no queue for the device", ret,
			      "modprobe sch_tbf, sch_netem or sch_fq, or build the kernel with CONFIG_NET_SCH_TBF");
	/*
	 * A card frees what the queue lets through at first only when it has
	 * been sent, and a sender would take that for a full queue. Use it up
	 * with other packets: from now on nothing gets through.
	 */
	if (device != LO_IFINDEX)
		ret = send_filler(1 + TBF_BURST / FILLER_SIZE, FILLER_SIZE);
	return ret ? cannot("cannot send through the card", ret,
			    "look at its addresses and routes") : NULL;
}

const char *qdisc_release(void)
{
	int ret = qdisc_set(in_use, false, 0);

	/* A changed queue only looks at its packets when another one arrives */
	if (!ret)
		ret = send_filler(1, sizeof(uint32_t));
	return ret ? cannot("cannot open the queue", ret, in_use->kind) : NULL;
}
