/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests say: why one is skipped, and which defect a failure shows.
 */
#ifndef IO_URING_SELFTEST_REPORT_H
#define IO_URING_SELFTEST_REPORT_H

#include <stdbool.h>
#include "kselftest.h"

/* Trees before 6.7 lack it, and the check of formats with it */
#ifndef __printf
#define __printf(a, b)
#endif

/* A sentence in a static buffer: what went wrong */
__printf(1, 2) const char *reason(const char *fmt, ...);

/*
 * A sentence in a static buffer: what is not possible here, the errno that
 * said so or 0, and what would help. The reason of a SKIP.
 */
const char *cannot(const char *what, int err, const char *remedy);

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

#endif
