#!/bin/sh
# kselftest of Linux 7.3.4 (linux-source-7.3 7.3.4-1~bpo13+1 of trixie-backports): a test program
# that the kernel cannot execute is reported "ok ... # XFAIL". In 6.12.117 it still was
# "not ok ... # exit=2".
#
# run_kselftest.sh starts a program by way of timeout(1) and stdbuf(1), whose execvp(3) hands to
# /bin/sh what execve(2) refuses with ENOEXEC. dash finds a syntax error in it and exits with 2,
# and 2 is KSFT_XFAIL. So a 32-bit test on a kernel without IA32 emulation, or one that was built
# for another machine, has run nothing and counts as an expected failure: read the lines above it.
#
# Needs: Debian, apt with a Debian mirror, dpkg-dev; about 160 MB are fetched into a folder in /tmp.
# Exit status: 0 seen as described, 1 it behaves otherwise now, 3 could not run.
version=7.3.4-1~bpo13+1
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
mkdir -p state/lists/partial cache/archives/partial
keys=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keys] $mirror trixie-backports main" >sources.list
private() {
	apt-get -qq -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::State::Lists="$work/state/lists" -o Dir::Cache="$work/cache" "$@"
}
if ! private update || ! private download "linux-source-7.3=$version" 2>&1; then
	echo "linux-source-7.3 $version cannot be fetched" >&2
	exit 3
fi
dpkg-deb --fsys-tarfile linux-source-7.3_*.deb | tar -xO --wildcards '*.tar.xz' | xz -dcT0 |
	tar -x --strip-components=1 --wildcards '*/tools/testing/selftests/run_kselftest.sh' \
		'*/tools/testing/selftests/kselftest'
cd tools/testing/selftests || { echo "the package has no kselftest" >&2; exit 3; }

# The start of an ELF file for s390x, as a test has it that was built on another machine
mkdir demo
printf '\177ELF\002\002\001\000\000\000\000\000\000\000\000\000\000\002\000\026\000\000\000\001' >demo/foreign
printf '\000\000\000\000\001\000\007\140(\n\000)\n' >>demo/foreign
chmod 755 demo/foreign
echo demo:foreign >kselftest-list.txt
said=$(sh run_kselftest.sh 2>&1)
echo "$said"
case $said in
*"ok 1 selftests: demo: foreign # XFAIL"*) echo "seen: what cannot be executed is an expected failure" ;;
*) echo "not seen: it is told otherwise now" >&2; exit 1 ;;
esac
