// SPDX-License-Identifier: GPL-2.0
/*
 * uring_msg_cure - put a message back as it was before io_uring issues it again
 *
 * io_uring keeps one msghdr for all attempts of a send or receive, and what an
 * attempt changes in it is not put back: the control pointer leads to a stack
 * that is gone, a 32-bit task's control length is that of the 64-bit copy, data
 * are taken out of the iterator, an address was rewritten by a BPF program. This
 * module keeps the message when a call begins and puts it back when the request
 * is going to be issued again. Nothing else is changed: a call that is the last
 * of its request, and any call of a kernel that puts back what it has to, goes
 * through as it is.
 *
 * The places are __sys_sendmsg_sock() and __sys_recvmsg_sock(), which io_uring
 * alone calls, and, where SEND has the defect, sock_sendmsg() when io_uring is
 * its caller.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/kallsyms.h>
#include <linux/kernel.h>
#include <linux/kobject.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/net.h>
#include <linux/percpu.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/socket.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <net/sock.h>

#ifndef CONFIG_KRETPROBES
#error "this kernel has no kretprobes (CONFIG_KRETPROBES): it cannot be cured while it runs"
#endif
#ifndef CONFIG_SYSFS
#error "this kernel has no sysfs (CONFIG_SYSFS): the counters need it"
#endif
#ifdef CONFIG_LTO_CLANG
#error "a kernel built with LTO may call neither function: it cannot be cured while it runs"
#endif
#if !defined(CONFIG_X86_64) && !defined(CONFIG_ARM64)
#error "this module is for x86-64 and arm64"
#endif

/* What the handlers below take for granted of the functions, checked against the header */
static_assert(__builtin_types_compatible_p(typeof(__sys_sendmsg_sock),
					   long(struct socket *, struct msghdr *, unsigned int)));
static_assert(__builtin_types_compatible_p(typeof(__sys_recvmsg_sock),
					   long(struct socket *, struct msghdr *,
						struct user_msghdr __user *,
						struct sockaddr __user *, unsigned int)));

static int maxactive = 4096;
module_param(maxactive, int, 0444);
MODULE_PARM_DESC(maxactive, "calls that may be under way at once, blocked ones of io-wq included");

enum counter {
	SENDS_SEEN,
	RECEIVES_SEEN,
	LOST_POINTER,
	WRONG_LENGTH,
	REPEATED_CONTROL,
	EATEN_DATA,
	REWRITTEN_NAME,
	USED_UP_CONTROL,
	LEFT_ALONE,
	COUNTERS,
};

struct counts {
	unsigned long of[COUNTERS];
};

static DEFINE_PER_CPU(struct counts, counts);

static void count(enum counter which)
{
	this_cpu_inc(counts.of[which]);
}
NOKPROBE_SYMBOL(count);

/* A message as a call found it */
struct kept {
	struct socket *sock;
	struct msghdr *msg;
	struct iov_iter iter;
	void *control;
	size_t controllen;
	bool control_is_user;
	unsigned int flags;
	void *name;
	int namelen;
	struct sockaddr_storage address;
};

static bool vsock_seqpacket(const struct socket *sock)
{
	return sock->type == SOCK_SEQPACKET && sock->sk && sock->sk->sk_family == AF_VSOCK;
}
NOKPROBE_SYMBOL(vsock_seqpacket);

/*
 * -EAGAIN says that nothing was taken, so that the next issue begins anew. The
 * exception: what vsock took for a seqpacket it has queued by then, and would
 * send it twice.
 */
static void put_back_iterator(struct socket *sock, struct msghdr *msg, const struct iov_iter *iter)
{
	if (iov_iter_count(&msg->msg_iter) == iov_iter_count(iter))
		return;
	if (vsock_seqpacket(sock)) {
		count(LEFT_ALONE);
		return;
	}
	msg->msg_iter = *iter;
	count(EATEN_DATA);
}
NOKPROBE_SYMBOL(put_back_iterator);

