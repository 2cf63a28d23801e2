// SPDX-License-Identifier: GPL-2.0
/*
 * The programs of the kernel tree that measure the same, as peers of bench:
 * udpgso_bench_tx and io_uring_zerocopy_tx of tools/testing/selftests/net,
 * from the folder that BENCH_PEERS names. They count whole seconds.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "network.h"
#include "report.h"

#define SAID		4096	/* bytes that a peer says at most */
#define MORE_SECONDS	0.2	/* io_uring_zerocopy_tx adds this to -t */
#define MSS_V4		1472	/* to which udpgso_bench_tx cuts without GSO */
#define MSS_V6		1452
/* Of udpgso_bench_tx, spaces for its new line, too; a message is what -s says */
#define SUMMARY		"Summary over %lu.%lu seconds... " \
			"sum udp tx: %*u MB/s %*u calls (%*u/s) %lu msgs"

/* A peer under way, and what came of it */
struct peer {
	pid_t pid;
	int from;		/* its stdout and stderr */
	double seconds;		/* that it was told */
	double cpu;
	int status;
	char said[SAID];
};

const char *peer_open(struct sender *s, struct bench *b)
{
	const char *folder = getenv("BENCH_PEERS");
	const char *suffix = strstr(s->name, "_z");
	int len = strlen(s->name);

	(void)b;
	if (!folder || !*folder)
		return cannot("not asked for", 0,
			      "set BENCH_PEERS to the folder in which tools/testing/selftests/net was built");
	/* udpgso_bench_tx_z is udpgso_bench_tx -z */
	if (suffix && !suffix[2])
		len -= 2;
	snprintf(s->path, sizeof(s->path), "%s/%.*s", folder, len, s->name);
	if (access(s->path, X_OK))
		return reason("%s: %s", s->path, strerror(errno));
	return NULL;
}

static const char *launch(struct peer *peer, const char * const *argv)
{
	posix_spawn_file_actions_t acts;
	int fds[2], err;

	if (pipe2(fds, O_CLOEXEC))
		return "no pipe";
	posix_spawn_file_actions_init(&acts);
	posix_spawn_file_actions_adddup2(&acts, fds[1], STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&acts, fds[1], STDERR_FILENO);
	err = posix_spawn(&peer->pid, argv[0], &acts, NULL,
			  (char * const *)argv, environ);
	posix_spawn_file_actions_destroy(&acts);
	close(fds[1]);
	peer->from = fds[0];
	if (err)
		close(fds[0]);
	return err ? strerror(err) : NULL;
}

/* Read all that it says until it ends, is told to, or is far too late */
static void listen_to(struct peer *peer)
{
	struct pollfd pfd = { .fd = peer->from, .events = POLLIN };
	int patience = peer->seconds * 1000 + WAIT_MS;
	size_t used = 0;
	ssize_t len;

	while (!bench_stopped() && poll(&pfd, 1, patience) > 0) {
		len = read(peer->from, peer->said + used, SAID - 1 - used);
		if (len <= 0)
			break;
		used += len;
	}
	peer->said[used] = 0;
	/* Nothing to a program that has ended */
	if (bench_stopped() || poll(&pfd, 1, 0) == 0)
		kill(peer->pid, SIGKILL);
	close(peer->from);
}

