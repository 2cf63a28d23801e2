// SPDX-License-Identifier: GPL-2.0
/*
 * rewritten-name: a program at BPF_CGROUP_UDP4_SENDMSG or UDP6_SENDMSG may give
 * a datagram another destination, and does so in the msg_name that it is given.
 * The next issue has to start from the address that was asked for; a kernel that
 * goes on from the changed one sends to somebody whom nobody has named.
 *
 * Proved: where such a program adds 1 to the port, a datagram that found the
 * send buffer full arrives at the port that sendto(2) and sendmsg(2) reach.
 *
 * SEND and SEND_ZC with an address are the references: sock_sendmsg() gives the
 * program a copy.
 *
 * Needs: root, cgroup v2 with CONFIG_CGROUP_BPF; a network namespace; /proc.
 * Exit code: 0 all passed or skipped, 1 a case failed (kselftest harness).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "kselftest_harness.h"
#include "report.h"
#include "twin.h"

#define PORTS	4	/* one after another, that somebody listens at */
#define LARGE	1200
#define CGROUP	"io_uring_rewritten_name"

SHARE_NETNS()

FIXTURE(rewritten_name)
{
	struct io_uring ring;
	struct story by_call, by_ring;
	char mounted[64], group[128];
};

FIXTURE_VARIANT(rewritten_name)
{
	int opcode;
	bool v6;
};

FIXTURE_SETUP(rewritten_name)
{
}

static int write_to(const char *folder, const char *name, const char *text)
{
	char path[192];
	int fd, ret;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ret = write(fd, text, strlen(text));
	close(fd);
	return ret < 0 ? -1 : 0;
}

/* The program goes with the group */
FIXTURE_TEARDOWN(rewritten_name)
{
	if (*self->group) {
		write_to(self->mounted, "cgroup.procs", "0");
		rmdir(self->group);
	}
	if (*self->mounted) {
		umount2(self->mounted, MNT_DETACH);
		rmdir(self->mounted);
	}
}

FIXTURE_VARIANT_ADD(rewritten_name, udp4_sendmsg) {
	.opcode = IORING_OP_SENDMSG,
};

FIXTURE_VARIANT_ADD(rewritten_name, udp4_sendmsg_zc) {
	.opcode = IORING_OP_SENDMSG_ZC,
};

FIXTURE_VARIANT_ADD(rewritten_name, udp6_sendmsg) {
	.opcode = IORING_OP_SENDMSG,
	.v6 = true,
};

FIXTURE_VARIANT_ADD(rewritten_name, udp6_sendmsg_zc) {
	.opcode = IORING_OP_SENDMSG_ZC,
	.v6 = true,
};

FIXTURE_VARIANT_ADD(rewritten_name, reference_udp4_send) {
	.opcode = IORING_OP_SEND,
};

FIXTURE_VARIANT_ADD(rewritten_name, reference_udp4_send_zc) {
	.opcode = OP_SEND_ZC,
};

static const char *enter_cgroup(char *mounted, char *group)
{
	strcpy(mounted, "/tmp/io_uring_cgroup.XXXXXX");
	if (!mkdtemp(mounted)) {
		*mounted = 0;
		return cannot("no folder in /tmp", errno, "make it writable");
	}
	if (mount("none", mounted, "cgroup2", 0, NULL)) {
		rmdir(mounted);
		*mounted = 0;
		return cannot("no cgroup v2", errno,
			      "run as root, on a kernel with CONFIG_CGROUPS");
	}
	sprintf(group, "%s/" CGROUP ".%d", mounted, getpid());
	if (mkdir(group, 0700) || write_to(group, "cgroup.procs", "0"))
		return cannot("no cgroup of its own", errno,
			      "run as root, outside of a container");
	return NULL;
}

