#!/bin/sh
# User Mode Linux (user-mode-linux 7.2um1, of Linux 7.2) reads memory for a system call that the
# program itself may not read: write(2) from a page that was written to and has PROT_NONE since gives
# 1, where any other Linux gives -EFAULT. A page that was never touched gives -EFAULT there, too.
#
# copy_from_user() walks the page tables in arch/um/kernel/skas/uaccess.c and looks at whether the
# entry is present, which one with PROT_NONE still is; the processor that would refuse is not asked.
# So a test that takes memory away with mprotect(2), to see EFAULT, passes what is broken and fails
# what is right there: it has to unmap the page.
#
# Needs: Debian amd64, apt with a Debian mirror, gcc with a static libc, cpio; about 15 MB are fetched
# into a folder in /tmp. Exit status: 0 seen as described, 1 it behaves otherwise now, 3 could not run.
uml=7.2um1 libc=2.43-7
set -u
for tool in cpio gcc; do
	command -v $tool >/dev/null || { echo "$tool is needed" >&2; exit 3; }
done
work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT
trap 'exit 3' INT TERM
chmod 755 "$work"
cd "$work" || exit 3

cat >init.c <<'END'
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <unistd.h>

static void try(const char *what, int touch)
{
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int ends[2], ret;

	if (page == MAP_FAILED || pipe(ends))
		return;
	if (touch)
		page[0] = 'x';
	mprotect(page, 4096, PROT_NONE);
	ret = write(ends[1], page, 1);
	printf("%s: %s\n", what, ret < 0 ? strerror(errno) : "taken");
	fflush(stdout);
}

int main(void)
{
	try("never touched", 0);
	try("written before", 1);
	if (getpid() == 1)
		reboot(RB_POWER_OFF);
	return 0;
}
END
mkdir guest && gcc -O1 -static -o guest/init init.c || exit 3

# The host's own mirror, with a state of its own: nothing of the host's apt changes
# shellcheck disable=SC2016  # apt's own names
mirror=$(apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(LABEL)' | sed -n 's/ Debian Debian$//p' | head -n 1)
[ "$mirror" ] || { echo "the host's apt has no Debian mirror" >&2; exit 3; }
mkdir -p state/lists/partial cache/archives/partial
keys=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keys] $mirror forky main" >sources.list
private() {
	apt-get -qq -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::State::Lists="$work/state/lists" -o Dir::Cache="$work/cache" -o Dir::State::status=/dev/null "$@"
}
if ! private update || ! private download "user-mode-linux=$uml" "libc6=$libc" 2>&1; then
	echo "user-mode-linux $uml and libc6 $libc cannot be fetched" >&2
	exit 3
fi
for package in *.deb; do
	dpkg-deb -x "$package" tree || exit 3
done
(cd guest && find . | cpio -o -H newc --quiet) | gzip >initrd.gz
# It starts itself again, so it has to name the loader of that libc itself
cp "$(find tree/usr/lib -name ld-linux-x86-64.so.2 | head -n 1)" "$(find tree/usr/lib -name libc.so.6 | head -n 1)" . || exit 3
LC_ALL=C sed 's#/lib64/ld-linux-x86-64.so.2#./ld-linux-x86-64.so.2\x00\x00\x00\x00\x00#' tree/usr/bin/linux.uml >linux.uml
chmod 755 linux.uml
echo "here:" && ./guest/init
echo "User Mode Linux $uml:"
TMPDIR=$work timeout 60 env LD_LIBRARY_PATH=. ./linux.uml mem=128M initrd=initrd.gz rdinit=/init uml_dir="$work" \
	con=null con0=fd:0,fd:1 panic=-1 </dev/null >said 2>&1
tr -d '\r' <said | grep -aE '^(never touched|written before): ' >seen
cat seen
if grep -q '^never touched: Bad address' seen && grep -q '^written before: taken' seen; then
	echo "seen: memory without access is read"
else
	tail -n 5 said >&2
	echo "not seen: it behaves otherwise now" >&2
	exit 1
fi
