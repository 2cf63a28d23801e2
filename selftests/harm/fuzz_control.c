// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <string.h>

#include <linux/net_tstamp.h>

#include "fuzz.h"
#include "network.h"
#include "report.h"

#ifndef SOL_UDP
#define SOL_UDP		17
#endif

/* Longer than linux/socket.h of some systems knows them */
#define T_UDP_SEGMENT	103
#define T_PIDFD		4
#define T_TS_OPT_ID	81
#define T_DEVMEM	79
#define T_TXTIME	61
#define T_STAMPING_OLD	37
#define T_STAMPING_NEW	65
#define T_PRIORITY	12
#define T_IP_PROTOCOL	52
#define UNKNOWN_LEVEL	0x7777

#define NO_FD		0x4000	/* above all that are open */

#define HEADER		sizeof(struct cmsghdr)

const char * const sort_names[SORTS] = { "valid", "nearly valid", "garbage" };

const char * const place_names[PLACES] = {
	"at the start of a page", "at the end of the mapping", "misaligned",
	"partly unmapped", "NULL", "large",
};

/* Around what net.core.optmem_max allows, old and new, and beyond an int */
const size_t large_lengths[] = {
	5000, 20000, 20440, 20480, 40000, 131072, 200000, (size_t)INT_MAX + 1, 0,
};

#define LARGES	(ARRAY_SIZE(large_lengths) - 1)

static void random_bytes(struct dice *dice, uint8_t *data, size_t len)
{
	while (len--)
		*data++ = roll(dice) >> 56;
}

/* -- data of messages, good for the most part ----------------------------- */

static size_t put(uint8_t *data, const void *value, size_t len)
{
	memcpy(data, value, len);
	return len;
}

static size_t put_u32(uint8_t *data, uint32_t value)
{
	return put(data, &value, sizeof(value));
}

static size_t small_int(struct dice *dice, uint8_t *data)
{
	static const int values[] = {
		0, 1, 2, 3, 46, 63, 64, 128, 254, 255, 256, -1, -2, INT_MIN,
	};

	/* The last five are those that are refused */
	return put_u32(data, percent(dice, 90) ? (int)below(dice, 256) :
						 values[below(dice, ARRAY_SIZE(values))]);
}

static size_t one_byte(struct dice *dice, uint8_t *data)
{
	*data = below(dice, 256);
	return 1;
}

static size_t flag(struct dice *dice, uint8_t *data)
{
	return put_u32(data, below(dice, percent(dice, 90) ? 2 : 4));
}

static size_t any_u32(struct dice *dice, uint8_t *data)
{
	return put_u32(data, roll(dice) >> below(dice, 32));
}

/*
 * Hardware timestamps never come on lo. An id is told from those that the
 * kernel counts by its upper half.
 */
static size_t stamping(struct dice *dice, uint8_t *data)
{
	static const uint32_t flags[] = {
		SOF_TIMESTAMPING_TX_SOFTWARE, SOF_TIMESTAMPING_TX_SCHED,
		SOF_TIMESTAMPING_TX_ACK, SOF_TIMESTAMPING_TX_HARDWARE, 1 << 18,
	};
	uint32_t value = 0;
	unsigned int n = below(dice, 4);

	while (n--)
		value |= flags[below(dice, ARRAY_SIZE(flags))];
	if (percent(dice, 10))
		value |= 1U << below(dice, 32);
	return put_u32(data, value);
}

static size_t stamp_id(struct dice *dice, uint8_t *data)
{
	return put_u32(data, 0x5eed0000 | below(dice, 16));
}

static size_t txtime(struct dice *dice, uint8_t *data)
{
	uint64_t value = roll(dice) >> below(dice, 64);

	return put(data, &value, sizeof(value));
}

static size_t segment(struct dice *dice, uint8_t *data)
{
	static const uint16_t sizes[] = {
		0, 1, 7, 8, 16, 32, 50, 63, 64, 65, 100, 199, 200, 700, 1000,
		1400, 1452, 1453, 1472, 1473, 3000, 65535,
	};
	uint16_t size = percent(dice, 70) ? sizes[below(dice, ARRAY_SIZE(sizes))] :
					    16 + below(dice, 1500);

	return put(data, &size, sizeof(size));
}

static const char * const addresses4[] = {
	"0.0.0.0", LO4_ADDR, LO4_SOURCE, "127.0.0.3", "192.0.2.1",
	"255.255.255.255", "224.0.0.1",
};

static const char * const addresses6[] = {
	"::", LO6_ADDR, LO6_SOURCE, "::1", "2001:db8::99", "ff02::1",
	"fe80::1", MAPPED_SOURCE, MAPPED_ADDR, "::ffff:192.0.2.1",
};

