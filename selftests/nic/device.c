// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/pkt_sched.h>
#include <linux/sockios.h>

#include "device.h"
#include "network.h"
#include "remote.h"
#include "report.h"

#define MOST_FEATURES	256
#define HEADERS_V4	28	/* IPv4 and UDP */
#define HEADERS_V6	48
#define SETTLE_MS	50	/* a card sends all it has in that time */
#define HELLO_MS	100
#define HELLOS		100

/* What the tests switch, and its state in HARDWARE_GSO and so on */
static const struct {
	const char *name;
	bool on[OFFLOAD_BEST + 1];
} features[] = {
	{ "tx-checksum-ipv4",		{ 1, 1, 0, 1, 1 } },
	{ "tx-checksum-ip-generic",	{ 1, 1, 0, 1, 1 } },
	{ "tx-checksum-ipv6",		{ 1, 1, 0, 1, 1 } },
	{ "tx-scatter-gather",		{ 1, 1, 1, 0, 1 } },
	{ "tx-scatter-gather-fraglist",	{ 1, 1, 1, 0, 1 } },
	{ "tx-generic-segmentation",	{ 1, 1, 1, 1, 1 } },
	{ "tx-udp-segmentation",	{ 1, 0, 0, 0, 1 } },
};

#define FEATURES	(sizeof(features) / sizeof(*features))

/* Bits of the table */
#define CHECKSUMS	0x07
#define SCATTER		0x08
#define SEGMENTATION	0x40

/* One bit a feature of the table */
struct state {
	int place[FEATURES];	/* its bit in the kernel, or -1 */
	unsigned int available;
	unsigned int requested;
	unsigned int active;
};

const char *offload_name(enum offload offload)
{
	static const char * const names[] = {
		[OFFLOAD_HARDWARE_GSO] = "hardware GSO",
		[OFFLOAD_SOFTWARE_GSO] = "software GSO",
		[OFFLOAD_NO_CHECKSUM] = "no checksum offload",
		[OFFLOAD_NO_SCATTER] = "no scatter-gather",
		[OFFLOAD_BEST] = "all offloads",
	};

	return names[offload];
}

static int ethtool(const struct device *dev, void *cmd)
{
	struct ifreq ifr = { .ifr_data = cmd };

	return if_ioctl(dev->name, SIOCETHTOOL, &ifr);
}

static int places(const struct device *dev, int *place)
{
	struct {
		struct ethtool_gstrings head;
		char name[MOST_FEATURES][ETH_GSTRING_LEN];
	} strings = {
		.head.cmd = ETHTOOL_GSTRINGS,
		.head.string_set = ETH_SS_FEATURES,
	};
	struct {
		struct ethtool_sset_info head;
		__u32 count;
	} set = {
		.head.cmd = ETHTOOL_GSSET_INFO,
		.head.sset_mask = 1ULL << ETH_SS_FEATURES,
	};
	unsigned int i, k;
	int ret;

	ret = ethtool(dev, &set);
	if (!ret && (!set.head.sset_mask || set.count > MOST_FEATURES))
		ret = EINVAL;
	if (ret)
		return ret;
	strings.head.len = set.count;
	ret = ethtool(dev, &strings);
	for (i = 0; i < FEATURES; i++) {
		place[i] = -1;
		for (k = 0; k < strings.head.len && !ret; k++)
			if (!strcmp(features[i].name, strings.name[k]))
				place[i] = k;
	}
	return ret;
}

static int get_state(const struct device *dev, struct state *state)
{
	struct {
		struct ethtool_gfeatures head;
		struct ethtool_get_features_block block[MOST_FEATURES / 32];
	} get = {
		.head.cmd = ETHTOOL_GFEATURES,
		.head.size = MOST_FEATURES / 32,
	};
	unsigned int i;
	int ret;

	memset(state, 0, sizeof(*state));
	ret = places(dev, state->place) ?: ethtool(dev, &get);
	for (i = 0; i < FEATURES && !ret; i++) {
		const struct ethtool_get_features_block *block;
		int place = state->place[i];
		unsigned int bit;

		if (place < 0)
			continue;
		block = &get.block[place / 32];
		bit = 1U << (place % 32);
		/* Those that never change cannot be had, nor got rid of */
		if (block->available & bit && !(block->never_changed & bit))
			state->available |= 1U << i;
		if (block->requested & bit)
			state->requested |= 1U << i;
		if (block->active & bit)
			state->active |= 1U << i;
	}
	return ret;
}

