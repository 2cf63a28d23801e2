#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# check_build.sh BITS COMPILER [FLAG...]: print "yes" if this compiler builds
# programs of that many bits with liburing, else say on stderr what to install.
# Without an argument it stands for the programs where none could be built, and
# says that they are skipped. Exit code then: 4.

if [ $# = 0 ]; then
	echo "TAP version 13"
	echo "1..0 # SKIP no program was built: install liburing 2.3 or newer, build again"
	exit 4
fi
bits=$1
shift

warn() {
	echo "Warning: no $bits-bit programs, $1: $2" >&2
	exit 0
}

try() {
	source=$1
	shift
	printf '%s\n' "$source" | "$@" -x c - -o /dev/null $libs 2>/dev/null
}

libs=
if ! try '#include <stdio.h>
int main(void)
{
	return !puts("");
}' "$@"; then
	if [ "$bits" = 32 ]; then
		package="gcc-multilib (Debian), glibc-devel.i686 (Fedora), gcc-32bit (SUSE)"
	else
		package="gcc and libc6-dev (Debian), gcc and glibc-devel (Fedora, SUSE)"
	fi
	warn "the compiler does not build them" "install $package"
fi

libs=-luring
if ! try '#include <liburing.h>
int main(void)
{
	struct io_uring ring;

	return IORING_OP_SENDMSG_ZC + io_uring_get_events(&ring);
}' "$@"; then
	if [ "$bits" = 32 ]; then
		package="liburing-dev:i386 (Debian), liburing-devel.i686 (Fedora),"
		package="$package liburing-devel-32bit (SUSE)"
	else
		package="liburing-dev (Debian), liburing-devel (Fedora, SUSE)"
	fi
	warn "no liburing 2.3 or newer" "install $package, or set LIBURING_$bits"
fi
echo yes
