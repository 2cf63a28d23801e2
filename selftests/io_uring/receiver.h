/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The receiving end: a UDP socket, and what is to be known of a datagram that
 * came. Used by a test whose receiver is in the same process, and by
 * nic_receiver, which may run on another machine.
 */
#ifndef IO_URING_SELFTEST_RECEIVER_H
#define IO_URING_SELFTEST_RECEIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/*
 * A payload is a row of big-endian words, (id of the send << 16) + (number of
 * the word), so that any piece of it tells where it belongs. The id of sends
 * that the receiver passes over:
 */
#define UNHEARD_ID	0xfffe
#define HELLO_ID	0xfffd	/* of what only shows that there is a way */
#define LARGEST		65535	/* bytes of a datagram */

struct datagram {
	size_t len;
	unsigned int id;
	size_t at;		/* offset in the payload of the send */
	long wrong;		/* offset of the first wrong byte, or -1 */
	int ecn;
	struct sockaddr_storage from;
};

uint8_t payload_byte(unsigned int id, size_t at);

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

/* 1: a datagram that is not UNHEARD; 0: none within ms; -1: error */
int receiver_take(int fd, struct datagram *d, int ms);

#endif