/* Request those that are set in wanted and can be changed, drop the others */
static int set_state(const struct device *dev, unsigned int wanted)
{
	struct {
		struct ethtool_sfeatures head;
		struct ethtool_set_features_block block[MOST_FEATURES / 32];
	} set = {
		.head.cmd = ETHTOOL_SFEATURES,
	};
	struct state now;
	unsigned int i;
	int ret;

	ret = get_state(dev, &now);
	if (ret)
		return ret;
	if (!((now.requested ^ wanted) & now.available))
		return 0;
	for (i = 0; i < FEATURES; i++) {
		struct ethtool_set_features_block *block;
		int place = now.place[i];
		unsigned int bit;

		/* The kernel takes as many blocks as it has, no more */
		if (place >= 0 && set.head.size < place / 32U + 1)
			set.head.size = place / 32 + 1;
		if (!(now.available & 1U << i))
			continue;
		block = &set.block[place / 32];
		bit = 1U << (place % 32);
		block->valid |= bit;
		if (wanted & 1U << i)
			block->requested |= bit;
	}
	return ethtool(dev, &set);
}

const char *device_offload(const struct device *dev, enum offload offload)
{
	const char *without = getenv("NIC_WITHOUT") ?: "";
	unsigned int i, wanted = 0;
	struct state now;
	int ret;

	for (i = 0; i < FEATURES; i++)
		if (features[i].on[offload] &&
		    !strstr(without, features[i].name))
			wanted |= 1U << i;
	ret = set_state(dev, wanted) ?: get_state(dev, &now);
	if (ret)
		return cannot("cannot switch offloads", ret, "run as root");
	if (offload == OFFLOAD_HARDWARE_GSO && !(now.active & SEGMENTATION))
		return cannot("the card does not segment UDP itself", 0,
			      "nothing to do, tx-udp-segmentation is not there, or not wanted");
	if (offload <= OFFLOAD_SOFTWARE_GSO && !(now.active & CHECKSUMS))
		return cannot("no checksum offload", 0,
			      "nothing to do, the driver has none");
	if (offload == OFFLOAD_SOFTWARE_GSO && now.active & SEGMENTATION)
		return cannot("tx-udp-segmentation cannot be turned off", 0,
			      "nothing to do, the driver has it fixed");
	if (offload == OFFLOAD_NO_CHECKSUM && now.active & CHECKSUMS)
		return cannot("checksum offload cannot be turned off", 0,
			      "nothing to do, the driver has it fixed");
	if (offload == OFFLOAD_NO_SCATTER && now.active & SCATTER)
		return cannot("scatter-gather cannot be turned off", 0,
			      "nothing to do, the driver has it fixed");
	return NULL;
}

bool device_segments(const struct device *dev)
{
	struct state now;

	return !get_state(dev, &now) && now.active & SEGMENTATION;
}

static bool is_card(const struct device *dev)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/class/net/%s/device", dev->name);
	return !access(path, F_OK);
}

const char *device_copies(const struct device *dev)
{
	struct state now;

	if (!is_card(dev))
		return cannot("not a card but a software device, which copies", 0,
			      "set NETIF to a network card");
	if (get_state(dev, &now) || !(now.active & CHECKSUMS) ||
	    !(now.active & SCATTER))
		return cannot("data is copied without checksum offload and scatter-gather",
			      0, "nothing to do, the card has none");
	return NULL;
}

/* A number in /sys/class/net, -1 when it cannot be read */
static long read_number(const struct device *dev, const char *name)
{
	char path[128];
	long value = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/class/net/%s/%s", dev->name, name);
	file = fopen(path, "re");
	if (!file)
		return -1;
	if (fscanf(file, "%ld", &value) != 1)
		value = -1;
	fclose(file);
	return value;
}

unsigned long device_packets(const struct device *dev)
{
	return read_number(dev, "statistics/tx_packets");
}

const char *device_trouble(const struct device *dev)
{
	if (!if_nametoindex(dev->name))
		return reason("%s is gone", dev->name);
	if (read_number(dev, "carrier") != 1)
		return reason("%s is down or has no carrier any more: look at its cable",
			      dev->name);
	return NULL;
}

static int set_mtu(const struct device *dev, int mtu)
{
	struct ifreq ifr = { .ifr_mtu = mtu };

	if (read_number(dev, "mtu") == mtu)
		return 0;
	return if_ioctl(dev->name, SIOCSIFMTU, &ifr);
}

