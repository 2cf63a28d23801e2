// SPDX-License-Identifier: GPL-2.0
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "line.h"

char *line_next(struct lines *lines, int ms)
{
	struct pollfd pfd = { .fd = lines->fd, .events = POLLIN };
	ssize_t len;
	char *end;

	lines->used -= lines->given;
	memmove(lines->buf, lines->buf + lines->given, lines->used);
	lines->given = 0;
	for (;;) {
		end = memchr(lines->buf, '\n', lines->used);
		if (end) {
			*end = 0;
			lines->given = end + 1 - lines->buf;
			return lines->buf;
		}
		/* No writer here has lines that long */
		if (lines->used == sizeof(lines->buf))
			lines->used = 0;
		if (lines->ended || poll(&pfd, 1, ms) != 1)
			return NULL;
		len = read(lines->fd, lines->buf + lines->used,
			   sizeof(lines->buf) - lines->used);
		if (len <= 0)
			lines->ended = true;
		else
			lines->used += len;
	}
}
