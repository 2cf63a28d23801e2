// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
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
#define TBF_HELD_RATE	100
#define TBF_FREE_RATE	1000000000
#define TBF_BURST	8000
#define QUEUE_BYTES	4194304
#define FILLER_SIZE	1200	/* fits any card's MTU */

/* Whether the namespace of all cases is there to be taken, or why there is none */
static bool shared;
static char no_netns[256];

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

static struct request qdisc_request(int ifindex, int type, int flags)
{
	return (struct request) {
		.nlh.nlmsg_len = NLMSG_LENGTH(sizeof(struct tcmsg)),
		.nlh.nlmsg_type = type,
		.nlh.nlmsg_flags = flags,
		.tc.tcm_ifindex = ifindex,
		.tc.tcm_handle = QDISC_HANDLE,
		.tc.tcm_parent = TC_H_ROOT,
	};
}

/* What a case has left on lo, if it failed: packets, too */
static void qdisc_drop(void)
{
	struct request req = qdisc_request(LO_IFINDEX, RTM_DELQDISC, 0);

	rtnl_talk(&req);
}

const char *netns_enter(bool must)
{
	int ret;

	if (shared) {
		shared = false;
		qdisc_drop();
		return NULL;
	}
	if (unshare(CLONE_NEWNET) &&
	    unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return !must ? NULL : cannot("no network namespace", errno,
			"run as root, or allow user namespaces (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone)");
	/* A card that was in use stays in the namespace that is left */
	device = LO_IFINDEX;
	beyond.ss_family = AF_UNSPEC;
	ret = lo_up();
	if (ret)
		return cannot("cannot set up lo", ret,
			      "run as root, or allow user namespaces their capabilities (sysctl kernel.apparmor_restrict_unprivileged_userns=0)");
	/* A kernel without IPv6 fails here; the sockets of the test will say so */
	lo_add6(LO6_SOURCE);
	return NULL;
}

void netns_share(void)
{
	const char *why = netns_enter(true);

	snprintf(no_netns, sizeof(no_netns), "%s", why ?: "");
	shared = !why;
}

const char *netns_once(void)
{
	return *no_netns ? no_netns : NULL;
}

void tbf_options(struct request *req, bool hold)
{
	struct tc_tbf_qopt qopt = {
		.rate.rate = hold ? TBF_HELD_RATE : TBF_FREE_RATE,
		.rate.linklayer = TC_LINKLAYER_ETHERNET,
		.limit = QUEUE_BYTES,
	};
	struct rtattr *nest = attr_put(req, TCA_OPTIONS, NULL, 0);

	attr_put(req, TCA_TBF_PARMS, &qopt, sizeof(qopt));
	attr_put_u32(req, TCA_TBF_BURST, hold ? TBF_BURST : QUEUE_BYTES);
	attr_end(req, nest);
}

static const struct qdisc tbf[] = {
	{ .kind = "tbf", .options = tbf_options },
	{ }
};

static const struct qdisc *in_use;

void qdisc_use(int ifindex, const struct sockaddr_storage *to)
{
	device = ifindex;
	beyond = *to;
}

bool qdisc_on_card(void)
{
	return device != LO_IFINDEX;
}

static int qdisc_set(const struct qdisc *qdisc, bool hold, int flags)
{
	struct request req = qdisc_request(device, RTM_NEWQDISC, flags);

	attr_put(&req, TCA_KIND, qdisc->kind, strlen(qdisc->kind) + 1);
	qdisc->options(&req, hold);
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
	const struct qdisc *qdisc = hint_qdiscs ? hint_qdiscs() : tbf;
	int ret = ENOENT;

	for (; qdisc->kind && ret; qdisc++) {
		ret = qdisc_set(qdisc, true, NLM_F_CREATE | NLM_F_REPLACE);
		in_use = qdisc;
	}
	if (ret)
		return cannot("no queue for the device", ret,
			      "modprobe sch_tbf, or build the kernel with CONFIG_NET_SCH_TBF");
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