static void pick_address(struct dice *dice, bool v6, void *into)
{
	struct sockaddr_storage at;
	socklen_t len;

	address(&at, &len, v6, v6 ? addresses6[below(dice, ARRAY_SIZE(addresses6))] :
				    addresses4[below(dice, ARRAY_SIZE(addresses4))]);
	if (v6)
		memcpy(into, &((struct sockaddr_in6 *)&at)->sin6_addr, 16);
	else
		memcpy(into, &((struct sockaddr_in *)&at)->sin_addr, 4);
}

static int pick_interface(struct dice *dice)
{
	static const int others[] = { 2, 77, -1 };

	return percent(dice, 80) ? (int)below(dice, 2) : others[below(dice, ARRAY_SIZE(others))];
}

static size_t pktinfo4(struct dice *dice, uint8_t *data)
{
	struct in_pktinfo info = { .ipi_ifindex = pick_interface(dice) };

	pick_address(dice, false, &info.ipi_spec_dst);
	pick_address(dice, false, &info.ipi_addr);
	return put(data, &info, sizeof(info));
}

static size_t pktinfo6(struct dice *dice, uint8_t *data)
{
	struct in6_pktinfo info = { .ipi6_ifindex = pick_interface(dice) };

	pick_address(dice, true, &info.ipi6_addr);
	return put(data, &info, sizeof(info));
}

/* NOP, record route, loose and strict source route, router alert, an unknown */
static size_t options4(struct dice *dice, uint8_t *data)
{
	static const uint8_t types[] = { 1, 7, 131, 137, 148, 0x5e };
	size_t len = 0, want = 4 * below(dice, 11);

	memset(data, 1, 44);
	while (len + 8 <= want) {
		uint8_t *option = data + len;

		option[0] = types[below(dice, ARRAY_SIZE(types))];
		if (option[0] == 1) {
			len++;
			continue;
		}
		option[1] = option[0] == 148 ? 4 : 7;
		option[2] = option[0] == 148 ? 0 : 4;
		memset(option + 3, 0, option[1] - 3);
		if (option[1] == 7)
			pick_address(dice, false, option + 3);
		len += option[1];
	}
	return want;
}

/* Hop-by-hop and destination options: PadN, Pad1, and one that is unknown */
static size_t options6(struct dice *dice, uint8_t *data)
{
	size_t len = 8 * (1 + below(dice, 3));

	memset(data, 0, len);
	data[0] = below(dice, 4) ? 0 : IPPROTO_UDP;
	data[1] = len / 8 - 1;
	data[2] = 0x1e;		/* unknown: skipped; PadN has 7 bytes at most */
	data[3] = len - 4;
	if (percent(dice, 15))
		data[2] = len > 8 ? 0x5e : 1;	/* refused; PadN */
	if (percent(dice, 10))
		data[1]++;
	return len;
}

static size_t routing6(struct dice *dice, uint8_t *data)
{
	static const uint8_t types[] = { 0, 2, 2, 3, 4 };
	unsigned int n = below(dice, 3);
	size_t len = 8 + 16 * n, i;

	memset(data, 0, len);
	data[1] = 2 * n;
	data[2] = types[below(dice, ARRAY_SIZE(types))];
	data[3] = percent(dice, 80) ? n : below(dice, 4);
	if (data[2] == 4 && n)
		data[4] = n - 1;	/* segment routing: last entry */
	for (i = 8; i < len; i += 16)
		pick_address(dice, true, data + i);
	return len;
}

/* flows_begin() has opened these */
static size_t rights(struct dice *dice, uint8_t *data)
{
	unsigned int i, n = 1 + below(dice, 4);
	int fd;

	if (percent(dice, 3))
		n = 252 + below(dice, 3);	/* the most is 253 */
	for (i = 0; i < n; i++) {
		fd = FIRST_FD + below(dice, LAST_FD - FIRST_FD);
		if (n < 10 && percent(dice, 3))
			fd = percent(dice, 50) ? -1 : 9999;
		put_u32(data + 4 * i, fd);
	}
	return 4 * n;
}

/* Ids that exist everywhere, and one that does not */
static size_t credentials(struct dice *dice, uint8_t *data)
{
	struct ucred cred = {
		.pid = percent(dice, 85) ? 1 : 99999999,
		.uid = below(dice, 3), .gid = below(dice, 3),
	};

	return put(data, &cred, sizeof(cred));
}

