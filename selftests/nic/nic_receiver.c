// SPDX-License-Identifier: GPL-2.0
/*
 * nic_receiver [NETNS]: the receiver of nic, for the other end of the wire. It
 * is started by nic.sh, in the network namespace of that name or, copied
 * there, on another machine, and it needs nothing there: one static program,
 * no privilege (but for entering a namespace), no file. It ends with its input.
 *
 * Commands on standard input, a line each, begin with a number that the
 * answers on standard output repeat:
 *  udp ADDRESS   port P, then for each datagram:
 *                got ID OFFSET LENGTH WRONG-OFFSET ECN SOURCE
 *  sink ADDRESS  port P; throws away all that comes there
 *  tcp ADDRESS   port P; takes one connection and does not read from it
 *  peek          readable, as soon as there is something to read
 *  drain         reads from now on
 *  total N       total COUNT WRONG-OFFSET, when N bytes have come or never will
 *  anything      error TEXT
 *
 * Exit code: 0 the input has ended, 2 no such namespace, 3 nobody spoke for
 * ten minutes.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "datagram.h"
#include "line.h"

#define IDLE_MS		(10 * 60 * 1000)
#define WINDOW		65536

static struct {
	int number;		/* of the command that opened what is open */
	int udp;
	bool sink;		/* nobody reads from that, and so it is full */
	int listener;
	int conn;
	bool peek;
	bool drain;
	bool eof;
	size_t count;
	size_t wanted;		/* total N that has no answer yet */
	long wrong;
} at = { .udp = -1, .listener = -1, .conn = -1 };

static int enter(const char *name)
{
	static const char * const places[] = { "/run/netns", "/var/run/netns" };
	char path[256];
	unsigned int i;
	int fd = -1;

	for (i = 0; i < 2 && fd < 0; i++) {
		snprintf(path, sizeof(path), "%s/%s", places[i], name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (fd < 0 || setns(fd, CLONE_NEWNET)) {
		fprintf(stderr, "nic_receiver: network namespace %s: %s\n",
			name, strerror(errno));
		return 2;
	}
	close(fd);
	return 0;
}

static void forget(void)
{
	close(at.udp);
	close(at.listener);
	close(at.conn);
	memset(&at, 0, sizeof(at));
	at.udp = -1;
	at.listener = -1;
	at.conn = -1;
	at.wrong = -1;
}

static void open_udp(int number, const char *where)
{
	struct sockaddr_storage ss;
	socklen_t len;

	forget();
	at.number = number;
	if (!address(&ss, &len, !!strchr(where, ':'), where))
		errno = EINVAL;
	else
		at.udp = receiver_open(&ss, len);
	if (at.udp < 0)
		printf("%d error %s: %s\n", number, where, strerror(errno));
	else
		printf("%d port %d\n", number,
		       ntohs(((struct sockaddr_in *)&ss)->sin_port));
}

static void open_tcp(int number, const char *where)
{
	const int size = WINDOW;
	struct sockaddr_storage ss;
	socklen_t len;

	forget();
	at.number = number;
	if (!address(&ss, &len, !!strchr(where, ':'), where)) {
		errno = EINVAL;
	} else {
		at.listener = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC,
				     0);
		setsockopt(at.listener, SOL_SOCKET, SO_RCVBUF, &size,
			   sizeof(size));
		if (!bind(at.listener, (void *)&ss, len) &&
		    !listen(at.listener, 1) &&
		    !getsockname(at.listener, (void *)&ss, &len)) {
			printf("%d port %d\n", number,
			       ntohs(((struct sockaddr_in *)&ss)->sin_port));
			return;
		}
	}
	printf("%d error %s: %s\n", number, where, strerror(errno));
}

static void obey(const char *line)
{
	char word[16], rest[64] = "";
	int number;

	if (sscanf(line, "%d %15s %63s", &number, word, rest) < 2)
		return;
	if (!strcmp(word, "udp") || !strcmp(word, "sink")) {
		open_udp(number, rest);
		at.sink = !strcmp(word, "sink");
	} else if (!strcmp(word, "tcp")) {
		open_tcp(number, rest);
	} else if (!strcmp(word, "peek")) {
		at.peek = true;
	} else if (!strcmp(word, "drain")) {
		at.drain = true;
	} else if (!strcmp(word, "total")) {
		at.wanted = strtoul(rest, NULL, 10);
	} else {
		printf("%d error no command %s\n", number, word);
	}
}

static void tell_datagram(void)
{
	char text[INET6_ADDRSTRLEN] = "?";
	struct datagram d;

	if (receiver_take(at.udp, &d, 0) != 1)
		return;
	if (d.from.ss_family == AF_INET6)
		inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&d.from)->sin6_addr,
			  text, sizeof(text));
	else
		inet_ntop(AF_INET, &((struct sockaddr_in *)&d.from)->sin_addr,
			  text, sizeof(text));
	printf("%d got %u %zu %zu %ld %d %s\n", at.number, d.id, d.at, d.len,
	       d.wrong, d.ecn, text);
}

static void read_stream(void)
{
	static char buf[WINDOW];
	ssize_t len, i;

	if (at.peek)
		printf("%d readable now\n", at.number);
	at.peek = false;
	if (!at.drain)
		return;
	len = read(at.conn, buf, sizeof(buf));
	if (len <= 0)
		at.eof = true;
	for (i = 0; i < len; i++, at.count++)
		if (at.wrong < 0 && buf[i] != stream_byte(at.count))
			at.wrong = at.count;
}

int main(int argc, char **argv)
{
	static struct lines commands = { .fd = STDIN_FILENO };
	int ret = argc > 1 ? enter(argv[1]) : 0;
	char *line;

	if (ret)
		return ret;
	forget();
	while (!commands.ended) {
		struct pollfd pfd[] = {
			{ .fd = STDIN_FILENO, .events = POLLIN },
			{ .fd = at.sink ? -1 : at.udp, .events = POLLIN },
			{ .fd = at.listener, .events = POLLIN },
			{ .fd = at.peek || at.drain ? at.conn : -1,
			  .events = POLLIN },
		};

		if (at.eof)
			pfd[3].fd = -1;
		if (poll(pfd, 4, IDLE_MS) < 1)
			return 3;
		if (pfd[1].revents)
			tell_datagram();
		if (pfd[2].revents) {
			at.conn = accept(at.listener, NULL, NULL);
			close(at.listener);
			at.listener = -1;
		}
		if (pfd[3].revents)
			read_stream();
		if (pfd[0].revents)
			while ((line = line_next(&commands, 0)))
				obey(line);
		if (at.wanted && (at.count >= at.wanted || at.eof ||
				  at.wrong >= 0)) {
			printf("%d total %zu %ld\n", at.number, at.count,
			       at.wrong);
			at.wanted = 0;
		}
		fflush(stdout);
	}
	return 0;
}
