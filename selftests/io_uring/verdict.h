/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a test ends. For programs, which have the harness; the parts that they
 * share only find the sentences.
 */
#ifndef IO_URING_SELFTEST_VERDICT_H
#define IO_URING_SELFTEST_VERDICT_H

#include "kselftest_harness.h"
#include "report.h"

/*
 * false: the test is skipped, and has to return, because of why. To be asked
 * before the first check: the harness forgets a failure that came earlier.
 */
static inline bool possible(struct __test_metadata *_metadata, const char *why)
{
	if (why && !expect_all())
		SKIP(return false, "%s", why);
	if (why)
		TH_LOG("not skipped, IO_URING_EXPECT_ALL is set: %s", why);
	ASSERT_TRUE(!why);
	return true;
}

/* Fail the test when wrong is not NULL, and say which defect it shows */
static inline void judge(struct __test_metadata *_metadata, const char *defect,
			 const char *opcode, const char *what,
			 const char *wrong)
{
	if (wrong)
		blame(defect, opcode, what, wrong);
	ASSERT_TRUE(!wrong);
}

#endif
