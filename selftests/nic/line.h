/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Lines from a pipe, with a limit of time.
 */
#ifndef IO_URING_SELFTEST_LINE_H
#define IO_URING_SELFTEST_LINE_H

#include <stdbool.h>
#include <stddef.h>

struct lines {
	int fd;
	bool ended;
	size_t used;
	size_t given;		/* what the line before took of buf */
	char buf[4096];
};

/* The next line without its end, or NULL: none within ms, or the last was it */
char *line_next(struct lines *lines, int ms);

#endif