static void keep_control(struct kept *kept, const struct msghdr *msg)
{
	kept->control = msg->msg_control;
	kept->controllen = msg->msg_controllen;
	kept->control_is_user = msg->msg_control_is_user;
}
NOKPROBE_SYMBOL(keep_control);

static void put_back_control(const struct kept *kept, struct msghdr *msg)
{
	msg->msg_control = kept->control;
	msg->msg_controllen = kept->controllen;
	msg->msg_control_is_user = kept->control_is_user;
}
NOKPROBE_SYMBOL(put_back_control);

static void put_back_name(const struct kept *kept, struct msghdr *msg)
{
	bool changed = msg->msg_name != kept->name || msg->msg_namelen != kept->namelen;

	msg->msg_name = kept->name;
	msg->msg_namelen = kept->namelen;
	if (kept->name && memcmp(kept->name, &kept->address, kept->namelen)) {
		memcpy(kept->name, &kept->address, kept->namelen);
		changed = true;
	}
	if (changed)
		count(REWRITTEN_NAME);
}
NOKPROBE_SYMBOL(put_back_name);

static int send_begins(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct kept *kept = (struct kept *)ri->data;
	struct msghdr *msg = (struct msghdr *)regs_get_kernel_argument(regs, 1);

	count(SENDS_SEEN);
	/* An address of another size is none that io_uring has copied */
	if (msg->msg_name && (msg->msg_namelen < 0 || msg->msg_namelen > sizeof(kept->address))) {
		count(LEFT_ALONE);
		return 1;
	}
	kept->sock = (struct socket *)regs_get_kernel_argument(regs, 0);
	kept->msg = msg;
	kept->flags = regs_get_kernel_argument(regs, 2);
	kept->iter = msg->msg_iter;
	kept->name = msg->msg_name;
	kept->namelen = msg->msg_namelen;
	if (kept->name)
		memcpy(&kept->address, kept->name, kept->namelen);
	keep_control(kept, msg);
	return 0;
}
NOKPROBE_SYMBOL(send_begins);

/* Whether this call is not the last of its request */
static bool issued_again(const struct kept *kept, int ret)
{
	if (ret == -EAGAIN)
		return true;
	return ret > 0 && ret < iov_iter_count(&kept->iter) && (kept->flags & MSG_WAITALL);
}
NOKPROBE_SYMBOL(issued_again);

/*
 * Whether control, where the task has it, is SCM_RIGHTS and nothing else; false
 * where that cannot be read just now.
 */
static bool files_alone(const struct kept *kept)
{
	bool compat = kept->flags & MSG_CMSG_COMPAT;
	struct {
		size_t len;
		int level, type;
	} head;
	struct {
		u32 len;
		int level, type;
	} head_32;
	size_t size = compat ? sizeof(head_32) : sizeof(head);
	void *into = compat ? (void *)&head_32 : &head;
	unsigned long left;

	if (!kept->control_is_user || kept->controllen < size ||
	    !access_ok((void __user *)kept->control, size))
		return false;
	pagefault_disable();
	left = __copy_from_user_inatomic(into, (void __user *)kept->control, size);
	pagefault_enable();
	if (left)
		return false;
	if (compat) {
		head.len = ALIGN(head_32.len, sizeof(u32));
		head.level = head_32.level;
		head.type = head_32.type;
	}
	return head.level == SOL_SOCKET && head.type == SCM_RIGHTS &&
	       ALIGN(head.len, compat ? sizeof(u32) : sizeof(size_t)) >= kept->controllen;
}
NOKPROBE_SYMBOL(files_alone);