const char *device_mtu(const struct device *dev, int mtu)
{
	const char *found = getenv("NIC_MTU");
	int ret;

	if (found && mtu <= ETH_DATA_LEN && atoi(found) < mtu)
		mtu = atoi(found);
	ret = set_mtu(dev, mtu);

	if (ret)
		return cannot(reason("the card does not take an MTU of %d", mtu),
			      ret, "run as root; else nothing to do");
	return NULL;
}

/* Hand each message of a dump to see(); the errno of the answer, or 0 */
static int rtnl_dump(struct request *req,
		     void (*see)(const struct nlmsghdr *nlh, void *arg),
		     void *arg)
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

	fd = rtnl_ask(req, NLM_F_DUMP);
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

struct queues {
	int ifindex;
	bool ours;
	bool other;
	char kinds[128];
};

static void see_queue(const struct nlmsghdr *nlh, void *arg)
{
	const struct tcmsg *tc = NLMSG_DATA(nlh);
	const struct rtattr *rta = TCA_RTA(tc);
	struct queues *found = arg;
	size_t len, used;

	/* ingress and clsact do not affect sends: left alone */
	if (nlh->nlmsg_type != RTM_NEWQDISC ||
	    tc->tcm_ifindex != found->ifindex || tc->tcm_parent == TC_H_INGRESS)
		return;
	if (tc->tcm_handle == QDISC_HANDLE)
		found->ours = true;
	else if (tc->tcm_handle)
		found->other = true;
	used = strlen(found->kinds);
	for (len = nlh->nlmsg_len - NLMSG_LENGTH(sizeof(*tc));
	     RTA_OK(rta, len); rta = RTA_NEXT(rta, len))
		if (rta->rta_type == TCA_KIND)
			snprintf(found->kinds + used,
				 sizeof(found->kinds) - used, "%s%s",
				 used ? "," : "", (char *)RTA_DATA(rta));
}

static int get_queues(const struct device *dev, struct queues *found)
{
	struct request req = {
		.nlh.nlmsg_len = NLMSG_LENGTH(sizeof(req.tc)),
		.nlh.nlmsg_type = RTM_GETQDISC,
		.tc.tcm_ifindex = dev->ifindex,
	};

	*found = (struct queues) { .ifindex = dev->ifindex };
	return rtnl_dump(&req, see_queue, found);
}

const char *device_queue(const struct device *dev)
{
	struct queues found;
	int ret = get_queues(dev, &found);

	if (ret)
		return cannot("cannot list queueing disciplines", ret,
			      "build the kernel with CONFIG_NET_SCHED");
	if (found.other)
		return cannot(reason("%s has queueing disciplines of its own (%s)",
				     dev->name, found.kinds), 0,
			      "take them away (tc qdisc del dev ... root), they could not be restored");
	return NULL;
}

void device_clear(const struct device *dev)
{
	struct request req = {
		.nlh.nlmsg_len = NLMSG_LENGTH(sizeof(req.tc)),
		.nlh.nlmsg_type = RTM_DELQDISC,
		.tc.tcm_ifindex = dev->ifindex,
		.tc.tcm_handle = QDISC_HANDLE,
		.tc.tcm_parent = TC_H_ROOT,
	};
	struct queues found;

	if (!get_queues(dev, &found) && found.ours)
		rtnl_talk(&req);
}

const char *device_name(struct device *dev)
{
	const char *name = getenv("NETIF");

	memset(dev, 0, sizeof(*dev));
	if (!name || !*name)
		return cannot("no card", 0, "set NETIF and what nic.sh names");
	snprintf(dev->name, sizeof(dev->name), "%s", name);
	dev->ifindex = if_nametoindex(name);
	if (!dev->ifindex)
		return cannot(reason("no interface %s", name), 0,
			      "set NETIF to one that /sys/class/net has");
	return NULL;
}

const char *device_get(struct device *dev)
{
	const char *why = device_name(dev);

	dev->remote = remote_get();
	if (!why && !dev->remote)
		why = "no remote receiver: start the tests by ./nic.sh";
	return why;
}

/* Both ends in the environment, and both of that family */
static const char *ends(bool v6, struct sockaddr_storage *local,
			struct sockaddr_storage *to, socklen_t *len)
{
	const char *here = getenv(v6 ? "LOCAL_V6" : "LOCAL_V4");
	const char *there = getenv(v6 ? "REMOTE_V6" : "REMOTE_V4");

	if (!here || !there || !*here || !*there)
		return cannot(v6 ? "no IPv6 addresses" : "no IPv4 addresses", 0,
			      v6 ? "set LOCAL_V6 and REMOTE_V6" :
				   "set LOCAL_V4 and REMOTE_V4");
	if (!address(local, len, v6, here) || !address(to, len, v6, there))
		return cannot(reason("%s or %s is no address of that family",
				     here, there), 0,
			      v6 ? "correct LOCAL_V6 and REMOTE_V6" :
				   "correct LOCAL_V4 and REMOTE_V4");
	return NULL;
}

