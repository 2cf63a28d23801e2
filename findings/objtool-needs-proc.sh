#!/bin/sh
# objtool of Linux 7.3.4 (linux-kbuild-7.3.4+deb13 7.3.4-1~bpo13+1 of trixie-backports) does not run
# where /proc is not mounted.
#
# objtool reads a limit of its stack from /proc before it looks at the object file, and ends with
# "read_stack_limit: fopen failed" and status 255. Who builds a module in a bare chroot, where the
# builds for 6.12 go well, sees each object file fail after the compiler has made it.
#
# Needs: Debian amd64, apt with a Debian mirror, root or user namespaces, unshare, gcc; about 10 MB
# are fetched into a folder in /tmp. Exit status: 0 seen as described, 1 it behaves otherwise now, 3
# could not run.
kernel=7.3.4+deb13 version=7.3.4-1~bpo13+1
set -u
work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT
trap 'exit 3' INT TERM
chmod 755 "$work"
cd "$work" || exit 3

# The host's own mirror, with a state of its own: nothing of the host's apt changes
# shellcheck disable=SC2016  # apt's own names
mirror=$(apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(LABEL)' | sed -n 's/ Debian Debian$//p' | head -n 1)
[ "$mirror" ] || { echo "the host's apt has no Debian mirror" >&2; exit 3; }
mkdir -p state/lists/partial cache/archives/partial root/proc root/tmp
keys=/usr/share/keyrings/debian-archive-keyring.gpg
for suite in trixie trixie-backports; do
	echo "deb [signed-by=$keys] $mirror $suite main"
done >sources.list
private() {
	apt-get -qq -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::State::Lists="$work/state/lists" -o Dir::Cache="$work/cache" -o Dir::State::status=/dev/null "$@"
}
if ! private update || ! private download "linux-kbuild-$kernel=$version" libc6 libelf1t64 zlib1g libzstd1 2>&1; then
	echo "linux-kbuild-$kernel $version cannot be fetched" >&2
	exit 3
fi
for package in *.deb; do
	dpkg-deb -x "$package" root || exit 3
done
for link in lib lib64; do
	[ -e root/$link ] || ln -s usr/$link root/$link
done
echo 'int next(int x) { return x + 1; }' >next.c
gcc -O2 -c -o next.o next.c || exit 3

# What is done first: the status of objtool for a plain function
status_of() {
	cp next.o root/tmp/next.o
	SRCARCH=x86 unshare --user --map-root-user --mount --pid --fork sh -c "$1 chroot root \
		/usr/lib/linux-kbuild-$kernel/tools/objtool/objtool --stackval /tmp/next.o" >said 2>&1
	echo $?
}
with=$(status_of "mount -t proc proc root/proc &&")
without=$(status_of "")
echo "$kernel: with /proc $with, without $without: $(cat said)"
if [ "$with $without" = "0 255" ] && grep -q 'read_stack_limit: fopen failed' said; then
	echo "seen: objtool of $kernel needs /proc"
else
	echo "not seen: it behaves otherwise now" >&2
	exit 1
fi
