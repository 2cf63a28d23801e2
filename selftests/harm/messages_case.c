// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "messages.h"
#include "messages_case.h"

const char * const fact_names[FACTS] = {
	"result", "data", "control", "flags", "name", "notification", "the peer",
	"next", "error", "error queue", "descriptors",
};

void note(struct outcome *o, enum fact of, const char *fmt, ...)
{
	size_t used = strlen(o->text[of]), room = sizeof(*o->text) - used;
	uint32_t sum = 0;
	char line[128];
	va_list ap;
	char *at;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	/* What is too long is told by a sum in the last bytes */
	if (strlen(line) + 12 < room) {
		snprintf(o->text[of] + used, room, "%s", line);
		return;
	}
	for (at = o->text[of]; *at; at++)
		sum = sum * 31 + (uint8_t)*at;
	for (at = line; *at; at++)
		sum = sum * 31 + (uint8_t)*at;
	snprintf(o->text[of] + sizeof(*o->text) - 12, 12, "...%08x", sum);
}

uint8_t byte_of(unsigned int message, size_t at)
{
	return message * 37 + at * 11 + (at >> 8) * 3 + 1;
}

uint32_t sum_of(const uint8_t *data, size_t len)
{
	uint32_t sum = 2166136261u;
	size_t i;

	for (i = 0; i < len; i++)
		sum = (sum ^ data[i]) * 16777619u;
	return sum;
}

void fill_payload(uint8_t *to, unsigned int message, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		to[i] = byte_of(message, i);
}

void cut(struct iovec *iov, unsigned int pieces, uint8_t *data, size_t len)
{
	unsigned int i;
	size_t at = 0, part;

	for (i = 0; i < pieces; i++, at += part) {
		part = i + 1 < pieces ? (len - at) / 3 : len - at;
		iov[i] = (struct iovec) { .iov_base = data + at, .iov_len = part };
	}
}

void tell_number(struct outcome *o, enum fact of, long res)
{
	if (res < 0)
		note(o, of, "-%s", errno_name(-res));
	else
		note(o, of, "%ld", res);
}

void tell_error_of(struct outcome *o, const char *who, int fd)
{
	socklen_t len = sizeof(int);
	int err = 0;

	if (fd >= 0 && !getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len))
		note(o, F_ERROR, "%s %s ", who, errno_name(err));
}

static int lowest_free(void)
{
	int fd = dup(STDIN_FILENO);

	close(fd);
	return fd;
}

/* Descriptors that came and were not shown: their number; they are closed */
static unsigned int leaked(int first)
{
	unsigned int n = 0;
	int fd;

	for (fd = first; fd < first + 16; fd++)
		n += !close(fd);
	return n;
}

const char *plan_run(const struct plan *p, enum side by, struct outcome *o)
{
	static uint8_t taken[2][2 * LONGEST];
	int first = lowest_free();
	struct ends e;
	const char *wrong;

	memset(o, 0, offsetof(struct outcome, data));
	o->data = taken[by == BY_RING];
	o->len = 0;
	o->taken = 0;
	o->right = true;
	wrong = ends_open(&e, p);
	if (!wrong)
		wrong = receives(p) ? receive_one(&e, p, by, o) :
				      send_one(&e, p, by, o);
	ends_close(&e);
	if (wrong)
		return wrong;
	if (lowest_free() != first)
		note(o, F_FILES, "%u left open", leaked(first));
	else if (has(p, T_UNIX))
		note(o, F_FILES, "none left open");
	return NULL;
}
