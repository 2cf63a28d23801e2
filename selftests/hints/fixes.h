/* SPDX-License-Identifier: GPL-2.0 */
/* The cures known for each defect, made by scripts/tables from patches/fixes.toml */
#ifndef IO_URING_SELFTEST_FIXES_H
#define IO_URING_SELFTEST_FIXES_H

static const struct fix {
	const char *defect;
	const char *opcode;
	int bits;		/* ABIs, or-ed */
	const char *commit;
	const char *subject;
	const char *mainline;
} fixes[] = {
	{
		.defect = "lost-pointer",
		.opcode = "sendmsg",
		.bits = 64 | 32,
		.commit = "cac9e4418f4cbd548ccb065b3adcafe073f7f7d2",
		.subject = "io_uring/net: save msghdr->msg_control for retries",
		.mainline = "6.4-rc7",
	},
	{
		.defect = "lost-pointer",
		.opcode = "sendmsg_zc",
		.bits = 64 | 32,
		.commit = "4fe82aedeb8a8cb09bfa60f55ab57b5c10a74ac4",
		.subject = "io_uring/net: restore msg_control on sendzc retry",
		.mainline = "6.9-rc4",
	},
	{
		.defect = "lost-pointer",
		.opcode = "any",
		.bits = 32,
		.commit = "6ebf05189dfc6d0d597c99a6448a4d1064439a18",
		.subject = "io_uring/net: save msg_control for compat",
		.mainline = "6.14-rc5",
	},
	{
		.defect = "wrong-length",
		.opcode = "sendmsg",
		.bits = 32,
	},
	{
		.defect = "wrong-length",
		.opcode = "sendmsg_zc",
		.bits = 32,
	},
	{
		.defect = "late-read",
		.opcode = "sendmsg",
		.bits = 64 | 32,
	},
	{
		.defect = "late-read",
		.opcode = "sendmsg_zc",
		.bits = 64 | 32,
	},
	{
		.defect = "repeated-control",
		.opcode = "sendmsg",
		.bits = 64 | 32,
		.commit = "b1dc492087db0f2e5a45f1072a743d04618dd6be",
		.subject = "io_uring/net: clear msg_controllen on partial sendmsg retry",
		.mainline = "6.4",
	},
	{
		.defect = "repeated-control",
		.opcode = "sendmsg_zc",
		.bits = 64 | 32,
	},
	{
		.defect = "eaten-data",
		.opcode = "sendmsg",
		.bits = 64 | 32,
	},
	{
		.defect = "eaten-data",
		.opcode = "send",
		.bits = 64 | 32,
	},
	{
		.defect = "used-up-control",
		.opcode = "any",
		.bits = 64 | 32,
	},
	{
		.defect = "merged-records",
		.opcode = "any",
		.bits = 64 | 32,
	},
	{
		.defect = "unannounced-notification",
		.opcode = "send_zc",
		.bits = 64 | 32,
	},
	{
		.defect = "unannounced-notification",
		.opcode = "sendmsg_zc",
		.bits = 64 | 32,
	},
	{
		.defect = "rewritten-name",
		.opcode = "sendmsg",
		.bits = 64 | 32,
	},
	{
		.defect = "rewritten-name",
		.opcode = "sendmsg_zc",
		.bits = 64 | 32,
	},
	{
		.defect = "grown-name",
		.opcode = "any",
		.bits = 64 | 32,
	},
	{
		.defect = "repeated-peek",
		.opcode = "recv",
		.bits = 64 | 32,
	},
	{
		.defect = "repeated-peek",
		.opcode = "recvmsg",
		.bits = 64 | 32,
	},
	{
		.defect = "repeated-peek",
		.opcode = "recvmsg_trunc",
		.bits = 64 | 32,
	},
	{
		.defect = "repeated-peek",
		.opcode = "recv_trunc",
		.bits = 64 | 32,
	},
	{
		.defect = "lost-error",
		.opcode = "any",
		.bits = 64 | 32,
	},
	{
		.defect = "late-file",
		.opcode = "any",
		.bits = 64 | 32,
	},
	{
		.defect = "cut-control",
		.opcode = "sendmsg",
		.bits = 64 | 32,
	},
	{
		.defect = "cut-control",
		.opcode = "sendmsg",
		.bits = 32,
	},
	{
		.defect = "cut-control",
		.opcode = "sendmsg_zc",
		.bits = 32,
	},
	{
		.defect = "cut-control",
		.opcode = "sendmsg_zc",
		.bits = 64,
		.commit = "4fe82aedeb8a8cb09bfa60f55ab57b5c10a74ac4",
		.subject = "io_uring/net: restore msg_control on sendzc retry",
		.mainline = "6.9-rc4",
	},
	{
		.defect = "repeated-id",
		.opcode = "any",
		.bits = 64 | 32,
	},
	{
		.defect = "fastopen-unfinished",
		.opcode = "any",
		.bits = 64 | 32,
	},
	{
		.defect = "buffers",
		.opcode = "stuck-length",
		.bits = 64 | 32,
	},
	{
		.defect = "buffers",
		.opcode = "stuck-read",
		.bits = 64 | 32,
	},
	{
		.defect = "buffers",
		.opcode = "gapped-ring",
		.bits = 64 | 32,
	},
	{
		.defect = "buffers",
		.opcode = "gapped-receive",
		.bits = 64 | 32,
	},
	{
		.defect = "buffers",
		.opcode = "missed-end",
		.bits = 64 | 32,
	},
	{
		.defect = "buffers",
		.opcode = "missed-end",
		.bits = 64 | 32,
		.commit = "a68ed2df72131447d131531a08fe4dfcf4fa4653",
		.subject = "io_uring/poll: fix multishot recv missing EOF on wakeup race",
		.mainline = "7.0-rc5",
	},
	{
		.defect = "buffers",
		.opcode = "missed-wakeup",
		.bits = 64 | 32,
		.commit = "a68ed2df72131447d131531a08fe4dfcf4fa4653",
		.subject = "io_uring/poll: fix multishot recv missing EOF on wakeup race",
		.mainline = "7.0-rc5",
	},
	{
		.defect = "buffers",
		.opcode = "queued-end",
		.bits = 64 | 32,
	},
	{
		.defect = "buffers",
		.opcode = "refused-bundle",
		.bits = 64 | 32,
	},
	{
		.defect = "buffers",
		.opcode = "overtaken-bundle",
		.bits = 64 | 32,
	},
	{
		.defect = "buffers",
		.opcode = "ignored-length",
		.bits = 64 | 32,
	},
	{
		.defect = "buffers",
		.opcode = "longer-bundle",
		.bits = 64 | 32,
	},
	{
		.defect = "buffers",
		.opcode = "mixed-stream",
		.bits = 64 | 32,
	},
	{
		.defect = "buffers",
		.opcode = "repeated-peek",
		.bits = 64 | 32,
	},
	{
		.defect = "buffers",
		.opcode = "failed-whole",
		.bits = 64 | 32,
	},
	{
		.defect = "buffers",
		.opcode = "first-only",
		.bits = 64 | 32,
	},
	{
		.defect = "buffers",
		.opcode = "zc-pieces",
		.bits = 64 | 32,
	},
	{ }
};

#endif
