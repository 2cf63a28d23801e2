// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/errqueue.h>
#include <linux/if_alg.h>
#include <linux/net_tstamp.h>
#include <linux/sctp.h>
#include <linux/tls.h>

#include "messages.h"

#ifndef SOL_UDP
#define SOL_UDP		17
#endif
#define T_UDP_SEGMENT	103
#define T_PIDFD		4
#define SEGMENT		100
#define FIRST_TOS	0x02
#define OTHER_TOS	0x01
#define FIRST_RECORD	100	/* no type that anybody knows */
#define OTHER_RECORD	101
#define IV		16	/* bytes of it */
#define SCTP_SHOWN	12	/* of SCTP_RCVINFO: what follows counts messages */

/* What can be passed, and one that nobody asks for */
static int files[FILES + 1];
static ino_t inodes[FILES + 1];

const char *files_open(void)
{
	struct stat st;
	unsigned int i;

	for (i = 0; i <= FILES; i++) {
		files[i] = memfd_create("messages", MFD_CLOEXEC);
		if (files[i] < 0 || fstat(files[i], &st))
			return cannot("no files in memory", errno,
				      "build the kernel with CONFIG_SHMEM");
		inodes[i] = st.st_ino;
	}
	return NULL;
}

void files_take(int *mine)
{
	unsigned int i;

	for (i = 0; i < FILES; i++)
		mine[i] = fcntl(files[i], F_DUPFD_CLOEXEC, 0);
}

void files_later(int *mine, enum later later)
{
	if (later == L_CLOSED) {
		close(mine[0]);
		mine[0] = -1;
	} else if (later == L_REPLACED) {
		dup3(files[FILES], mine[0], O_CLOEXEC);
	}
}

void files_close(int *mine)
{
	unsigned int i;

	for (i = 0; i < FILES; i++)
		if (mine[i] >= 0)
			close(mine[i]);
}

/* -- what goes along with a message --------------------------------------- */

static size_t put(char *to, size_t at, int level, int type, const void *data,
		  size_t len)
{
	struct cmsghdr cmsg = {
		.cmsg_len = CMSG_LEN(len), .cmsg_level = level, .cmsg_type = type,
	};

	memset(to + at, 0, CMSG_SPACE(len));
	memcpy(to + at, &cmsg, sizeof(cmsg));
	memcpy(to + at + CMSG_LEN(0), data, len);
	return at + CMSG_SPACE(len);
}

static size_t put_source(char *to, size_t at, const struct ends *e)
{
	struct in6_pktinfo info6 = { };
	struct in_pktinfo info = { };

	if (e->kind->traits & T_V6) {
		info6.ipi6_addr = in6addr_loopback;
		return put(to, at, SOL_IPV6, IPV6_PKTINFO, &info6, sizeof(info6));
	}
	info.ipi_spec_dst.s_addr = htonl(INADDR_LOOPBACK + 1);
	return put(to, at, SOL_IP, IP_PKTINFO, &info, sizeof(info));
}

static size_t put_tos(char *to, size_t at, const struct ends *e, int tos)
{
	if (e->kind->traits & T_V6)
		return put(to, at, SOL_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
	return put(to, at, SOL_IP, IP_TOS, &tos, sizeof(tos));
}

/* The type of a record, the stream and a mark, the initial vector */
static size_t put_layer(char *to, enum along control, bool other)
{
	const uint8_t record = other ? OTHER_RECORD : FIRST_RECORD;
	const struct sctp_sndinfo stream = { .snd_sid = 1, .snd_ppid = other ? 8 : 7 };
	const uint32_t op = ALG_OP_ENCRYPT;
	struct {
		uint32_t len;
		uint8_t iv[IV];
	} iv = { IV, { other ? 2 : 1 } };
	size_t at;

	if (control == C_RECORD)
		return put(to, 0, SOL_TLS, TLS_SET_RECORD_TYPE, &record, sizeof(record));
	if (control == C_STREAM)
		return put(to, 0, IPPROTO_SCTP, SCTP_SNDINFO, &stream, sizeof(stream));
	at = put(to, 0, SOL_ALG, ALG_SET_OP, &op, sizeof(op));
	return put(to, at, SOL_ALG, ALG_SET_IV, &iv, sizeof(iv));
}

size_t control_put(char *to, const struct ends *e, enum along control,
		   const int *mine)
{
	const struct ucred other = {
		.pid = getppid(), .uid = geteuid(), .gid = getegid(),
	};
	const int stamps = e->kind->traits & T_STREAM ?
		SOF_TIMESTAMPING_TX_ACK : SOF_TIMESTAMPING_TX_SOFTWARE;
	const uint16_t segment = SEGMENT;
	size_t at = 0;

	if (control == C_CREDENTIALS || control == C_BOTH)
		at = put(to, at, SOL_SOCKET, SCM_CREDENTIALS, &other, sizeof(other));
	if (control == C_FILES || control == C_BOTH)
		at = put(to, at, SOL_SOCKET, SCM_RIGHTS, mine,
			 (control == C_BOTH ? FILES : 1) * sizeof(*mine));
	if (control == C_SEGMENT)
		at = put(to, at, SOL_UDP, T_UDP_SEGMENT, &segment, sizeof(segment));
	if (control == C_TOS || control == C_SEGMENT)
		at = put_tos(to, at, e, FIRST_TOS);
	if (control == C_SOURCE)
		at = put_source(to, at, e);
	if (control == C_STAMP)
		at = put(to, at, SOL_SOCKET, SO_TIMESTAMPING, &stamps, sizeof(stamps));
	if (control == C_RECORD || control == C_STREAM || control == C_CIPHER)
		at = put_layer(to, control, false);
	if (control == C_BAD)
		at = put(to, at, SOL_SOCKET, 0x7777, &stamps, sizeof(stamps));
	return at;
}

void control_other(char *at, size_t len, const struct ends *e, enum along control)
{
	const uint16_t segment = SEGMENT / 2;
	size_t used = 0;

	switch (control) {
	case C_TOS:
		put_tos(at, 0, e, OTHER_TOS);
		break;
	case C_SEGMENT:
		used = put(at, 0, SOL_UDP, T_UDP_SEGMENT, &segment, sizeof(segment));
		put_tos(at, used, e, OTHER_TOS);
		break;
	case C_RECORD:
	case C_STREAM:
	case C_CIPHER:
		put_layer(at, control, true);
		break;
	default:
		/* No message that anybody knows */
		memset(at, 0, len);
	}
}

/* -- what comes along with one -------------------------------------------- */

static void tell_files(struct outcome *o, int fact, const struct cmsghdr *cmsg)
{
	const size_t n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	unsigned int i, which;
	struct stat st;
	int fd;

	for (i = 0; i < n; i++) {
		memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(fd), sizeof(fd));
		for (which = 0; !fstat(fd, &st) && which <= FILES; which++)
			if (inodes[which] == st.st_ino)
				break;
		if (cmsg->cmsg_type == T_PIDFD)
			note(o, fact, fd < 0 ? " no pidfd" : " pidfd");
		else
			note(o, fact, " file %u", which);
		if (fd >= 0)
			close(fd);
	}
}

