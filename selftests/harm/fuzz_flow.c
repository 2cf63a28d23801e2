// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/errqueue.h>
#include <linux/filter.h>
#include <linux/net_tstamp.h>

#include "fuzz.h"
#include "network.h"
#include "report.h"

#ifndef SOL_UDP
#define SOL_UDP		17
#endif

#define RX_PORT(kind)	(7000 + (kind))
#define TX_PORT(kind)	(7100 + (kind))
#define RAW_PROTO	253	/* for experiments, RFC 3692 */
#define MTU		1500	/* of lo, so that there is too much for a packet */
#define FILLER		0xff	/* all bytes of what fills a queue */
#define FILL_SIZE	1400
/*
 * Of the send buffer, twice as much for the kernel. A datagram that does not
 * fit into a packet has ENOBUFS at twice of that again, and the sends of two
 * workers at once must not come there.
 */
#define NARROW		8192
#define FILL_MOST	10000
#define ROUTE_TYPE_TS	68	/* IP option with the time in it */

/*
 * Raw sockets: without IP_HDRINCL they have no EAGAIN, it is ENOBUFS when the
 * send buffer is full (ip_append_data()); with it they wait like UDP.
 */
const struct trait traits[KINDS] = {
	[K_UDP4] = { "udp4", true, false, true, true, 0, 5 },
	[K_UDP6] = { "udp6", true, false, true, true, 0, 5 },
	[K_MAPPED] = { "v4-mapped", true, false, true, true, 0, 2 },
	[K_TCP4] = { "tcp4", true, true, false, true, 0, 2 },
	[K_TCP6] = { "tcp6", true, true, false, true, 0, 1 },
	[K_STREAM] = { "unix-stream", false, true, false, true, 0, 2 },
	[K_DATAGRAM] = { "unix-dgram", false, false, false, true, 0, 2 },
	[K_SEQPACKET] = { "unix-seqpacket", false, false, false, true, 0, 2 },
	[K_RAW4] = { "raw4", false, false, true, false, 0, 1 },
	[K_RAW6] = { "raw6", false, false, true, false, 0, 1 },
	[K_HEADER4] = { "raw4-hdrincl", false, false, true, true, 20, 1 },
	[K_HEADER6] = { "raw6-hdrincl", false, false, true, true, 40, 1 },
};

static int straight_ns = -1, hold_ns = -1;
static int marker[2];			/* a socket in each of them */
bool flows_told;
static bool telling;
static enum teller teller;
static char told[TELLERS][SLOTS][2000];

static bool is_v6(enum kind kind)
{
	return kind == K_UDP6 || kind == K_TCP6 || kind == K_RAW6 ||
	       kind == K_HEADER6;
}

static bool is_unix(enum kind kind)
{
	return kind == K_STREAM || kind == K_DATAGRAM || kind == K_SEQPACKET;
}

static bool is_udp(enum kind kind)
{
	return kind <= K_MAPPED;
}

static bool is_tcp(enum kind kind)
{
	return kind == K_TCP4 || kind == K_TCP6;
}

/* Many datagrams of a UNIX socket at once, where that can be set */
static void lengthen_queue(void)
{
	int fd = open("/proc/sys/net/unix/max_dgram_qlen", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, "512", 3) < 0)
		perror("fuzz: max_dgram_qlen");
	close(fd);
}

/* Sends to itself, to see when all that was sent before has arrived */
static int open_marker(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_storage at;
	socklen_t len;

	address(&at, &len, false, LO4_ADDR);
	if (bind(fd, (void *)&at, len) || getsockname(fd, (void *)&at, &len) ||
	    connect(fd, (void *)&at, len)) {
		close(fd);
		return -1;
	}
	return fd;
}

static const char *enter_new(int *ns, int *mark)
{
	struct ifreq mtu = { .ifr_mtu = MTU };
	const char *why = netns_enter(true);

	if (why)
		return why;
	if (if_ioctl("lo", SIOCSIFMTU, &mtu))
		return "cannot set the MTU of lo: run as root";
	lengthen_queue();
	*mark = open_marker();
	if (*mark < 0)
		return cannot("no socket", errno, "ulimit -n 200");
	*ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	return *ns < 0 ? cannot("no /proc/self/ns/net", errno, "mount /proc") :
			 NULL;
}

