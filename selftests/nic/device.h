/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The network card under test: what NETIF and the variables beside it name
 * (drivers/net/README.rst in the kernel tree), its offloads, MTU, queue and
 * counters. Offloads are switched by the ethtool ioctl that every kernel has.
 * Whatever is changed here stays so; nic.sh saves it before and restores it
 * after all tests.
 */
#ifndef IO_URING_SELFTEST_DEVICE_H
#define IO_URING_SELFTEST_DEVICE_H

#include <net/if.h>
#include <stdio.h>

#include "datagram.h"
#include "ring.h"

struct device {
	char name[IF_NAMESIZE];
	int ifindex;
	struct remote *remote;
};

/* States of a card, made by switching its offloads on or off */
enum offload {
	OFFLOAD_HARDWARE_GSO,		/* it segments UDP itself */
	OFFLOAD_SOFTWARE_GSO,		/* the stack does, just before the driver */
	OFFLOAD_NO_CHECKSUM,		/* and computes checksums */
	OFFLOAD_NO_SCATTER,		/* and copies all into one piece */
	OFFLOAD_BEST,			/* whatever the card can do is on */
};

const char *offload_name(enum offload offload);

/* These return NULL or the reason of a SKIP */

/* The card that NETIF names */
const char *device_name(struct device *dev);

/* The same, with its remote receiver */
const char *device_get(struct device *dev);

const char *device_offload(const struct device *dev, enum offload offload);
const char *device_mtu(const struct device *dev, int mtu);

/* The card has nobody else's queue on it, so ours may be put there */
const char *device_queue(const struct device *dev);

/* Both ends' addresses are set, and the near one is the card's */
const char *device_ends(const struct device *dev, bool v6);

/* Where a stream goes */
struct route {
	struct remote *remote;
	struct sockaddr_storage to, own;
	socklen_t len;
	int ifindex;
};

/* A route for TCP, over IPv4 if possible */
const char *device_route(const struct device *dev, struct route *route);

/* Datagrams as large as the card sends them get through */
const char *device_path(const struct device *dev, struct udp_pair *pair);

/* Why no send can leave the card without having been copied, or NULL */
const char *device_copies(const struct device *dev);

/* Whether the card segments UDP itself with its present offloads */
bool device_segments(const struct device *dev);

/*
 * Open a pair through the card to its remote, and wait until a datagram comes
 * through. source: the sends will ask for a source address by control, and
 * without that the kernel would choose another. room: of the send buffer, in
 * bytes; 0 for the smallest. NULL or what is wrong: nic.sh has found that this
 * works, so it is no reason of a SKIP.
 */
const char *device_pair(const struct device *dev, struct udp_pair *pair,
			enum family family, bool source, int room);

/* Remove our queue, if it is there */
void device_clear(const struct device *dev);

/* What keeps the card from sending anything now, or NULL */
const char *device_trouble(const struct device *dev);

unsigned long device_packets(const struct device *dev);

/* One line: driver, firmware, bus, MTU, offloads */
void device_describe(const struct device *dev, FILE *to);

/*
 * Save and restore what the tests change: a line each for MTU, offloads and
 * queue. restore says on stderr what did not come back; true if all did.
 */
void device_save(const struct device *dev, FILE *to);
bool device_restore(const struct device *dev, FILE *from);

/* Whether the notification of sendmsg_zc can say that the data was copied */
bool ring_tells_usage(struct io_uring *ring);

#endif