static int send_ends(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct kept *kept = (struct kept *)ri->data;
	struct msghdr *msg = kept->msg;
	int ret = regs_return_value(regs);

	if (!issued_again(kept, ret))
		return 0;
	if (ret == -EAGAIN)
		put_back_iterator(kept->sock, msg, &kept->iter);
	put_back_name(kept, msg);
	if (!kept->controllen)
		return 0;
	if (ret > 0 && kept->sock->sk && kept->sock->sk->sk_family == AF_UNIX &&
	    files_alone(kept)) {
		/* Descriptors have gone with the first part; credentials belong to each */
		msg->msg_control = NULL;
		msg->msg_controllen = 0;
		count(REPEATED_CONTROL);
		return 0;
	}
	if (msg->msg_control != kept->control)
		count(LOST_POINTER);
	if (msg->msg_controllen != kept->controllen)
		count(WRONG_LENGTH);
	put_back_control(kept, msg);
	return 0;
}
NOKPROBE_SYMBOL(send_ends);

static int receive_begins(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct kept *kept = (struct kept *)ri->data;

	count(RECEIVES_SEEN);
	kept->msg = (struct msghdr *)regs_get_kernel_argument(regs, 1);
	keep_control(kept, kept->msg);
	/* Without control there is nothing to put back */
	return !kept->controllen;
}
NOKPROBE_SYMBOL(receive_begins);

static int receive_ends(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct kept *kept = (struct kept *)ri->data;

	/* With control io_uring receives no second part: it is -EAGAIN or the end */
	if ((int)regs_return_value(regs) != -EAGAIN || kept->msg->msg_control == kept->control)
		return 0;
	put_back_control(kept, kept->msg);
	count(USED_UP_CONTROL);
	return 0;
}
NOKPROBE_SYMBOL(receive_ends);

static struct kretprobe sends = {
	.kp.symbol_name = "__sys_sendmsg_sock",
	.entry_handler = send_begins,
	.handler = send_ends,
	.data_size = sizeof(struct kept),
};

static struct kretprobe receives = {
	.kp.symbol_name = "__sys_recvmsg_sock",
	.entry_handler = receive_begins,
	.handler = receive_ends,
	.data_size = offsetof(struct kept, flags),
};

#if SEND_KEEPS_ITERATOR
/* Functions of io_uring that call sock_sendmsg(), as addresses of their code */
static struct span {
	const char *name;
	unsigned long from, size;
} callers[] = { { "io_send" }, { "io_send_zc" }, { "io_sendmsg_zc" } };

struct kept_plain {
	struct socket *sock;
	struct msghdr *msg;
	struct iov_iter iter;
};

static unsigned long caller_of(struct pt_regs *regs)
{
#ifdef CONFIG_X86_64
	return *(unsigned long *)kernel_stack_pointer(regs);
#else
	return procedure_link_pointer(regs);
#endif
}
NOKPROBE_SYMBOL(caller_of);

static int plain_begins(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct kept_plain *kept = (struct kept_plain *)ri->data;
	unsigned long caller = caller_of(regs);
	int i;

	for (i = 0; i < ARRAY_SIZE(callers); i++)
		if (caller - callers[i].from < callers[i].size)
			break;
	if (i == ARRAY_SIZE(callers))
		return 1;
	count(SENDS_SEEN);
	kept->sock = (struct socket *)regs_get_kernel_argument(regs, 0);
	kept->msg = (struct msghdr *)regs_get_kernel_argument(regs, 1);
	kept->iter = kept->msg->msg_iter;
	return 0;
}
NOKPROBE_SYMBOL(plain_begins);

static int plain_ends(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct kept_plain *kept = (struct kept_plain *)ri->data;

	if ((int)regs_return_value(regs) == -EAGAIN)
		put_back_iterator(kept->sock, kept->msg, &kept->iter);
	return 0;
}
NOKPROBE_SYMBOL(plain_ends);

static struct kretprobe plain = {
	.kp.symbol_name = "sock_sendmsg",
	.entry_handler = plain_begins,
	.handler = plain_ends,
	.data_size = sizeof(struct kept_plain),
};

