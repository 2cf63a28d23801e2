// SPDX-License-Identifier: GPL-2.0
/* What rows need around their sockets: an interface, a queue, IPsec, TLS */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/pkt_sched.h>
#include <linux/sockios.h>
#include <linux/tls.h>
#include <linux/xfrm.h>

#include "errors.h"
#include "network.h"
#include "network.h"

#ifndef TCP_ULP
#define TCP_ULP		31
#endif
#define VETH		"near0"
#define SPI		0x1000

static struct request request(unsigned short type, unsigned short flags,
			      size_t size)
{
	return (struct request) {
		.nlh.nlmsg_len = NLMSG_LENGTH(size),
		.nlh.nlmsg_type = type,
		.nlh.nlmsg_flags = flags,
	};
}

int veth_up(bool checksums)
{
	struct request req = request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL,
				     sizeof(struct ifinfomsg));
	struct ethtool_value value = { .cmd = ETHTOOL_STXCSUM,
				       .data = checksums };
	struct ifreq ifr = { };
	struct in_addr addr;
	struct rtattr *nest;
	int index, ret;

	attr_put(&req, IFLA_IFNAME, VETH, sizeof(VETH));
	nest = attr_put(&req, IFLA_LINKINFO, NULL, 0);
	attr_put(&req, IFLA_INFO_KIND, "veth", sizeof("veth"));
	attr_end(&req, nest);
	ret = rtnl_talk(&req);
	if (ret)
		skip("no veth (%s): modprobe veth", strerror(ret));
	index = if_nametoindex(VETH);

	ifr.ifr_data = (void *)&value;
	ret = if_ioctl(VETH, SIOCETHTOOL, &ifr);
	if (ret)
		broken("checksum offload of a veth: %s", strerror(ret));
	ifr = (struct ifreq) { .ifr_flags = IFF_UP | IFF_NOARP };
	ret = if_ioctl(VETH, SIOCSIFFLAGS, &ifr);
	if (ret)
		broken("a veth up: %s", strerror(ret));

	req = request(RTM_NEWADDR, NLM_F_CREATE, sizeof(req.ifa));
	req.ifa = (struct ifaddrmsg) {
		.ifa_family = AF_INET, .ifa_prefixlen = 24, .ifa_index = index,
	};
	inet_pton(AF_INET, "192.0.2.1", &addr);
	attr_put(&req, IFA_LOCAL, &addr, sizeof(addr));
	ret = rtnl_talk(&req);
	if (ret)
		broken("an address of a veth: %s", strerror(ret));
	return index;
}

/* A queue of no packets: whatever is sent through lo is dropped */
void lo_drops(void)
{
	struct request req = request(RTM_NEWQDISC,
				     NLM_F_CREATE | NLM_F_REPLACE,
				     sizeof(req.tc));
	struct tc_fifo_qopt none = { .limit = 0 };
	int ret;

	req.tc.tcm_ifindex = if_nametoindex("lo");
	req.tc.tcm_handle = QDISC_HANDLE;
	req.tc.tcm_parent = TC_H_ROOT;
	attr_put(&req, TCA_KIND, "pfifo", sizeof("pfifo"));
	attr_put(&req, TCA_OPTIONS, &none, sizeof(none));
	ret = rtnl_talk(&req);
	if (ret)
		skip("no queue on lo (%s): CONFIG_NET_SCHED", strerror(ret));
}

