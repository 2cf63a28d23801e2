/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The network of a test: a namespace of its own, requests to rtnetlink, and a
 * queue on lo that holds packets for as long as the test wants. Loopback gives
 * send memory back at once, so without such a queue a UDP socket does not fill.
 */
#ifndef IO_URING_SELFTEST_NETWORK_H
#define IO_URING_SELFTEST_NETWORK_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#define WAIT_MS		10000	/* the longest that anything here waits */

/* Two addresses of lo per family: the receiver's, and one to send from */
#define LO4_ADDR	"127.0.0.1"
#define LO4_SOURCE	"127.0.0.2"
#define LO6_ADDR	"::1"
#define LO6_SOURCE	"2001:db8::2"
#define MAPPED_ADDR	"::ffff:127.0.0.1"
#define MAPPED_SOURCE	"::ffff:127.0.0.2"

/*
 * All of these return NULL, or a sentence that says why it cannot be done
 * here and what would help: the reason for a SKIP.
 */

/*
 * Enter a new network namespace, by way of a user namespace if unprivileged.
 * If neither is allowed, and no queue on lo is needed, stay in this one.
 */
const char *netns_enter(bool must);

/*
 * One network namespace for all cases of a program, as making one takes longer
 * than most of them under TCG. SHARE_NETNS() stands outside of all functions, to
 * be entered before the harness forks. A case's first netns_enter() then takes
 * away what the case before has left there, and no more; netns_once() gives NULL,
 * or the reason of a SKIP.
 */
#define SHARE_NETNS() \
	static void __attribute__((constructor)) share_netns(void) { netns_share(); }
void netns_share(void);
const char *netns_once(void);

/* Put a queue on the device that lets only the first few packets through */
const char *qdisc_hold(void);

/* Let through all that the queue holds, and whatever follows */
const char *qdisc_release(void);

struct request {
	struct nlmsghdr nlh;
	union {
		struct tcmsg tc;
		struct ifaddrmsg ifa;
	};
	char attrs[512];
};

void *attr_put(struct request *req, unsigned short type, const void *data,
	       size_t len);
void attr_put_u32(struct request *req, unsigned short type, uint32_t val);
void attr_end(struct request *req, struct rtattr *nest);

/* Send one request and return the errno of its answer, or 0 */
int rtnl_talk(struct request *req);

/* An ioctl on the interface of that name; its errno, or 0 */
int if_ioctl(const char *name, unsigned long request, struct ifreq *ifr);

/* A socket with the request in it, or -1 and errno */
int rtnl_ask(struct request *req, unsigned short flags);

#define QDISC_HANDLE	0x10c00000	/* as in tc(8): 10c0: */

/* What becomes a queue that holds packets, or lets them go */
struct qdisc {
	const char *kind;
	void (*options)(struct request *req, bool hold);
};

void tbf_options(struct request *req, bool hold);

/* A hook: what to try in place of tbf alone, ends with a row of zeros */
#pragma weak hint_qdiscs
const struct qdisc *hint_qdiscs(void);

/*
 * Use the queue of this device instead of that of lo; what is sent to the
 * address leaves through it. The caller has to remove the queue.
 */
void qdisc_use(int ifindex, const struct sockaddr_storage *to);

/* The device that has the queue is a network card */
bool qdisc_on_card(void);

#endif
