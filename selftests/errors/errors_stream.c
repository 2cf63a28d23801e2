// SPDX-License-Identifier: GPL-2.0
/* Rows about TCP: a reset behind a part, TLS records, a peek that goes on */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/sockios.h>
#include <linux/tls.h>

#include "errors.h"

#define WHOLE		(8 << 20)	/* more than a TCP send buffer takes */
#define PART		100

/* Until what was sent into a pair has arrived at its other end */
static void arrived(int from)
{
	int left, i;

	for (i = 0; i < 10000000; i++)
		if (!ioctl(from, SIOCOUTQ, &left) && !left)
			return;
	broken("what was sent did not arrive");
}

/* Until the ring has read it there */
static void ring_reads(int pair[2])
{
	int left, i;

	arrived(pair[1]);
	for (i = 0; i < 10000000; i++) {
		if (!ioctl(pair[0], SIOCINQ, &left) && !left)
			return;
		io_uring_get_events(ring_up());
	}
	broken("the part that arrived was not read");
}

/* Close so that the other end gets RST */
static void reset(void *arg)
{
	const struct linger now = { .l_onoff = 1 };
	int *pair = arg;

	setsockopt(pair[1], SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(pair[1]);
}

static struct packet whole;

/* Ends short when the peer resets; what comes of the next send */
static int send_two(void *arg)
{
	int *pair = arg;
	int ret;

	close(pair[1]);			/* the other process has it, too */
	ret = call(pair[0], &whole, 0);
	if (ret <= 0 || ret == WHOLE)
		return ret;
	return call(pair[0], &whole, 0);
}

static void hidden_reset_send(void)
{
	struct io_uring_sqe *sqe;
	int pair[2], ret;

	packet_make(&whole, WHOLE, NULL, 0);
	tcp_pair(pair);
	seen->call = call_blocked(send_two, reset, pair);

	tcp_pair(pair);
	sqe = ring_sqe();
	io_uring_prep_sendmsg(sqe, pair[0], &whole.msg,
			      MSG_WAITALL | MSG_NOSIGNAL);
	ring_submit();
	if (!ring_quiet())
		broken("a send of 8 MiB did not wait");
	reset(pair);
	ret = ring_cqe(NULL, NULL);
	if (ret <= 0 || ret == WHOLE)
		broken("the send that was reset gave %d", ret);
	seen->ring = call(pair[0], &whole, 0);
}

static int receive_two(void *arg)
{
	char data[2 * PART];
	int *pair = arg;
	int ret;

	close(pair[1]);
	ret = called(recv(pair[0], data, sizeof(data), MSG_WAITALL));
	return ret == PART ? called(recv(pair[0], data, sizeof(data), 0)) : ret;
}

static void hidden_reset_receive(void)
{
	char data[2 * PART] = "";
	int pair[2], ret;

	tcp_pair(pair);
	send(pair[1], data, PART, 0);
	arrived(pair[1]);
	seen->call = call_blocked(receive_two, reset, pair);

	tcp_pair(pair);
	io_uring_prep_recv(ring_sqe(), pair[0], data, sizeof(data),
			   MSG_WAITALL);
	ring_submit();
	send(pair[1], data, PART, 0);
	ring_reads(pair);
	reset(pair);
	ret = ring_cqe(NULL, NULL);
	if (ret != PART)
		broken("the receive that was reset gave %d", ret);
	seen->ring = called(recv(pair[0], data, sizeof(data), 0));
}

static void tls_waitall(void)
{
	struct packet p;
	int pair[2];

	tcp_pair(pair);
	tls_on(pair);
	packet_make(&p, LEN, NULL, 0);
	seen->call = call(pair[0], &p, MSG_WAITALL);
	seen->ring = ring_msg(IORING_OP_SENDMSG, pair[0], &p, MSG_WAITALL);
}

static void next_type(void *arg)
{
	struct packet *p = arg;

	++*CMSG_DATA(&p->first);
}

/* Record type of what comes, or -1 */
static int record_type(int fd)
{
	char control[CMSG_SPACE(1)], data[LEN];
	struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = (void *)control;

	if (recvmsg(fd, &msg, 0) < 0 || !msg.msg_controllen)
		return -1;
	return *CMSG_DATA(cmsg);
}

static void tls_overwritten(void)
{
	const unsigned char type = 100;
	struct packet p;
	int pair[2], came;

	tcp_pair(pair);
	tls_on(pair);
	packet_make(&p, PART, NULL, 0);
	packet_control(&p, SOL_TLS, TLS_SET_RECORD_TYPE, &type, 1);
	seen->call = call(pair[0], &p, 0);
	if (record_type(pair[1]) != type)
		broken("sendmsg(2) did not send a record of that type");
	seen->ring = ring_late(pair[0], &p, 0, next_type, &p);
	came = record_type(pair[1]);
	if (came != type)
		odd("a record of type %d, asked for: %d", came, type);
}

static void send_half(int fd, char byte)
{
	char half[PART];

	memset(half, byte, sizeof(half));
	if (send(fd, half, sizeof(half), 0) != PART)
		broken("send: %s", strerror(errno));
	arrived(fd);
}

static void peeked_twice(void)
{
	char data[2 * PART] = "";
	int pair[2];

	tcp_pair(pair);
	send_half(pair[1], 'a');
	send_half(pair[1], 'b');
	seen->call = called(recv(pair[0], data, sizeof(data),
				 MSG_PEEK | MSG_WAITALL));

	tcp_pair(pair);
	io_uring_prep_recv(ring_sqe(), pair[0], data, sizeof(data),
			   MSG_PEEK | MSG_WAITALL);
	send_half(pair[1], 'a');
	ring_submit();
	if (ring_quiet())
		send_half(pair[1], 'b');
	seen->ring = ring_cqe(NULL, NULL);
	if (seen->ring == sizeof(data) && data[PART] != 'b')
		odd("the first half twice");
}

const struct row stream_rows[] = {
	{
		.name = "hidden_reset_send",
		.does = "TCP, MSG_WAITALL: the peer resets after a part; the next send(2)",
		.road = "sendmsg",
		.ring = -EPIPE,
		.call = -ECONNRESET,
		.defect = "lost-error",
		.run = hidden_reset_send,
	}, {
		.name = "hidden_reset_receive",
		.does = "TCP, MSG_WAITALL: the peer resets after a part; the next recv(2)",
		.road = "recv",
		.ring = 0,
		.call = -ECONNRESET,
		.defect = "lost-error",
		.run = hidden_reset_receive,
	}, {
		.name = "tls_waitall",
		.does = "kTLS, MSG_WAITALL",
		.road = "sendmsg",
		.ring = -EOPNOTSUPP,
		.call = -EOPNOTSUPP,
		.run = tls_waitall,
	}, {
		.name = "tls_overwritten",
		.does = "kTLS, the record type is overwritten after submit, behind a link",
		.road = "sendmsg",
		.ring = PART,
		.call = PART,
		.silent = true,
		.defect = "late-read",
		.run = tls_overwritten,
	}, {
		.name = "peeked_twice",
		.does = "TCP, MSG_PEEK with MSG_WAITALL, the data come in two parts",
		.road = "recv",
		.ring = 2 * PART,
		.call = 2 * PART,
		.silent = true,
		.defect = "repeated-peek",
		.run = peeked_twice,
	},
	{ }
};
