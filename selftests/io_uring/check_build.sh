#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# check_build.sh BITS COMPILER [FLAG...]: print "yes" if this compiler builds
# programs of that many bits with liburing, else say on stderr what to install.

bits=$1
shift

try() {
	source=$1
	shift
	printf '%b' "$source" | "$@" -x c - -o /dev/null $libs 2>/dev/null
}

libs=
if ! try '#include <stdio.h>\nint main(void) { return !puts(""); }\n' "$@"; then
	if [ "$bits" = 32 ]; then
		package="gcc-multilib (Debian), glibc-devel.i686 (Fedora), gcc-32bit and glibc-devel-32bit (SUSE)"
	else
		package="gcc and libc6-dev (Debian), gcc and glibc-devel (Fedora, SUSE)"
	fi
	echo "Warning: no $bits-bit programs, the compiler cannot build them: install $package" >&2
	exit 0
fi

libs=-luring
if ! try '#include <liburing.h>\nint main(void) { struct io_uring r; return IORING_OP_SENDMSG_ZC + io_uring_get_events(&r); }\n' "$@"; then
	if [ "$bits" = 32 ]; then
		package="liburing-dev:i386 (Debian), liburing-devel.i686 (Fedora), liburing-devel-32bit (SUSE)"
	else
		package="liburing-dev (Debian), liburing-devel (Fedora, SUSE)"
	fi
	echo "Warning: no $bits-bit programs, liburing 2.3 or newer for them is missing: install $package, or build it and set LIBURING_$bits" >&2
	exit 0
fi
echo yes
