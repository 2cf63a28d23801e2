// SPDX-License-Identifier: GPL-2.0
/*
 * Sockets that a kernel need not have: TLS in the kernel, SCTP, and AF_ALG, whose
 * one socket takes a message and gives it back enciphered.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_alg.h>
#include <linux/sctp.h>
#include <linux/tls.h>

#include "messages_socket.h"

#ifndef TCP_ULP
#define TCP_ULP		31
#endif
#define CIPHER_ROOM	8192	/* doubled by the kernel: four pages */

/* -- TLS, in software ----------------------------------------------------- */

/* Version 1.2, whose records of type 22 have no meaning for the kernel */
static int tls_start(int fd, int direction)
{
	struct tls12_crypto_info_aes_gcm_128 keys = {
		.info = {
			.version = TLS_1_2_VERSION,
			.cipher_type = TLS_CIPHER_AES_GCM_128,
		},
		.iv = { 1 }, .key = { 2 }, .salt = { 3 },
	};

	return setsockopt(fd, SOL_TCP, TCP_ULP, "tls", sizeof("tls")) ||
	       setsockopt(fd, SOL_TLS, direction, &keys, sizeof(keys)) ? -1 : 0;
}

const char *open_tls(struct ends *e, const struct plan *p)
{
	const char *why = open_stream(e, p);

	if (why)
		return why;
	return tls_start(e->tx, TLS_TX) || tls_start(e->rx, TLS_RX) ?
	       refused(e, "TLS in the kernel") : NULL;
}

/* -- SCTP ----------------------------------------------------------------- */

/* What was not acknowledged at once takes 200 ms to be */
static const char *sctp_receiver(struct ends *e, int fd)
{
	const struct sctp_sack_info at_once = { .sack_freq = 1 };

	if (setsockopt(fd, IPPROTO_SCTP, SCTP_DELAYED_SACK, &at_once, sizeof(at_once)))
		return refused(e, "SCTP_DELAYED_SACK");
	set(fd, IPPROTO_SCTP, SCTP_RECVRCVINFO, 1);
	return NULL;
}

const char *open_sctp(struct ends *e, const struct plan *p)
{
	const char *why = open_stream(e, p);

	set(e->tx, IPPROTO_SCTP, SCTP_NODELAY, 1);
	return why ?: sctp_receiver(e, e->rx);
}

/* One socket for many associations, of which there is one here, as that is made */
const char *open_sctp_many(struct ends *e, const struct plan *p)
{
	const struct socket_kind *k = e->kind;

	const char *why;

	(void)p;
	e->rx = socket(k->family, k->type | SOCK_CLOEXEC, k->protocol);
	address(&e->to, &e->to_len, false, LO4_ADDR);
	if (e->rx < 0 || bind(e->rx, (void *)&e->to, e->to_len) || listen(e->rx, 8))
		return refused(e, "listen");
	why = sctp_receiver(e, e->rx);
	if (why)
		return why;
	e->to_len = sizeof(e->to);
	getsockname(e->rx, (void *)&e->to, &e->to_len);
	e->tx = socket(k->family, k->type | SOCK_CLOEXEC, k->protocol);
	set(e->tx, IPPROTO_SCTP, SCTP_NODELAY, 1);
	if (e->tx < 0 || connect_to(e))
		return refused(e, "connect");
	return NULL;
}

/* -- AF_ALG --------------------------------------------------------------- */

static int cipher_with_key(void)
{
	const struct sockaddr_alg name = {
		.salg_family = AF_ALG, .salg_type = "skcipher", .salg_name = "ctr(aes)",
	};
	int fd = socket(AF_ALG, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (void *)&name, sizeof(name)) ||
	    setsockopt(fd, SOL_ALG, ALG_SET_KEY, "a key of 16 byte", 16)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* From here on it enciphers, and waits for more: MSG_MORE goes with what fills it */
static int cipher_start(struct ends *e)
{
	union {
		size_t align;
		char room[CONTROL_MOST];
	} control;
	struct msghdr msg = { .msg_control = &control };

	msg.msg_controllen = control_put(control.room, e, C_CIPHER, NULL);
	return sendmsg(e->tx, &msg, MSG_MORE);
}

const char *open_cipher(struct ends *e, const struct plan *p)
{
	static int key = -1;

	(void)p;
	if (key < 0)
		key = cipher_with_key();
	e->tx = key < 0 ? -1 : accept4(key, NULL, NULL, SOCK_CLOEXEC);
	if (e->tx < 0)
		return refused(e, "a cipher");
	e->rx = fcntl(e->tx, F_DUPFD_CLOEXEC, 0);
	set(e->tx, SOL_SOCKET, SO_SNDBUF, CIPHER_ROOM);
	return cipher_start(e) ? refused(e, "ALG_SET_OP") : NULL;
}

/*
 * af_alg_wmem_wakeup() wakes those who want to read, and af_alg_data_wakeup() those
 * who want to write: nobody else than a system call, which does not look at that,
 * would notice. A call that changes nothing wakes the others.
 */
void cipher_wake(const struct ends *e, bool sender)
{
	char byte = 0;

	if (sender)
		send(e->tx, &byte, 0, MSG_DONTWAIT | MSG_MORE);
	else
		recv(e->rx, &byte, 0, MSG_DONTWAIT);
}
