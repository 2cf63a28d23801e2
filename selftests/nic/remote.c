// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "line.h"
#include "network.h"
#include "remote.h"
#include "report.h"

#define GONE	"the remote receiver is gone: see above for what it said"

struct pipes {
	struct remote remote;
	struct lines from;
	int to;
	int number;		/* of this process: each test is one */
};

static struct pipes *pipes_of(struct remote *remote)
{
	return (void *)((char *)remote - offsetof(struct pipes, remote));
}

static __printf(2, 3) const char *tell(struct pipes *pipes, const char *fmt, ...)
{
	char line[256];
	va_list ap;
	int len;

	len = snprintf(line, sizeof(line), "%d ", pipes->number);
	va_start(ap, fmt);
	len += vsnprintf(line + len, sizeof(line) - len, fmt, ap);
	va_end(ap);
	line[len++] = '\n';
	if (write(pipes->to, line, len) != len)
		return GONE;
	return NULL;
}

/* *rest: what follows the word in the next answer of ours. NULL or why not */
static const char *reply(struct pipes *pipes, const char *word, int ms,
			 char **rest)
{
	size_t len = strlen(word);
	char *line;

	while ((line = line_next(&pipes->from, ms))) {
		if (strtol(line, rest, 10) != pipes->number || **rest != ' ')
			continue;
		++*rest;
		if (!strncmp(*rest, "error ", 6))
			return reason("the remote receiver: %s: %s", *rest + 6,
				      "set REMOTE_V4 and REMOTE_V6 to its addresses");
		if (strncmp(*rest, word, len) || (*rest)[len] != ' ')
			continue;
		*rest += len + 1;
		return NULL;
	}
	if (pipes->from.ended)
		return GONE;
	return reason("no answer from the remote receiver within %d ms", ms);
}

static const char *remote_open(struct remote *remote,
			       struct sockaddr_storage *at, const char *how)
{
	struct sockaddr_in *sin = (void *)at;
	struct sockaddr_in6 *sin6 = (void *)at;
	const char *wrong;
	char text[INET6_ADDRSTRLEN];
	char *port;

	inet_ntop(at->ss_family, at->ss_family == AF_INET6 ?
		  (void *)&sin6->sin6_addr : &sin->sin_addr, text,
		  sizeof(text));
	wrong = tell(pipes_of(remote), "%s %s", how, text) ?:
		reply(pipes_of(remote), "port", WAIT_MS, &port);
	if (wrong)
		return wrong;
	/* sin_port and sin6_port stand at the same place */
	sin->sin_port = htons(atoi(port));
	return NULL;
}

static int remote_take(struct remote *remote, struct datagram *d, int ms)
{
	struct sockaddr_storage *from = &d->from;
	char text[INET6_ADDRSTRLEN];
	socklen_t len;
	char *line;

	if (reply(pipes_of(remote), "got", ms, &line))
		return pipes_of(remote)->from.ended ? -1 : 0;
	if (sscanf(line, "%u %zu %zu %ld %d %45s", &d->id, &d->at, &d->len,
		   &d->wrong, &d->ecn, text) != 6)
		return -1;
	address(from, &len, !!strchr(text, ':'), text);
	return 1;
}

static const char *remote_readable(struct remote *remote)
{
	char *rest;

	return tell(pipes_of(remote), "peek") ?:
	       reply(pipes_of(remote), "readable", WAIT_MS, &rest);
}

static const char *remote_drain(struct remote *remote)
{
	return tell(pipes_of(remote), "drain");
}

static const char *remote_drained(struct remote *remote, size_t size)
{
	const char *wrong;
	unsigned long count = 0;
	long bad = 0;
	char *line;

	wrong = tell(pipes_of(remote), "total %zu", size) ?:
		reply(pipes_of(remote), "total", WAIT_MS, &line);
	if (wrong)
		return wrong;
	if (sscanf(line, "%lu %ld", &count, &bad) != 2 || bad >= 0)
		return reason("wrong content at byte %ld", bad);
	return count == size ? NULL :
	       reason("%lu bytes arrived instead of %zu", count, size);
}

struct remote *remote_get(void)
{
	static struct pipes pipes = {
		.remote = {
			.open = remote_open,
			.take = remote_take,
			.readable = remote_readable,
			.drain = remote_drain,
			.drained = remote_drained,
		},
	};
	const char *from = getenv("NIC_FROM"), *to = getenv("NIC_TO");

	if (!from || !to)
		return NULL;
	pipes.from.fd = atoi(from);
	pipes.to = atoi(to);
	pipes.number = getpid();
	/* tell() says that it is gone, and a test that it failed for that */
	signal(SIGPIPE, SIG_IGN);
	return &pipes.remote;
}

#define LOSS_MS		1500	/* far more than a datagram is under way */
#define ECT_0		2	/* ECN bits: capable, codepoint 0, as all sends ask for */
#define CE		3	/* which a busy queue on the way makes of it */

unsigned int datagrams_lost;

/* Left over from an abandoned run, or a greeting */
static bool stale(const struct udp_pair *pair, const struct datagram *d)
{
	return d->id < pair->first || d->id == HELLO_ID;
}

static const char *judge_one(const struct udp_pair *pair, struct message *p,
			     struct datagram *d)
{
	/* Earlier ones are missing: on one path, in order, they are lost */
	if (d->wrong < 0 && d->at > p->got && d->at < p->len &&
	    d->at % p->segment == 0) {
		datagrams_lost += (d->at - p->got) / p->segment;
		p->got = d->at;
	}
	if (d->ecn == CE && p->control & CTL_ECN)
		d->ecn = ECT_0;
	return message_judge(pair, p, d);
}

/* Take what comes until nothing is missing, or nothing comes any more */
static const char *take_all(struct udp_pair *pair, struct message *p,
			    unsigned int n)
{
	struct remote *remote = remote_get();
	const char *wrong = NULL;
	struct datagram d;
	unsigned int i;

	while (messages_missing(p, n) && !wrong &&
	       remote->take(remote, &d, LOSS_MS) == 1) {
		for (i = 0; i < n; i++)
			if (p[i].id == d.id)
				break;
		if (i == n && stale(pair, &d))
			continue;
		wrong = d.len < 4 || i == n ?
			reason("a datagram of %zu bytes that was never sent",
			       d.len) : judge_one(pair, &p[i], &d);
	}
	return wrong;
}

const char *remote_judge(struct udp_pair *pair, struct message *p,
			 unsigned int n)
{
	struct remote *remote = remote_get();
	const char *wrong;
	struct datagram d;
	unsigned int i;

	datagrams_lost = 0;
	wrong = take_all(pair, p, n);
	if (wrong) {
		datagrams_lost = 0;
		return wrong;
	}
	for (i = 0; i < n; i++)
		datagrams_lost += (p[i].len - p[i].got + p[i].segment - 1) /
				  p[i].segment;
	if (messages_missing(p, n))
		return reason("%zu bytes did not arrive within %d ms",
			      messages_missing(p, n), LOSS_MS);
	if (datagrams_lost)
		return reason("%u datagrams did not arrive", datagrams_lost);
	while (remote->take(remote, &d, 0) > 0)
		if (!stale(pair, &d))
			return reason("%zu bytes of send %u arrived again",
				      d.len, d.id);
	return NULL;
}