static bool same_address(const struct sockaddr *one,
			 const struct sockaddr_storage *other)
{
	const struct sockaddr_in6 *a6 = (const void *)one, *b6 = (void *)other;
	const struct sockaddr_in *a = (const void *)one, *b = (void *)other;

	if (one->sa_family == AF_INET6)
		return IN6_ARE_ADDR_EQUAL(&a6->sin6_addr, &b6->sin6_addr);
	return a->sin_addr.s_addr == b->sin_addr.s_addr;
}

/*
 * An address of the card: this one, or another of its family, so that a source
 * can be asked for that shows. false: there is none.
 */
static bool find_address(const struct device *dev,
			 const struct sockaddr_storage *address, bool other,
			 struct sockaddr_storage *found)
{
	struct ifaddrs *all, *one;
	const struct sockaddr_in6 *v6;
	bool good = false;

	if (getifaddrs(&all))
		return false;
	for (one = all; one && !good; one = one->ifa_next) {
		if (!one->ifa_addr || strcmp(one->ifa_name, dev->name) ||
		    one->ifa_addr->sa_family != address->ss_family ||
		    same_address(one->ifa_addr, address) == other)
			continue;
		v6 = (const void *)one->ifa_addr;
		if (other && address->ss_family == AF_INET6 &&
		    IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr))
			continue;
		*found = *address;
		memcpy(found, one->ifa_addr, address->ss_family == AF_INET6 ?
		       sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
		good = true;
	}
	freeifaddrs(all);
	return good;
}