static void finish(struct peer *peer)
{
	struct rusage use = { };

	listen_to(peer);
	while (wait4(peer->pid, &peer->status, 0, &use) < 0 && errno == EINTR)
		;
	peer->cpu = use.ru_utime.tv_sec + use.ru_stime.tv_sec +
		    (use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

/* The last line that it said, as what went wrong */
static void complain(const struct peer *peer, struct sample *sample)
{
	const char *line = peer->said;
	size_t len = strlen(line);
	const char *last;

	while (len && line[len - 1] == '\n')
		len--;
	last = memrchr(line, '\n', len);
	if (last) {
		len -= last + 1 - line;
		line = last + 1;
	}
	if (!len)
		snprintf(sample->error, sizeof(sample->error),
			 "ended with status %#x and no word",
			 peer->status);
	else
		snprintf(sample->error, sizeof(sample->error), "%.*s",
			 (int)len, line);
}

/* What words and the pair make of a command line; runs it */
static void run(const struct sender *s, const struct bench *b,
		const char * const *words, struct peer *peer,
		struct sample *sample)
{
	const struct sockaddr_in6 *sin6 = (const void *)&b->pair.to;
	const struct sockaddr_in *sin = (const void *)&b->pair.to;
	bool v6 = b->pair.family == FAM_UDP6;
	char to[INET6_ADDRSTRLEN], port[8];
	const char *argv[24] = {
		s->path, v6 ? "-6" : "-4", "-D", to, "-p", port,
	};
	unsigned int n = 6;
	const char *wrong;

	inet_ntop(b->pair.to.ss_family, v6 ? (const void *)&sin6->sin6_addr :
		  &sin->sin_addr, to, sizeof(to));
	/* sin_port and sin6_port stand at the same place */
	snprintf(port, sizeof(port), "%u", ntohs(sin->sin_port));
	while (*words)
		argv[n++] = *words++;
	*sample = (struct sample) { .copied = -1 };
	wrong = launch(peer, argv);
	if (wrong) {
		snprintf(sample->error, sizeof(sample->error), "%s", wrong);
		return;
	}
	finish(peer);
	sample->cpu = peer->cpu;
	if (peer->status)
		complain(peer, sample);
}

static unsigned int whole_seconds(const struct bench *b)
{
	return b->seconds < 1.5 ? 1 : (unsigned int)(b->seconds + 0.5);
}

void peer_gso(struct sender *s, struct bench *b, const struct size *size,
	      struct sample *sample)
{
	bool zerocopy = s->name[strlen(s->name) - 1] == 'z';
	unsigned int mss = b->pair.family == FAM_UDP6 ? MSS_V6 : MSS_V4;
	char seconds[8], bytes[8], segment[8];
	const char *words[10] = { "-u", "-a", "-l", seconds, "-s", bytes };
	struct peer peer = { .seconds = whole_seconds(b) };
	unsigned long whole, ms;
	const char *at;
	int n = 6;

	if (size->segments > 1 || size->segment > mss) {
		words[n++] = "-S";
		words[n++] = segment;
	}
	if (zerocopy)
		words[n++] = "-z";
	snprintf(seconds, sizeof(seconds), "%u", whole_seconds(b));
	snprintf(bytes, sizeof(bytes), "%u", size->bytes);
	snprintf(segment, sizeof(segment), "%u", size->segment);
	run(s, b, words, &peer, sample);
	if (*sample->error)
		return;
	at = strstr(peer.said, "Summary over");
	if (!at || sscanf(at, SUMMARY, &whole, &ms, &sample->messages) != 3) {
		complain(&peer, sample);
		return;
	}
	sample->seconds = whole + ms / 1e3;
	sample->bytes = (uint64_t)sample->messages * size->bytes;
}

void peer_zerocopy(struct sender *s, struct bench *b, const struct size *size,
		   struct sample *sample)
{
	char seconds[8], bytes[8], flight[8];
	const char * const words[] = {
		"-t", seconds, "-s", bytes, "-n", flight, "udp", NULL,
	};
	struct peer peer = { .seconds = whole_seconds(b) };
	const char *at;

	snprintf(seconds, sizeof(seconds), "%u", whole_seconds(b));
	snprintf(bytes, sizeof(bytes), "%u", size->bytes);
	snprintf(flight, sizeof(flight), "%u", IN_FLIGHT);
	run(s, b, words, &peer, sample);
	if (*sample->error)
		return;
	at = strstr(peer.said, "tx=");
	/* Its own rates are those of a shorter time than it took */
	if (!at || sscanf(at, "tx=%lu", &sample->messages) != 1) {
		complain(&peer, sample);
		return;
	}
	sample->seconds = peer.seconds + MORE_SECONDS;
	sample->bytes = (uint64_t)sample->messages * size->bytes;
}
