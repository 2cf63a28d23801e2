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

const char *errno_name(int err)
{
	static char number[16];

	switch (err) {
	case 0: return "success";
	case EAGAIN: return "EAGAIN";
	case ECANCELED: return "ECANCELED";
	case EFAULT: return "EFAULT";
	case EINVAL: return "EINVAL";
	case EIO: return "EIO";
	case EMSGSIZE: return "EMSGSIZE";
	case ENOBUFS: return "ENOBUFS";
	case ENOMEM: return "ENOMEM";
	case EOPNOTSUPP: return "EOPNOTSUPP";
	case EPERM: return "EPERM";
	case EPIPE: return "EPIPE";
	}
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
	bool open = true;

	for (fix = fixes; fix->defect; fix++) {
		if (strcmp(fix->defect, defect) || !(fix->bits & ABI_BITS) ||
		    (strcmp(fix->opcode, opcode) && strcmp(fix->opcode, "any")))
			continue;
		if (!fix->commit)
			continue;
		printf("%s %.12s (\"%s\", v%s)", sep, fix->commit, fix->subject,
		       fix->mainline);
		sep = " or";
		open = false;
	}
	if (open)
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