/* Finds a function's code by a probe that is never armed: kallsyms_lookup_name() is not exported */
static bool locate(struct span *span)
{
	struct kprobe probe = { .symbol_name = span->name, .flags = KPROBE_FLAG_DISABLED };
	char text[KSYM_SYMBOL_LEN];
	unsigned long offset;
	const char *behind;

	if (register_kprobe(&probe))
		return false;
	sprint_symbol(text, (unsigned long)probe.addr);
	behind = strrchr(text, '+');
	if (behind && sscanf(behind, "+0x%lx/0x%lx", &offset, &span->size) == 2)
		span->from = (unsigned long)probe.addr - offset;
	else
		span->size = 0;
	unregister_kprobe(&probe);
	return span->size;
}

/* Whether SEND is covered, too; the rest does not depend on it */
static bool plain_covered(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(callers); i++)
		locate(&callers[i]);
	if (!callers[0].size)
		return false;
	plain.maxactive = maxactive;
	return !register_kretprobe(&plain);
}

static void plain_uncovered(void)
{
	unregister_kretprobe(&plain);
}

static unsigned long plain_missed(void)
{
	return plain.nmissed + plain.kp.nmissed;
}
#else
static bool plain_covered(void)
{
	return false;
}

static void plain_uncovered(void)
{
}

static unsigned long plain_missed(void)
{
	return 0;
}
#endif

static bool covers_plain;

/* Does to a message what a send may do to it that finds no room */
static noinline long trial_send(struct socket *sock, struct msghdr *msg, unsigned int flags)
{
	iov_iter_advance(&msg->msg_iter, 1);
	msg->msg_control = &sock;
	msg->msg_controllen += 4;
	msg->msg_control_is_user = false;
	*(char *)msg->msg_name += 1;
	msg->msg_namelen -= 1;
	barrier();
	return flags & MSG_DONTWAIT ? -EAGAIN : 0;
}

/*
 * Sees that probes work here and that arguments and result are where this module
 * looks for them: with kprobes switched off in debugfs a registration succeeds and
 * no handler is ever called.
 */
static int try_it(void)
{
	static struct kretprobe trial = {
		.kp.addr = (kprobe_opcode_t *)trial_send,
		.entry_handler = send_begins,
		.handler = send_ends,
		.data_size = sizeof(struct kept),
		.maxactive = 1,
	};
	static struct socket sock;
	char name[] = "name";
	struct kvec data = { .iov_base = name, .iov_len = sizeof(name) };
	struct msghdr msg = {
		.msg_name = name, .msg_namelen = sizeof(name),
		.msg_control = &data, .msg_controllen = 20, .msg_control_is_user = true,
	};
	long (*send)(struct socket *, struct msghdr *, unsigned int) = trial_send;
	int cpu, ret;

	iov_iter_kvec(&msg.msg_iter, WRITE, &data, 1, sizeof(name));
	ret = register_kretprobe(&trial);
	if (ret)
		return ret;
	/* So that no compiler makes a clone with other arguments, which has no probe */
	OPTIMIZER_HIDE_VAR(send);
	send(&sock, &msg, MSG_DONTWAIT);
	unregister_kretprobe(&trial);
	for_each_possible_cpu(cpu)
		memset(per_cpu_ptr(&counts, cpu), 0, sizeof(struct counts));
	if (iov_iter_count(&msg.msg_iter) != sizeof(name) || strcmp(name, "name") ||
	    msg.msg_namelen != sizeof(name) || msg.msg_control != &data ||
	    msg.msg_controllen != 20 || !msg.msg_control_is_user)
		return -EOPNOTSUPP;
	return 0;
}

static ssize_t counter_show(struct kobject *kobj, struct kobj_attribute *file, char *page);

#define COUNTER(_name) { .attr = { .name = _name, .mode = 0444 }, .show = counter_show }

