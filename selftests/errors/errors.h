/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the rows of errors.c share. Each row runs in a process and a network
 * namespace of its own, so whatever it opens is gone when it returns, and
 * skip() and broken() end it at once.
 */
#ifndef ERRORS_H
#define ERRORS_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "report.h"

#define LEN	2700	/* what most rows send: two segments */
#define SEGMENT_LEN	1400

#ifndef UDP_SEGMENT
#define UDP_SEGMENT	103
#endif
#ifndef SOL_UDP
#define SOL_UDP		17
#endif
#ifndef SOL_TLS
#define SOL_TLS		282
#endif

/* One line of the table: what is done, and what shows it */
struct row {
	const char *name;
	const char *does;
	const char *road;	/* the opcode in words */
	int ring;		/* what it completes with */
	int call;		/* what the system call gives for the same */
	bool silent;		/* the numbers alone do not show it */
	const char *defect;	/* NULL: none */
	void (*run)(void);
};

/* Tables end with a row that has no name */
extern const struct row control_rows[], network_rows[], zerocopy_rows[],
			stream_rows[], local_rows[], ring_rows[];

/* What came of a row: a length or a negative errno by each road */
struct seen {
	int ring;
	int call;
	char odd[128];		/* what is wrong, or silent, behind the numbers */
	char skip[256];
	char broken[256];
};

extern struct seen *seen;

/* This kernel or host cannot show the row, and what would help */
__printf(1, 2) __noreturn void skip(const char *fmt, ...);
/* A step failed that has to work everywhere */
__printf(1, 2) __noreturn void broken(const char *fmt, ...);
__printf(1, 2) void odd(const char *fmt, ...);

/* One message with room for control, an address, and data that all differ */
struct packet {
	struct msghdr msg;
	struct iovec iov;
	struct sockaddr_storage to;
	char *data;
	union {
		struct cmsghdr first;
		char room[256];
	};
};

void packet_make(struct packet *p, size_t len, const void *to, socklen_t tolen);
void packet_control(struct packet *p, int level, int type, const void *data,
		    size_t len);
void packet_segment(struct packet *p, uint16_t size);

/* A length, or the errno as a negative number */
int called(ssize_t ret);

/* sendmsg(2) */
int call(int fd, const struct packet *p, int flags);

/*
 * Do in another process what blocks, let() it go when it sleeps, and give what
 * it came to.
 */
int call_blocked(int (*what)(void *arg), void (*let)(void *arg), void *arg);

/* Rings: a row has one */
void ring_need(unsigned int op, const char *name);
struct io_uring *ring_up(void);
struct io_uring_sqe *ring_sqe(void);
void ring_submit(void);
bool ring_quiet(void);		/* nothing has completed */
int ring_cqe(uint64_t *user_data, unsigned int *flags);
int ring_msg(unsigned int op, int fd, struct packet *p, int flags);

/*
 * Put a request for the message behind a link that waits, submit, change what
 * the program has in memory, and let it go; its result.
 */
int ring_late(int fd, struct packet *p, int flags, void (*change)(void *arg),
	      void *arg);

/* Sockets, on lo of the row's namespace unless said otherwise */
struct udp {
	int tx, rx;
	struct sockaddr_storage to;
	socklen_t len;
};

void udp_open(struct udp *udp, int family);
void tcp_pair(int pair[2]);
void unix_pair(int type, int pair[2]);
void fill(int fd, struct packet *p);	/* until a send would block */
int set(int fd, int level, int name, int value);

/* net.c: what a row needs around its sockets */
int veth_up(bool checksums);		/* its ifindex; 192.0.2.1/24 on it */
void lo_drops(void);
void ipsec_on_lo6(void);
void tls_on(int pair[2]);

#endif