static size_t anything(struct dice *dice, uint8_t *data)
{
	size_t len = below(dice, 40);

	random_bytes(dice, data, len);
	return len;
}

#define OF(kind)	(1 << (kind))
#define UDP		(OF(K_UDP4) | OF(K_UDP6) | OF(K_MAPPED))
#define RAW		(OF(K_RAW4) | OF(K_RAW6) | OF(K_HEADER4) | OF(K_HEADER6))
#define TCP		(OF(K_TCP4) | OF(K_TCP6))
#define LOCAL		(OF(K_STREAM) | OF(K_DATAGRAM) | OF(K_SEQPACKET))
#define V4		(OF(K_UDP4) | OF(K_MAPPED) | OF(K_RAW4) | OF(K_HEADER4))
#define V6		(OF(K_UDP6) | OF(K_RAW6) | OF(K_HEADER6))
#define INET		(UDP | RAW | TCP)

static const struct cmsg {
	const char *name;
	int level, type;
	unsigned int kinds;	/* on which a valid buffer has it */
	size_t (*data)(struct dice *dice, uint8_t *data);
} messages[] = {
	{ "UDP_SEGMENT", SOL_UDP, T_UDP_SEGMENT, UDP, segment },
	{ "UDP_SEGMENT", SOL_UDP, T_UDP_SEGMENT, UDP, segment },
	{ "IP_TOS", IPPROTO_IP, IP_TOS, V4, small_int },
	{ "IP_TOS", IPPROTO_IP, IP_TOS, V4, one_byte },
	{ "IP_TTL", IPPROTO_IP, IP_TTL, V4, small_int },
	{ "IP_PKTINFO", IPPROTO_IP, IP_PKTINFO, V4, pktinfo4 },
	{ "IP_RETOPTS", IPPROTO_IP, IP_RETOPTS, V4, options4 },
	{ "IP_PROTOCOL", IPPROTO_IP, T_IP_PROTOCOL, OF(K_RAW4), small_int },
	{ "IPV6_PKTINFO", IPPROTO_IPV6, IPV6_PKTINFO, V6 | OF(K_MAPPED), pktinfo6 },
	{ "IPV6_TCLASS", IPPROTO_IPV6, IPV6_TCLASS, V6, small_int },
	{ "IPV6_HOPLIMIT", IPPROTO_IPV6, IPV6_HOPLIMIT, V6, small_int },
	{ "IPV6_DONTFRAG", IPPROTO_IPV6, IPV6_DONTFRAG, V6, flag },
	{ "IPV6_FLOWINFO", IPPROTO_IPV6, 11, V6, any_u32 },
	{ "IPV6_HOPOPTS", IPPROTO_IPV6, IPV6_HOPOPTS, V6, options6 },
	{ "IPV6_DSTOPTS", IPPROTO_IPV6, IPV6_DSTOPTS, V6, options6 },
	{ "IPV6_RTHDRDSTOPTS", IPPROTO_IPV6, IPV6_RTHDRDSTOPTS, V6, options6 },
	{ "IPV6_RTHDR", IPPROTO_IPV6, IPV6_RTHDR, V6, routing6 },
	{ "IPV6_2292PKTINFO", IPPROTO_IPV6, 2, 0, pktinfo6 },
	{ "IPV6_2292HOPOPTS", IPPROTO_IPV6, 3, 0, options6 },
	{ "IPV6_2292DSTOPTS", IPPROTO_IPV6, 4, 0, options6 },
	{ "IPV6_2292RTHDR", IPPROTO_IPV6, 5, 0, routing6 },
	{ "IPV6_2292HOPLIMIT", IPPROTO_IPV6, 8, 0, small_int },
	{ "SO_MARK", SOL_SOCKET, SO_MARK, INET, any_u32 },
	{ "SO_PRIORITY", SOL_SOCKET, T_PRIORITY, INET, small_int },
	{ "SO_TIMESTAMPING", SOL_SOCKET, T_STAMPING_OLD, INET, stamping },
	{ "SO_TIMESTAMPING_NEW", SOL_SOCKET, T_STAMPING_NEW, INET, stamping },
	{ "SCM_TXTIME", SOL_SOCKET, T_TXTIME, INET, txtime },
	{ "SCM_TS_OPT_ID", SOL_SOCKET, T_TS_OPT_ID, UDP | RAW, stamp_id },
	{ "SCM_DEVMEM_DMABUF", SOL_SOCKET, T_DEVMEM, TCP, any_u32 },
	{ "SCM_RIGHTS", SOL_SOCKET, SCM_RIGHTS, LOCAL, rights },
	{ "SCM_RIGHTS", SOL_SOCKET, SCM_RIGHTS, LOCAL, rights },
	{ "SCM_CREDENTIALS", SOL_SOCKET, SCM_CREDENTIALS, LOCAL, credentials },
	{ "SCM_SECURITY", SOL_SOCKET, 3, 0, any_u32 },
	{ "SCM_PIDFD", SOL_SOCKET, T_PIDFD, 0, any_u32 },
	{ "an unknown level", UNKNOWN_LEVEL, 1, INET | LOCAL, anything },
};

