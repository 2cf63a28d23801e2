#!/bin/sh
# kselftest_harness.h of Linux 7.3.4 (linux-source-7.3 7.3.4-1~bpo13+1 of trixie-backports): SKIP()
# after a check that failed takes the failure away.
#
# A test whose EXPECT_EQ() failed and that then finds that it cannot go on, and says SKIP(), is
# reported "ok ... # SKIP", the program ends with 0 and counts no failure: SKIP() overwrites the
# exit code that the check has set. What was expected and seen stands on stderr alone. A reader of
# KTAP has to take such a line for a failure, or a test may not skip once it has checked something.
#
# Needs: Debian, apt with a Debian mirror, dpkg-dev, gcc, libc6-dev; about 160 MB are fetched into a
# folder in /tmp. Exit status: 0 seen as described, 1 it behaves otherwise now, 3 could not run.
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
	tar -x --strip-components=1 --wildcards '*/tools/testing/selftests/kselftest.h' \
		'*/tools/testing/selftests/kselftest_harness.h' '*/tools/testing/selftests/kselftest'

cat >late_skip.c <<'END'
#include "kselftest_harness.h"

TEST(checked_then_skipped)
{
	EXPECT_EQ(1, 2);
	SKIP(return, "nothing to go on with");
}

TEST_HARNESS_MAIN
END
gcc -D_GNU_SOURCE -Itools/testing/selftests -o late_skip late_skip.c || exit 3
./late_skip >said 2>complaint
status=$?
cat complaint said
echo "exit status $status"
if [ $status = 0 ] && grep -q '^ok 1 .*# SKIP nothing to go on with' said &&
	grep -q 'Expected 1 (1) == 2 (2)' complaint && grep -q 'fail:0 .*skip:1' said; then
	echo "seen: the failure is a skip"
else
	echo "not seen: it is told otherwise now" >&2
	exit 1
fi