static void tell_credentials(struct outcome *o, int fact,
			     const struct cmsghdr *cmsg)
{
	struct ucred cred;

	/* Cut where the room ends, and behind it is what was there before */
	if (cmsg->cmsg_len < CMSG_LEN(sizeof(cred))) {
		note(o, fact, " a part of credentials");
		return;
	}
	memcpy(&cred, CMSG_DATA(cmsg), sizeof(cred));
	note(o, fact, " %s uid %d gid %d", cred.pid == getpid() ? "this program" :
	     cred.pid == getppid() ? "its parent" : cred.pid ? "pid" : "pid 0",
	     cred.uid, cred.gid);
}

void control_tell(struct outcome *o, int fact, struct msghdr *msg)
{
	struct cmsghdr *cmsg;
	size_t i, len;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		len = cmsg->cmsg_len - CMSG_LEN(0);
		if (cmsg->cmsg_level == SOL_SOCKET &&
		    (cmsg->cmsg_type == SCM_RIGHTS || cmsg->cmsg_type == T_PIDFD)) {
			tell_files(o, fact, cmsg);
		} else if (cmsg->cmsg_level == SOL_SOCKET &&
			   cmsg->cmsg_type == SCM_CREDENTIALS) {
			tell_credentials(o, fact, cmsg);
		} else if (cmsg->cmsg_level == SOL_SOCKET) {
			/* A timestamp: that there is one */
			note(o, fact, " type %d", cmsg->cmsg_type);
		} else {
			if (cmsg->cmsg_level == IPPROTO_SCTP && len > SCTP_SHOWN)
				len = SCTP_SHOWN;
			note(o, fact, " %d/%d:", cmsg->cmsg_level, cmsg->cmsg_type);
			for (i = 0; i < len && i < 20; i++)
				note(o, fact, "%02x", CMSG_DATA(cmsg)[i]);
		}
	}
}

/* One message of the error queue, as far as it is the same each time */
static void tell_error(struct outcome *o, const struct sock_extended_err *err,
		       unsigned int *ids, int64_t *highest)
{
	if (err->ee_origin == SO_EE_ORIGIN_ZEROCOPY) {
		*highest = err->ee_data > *highest ? err->ee_data : *highest;
	} else if (err->ee_origin == SO_EE_ORIGIN_TIMESTAMPING) {
		(*ids)++;
		if (err->ee_data > o->stamp)
			o->stamp = err->ee_data;
	} else {
		note(o, F_QUEUE, " origin %u errno %u", err->ee_origin, err->ee_errno);
	}
}

void queue_tell(struct outcome *o, int fd)
{
	unsigned int ids = 0, others = 0;
	struct cmsghdr *cmsg;
	int64_t highest = -1;
	char room[512], byte[NAME_MOST];

	for (;;) {
		struct iovec iov = { .iov_base = byte, .iov_len = sizeof(byte) };
		struct msghdr msg = {
			.msg_iov = &iov, .msg_iovlen = 1,
			.msg_control = room, .msg_controllen = sizeof(room),
		};

		if (recvmsg(fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0 ||
		    others++ > 1000)
			break;
		for (cmsg = CMSG_FIRSTHDR(&msg); cmsg; cmsg = CMSG_NXTHDR(&msg, cmsg))
			if ((cmsg->cmsg_level == SOL_IP && cmsg->cmsg_type == IP_RECVERR) ||
			    (cmsg->cmsg_level == SOL_IPV6 &&
			     cmsg->cmsg_type == IPV6_RECVERR))
				tell_error(o, (void *)CMSG_DATA(cmsg), &ids, &highest);
	}
	if (highest >= 0)
		note(o, F_QUEUE, " highest zero-copy id %lld", (long long)highest);
	o->early += ids;
}