/* A message with one attribute to the kernel's IPsec; the errno of its answer */
static int xfrm_talk(unsigned short type, const void *info, size_t size,
		     unsigned short attr, const void *data, size_t len)
{
	struct {
		struct nlmsghdr nlh;
		char rest[1024];
	} msg = {
		.nlh.nlmsg_len = NLMSG_LENGTH(size) + RTA_SPACE(len),
		.nlh.nlmsg_type = type,
		.nlh.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE,
	};
	struct rtattr *rta = (void *)((char *)NLMSG_DATA(&msg.nlh) +
				      NLMSG_ALIGN(size));
	const struct nlmsgerr *err = NLMSG_DATA(&msg.nlh);
	int fd, ret = 0;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_XFRM);
	if (fd < 0)
		return errno;
	memcpy(NLMSG_DATA(&msg.nlh), info, size);
	rta->rta_type = attr;
	rta->rta_len = RTA_LENGTH(len);
	memcpy(RTA_DATA(rta), data, len);
	if (send(fd, &msg, msg.nlh.nlmsg_len, 0) < 0 ||
	    recv(fd, &msg, sizeof(msg), 0) < 0)
		ret = errno;
	else
		ret = -err->error;
	close(fd);
	return ret;
}

static const struct xfrm_lifetime_cfg forever = {
	.soft_byte_limit = XFRM_INF, .hard_byte_limit = XFRM_INF,
	.soft_packet_limit = XFRM_INF, .hard_packet_limit = XFRM_INF,
};

/*
 * Whatever leaves for 2001:db8::1 on lo goes through ESP in transport mode
 * that encrypts nothing. IPv6 has no sysctl that keeps policies away from lo.
 */
void ipsec_on_lo6(void)
{
	struct xfrm_usersa_info sa = {
		.id.spi = htonl(SPI), .id.proto = IPPROTO_ESP,
		.family = AF_INET6, .mode = XFRM_MODE_TRANSPORT, .reqid = 1,
		.lft = forever,
	};
	struct xfrm_userpolicy_info policy = {
		.sel.family = AF_INET6, .sel.prefixlen_d = 128,
		.lft = forever, .dir = XFRM_POLICY_OUT,
		.action = XFRM_POLICY_ALLOW,
	};
	struct xfrm_user_tmpl tmpl = {
		.id.proto = IPPROTO_ESP, .family = AF_INET6, .reqid = 1,
		.mode = XFRM_MODE_TRANSPORT,
		.aalgos = ~0, .ealgos = ~0, .calgos = ~0,
	};
	struct xfrm_algo cipher = { .alg_name = "ecb(cipher_null)" };
	struct in6_addr addr;
	int ret;

	inet_pton(AF_INET6, LO6_ADDR, &addr);
	memcpy(&sa.id.daddr, &addr, sizeof(addr));
	memcpy(&sa.saddr, &addr, sizeof(addr));
	memcpy(&policy.sel.daddr, &addr, sizeof(addr));
	ret = xfrm_talk(XFRM_MSG_NEWSA, &sa, sizeof(sa), XFRMA_ALG_CRYPT,
			&cipher, sizeof(cipher));
	if (ret && sizeof(long) == 4)
		skip("no IPsec for 32-bit programs (%s): CONFIG_XFRM_USER_COMPAT",
		     strerror(ret));
	if (ret)
		skip("no ESP (%s): modprobe -a xfrm_user esp6 authenc crypto_null",
		     strerror(ret));
	ret = xfrm_talk(XFRM_MSG_NEWPOLICY, &policy, sizeof(policy),
			XFRMA_TMPL, &tmpl, sizeof(tmpl));
	if (ret)
		broken("an IPsec policy: %s", strerror(ret));
}

static void tls_key(int fd, int direction)
{
	struct tls12_crypto_info_aes_gcm_128 info = {
		.info.version = TLS_1_2_VERSION,
		.info.cipher_type = TLS_CIPHER_AES_GCM_128,
	};

	if (setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")))
		skip("no TLS in the kernel (%s): modprobe tls",
		     strerror(errno));
	if (setsockopt(fd, SOL_TLS, direction, &info, sizeof(info)))
		skip("no AES-GCM for TLS (%s): modprobe gcm", strerror(errno));
}

void tls_on(int pair[2])
{
	tls_key(pair[0], TLS_TX);
	tls_key(pair[1], TLS_RX);
}
