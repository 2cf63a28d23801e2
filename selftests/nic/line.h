/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Read lines from a pipe, with a timeout.
 */
#ifndef IO_URING_SELFTEST_LINE_H
#define IO_URING_SELFTEST_LINE_H

#include <stdbool.h>
#include <stddef.h>

struct lines {
	int fd;
	bool ended;
	size_t used;
	size_t given;		/* bytes of buf that the last line took */
	char buf[4096];
};

/* The next line without its newline, or NULL on timeout and at the end */
char *line_next(struct lines *lines, int ms);

#endif