const char *flows_begin(void)
{
	int pipes[2];
	const char *why = enter_new(&straight_ns, &marker[0]) ?:
			  enter_new(&hold_ns, &marker[1]);

	if (why)
		return why;
	if (pipe(pipes) || dup2(pipes[0], FIRST_FD) < 0 ||
	    dup2(pipes[1], FIRST_FD + 1) < 0 ||
	    dup2(eventfd(0, 0), FIRST_FD + 2) < 0 ||
	    dup2(socket(AF_INET, SOCK_DGRAM, 0), FIRST_FD + 3) < 0)
		return cannot("cannot open files", errno, "ulimit -n 200");
	close(pipes[0]);
	close(pipes[1]);
	/* The queue of the second namespace: packets wait there when closed */
	return qdisc_hold() ?: qdisc_release();
}

/* -- opening -------------------------------------------------------------- */

static void on(int fd, int level, int option)
{
	const int one = 1;

	/* What an old kernel lacks it lacks for both ways of sending */
	setsockopt(fd, level, option, &one, sizeof(one));
}

/* All that a receiver can be told about a packet */
static void be_told(int fd, bool v6)
{
	const int big = 4 << 20;

	on(fd, SOL_SOCKET, 75);		/* SO_RCVMARK */
	on(fd, SOL_SOCKET, 82);		/* SO_RCVPRIORITY */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof(big)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &big, sizeof(big));
	if (v6) {
		on(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO);
		on(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT);
		on(fd, IPPROTO_IPV6, IPV6_RECVTCLASS);
		on(fd, IPPROTO_IPV6, IPV6_RECVHOPOPTS);
		on(fd, IPPROTO_IPV6, IPV6_RECVDSTOPTS);
		on(fd, IPPROTO_IPV6, IPV6_RECVRTHDR);
		on(fd, IPPROTO_IPV6, 11);	/* IPV6_FLOWINFO */
		return;
	}
	on(fd, IPPROTO_IP, IP_PKTINFO);
	on(fd, IPPROTO_IP, IP_RECVTTL);
	on(fd, IPPROTO_IP, IP_RECVTOS);
	on(fd, IPPROTO_IP, IP_RECVOPTS);
}

/* Timestamps, ids and departure times by control ask for these */
static void may_stamp(int fd)
{
	struct { clockid_t clock; uint32_t flags; } txtime = { CLOCK_MONOTONIC, 0 };
	const int stamps = SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_ID;
	const int big = 1 << 20;

	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &stamps, sizeof(stamps));
	setsockopt(fd, SOL_SOCKET, SO_TXTIME, &txtime, sizeof(txtime));
	/* The error queue counts against it */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &big, sizeof(big));
}

static void set_sndbuf(int fd, bool narrow)
{
	const int size = narrow ? NARROW : 1 << 20;

	if (narrow || setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size,
				 sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

static bool open_unix(struct flow *flow)
{
	int type = flow->kind == K_STREAM ? SOCK_STREAM :
		   flow->kind == K_DATAGRAM ? SOCK_DGRAM : SOCK_SEQPACKET;
	int pair[2];

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair))
		return false;
	flow->tx = pair[0];
	flow->rx = pair[1];
	on(flow->rx, SOL_SOCKET, SO_PASSCRED);
	return true;
}

static bool open_tcp(struct flow *flow)
{
	const int small = 8192, big = 1 << 20;
	const int *size = flow->narrow ? &small : &big;
	struct sockaddr_storage at;
	socklen_t len;
	int listener;

	address(&at, &len, is_v6(flow->kind),
		is_v6(flow->kind) ? LO6_ADDR : LO4_ADDR);
	listener = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(listener, SOL_SOCKET, SO_RCVBUF, size, sizeof(*size));
	if (listener < 0 || bind(listener, (void *)&at, len) ||
	    listen(listener, 1) || getsockname(listener, (void *)&at, &len))
		return false;
	flow->tx = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	on(flow->tx, IPPROTO_TCP, TCP_NODELAY);
	if (connect(flow->tx, (void *)&at, len))
		return false;
	flow->rx = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	close(listener);
	may_stamp(flow->tx);
	return flow->rx >= 0;
}

/* A raw socket also gets what it sends over lo: let it take nothing */
static void deafen(int fd)
{
	struct sock_filter none = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog prog = { .len = 1, .filter = &none };

	setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog));
}