/* A socket that sends from there and through the card, -1 and errno if not */
static int socket_through(const struct device *dev,
			  const struct sockaddr_storage *from, socklen_t len)
{
	int fd = socket(from->ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err;

	/* In this order, since ::1 is not an address of the card */
	if (fd >= 0 && !bind(fd, (void *)from, len) &&
	    !setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &dev->ifindex,
			sizeof(dev->ifindex)))
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

const char *device_ends(const struct device *dev, bool v6)
{
	struct sockaddr_storage local, to;
	socklen_t len;
	const char *why = ends(v6, &local, &to, &len);

	if (!why && !find_address(dev, &local, false, &local))
		why = cannot(reason("%s does not have the address %s", dev->name,
				    getenv(v6 ? "LOCAL_V6" : "LOCAL_V4")), 0,
			     "set LOCAL_V4 and LOCAL_V6 to addresses of the card");
	return why;
}

/*
 * Neighbours get to know each other, and a link comes up, before a test. true:
 * a datagram of that size has come through.
 */
static bool greet(const struct device *dev, const struct udp_pair *pair,
		  size_t size)
{
	static uint8_t hello[LARGEST] = { HELLO_ID >> 8, HELLO_ID & 0xff };
	struct sockaddr_storage local, to;
	struct datagram d;
	bool heard = false;
	socklen_t len;
	int fd, i;

	if (ends(pair->family == FAM_UDP6, &local, &to, &len))
		return false;
	fd = socket_through(dev, &local, len);
	for (i = 0; i < HELLOS && !heard; i++) {
		sendto(fd, hello, size, 0, (void *)&pair->to, len);
		heard = dev->remote->take(dev->remote, &d, HELLO_MS) > 0 &&
			d.id == HELLO_ID && d.len == size;
	}
	close(fd);
	return heard;
}

const char *device_path(const struct device *dev, struct udp_pair *pair)
{
	if (greet(dev, pair, pair->segment))
		return NULL;
	return cannot(reason("datagrams of %u bytes do not get through",
			     pair->segment), 0,
		      "set the MTU of the other end, and of what is between, to that of the card");
}

const char *device_pair(const struct device *dev, struct udp_pair *pair,
			enum family family, bool source, int room)
{
	bool v6 = family == FAM_UDP6;
	struct sockaddr_storage local;
	const char *why;
	long mtu;

	memset(pair, 0, sizeof(*pair));
	pair->family = family;
	pair->rx = -1;
	pair->judge = remote_judge;
	pair->settle = SETTLE_MS;
	mtu = read_number(dev, "mtu");
	pair->segment = (mtu - (v6 ? HEADERS_V6 : HEADERS_V4)) & ~3;
	why = ends(v6, &local, &pair->to, &pair->to_len) ?:
	      dev->remote->open(dev->remote, &pair->to, "udp");
	if (why)
		return why;
	if (!greet(dev, pair, sizeof(uint32_t)))
		return device_trouble(dev) ?:
		       cannot(reason("nothing gets through %s to the remote",
				     dev->name), 0,
			      "look at cable, addresses and packet filter of both ends");

	/*
	 * With one address of the card alone the socket is bound to one of lo
	 * where the control asks for the card's: sends that do not get what
	 * they asked for are lost then.
	 */
	pair->own = local;
	if (!find_address(dev, &local, true, &pair->other)) {
		pair->other = local;
		if (source)
			address(&pair->own, &pair->to_len, v6,
				v6 ? "::1" : "127.0.0.1");
	}
	pair->tx = socket_through(dev, &pair->own, pair->to_len);
	if (pair->tx < 0)
		return cannot("cannot send through the card", errno,
			      "set LOCAL_V4 and LOCAL_V6 to addresses of the card");
	setsockopt(pair->tx, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	return NULL;
}

const char *device_route(const struct device *dev, struct route *route)
{
	const char *why;

	memset(route, 0, sizeof(*route));
	why = ends(false, &route->own, &route->to, &route->len);
	if (why)
		why = ends(true, &route->own, &route->to, &route->len);
	route->remote = dev->remote;
	route->ifindex = dev->ifindex;
	return why;
}

static const char *on_off(const struct state *state, unsigned int bits)
{
	if (state->active & bits)
		return state->available & bits ? "on" : "on (fixed)";
	return state->available & bits ? "off" : "none";
}

void device_describe(const struct device *dev, FILE *to)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct state state;

	if (ethtool(dev, &info) || get_state(dev, &state))
		return;
	fprintf(to, "%s, driver %s, firmware %s, bus %s, mtu %ld, ", dev->name,
		info.driver, *info.fw_version ? info.fw_version : "unknown",
		*info.bus_info ? info.bus_info : "none",
		read_number(dev, "mtu"));
	fprintf(to, "checksums %s, scatter-gather %s, UDP segmentation %s\n",
		on_off(&state, CHECKSUMS), on_off(&state, SCATTER),
		on_off(&state, SEGMENTATION));
}

void device_save(const struct device *dev, FILE *to)
{
	struct queues found;
	struct state state;
	unsigned int i;

	fprintf(to, "mtu %ld\n", read_number(dev, "mtu"));
	if (!get_state(dev, &state))
		for (i = 0; i < FEATURES; i++)
			fprintf(to, "%s %d %d\n", features[i].name,
				!!(state.requested & 1U << i),
				!!(state.active & 1U << i));
	if (!get_queues(dev, &found))
		fprintf(to, "queue %s\n", found.kinds);
}

bool device_restore(const struct device *dev, FILE *from)
{
	unsigned int i, requested = 0, active = 0;
	char name[64], kinds[128] = "";
	struct queues found;
	struct state state;
	int a, b, mtu = -1;
	bool good = true;
	char line[256];

	while (fgets(line, sizeof(line), from)) {
		if (sscanf(line, "mtu %d", &mtu) == 1 ||
		    sscanf(line, "queue %127s", kinds) == 1 ||
		    sscanf(line, "%63s %d %d", name, &a, &b) != 3)
			continue;
		for (i = 0; i < FEATURES; i++)
			if (!strcmp(name, features[i].name)) {
				requested |= (unsigned int)a << i;
				active |= (unsigned int)b << i;
			}
	}
	device_clear(dev);
	set_state(dev, requested);
	if (mtu > 0)
		set_mtu(dev, mtu);

	if (mtu != read_number(dev, "mtu")) {
		fprintf(stderr, "nic: %s: the MTU was %d and is %ld now\n",
			dev->name, mtu, read_number(dev, "mtu"));
		good = false;
	}
	if (get_state(dev, &state))
		state.active = active;
	for (i = 0; i < FEATURES; i++)
		if ((state.active ^ active) & 1U << i) {
			fprintf(stderr, "nic: %s: %s was %s and is not now\n",
				dev->name, features[i].name,
				active & 1U << i ? "on" : "off");
			good = false;
		}
	if (!get_queues(dev, &found) && strcmp(kinds, found.kinds)) {
		fprintf(stderr, "nic: %s: queueing disciplines were %s and are %s now\n",
			dev->name, kinds, found.kinds);
		good = false;
	}
	return good;
}

bool ring_tells_usage(struct io_uring *ring)
{
	return ring_trial(ring, OP_ZC, IORING_SEND_ZC_REPORT_USAGE) != -EINVAL;
}
