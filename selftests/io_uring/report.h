/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests say: why one is skipped, and which defect a failure shows.
 */
#ifndef IO_URING_SELFTEST_REPORT_H
#define IO_URING_SELFTEST_REPORT_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "kselftest.h"

/* Trees before 6.7 lack it, and the check of formats with it */
#ifndef __printf
#define __printf(a, b)
#endif

#define ABI_BITS	(8 * (int)sizeof(long))

/*
 * A hook, for whoever builds with HOOKS: prints what else is known of a
 * defect, such as the commit that the kernel may lack.
 */
#pragma weak report_hint
void report_hint(const char *defect, const char *opcode);

/* A sentence in a static buffer: what went wrong */
__printf(1, 2)
static inline const char *reason(const char *fmt, ...)
{
	static char text[512];
	char line[sizeof(text)];
	va_list ap;

	/* An argument may point into text */
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	return strcpy(text, line);
}

/*
 * The reason for a SKIP, in a static buffer: what cannot be done here, the
 * errno or 0, and what would help.
 */
static inline const char *cannot(const char *what, int err, const char *remedy)
{
	if (err)
		return reason("%s (%s): %s", what, strerror(err), remedy);
	return reason("%s: %s", what, remedy);
}

/* "EFAULT" and so on for what a send can return, otherwise the number */
static inline const char *errno_name(int err)
{
	static const struct {
		int err;
		const char *name;
	} names[] = {
		{ 0, "success" }, { EAGAIN, "EAGAIN" },
		{ EBADF, "EBADF" }, { ECANCELED, "ECANCELED" },
		{ ECONNRESET, "ECONNRESET" }, { EFAULT, "EFAULT" },
		{ EINPROGRESS, "EINPROGRESS" }, { EINVAL, "EINVAL" },
		{ EIO, "EIO" }, { EMSGSIZE, "EMSGSIZE" },
		{ ENOBUFS, "ENOBUFS" }, { ENODATA, "ENODATA" },
		{ ENOMEM, "ENOMEM" }, { EOPNOTSUPP, "EOPNOTSUPP" },
		{ EPERM, "EPERM" }, { EPIPE, "EPIPE" },
		{ ETIME, "ETIME" },
		{ }
	}, *known;
	static char number[24];

	for (known = names; known->name; known++)
		if (known->err == err)
			return known->name;
	snprintf(number, sizeof(number), "errno %d", err);
	return number;
}

/* IO_URING_EXPECT_ALL=1: this kernel can do everything, a SKIP is a failure */
static inline bool expect_all(void)
{
	const char *set = getenv("IO_URING_EXPECT_ALL");

	return set && *set && strcmp(set, "0");
}

/*
 * One line that names the defect, the kernel, what was sent and what came of
 * it. NULL as the defect: a failure that is none of those looked for.
 */
static inline void blame(const char *defect, const char *opcode,
			 const char *what, const char *came)
{
	struct utsname uts;

	uname(&uts);
	printf("# %s: %s %s %s, %d bit: %s", defect ? defect : "unexpected",
	       uts.release, opcode, what, ABI_BITS, came);
	if (defect && report_hint)
		report_hint(defect, opcode);
	printf("\n");
	/* The harness's child ends by _exit() or abort() */
	fflush(stdout);
}

/*
 * How a test ends, for programs, which have the harness. Macros, so that a
 * failure has the line of its own check.
 */
#ifdef TEST_HARNESS_MAIN

#define AS_ASKED	"all as asked"

/*
 * Skip the test if why is not NULL; it has to return when this is false. Ask
 * before the first check: the harness forgets an earlier failure.
 */
#define possible(why) ({						\
	const char *why_not = (why);					\
									\
	if (why_not && !expect_all())					\
		SKIP((void)0, "%s", why_not);				\
	else								\
		ASSERT_STREQ(AS_ASKED, why_not ?: AS_ASKED);		\
	!why_not;							\
})

/* Fail the test if wrong is not NULL, and say which defect that shows */
#define judge(defect, opcode, what, wrong) do {			\
	const char *seen = (wrong);					\
									\
	if (seen)							\
		blame(defect, opcode, what, seen);			\
	seen = seen ?: AS_ASKED;					\
	ASSERT_STREQ(AS_ASKED, seen);					\
} while (0)

#endif

#endif