static bool open_packets(struct flow *flow)
{
	bool v6 = is_v6(flow->kind), udp = is_udp(flow->kind);
	int tx_family = v6 || flow->kind == K_MAPPED ? AF_INET6 : AF_INET;
	int type = (udp ? SOCK_DGRAM : SOCK_RAW) | SOCK_CLOEXEC;
	struct sockaddr_storage at, own = { .ss_family = tx_family };
	const int off = 0;

	/* sin_port and sin6_port stand at the same place */
	address(&at, &flow->to_len, v6, v6 ? LO6_ADDR : LO4_ADDR);
	((struct sockaddr_in *)&at)->sin_port = udp ? htons(RX_PORT(flow->kind)) : 0;
	((struct sockaddr_in *)&own)->sin_port = udp ? htons(TX_PORT(flow->kind)) : 0;

	flow->rx = socket(v6 ? AF_INET6 : AF_INET, type, udp ? 0 : RAW_PROTO);
	flow->tx = socket(tx_family, type, udp ? 0 : traits[flow->kind].header ?
					       IPPROTO_RAW : RAW_PROTO);
	if (flow->rx < 0 || flow->tx < 0 ||
	    bind(flow->rx, (void *)&at, flow->to_len))
		return false;
	be_told(flow->rx, v6);
	may_stamp(flow->tx);
	if (!udp)
		deafen(flow->tx);
	setsockopt(flow->tx, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	flow->to = at;
	if (flow->kind == K_MAPPED) {
		address(&flow->to, &flow->to_len, true, MAPPED_ADDR);
		((struct sockaddr_in6 *)&flow->to)->sin6_port = htons(RX_PORT(flow->kind));
	}
	return !udp || !bind(flow->tx, (void *)&own, flow->to_len);
}

const char *flow_open(struct flow *flow, enum kind kind, bool narrow)
{
	bool good;

	memset(flow, 0, sizeof(*flow));
	flow->kind = kind;
	flow->narrow = narrow;
	flow->tx = -1;
	flow->rx = -1;
	if (setns(narrow ? hold_ns : straight_ns, CLONE_NEWNET))
		return cannot("cannot go between namespaces", errno, "run as root");
	good = is_unix(kind) ? open_unix(flow) :
	       is_tcp(kind) ? open_tcp(flow) : open_packets(flow);
	/* Where the queue that holds packets is, and where it lets them go */
	if (setns(hold_ns, CLONE_NEWNET) || !good)
		return cannot(traits[kind].name, errno,
			      "build the kernel with CONFIG_INET, CONFIG_IPV6 and CONFIG_UNIX, run as root");
	set_sndbuf(flow->tx, narrow);
	return NULL;
}

void flow_close(struct flow *flow)
{
	close(flow->tx);
	close(flow->rx);
}

/* -- sending -------------------------------------------------------------- */

/*
 * Any piece of a payload tells to which slot it belongs, and where: 5 bits of
 * each byte are the slot, 3 its place.
 */
static void write_payload(uint8_t *data, unsigned int slot)
{
	size_t i;

	for (i = 0; i < LONGEST; i++)
		data[i] = slot << 3 | (i & 7);
}

static void write_header(enum kind kind, uint8_t *header, size_t len,
			 unsigned int slot)
{
	memset(header, 0, traits[kind].header);
	if (kind == K_HEADER4) {
		header[0] = 0x45;	/* total length, checksum: the kernel's */
		header[5] = slot + 1;	/* id */
		header[8] = 9;		/* time to live */
		header[9] = RAW_PROTO;
		inet_pton(AF_INET, LO4_SOURCE, header + 12);
		inet_pton(AF_INET, LO4_ADDR, header + 16);
	} else {
		header[0] = 0x60;
		header[4] = len >> 8;
		header[5] = len;
		header[6] = RAW_PROTO;
		header[7] = 9;
		inet_pton(AF_INET6, LO6_SOURCE, header + 8);
		inet_pton(AF_INET6, LO6_ADDR, header + 24);
	}
}

struct iovec flow_payload(const struct flow *flow, unsigned int slot)
{
	static uint8_t payloads[SLOTS + 1][64 + LONGEST];
	uint8_t *data = payloads[slot] + 64;
	size_t header = traits[flow->kind].header;

	if (!data[LONGEST - 1])
		write_payload(data, slot);
	if (header)
		write_header(flow->kind, data - header, flow->len, slot);
	return (struct iovec) {
		.iov_base = data - header, .iov_len = header + flow->len,
	};
}

const char *flow_fill(struct flow *flow)
{
	struct flow filler = *flow;
	struct msghdr msg = { .msg_iovlen = 1 };
	const char *why;
	struct iovec iov;
	unsigned int i;

	if (traits[flow->kind].hold) {
		why = qdisc_hold();
		if (why)
			return why;
	}
	/* A read of a UNIX stream takes as much as one send */
	if (flow->kind != K_STREAM)
		filler.len = FILL_SIZE;
	iov = flow_payload(&filler, SLOTS);
	if (!traits[flow->kind].stream)
		memset((char *)iov.iov_base + traits[flow->kind].header, FILLER,
		       filler.len);
	else
		memset(iov.iov_base, FILLER, filler.len);
	msg.msg_iov = &iov;
	msg.msg_name = flow->to_len ? &flow->to : NULL;
	msg.msg_namelen = flow->to_len;
	for (i = 0; i < FILL_MOST; i++)
		if (sendmsg(flow->tx, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			break;
	if (i == FILL_MOST)
		return reason("%s: %u sends did not fill the send buffer",
			      traits[flow->kind].name, FILL_MOST);
	if (errno != (traits[flow->kind].full ? EAGAIN : ENOBUFS))
		return reason("%s: %s before the send buffer was full",
			      traits[flow->kind].name, strerror(errno));
	return NULL;
}

const char *flow_free(struct flow *flow)
{
	return traits[flow->kind].hold ? qdisc_release() : NULL;
}

/*
 * Packets over lo stand in one queue for a processor, which the kernel may leave
 * to a thread: what comes out of it last has overtaken nothing.
 */
const char *flow_flush(const struct flow *flow)
{
	struct pollfd pfd = { .fd = marker[flow->narrow], .events = POLLIN };
	char byte = 0;

	if (!traits[flow->kind].hold)
		return NULL;
	if (send(pfd.fd, &byte, 1, 0) < 0 || poll(&pfd, 1, WAIT_MS) != 1 ||
	    recv(pfd.fd, &byte, 1, 0) < 0)
		return "a datagram over lo did not arrive within 10 s";
	return NULL;
}

/* -- receiving ------------------------------------------------------------ */

static uint64_t mix(uint64_t hash, const void *data, size_t len)
{
	const uint8_t *at = data;
	uint64_t word;

	for (; len >= 8; len -= 8, at += 8) {
		memcpy(&word, at, 8);
		hash = (hash ^ word) * 0x9fb21c651e98df25ULL;
		hash ^= hash >> 29;
	}
	for (; len; len--)
		hash = (hash ^ *at++) * 0x100000001b3ULL;
	return hash;
}

static __printf(2, 3) void tell(unsigned int slot, const char *fmt, ...)
{
	char *text = told[teller][slot];
	size_t len = strlen(text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text + len, sizeof(**told) - len, fmt, ap);
	va_end(ap);
}

void flow_tell(enum teller who)
{
	telling = flows_told && who != NOBODY;
	teller = who;
	if (telling)
		memset(told[who], 0, sizeof(told[who]));
}

const char *flow_told(enum teller who, unsigned int slot)
{
	return told[who][slot];
}

static void tell_bytes(unsigned int slot, const uint8_t *data, size_t len)
{
	size_t i;

	for (i = 0; i < len && i < 40; i++)
		tell(slot, "%s%02x", i % 4 ? "" : " ", data[i]);
}

/* Files are told by their inodes, since their numbers differ each time */
static void take_files(struct cmsghdr *cmsg)
{
	int *fds = (int *)CMSG_DATA(cmsg);
	size_t i, n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(*fds);
	struct stat st;

	for (i = 0; i < n; i++) {
		int fd = fds[i];

		fds[i] = fstat(fd, &st) ? -1 : (int)st.st_ino;
		close(fd);
	}
}

static void look_at_control(struct msghdr *msg, unsigned int slot,
			    struct effect *effect)
{
	struct cmsghdr *cmsg;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		uint8_t *data = CMSG_DATA(cmsg);
		size_t len = cmsg->cmsg_len - CMSG_LEN(0);

		if (cmsg->cmsg_level == SOL_SOCKET &&
		    cmsg->cmsg_type == SCM_RIGHTS)
			take_files(cmsg);
		/* The time of day, which differs each time */
		if (cmsg->cmsg_level == IPPROTO_IP &&
		    cmsg->cmsg_type == IP_RECVOPTS &&
		    memchr(data, ROUTE_TYPE_TS, len))
			memset(data, 0, len);
		effect->hash = mix(effect->hash, &cmsg->cmsg_level, 8);
		effect->hash = mix(effect->hash, data, len);
		if (telling) {
			tell(slot, ", %d/%d", cmsg->cmsg_level, cmsg->cmsg_type);
			tell_bytes(slot, data, len);
		}
	}
	if (msg->msg_flags & MSG_CTRUNC)
		effect->hash++;
}

/* IPv4: id and checksum are of the kernel's choice, a timestamp is the time */
static void mask_header(uint8_t *packet, size_t len)
{
	size_t header = 4 * (packet[0] & 15);

	packet[4] = 0;
	packet[5] = 0;
	packet[10] = 0;
	packet[11] = 0;
	if (header > 20 && header <= len &&
	    memchr(packet + 20, ROUTE_TYPE_TS, header - 20))
		memset(packet + 20, 0, header - 20);
}

static bool take_one(struct flow *flow, struct effect *effects)
{
	static uint8_t data[65536];
	static long control[4096 / sizeof(long)];
	struct sockaddr_storage from = { };
	struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_name = &from, .msg_namelen = sizeof(from),
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct effect *effect;
	unsigned int slot;
	ssize_t len;

	if (flow->kind == K_STREAM)
		iov.iov_len = flow->len;
	len = recvmsg(flow->rx, &msg, MSG_DONTWAIT);
	if (len <= 0)
		return false;
	slot = data[len - 1] >> 3;
	if (slot >= SLOTS)
		return true;
	if (flow->kind == K_RAW4 || flow->kind == K_HEADER4)
		mask_header(data, len);
	effect = &effects[slot];
	effect->pieces++;
	effect->bytes += len;
	effect->hash = mix(effect->hash, &len, sizeof(len));
	effect->hash = mix(effect->hash, data, len);
	effect->hash = mix(effect->hash, &from, msg.msg_namelen);
	if (telling) {
		tell(slot, "; %zd bytes", len);
		if (flow->kind == K_RAW4 || flow->kind == K_HEADER4)
			tell_bytes(slot, data, 4 * (data[0] & 15));
	}
	look_at_control(&msg, slot, effect);
	return true;
}

/* All bytes of a slot in order; who is in between does not matter */
static bool take_bytes(struct flow *flow, struct effect *effects)
{
	static uint8_t data[65536];
	ssize_t i, len = recv(flow->rx, data, sizeof(data), MSG_DONTWAIT);
	struct effect *effect;

	for (i = 0; i < len; i++) {
		if (data[i] == FILLER)
			continue;
		effect = &effects[data[i] >> 3];
		effect->pieces = 1;
		effect->bytes++;
		effect->hash = mix(effect->hash, &data[i], 1);
		if (telling)
			snprintf(told[teller][data[i] >> 3], sizeof(**told),
				 "; %u bytes", effect->bytes);
	}
	return len > 0;
}

/*
 * TX timestamps. Each has the packet with it, so its last byte tells the slot.
 * What counts is which there are, not when, and an id only if it was asked
 * for, as the kernel's count depends on what else was sent. Raw sockets keep an
 * id for later sends that ask for none (IPCORK_TS_OPT_ID stays in their cork).
 */
static bool take_stamp(struct flow *flow, struct effect *effects)
{
	static uint8_t data[65536];
	long control[512 / sizeof(long)];
	struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct sock_extended_err err;
	struct cmsghdr *cmsg;
	unsigned int slot;
	uint64_t hash;
	ssize_t len;

	len = recvmsg(flow->tx, &msg, MSG_ERRQUEUE | MSG_DONTWAIT);
	if (len < 0)
		return false;
	slot = len ? data[len - 1] >> 3 : SLOTS;
	/*
	 * TCP: sends that wait go out in one packet, and that has one
	 * timestamp, so how many there are depends on the time.
	 */
	if (slot >= SLOTS || traits[flow->kind].stream)
		return true;
	for (cmsg = CMSG_FIRSTHDR(&msg); cmsg; cmsg = CMSG_NXTHDR(&msg, cmsg)) {
		if (cmsg->cmsg_level == SOL_SOCKET ||
		    cmsg->cmsg_len < CMSG_LEN(sizeof(err)))
			continue;
		memcpy(&err, CMSG_DATA(cmsg), sizeof(err));
		if (err.ee_data >> 16 != 0x5eed || !is_udp(flow->kind))
			err.ee_data = 0;
		hash = mix(cmsg->cmsg_level << 16 | cmsg->cmsg_type, &err,
			   sizeof(err));
		effects[slot].stamps += hash;
		if (telling)
			tell(slot, "; error %u origin %u info %u id %x",
			     err.ee_errno, err.ee_origin, err.ee_info,
			     err.ee_data);
	}
	return true;
}

bool flow_take(struct flow *flow, struct effect *effects)
{
	bool any = false;

	while (is_tcp(flow->kind) ? take_bytes(flow, effects) :
				    take_one(flow, effects))
		any = true;
	while (!is_unix(flow->kind) && take_stamp(flow, effects))
		any = true;
	return any;
}