static const char *attach(const char *group, bool v6)
{
	/* 16 bits of network order in a field of 32, which is what BPF has */
	const struct bpf_insn insns[] = {
		{ .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = 2, .src_reg = 1,
		  .off = offsetof(struct bpf_sock_addr, user_port) },
		{ .code = BPF_ALU | BPF_END | BPF_TO_BE, .dst_reg = 2, .imm = 16 },
		{ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 2, .imm = 1 },
		{ .code = BPF_ALU | BPF_END | BPF_TO_BE, .dst_reg = 2, .imm = 16 },
		{ .code = BPF_STX | BPF_MEM | BPF_W, .dst_reg = 1, .src_reg = 2,
		  .off = offsetof(struct bpf_sock_addr, user_port) },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	const int type = v6 ? BPF_CGROUP_UDP6_SENDMSG : BPF_CGROUP_UDP4_SENDMSG;
	union bpf_attr load = {
		.prog_type = BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
		.insns = (unsigned long)insns,
		.insn_cnt = sizeof(insns) / sizeof(*insns),
		.license = (unsigned long)"GPL",
		.expected_attach_type = type,
	};
	union bpf_attr attach = { .attach_type = type };
	int fd = syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load));

	attach.target_fd = open(group, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	attach.attach_bpf_fd = fd;
	if (fd < 0 || syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof(attach)))
		return cannot("no program for a cgroup", errno,
			      "run as root, on a kernel with CONFIG_CGROUP_BPF");
	return NULL;
}

/* Neighbouring ports, of which the first is the one that is named */
static const char *listen_all(int *fds, bool v6, struct sockaddr_storage *to,
			      socklen_t *len)
{
	struct sockaddr_storage at;
	int tries, first = 0, i = 0;
	in_port_t *port;

	for (tries = 0; tries < 100 && i < PORTS; tries++) {
		for (i = 0; i < PORTS; i++) {
			address(&at, len, v6, v6 ? LO6_ADDR : LO4_ADDR);
			/* sin_port and sin6_port are in the same place */
			port = &((struct sockaddr_in *)&at)->sin_port;
			*port = i ? htons(first + i) : 0;
			fds[i] = socket(at.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
			if (bind(fds[i], (void *)&at, *len))
				break;
			if (i)
				continue;
			getsockname(fds[0], (void *)to, len);
			first = ntohs(((struct sockaddr_in *)to)->sin_port);
		}
	}
	return i == PORTS ? NULL :
	       cannot("no address to receive at", errno,
		      "enable IPv6, free some ports");
}

/* Which port the datagram of one byte came to, by its distance from the one named */
static void tell_port(struct story *story, const int *fds)
{
	struct pollfd pfds[PORTS];
	char data[LARGE];
	int i;

	for (i = 0; i < PORTS; i++)
		pfds[i] = (struct pollfd) { .fd = fds[i], .events = POLLIN };
	while (poll(pfds, PORTS, WAIT_MS) > 0) {
		for (i = 0; i < PORTS; i++) {
			if (recv(fds[i], data, sizeof(data), MSG_DONTWAIT) != 1)
				continue;
			tell(story, ", to port + %d", i);
			return;
		}
	}
	tell(story, ", to none of the ports");
}

/* One side of a case: a datagram of one byte behind those that fill the socket */
static const char *send_one(struct io_uring *ring, int opcode, bool v6,
			    struct story *story)
{
	static char data[LARGE];
	struct iovec iov = { .iov_base = data, .iov_len = 1 };
	struct sockaddr_storage to;
	struct call call = { .ring = ring, .opcode = opcode };
	const int least = 1;
	int fds[PORTS], i;
	socklen_t len;
	const char *wrong = listen_all(fds, v6, &to, &len) ?: qdisc_hold();

	if (wrong)
		return wrong;
	call.fd = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	setsockopt(call.fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
	while (sendto(call.fd, data, sizeof(data), MSG_DONTWAIT, (void *)&to, len) > 0)
		;
	call.msg = (struct msghdr) {
		.msg_name = &to, .msg_namelen = len,
		.msg_iov = &iov, .msg_iovlen = 1,
	};
	wrong = limit_time(call.fd) ?: call_start(&call) ?: qdisc_release() ?:
		call_end(&call, story);
	if (!wrong)
		tell_port(story, fds);
	for (i = 0; i < PORTS; i++)
		close(fds[i]);
	close(call.fd);
	return wrong;
}

TEST_F(rewritten_name, port)
{
	if (!possible(netns_once()) ||
	    !possible(twin_ring_addressed(&self->ring, variant->opcode)) ||
	    !possible(enter_cgroup(self->mounted, self->group)) ||
	    !possible(attach(self->group, variant->v6)))
		return;
	ASSERT_WELL(send_one(NULL, variant->opcode, variant->v6,
			     &self->by_call));
	ASSERT_WELL(send_one(&self->ring, variant->opcode, variant->v6,
			     &self->by_ring));
	ASSERT_SAME("rewritten-name", call_name(variant->opcode),
		    variant->v6 ? "udp6" : "udp4", &self->by_call,
		    &self->by_ring);
}

TEST_HARNESS_MAIN
