/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The sockets that messages go through.
 */
#ifndef IO_URING_HARM_MESSAGES_KINDS_H
#define IO_URING_HARM_MESSAGES_KINDS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#define MOST_HEAD	24

enum trait {
	T_STREAM = 1,		/* bytes without bounds */
	T_RECORDS = 2,		/* seqpacket */
	T_UNIX = 4,
	T_INET = 8,		/* over lo */
	T_V6 = 16,
	T_ZC = 32,		/* has SOCK_SUPPORT_ZC */
	T_HOLD = 64,		/* fills only if a queue on lo holds packets */
	T_SENDS = 128,		/* its sends can wait */
	T_ONE_WAY = 256,	/* what it receives is not compared */
	T_TCP = 512,		/* how much fits depends on the time */
	T_ADDRESS = 1024,	/* takes an address with each message */
	T_EATS = 2048,		/* takes the data before it finds no room */
	T_FASTOPEN = 4096,
	T_LATE = 8192,		/* a worker of the kernel passes messages on */
	T_KEPT = 32768,		/* takes long to close: one pair for all cases */
	T_REWRITES = 16384,	/* a BPF program changes the address */
	T_TLS = 65536,		/* records, over TCP */
	T_SCTP = 131072,
	T_CIPHER = 262144,	/* what comes is what was sent, enciphered */
};

struct ends;
struct plan;

struct socket_kind {
	const char *name;
	const char *(*open)(struct ends *e, const struct plan *p);
	int family, type, protocol;
	unsigned int traits;
	unsigned int weight;	/* how often, against the others */
};

extern const struct socket_kind kinds[];
extern const unsigned int kinds_known;

/* A message goes from tx to rx */
struct ends {
	const struct socket_kind *kind;
	int tx, rx;
	int listener;		/* of a connection that the message makes */
	size_t head, front;	/* bytes before the payload, sent and received */
	unsigned char start[MOST_HEAD];
	struct sockaddr_storage to, own;
	socklen_t to_len, own_len;
	unsigned int filled;	/* messages, or bytes of a stream, not read yet */
	unsigned int total;	/* the same, read or not */
};

/* All of these give NULL, or what does not let the run go on */
const char *ends_open(struct ends *e, const struct plan *p);
void ends_close(struct ends *e);
const char *ends_fill(struct ends *e);
const char *ends_free(struct ends *e);	/* lets go what a queue holds */

/* Of T_CIPHER: whoever waits looks again */
void cipher_wake(const struct ends *e, bool sender);

/* All that was sent over lo has arrived */
const char *ends_flush(const struct ends *e);

/* Open one to try; NULL, or why there is no such socket */
const char *kind_missing(unsigned int kind);

#endif
