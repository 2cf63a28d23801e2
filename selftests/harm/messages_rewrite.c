// SPDX-License-Identifier: GPL-2.0
/*
 * A BPF program that adds 1 to the port of what is sent to REWRITTEN, in a cgroup
 * of this program's own: other messages stay as they are.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "messages_socket.h"

#define REWRITTEN	"127.0.0.77"
#define IP_ON_WIRE	0x4d00007f	/* the same, as a little-endian word of the wire */

#define FOLDER "/tmp/messages_cgroup.XXXXXX"

static char mounted[] = FOLDER, group[128];

static int move_to(const char *folder)
{
	char path[192];
	int fd, ret;

	snprintf(path, sizeof(path), "%s/cgroup.procs", folder);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	ret = fd < 0 ? -1 : write(fd, "0", 1);
	close(fd);
	return ret < 0 ? -1 : 0;
}

/* The program goes with the group */
static void leave(void)
{
	move_to(mounted);
	rmdir(group);
	umount2(mounted, MNT_DETACH);
	rmdir(mounted);
}

static int enter(void)
{
	if (!mkdtemp(mounted))
		return -1;
	if (mount("none", mounted, "cgroup2", 0, NULL)) {
		rmdir(mounted);
		return -1;
	}
	sprintf(group, "%s/messages.%d", mounted, getpid());
	atexit(leave);
	return mkdir(group, 0700) || move_to(group) ? -1 : 0;
}

static int attach(void)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = 2, .src_reg = 1,
		  .off = offsetof(struct bpf_sock_addr, user_ip4) },
		{ .code = BPF_JMP32 | BPF_JNE | BPF_K, .dst_reg = 2,
		  .imm = IP_ON_WIRE, .off = 5 },
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
	union bpf_attr load = {
		.prog_type = BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
		.insns = (unsigned long)insns,
		.insn_cnt = ARRAY_SIZE(insns),
		.license = (unsigned long)"GPL",
		.expected_attach_type = BPF_CGROUP_UDP4_SENDMSG,
	};
	union bpf_attr to = { .attach_type = BPF_CGROUP_UDP4_SENDMSG };
	int ret;

	to.target_fd = open(group, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	to.attach_bpf_fd = syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load));
	ret = syscall(SYS_bpf, BPF_PROG_ATTACH, &to, sizeof(to));
	close(to.attach_bpf_fd);
	close(to.target_fd);
	return ret;
}

/* The receiver stands at the port behind the one that is named */
const char *open_rewritten(struct ends *e, const struct plan *p)
{
	static bool attached;
	struct sockaddr_in *to = (struct sockaddr_in *)&e->to;

	if (!attached && (enter() || attach()))
		return refused(e, "a BPF program for a cgroup");
	attached = true;
	address(&e->to, &e->to_len, false, REWRITTEN);
	e->rx = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	e->tx = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (e->rx < 0 || e->tx < 0 || bind(e->rx, (void *)to, e->to_len) ||
	    getsockname(e->rx, (void *)to, &e->to_len))
		return refused(e, "bind");
	if (receives(p) && connect(e->tx, (void *)to, e->to_len))
		return refused(e, "connect");
	to->sin_port = htons(ntohs(to->sin_port) - 1);
	return NULL;
}