#define MESSAGES	ARRAY_SIZE(messages)

/* -- buffers -------------------------------------------------------------- */

static void append(struct dice *dice, const struct cmsg *m,
		   struct buffer *buf)
{
	uint8_t data[ROOM];
	size_t len = m->data(dice, data);
	struct cmsghdr header = {
		.cmsg_level = m->level, .cmsg_type = m->type,
		.cmsg_len = CMSG_LEN(len),
	};

	if (buf->len + CMSG_SPACE(len) > ROOM)
		return;
	memset(buf->bytes + buf->len, 0, CMSG_SPACE(len));
	memcpy(buf->bytes + buf->len, &header, sizeof(header));
	memcpy(buf->bytes + buf->len + CMSG_LEN(0), data, len);
	buf->len += CMSG_SPACE(len);
}

static void make_valid(struct dice *dice, enum kind kind, struct buffer *buf)
{
	static const uint8_t numbers[] = { 1, 1, 1, 2, 2, 3, 4 };
	unsigned int n = numbers[below(dice, ARRAY_SIZE(numbers))];

	while (n) {
		const struct cmsg *m = &messages[below(dice, MESSAGES)];

		if (!(m->kinds & OF(kind)))
			continue;
		append(dice, m, buf);
		n--;
	}
}

bool buffer_message(const struct buffer *buf, unsigned int n, size_t *at,
		    size_t *len)
{
	struct cmsghdr header;
	size_t room = buf->len < ROOM ? buf->len : ROOM;

	for (*at = 0; *at + HEADER <= room; *at += CMSG_ALIGN(*len)) {
		memcpy(&header, buf->bytes + *at, sizeof(header));
		*len = header.cmsg_len;
		if (*len < HEADER || *len > room - *at)
			return false;
		if (!n--)
			return true;
	}
	return false;
}

static void mutate_header(struct dice *dice, uint8_t *at)
{
	static const int levels[] = {
		SOL_SOCKET, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP, SOL_UDP,
		IPPROTO_RAW, UNKNOWN_LEVEL, -1,
	};
	struct cmsghdr header;

	memcpy(&header, at, sizeof(header));
	switch (below(dice, 6)) {
	case 0:
		header.cmsg_len += below(dice, 17) - 8;
		break;
	case 1:
		header.cmsg_len = below(dice, HEADER + 4);
		break;
	case 2:
		header.cmsg_len = -(size_t)below(dice, 16);
		break;
	case 3:
		header.cmsg_level = levels[below(dice, ARRAY_SIZE(levels))];
		break;
	case 4:
		header.cmsg_type = below(dice, 90);
		break;
	case 5:
		header.cmsg_type += below(dice, 3) - 1;
		break;
	}
	memcpy(at, &header, sizeof(header));
}

static void mutate(struct dice *dice, struct buffer *buf)
{
	unsigned int n = 0, which;
	size_t at, len;

	while (buffer_message(buf, n, &at, &len))
		n++;
	which = below(dice, n + !n);
	if (!buffer_message(buf, which, &at, &len))
		at = 0;
	switch (below(dice, 8)) {
	case 0:
	case 1:
	case 2:
		if (at + HEADER <= ROOM)
			mutate_header(dice, buf->bytes + at);
		break;
	case 3:		/* one bit, anywhere */
		if (buf->len)
			buf->bytes[below(dice, buf->len)] ^= 1 << below(dice, 8);
		break;
	case 4:		/* the length of it all, a little */
		buf->len += below(dice, 33) - 16;
		break;
	case 5:		/* cut */
		buf->len = below(dice, buf->len + 1);
		break;
	case 6:		/* something behind it */
		len = below(dice, 32);
		if (buf->len + len > ROOM)
			break;
		random_bytes(dice, buf->bytes + buf->len, len);
		buf->len += len;
		break;
	case 7:		/* a value of another message, or another's size */
		len = at + CMSG_LEN(0) + below(dice, 4);
		if (len < buf->len)
			random_bytes(dice, buf->bytes + len,
				     1 + below(dice, 4) % (buf->len - len));
		break;
	}
	if (buf->len > ROOM)
		buf->len = 0;
}

