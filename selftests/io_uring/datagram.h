/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Numbered messages over a UDP socket, with control, and the receiver that
 * judges what came of them.
 */
#ifndef IO_URING_SELFTEST_DATAGRAM_H
#define IO_URING_SELFTEST_DATAGRAM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/*
 * A payload is a row of big-endian words, (id of the send << 16) + (number of
 * the word), so that any piece of it shows where it belongs. The id of sends
 * that the receiver ignores:
 */
#define FILLER_ID	0xfffe
#define LARGEST		65535	/* bytes of a datagram */
#define STREAM_TOTAL	1048576	/* of a stream */

struct datagram {
	size_t len;
	unsigned int id;
	size_t at;		/* offset in the payload of the send */
	long wrong;		/* offset of the first wrong byte, or -1 */
	int ecn;
	struct sockaddr_storage from;
};

/* The byte at an offset of a TCP stream */
static inline char stream_byte(size_t at)
{
	return at * 7 + (at >> 11);
}

/* Put an address and no port into *ss; *len its size. false: it is none */
bool address(struct sockaddr_storage *ss, socklen_t *len, bool v6,
	     const char *text);

/*
 * A UDP socket that is bound to the address and to a port of the kernel's
 * choice, which *at then has, and tells the ECN bits. -1 and errno.
 */
int receiver_open(struct sockaddr_storage *at, socklen_t len);

/* 1: a datagram that is not filler; 0: none within ms; -1: error */
int receiver_take(int fd, struct datagram *d, int ms);

enum family { FAM_UDP4, FAM_UDP6, FAM_MAPPED };

/* Control messages of a send, in the order in which they stand in the buffer */
enum control {
	CTL_NONE = 0,
	CTL_SEGMENT = 1,		/* UDP_SEGMENT, 24 bytes (16 in 32 bit) */
	CTL_ECN = 2,		/* IP_TOS or IPV6_TCLASS */
	CTL_SOURCE = 4,		/* IP_PKTINFO or IPV6_PKTINFO */
	CTL_QUIC = CTL_SEGMENT | CTL_ECN | CTL_SOURCE,
};

#define SEGMENT_SIZE	1472
#define SEND_SIZE	2700	/* one whole segment and a shorter one */
#define CONTROL_ROOM	128

struct message;

/* Socket pair: tx is not connected, and has the smallest send buffer */
struct udp_pair {
	enum family family;
	int tx;
	int rx;
	struct sockaddr_storage to;
	struct sockaddr_storage own;	/* source of a send without SOURCE */
	struct sockaddr_storage other;	/* the one that SOURCE asks for */
	socklen_t to_len;		/* of all three */
	uint16_t segment;		/* a multiple of 4 */

	/* Where the receiver is somewhere else, beyond a network card */
	const char *(*judge)(struct udp_pair *pair, struct message *p,
			     unsigned int n);	/* in place of pair_judge() */
	int settle;			/* ms until a card has sent all it has */
	unsigned int first;		/* id of the next run's first message */
};

/* What is given to the kernel, and what the receiver has to see */
struct message {
	unsigned int id;
	enum control control;
	size_t len;
	uint16_t segment;
	size_t got;

	struct msghdr msg;
	struct iovec iov;
	struct sockaddr_storage to;
	char *buf;		/* control buffer, CONTROL_ROOM bytes by default */
	union {
		size_t align;		/* as a cmsghdr is */
		char room[CONTROL_ROOM];
	};
	struct iovec payload;	/* all of the memory for it */
};

/* NULL, or the reason of a SKIP */
const char *pair_open(struct udp_pair *pair, enum family family);

/*
 * Wait until the send buffer of a socket is empty, for TCP until everything is
 * acknowledged, at most 10 s. NULL or what is left.
 */
const char *socket_drain(int fd);

/*
 * Send datagrams that the receiver ignores, by sendto(2), until the socket
 * keeps saying EAGAIN. NULL, or why it never did.
 */
const char *pair_fill(struct udp_pair *pair);

/* Fill in msghdr, iovec, payload and control; id tells the receiver which */
void message_pack(struct message *p, const struct udp_pair *pair, unsigned int id,
		  enum control control);

/* The same, of that size, and cut into such segments */
void message_shape(struct message *p, const struct udp_pair *pair, unsigned int id,
		   enum control control, size_t len, uint16_t segment);

/* Put the control at the end of buf, not into p->room */
void message_control_at_end(struct message *p, const struct udp_pair *pair,
			    char *buf, size_t size);

/* Append one control message to p's buffer, as far as there is room */
void message_add_control(struct message *p, int level, int type,
			 const void *data, size_t len);

/* Put half the segment size into the control of a message */
void message_resize(struct message *p);

/*
 * Receive all n messages. NULL when each came once, whole, in order, cut into
 * the right segments, with the ECN bits and from the source that its control
 * asked for, and nothing else came; else what was wrong first.
 */
const char *pair_judge(struct udp_pair *pair, struct message *p, unsigned int n);

/* The same for one datagram, which comes next of what p has not got yet */
const char *message_judge(const struct udp_pair *pair, struct message *p,
			  const struct datagram *d);

/* Bytes of n messages that have not arrived */
size_t messages_missing(const struct message *p, unsigned int n);

/* NULL when nothing has arrived yet but what pair_fill() sent, or FILLER_ID */
const char *pair_nothing_yet(struct udp_pair *pair);

const char *family_name(enum family family);
const char *control_name(enum family family, enum control control);

#endif
