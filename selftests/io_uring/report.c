// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "fixes.h"
#include "report.h"

#define ABI_BITS	(8 * (int)sizeof(long))

const char *reason(const char *fmt, ...)
{
	static char text[512];
	char line[sizeof(text)];
	va_list ap;

	/* An argument may be an earlier sentence of ours */
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	return strcpy(text, line);
}

const char *cannot(const char *what, int err, const char *remedy)
{
	if (err)
		return reason("%s (%s): %s", what, strerror(err), remedy);
	return reason("%s: %s", what, remedy);
}

const char *errno_name(int err)
{
	static const struct {
		int err;
		const char *name;
	} names[] = {
		{ 0, "success" },
		{ EAGAIN, "EAGAIN" },
		{ ECANCELED, "ECANCELED" },
		{ EFAULT, "EFAULT" },
		{ EINVAL, "EINVAL" },
		{ EIO, "EIO" },
		{ EMSGSIZE, "EMSGSIZE" },
		{ ENOBUFS, "ENOBUFS" },
		{ ENOMEM, "ENOMEM" },
		{ EOPNOTSUPP, "EOPNOTSUPP" },
		{ EPERM, "EPERM" },
		{ EPIPE, "EPIPE" },
		{ }
	}, *known;
	static char number[16];

	for (known = names; known->name; known++)
		if (known->err == err)
			return known->name;
	snprintf(number, sizeof(number), "errno %d", err);
	return number;
}

bool expect_all(void)
{
	const char *set = getenv("IO_URING_EXPECT_ALL");

	return set && *set && strcmp(set, "0");
}

static void print_hint(const char *defect, const char *opcode)
{
	const char *sep = "; may lack";
	const struct fix *fix;
	bool open = false;

	/* What has no cause in the table is none of the kernel's defects */
	for (fix = fixes; fix->defect; fix++) {
		if (strcmp(fix->defect, defect) || !(fix->bits & ABI_BITS) ||
		    (strcmp(fix->opcode, opcode) && strcmp(fix->opcode, "any")))
			continue;
		if (!fix->commit) {
			open = true;
			continue;
		}
		printf("%s %.12s (\"%s\", v%s)", sep, fix->commit, fix->subject,
		       fix->mainline);
		sep = " or";
	}
	if (open && *sep == ';')
		printf("; no released kernel has the fix yet");
}

void blame(const char *defect, const char *opcode, const char *what,
	   const char *came)
{
	struct utsname uts;

	uname(&uts);
	printf("# %s: %s %s %s, %d bit: %s", defect ? defect : "unexpected",
	       uts.release, opcode, what, ABI_BITS, came);
	if (defect)
		print_hint(defect, opcode);
	printf("\n");
	/* The child of the harness leaves by _exit() or abort() */
	fflush(stdout);
}