static void make_garbage(struct dice *dice, struct buffer *buf)
{
	const struct cmsg *m;
	struct cmsghdr header;

	buf->len = below(dice, percent(dice, 90) ? 100 : ROOM);
	random_bytes(dice, buf->bytes, ROOM);
	if (percent(dice, 50))
		return;
	/* A header that leads the kernel on to the rest */
	m = &messages[below(dice, MESSAGES)];
	header = (struct cmsghdr) {
		.cmsg_level = m->level, .cmsg_type = m->type,
		.cmsg_len = percent(dice, 50) ? buf->len :
						HEADER + below(dice, 24),
	};
	memcpy(buf->bytes, &header, sizeof(header));
}

/*
 * Nor may it name what is open only now and then: the files that the receiver
 * got a moment ago, the ring, the sockets.
 */
static void tame_rights(struct buffer *buf)
{
	struct cmsghdr header;
	unsigned int n;
	size_t at, len, i;
	int fd;

	for (n = 0; buffer_message(buf, n, &at, &len); n++) {
		memcpy(&header, buf->bytes + at, sizeof(header));
		if (header.cmsg_level != SOL_SOCKET ||
		    header.cmsg_type != SCM_RIGHTS)
			continue;
		for (i = CMSG_LEN(0); i + sizeof(fd) <= len; i += sizeof(fd)) {
			memcpy(&fd, buf->bytes + at + i, sizeof(fd));
			if (fd < 0 || (fd >= FIRST_FD && fd < LAST_FD))
				continue;
			fd |= NO_FD;
			memcpy(buf->bytes + at + i, &fd, sizeof(fd));
		}
	}
}

static enum sort make(struct dice *dice, enum kind kind, struct buffer *buf)
{
	uint32_t of = below(dice, 100);
	enum sort sort = of < 55 ? VALID : of < 88 ? NEARLY : GARBAGE;
	unsigned int n;

	buf->len = 0;
	buf->place = percent(dice, 30) ? AT_END : AT_START;
	buf->over = 0;
	if (sort == GARBAGE) {
		make_garbage(dice, buf);
	} else {
		/* What a mutation makes part of the buffer */
		memset(buf->bytes, 0, 256);
		make_valid(dice, kind, buf);
	}
	for (n = sort == NEARLY ? 1 + below(dice, 3) : 0; n; n--)
		mutate(dice, buf);
	if (sort == VALID || percent(dice, 80))
		return sort;

	buf->place = below(dice, PLACES);
	if (buf->place == ODD)
		buf->over = 1 + below(dice, 7);
	else if (buf->place == OVER_END && buf->len)
		buf->over = 1 + below(dice, buf->len);
	else if (buf->place == LARGE)
		buf->len = large_lengths[below(dice, LARGES)];
	return sort;
}

enum sort buffer_make(struct dice *dice, enum kind kind, struct buffer *buf)
{
	enum sort sort = make(dice, kind, buf);

	tame_rights(buf);
	return sort;
}

static const char *message_name(const struct cmsghdr *header)
{
	unsigned int i;

	for (i = 0; i < MESSAGES; i++)
		if (messages[i].level == header->cmsg_level &&
		    messages[i].type == header->cmsg_type)
			return messages[i].name;
	return "unknown";
}

void buffer_print(FILE *to, const struct buffer *buf, const char *prefix)
{
	size_t at = 0, len, next = 0, i;
	struct cmsghdr header;
	unsigned int n;

	fprintf(to, "%s%zu bytes, %s", prefix, buf->len, place_names[buf->place]);
	if (buf->over)
		fprintf(to, " by %u", buf->over);
	fprintf(to, "\n");
	if (buf->place == NOWHERE || buf->place == LARGE)
		return;
	for (n = 0; buffer_message(buf, n, &at, &len); n++) {
		memcpy(&header, buf->bytes + at, sizeof(header));
		fprintf(to, "%s  level %d type %d (%s):", prefix,
			header.cmsg_level, header.cmsg_type,
			message_name(&header));
		for (i = at + CMSG_LEN(0); i < at + len && i < at + 64; i++)
			fprintf(to, " %02x", buf->bytes[i]);
		fprintf(to, "%s\n", i < at + len ? " ..." : "");
		next = at + CMSG_ALIGN(len);
	}
	if (next >= buf->len)
		return;
	fprintf(to, "%s  then", prefix);
	for (i = next; i < buf->len && i < next + 64; i++)
		fprintf(to, " %02x", buf->bytes[i]);
	fprintf(to, "%s\n", i < buf->len ? " ..." : "");
}
