/* SPDX-License-Identifier: GPL-2.0 */
/*
 * bench: from which size on sendmsg_zc pays, see bench.c.
 *
 * A message is one GSO send, or one datagram, whatever it takes to
 * send it: n segments are one send by UDP_SEGMENT, one sendmmsg(2) of n
 * messages, one round of a peer. What counts is what was sent; nobody looks at
 * what arrives.
 *
 * --json prints one object:
 *  kernel      release, as uname -r
 *  machine     as uname -m
 *  bits        32 or 64, of this program
 *  netif       interface, "lo" without NETIF
 *  device      one line: driver, MTU, offloads
 *  copies      why nothing can leave without a copy, or null
 *  family      "udp4" or "udp6"
 *  in_flight   sends that io_uring has at once
 *  sndbuf      SO_SNDBUF as getsockopt(2) tells it
 *  seconds     of a run
 *  left_out    [{sender, why}]
 *  rows        [{sender, segments, segment (bytes), bytes (of a message),
 *              runs}], in which runs are
 *              [{messages, bytes, seconds, cpu (seconds of the process, user
 *              and system), copied (share of the sends that the kernel says it
 *              copied, null: not told), busy (-EAGAIN and -ENOBUFS), error
 *              (what ended the run, or null)}]
 *  answer      the last line of the table
 */
#ifndef IO_URING_SELFTEST_BENCH_H
#define IO_URING_SELFTEST_BENCH_H

#include <time.h>

#include "datagram.h"
#include "device.h"
#include "ring.h"

#define IN_FLIGHT	32
#define MOST_SEGMENTS	64	/* in every kernel */
#define MOST_SIZES	MOST_SEGMENTS
#define MOST_RUNS	100
#define SLOT		65536	/* bytes of memory for a message */

struct size {
	unsigned int segments;
	unsigned int segment;	/* bytes */
	unsigned int bytes;
};

/* One run */
struct sample {
	unsigned long messages;
	uint64_t bytes;
	double seconds;
	double cpu;
	double copied;		/* share, -1 where it is not told */
	unsigned int busy;
	char error[96];		/* empty: none */
};

struct bench {
	/* What the command line asks for */
	double seconds;
	unsigned int runs;
	bool json;
	struct size sizes[MOST_SIZES];
	unsigned int n_sizes;

	/* What it is measured on */
	bool nic;		/* else loopback */
	struct device dev;
	struct udp_pair pair;
	int sndbuf;
	char *area;		/* IN_FLIGHT * SLOT bytes */
	struct message messages[IN_FLIGHT];
};

/* One way to send */
struct sender {
	const char *name;
	const char *what;		/* in a word or two, for --help */
	/* NULL, or why it cannot be measured here */
	const char *(*open)(struct sender *s, struct bench *b);
	void (*go)(struct sender *s, struct bench *b, const struct size *size,
		   struct sample *sample);
	enum opcode op;
	bool no_gso;			/* it sends single datagrams alone */
	bool wanted;
	char why[256];			/* it is left out; empty: it is not */
	struct io_uring ring;
	unsigned int zc_flags;
	char path[256];			/* of a program */
	struct sample *samples;		/* [size][run] */
};

extern struct sender senders[];		/* ends with a NULL name */

/* Ctrl-C or SIGTERM came */
bool bench_stopped(void);

/* The stopwatch of a run */
void sample_start(struct sample *sample, struct timespec *since);
void sample_stop(struct sample *sample, const struct timespec *since);
double seconds_since(const struct timespec *since);

/* The programs of the kernel tree, see bench_peer.c */
const char *peer_open(struct sender *s, struct bench *b);
void peer_gso(struct sender *s, struct bench *b, const struct size *size,
	      struct sample *sample);
void peer_zerocopy(struct sender *s, struct bench *b, const struct size *size,
		   struct sample *sample);

/* The samples of one row */
struct sample *samples_of(const struct sender *s, const struct bench *b,
			  unsigned int size);

void report_table(const struct bench *b);
void report_json(const struct bench *b);

#endif
