/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests say: why one is skipped, and which defect a failure shows.
 */
#ifndef IO_URING_SELFTEST_REPORT_H
#define IO_URING_SELFTEST_REPORT_H

#include <stdbool.h>

/* A sentence in a static buffer: why something cannot be done here, or failed */
const char *reason(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));

/*
 * One line that names the defect, the kernel, what was sent and what came of
 * it, and ends with the commit that this kernel may lack. NULL as the defect:
 * a failure that is none of the four.
 */
void blame(const char *defect, const char *opcode, const char *what,
	   const char *came);

/* "EFAULT" and the like for those that a send can give, else the number */
const char *errno_name(int err);

/* IO_URING_EXPECT_ALL=1: this kernel can do everything, so a SKIP is a failure */
bool expect_all(void);

/*
 * Leave the test as skipped when why, one of the sentences above, is not NULL.
 * Only before the first check: the harness forgets a failure that came before.
 */
#define NEED(why) do {							\
	const char *why_not = (why);					\
									\
	if (why_not && expect_all())					\
		TH_LOG("not skipped, IO_URING_EXPECT_ALL is set: %s",	\
		       why_not);					\
	else if (why_not)						\
		SKIP(return, "%s", why_not);				\
	ASSERT_TRUE(!why_not);					\
} while (0)

/* Fail the test, and say which defect it shows, when wrong is not NULL */
#define JUDGE(defect, opcode, what, wrong) do {				\
	const char *came = (wrong);					\
									\
	if (came)							\
		blame(defect, opcode, what, came);			\
	ASSERT_TRUE(!came);						\
} while (0)

#endif