/* In the order of enum counter */
static struct kobj_attribute counter_files[COUNTERS] = {
	[SENDS_SEEN] = COUNTER("sends_seen"),
	[RECEIVES_SEEN] = COUNTER("receives_seen"),
	[LOST_POINTER] = COUNTER("lost_pointer"),
	[WRONG_LENGTH] = COUNTER("wrong_length"),
	[REPEATED_CONTROL] = COUNTER("repeated_control"),
	[EATEN_DATA] = COUNTER("eaten_data"),
	[REWRITTEN_NAME] = COUNTER("rewritten_name"),
	[USED_UP_CONTROL] = COUNTER("used_up_control"),
	[LEFT_ALONE] = COUNTER("left_alone"),
};

static ssize_t counter_show(struct kobject *kobj, struct kobj_attribute *file, char *page)
{
	enum counter which = file - counter_files;
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += per_cpu_ptr(&counts, cpu)->of[which];
	return sysfs_emit(page, "%lu\n", sum);
}

static ssize_t missed_show(struct kobject *kobj, struct kobj_attribute *file, char *page)
{
	return sysfs_emit(page, "%lu\n", sends.nmissed + sends.kp.nmissed + receives.nmissed +
			  receives.kp.nmissed + plain_missed());
}

static ssize_t covers_show(struct kobject *kobj, struct kobj_attribute *file, char *page)
{
	return sysfs_emit(page, "sendmsg recvmsg%s\n", covers_plain ? " send" : "");
}

static struct kobj_attribute missed = __ATTR_RO(missed);
static struct kobj_attribute covers = __ATTR_RO(covers);

static struct attribute *files[COUNTERS + 3] = { &missed.attr, &covers.attr };

static const struct attribute_group group = { .attrs = files };

/* A folder of its own: what lies in the module's is called with other arguments */
static struct kobject *counters;

static int publish(void)
{
	int i, ret;

	for (i = 0; i < COUNTERS; i++)
		files[i + 2] = &counter_files[i].attr;
	counters = kobject_create_and_add("counters", &THIS_MODULE->mkobj.kobj);
	if (!counters)
		return -ENOMEM;
	ret = sysfs_create_group(counters, &group);
	if (ret)
		kobject_put(counters);
	return ret;
}

static int __init cure_init(void)
{
	int ret;

	if (maxactive < 1 || maxactive > 1 << 16) {
		pr_err("maxactive=%d: give a number from 1 to 65536\n", maxactive);
		return -EINVAL;
	}
	ret = try_it();
	if (ret) {
		pr_err("a probe does nothing in this kernel (%d; kprobes switched off?): not loaded\n",
		       ret);
		return ret;
	}
	sends.maxactive = maxactive;
	receives.maxactive = maxactive;
	ret = register_kretprobe(&sends);
	if (ret) {
		pr_err("%s() cannot be probed in this kernel (%d): not loaded\n",
		       sends.kp.symbol_name, ret);
		return ret;
	}
	ret = register_kretprobe(&receives);
	if (ret) {
		pr_err("%s() cannot be probed in this kernel (%d): not loaded\n",
		       receives.kp.symbol_name, ret);
		goto without_receives;
	}
	covers_plain = plain_covered();
	ret = publish();
	if (ret) {
		pr_err("no counters in sysfs (%d): not loaded\n", ret);
		goto without_counters;
	}
	pr_info("loaded: messages of sendmsg, recvmsg%s are put back before they are issued again\n",
		covers_plain ? " and send" : "");
	return 0;

without_counters:
	if (covers_plain)
		plain_uncovered();
	unregister_kretprobe(&receives);
without_receives:
	unregister_kretprobe(&sends);
	return ret;
}

static void __exit cure_exit(void)
{
	kobject_put(counters);
	if (covers_plain)
		plain_uncovered();
	unregister_kretprobe(&receives);
	unregister_kretprobe(&sends);
	pr_info("unloaded: messages are again as this kernel leaves them\n");
}

module_init(cure_init);
module_exit(cure_exit);

MODULE_DESCRIPTION("Put messages back before io_uring issues them again");
MODULE_LICENSE("GPL");
