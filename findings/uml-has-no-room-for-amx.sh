#!/bin/sh
# User Mode Linux 6.1 (user-mode-linux 6.1um4+b13 of bookworm) runs no program on a processor with
# AMX: the first one is killed, and with it the kernel panics.
#
# It has room for 2696 bytes of a program's registers, and sets them by PTRACE_SETREGSET, which takes
# the whole of what the processor has or nothing: 11008 bytes with AMX. So it says "ptrace set fp regs
# failed, errno = 14" and "Attempted to kill init!", which looks like a broken root file system. The
# sources of 6.12.118 have the same size; 6.18 asks the host for it.
#
# Needs: Debian amd64 on a processor with AMX (amx_tile in /proc/cpuinfo), apt with a Debian mirror,
# cpio; about 12 MB are fetched into a folder in /tmp. Exit status: 0 seen as described, 1 it behaves
# otherwise now, 3 could not run.
uml=6.1um4+b13 busybox=1:1.35.0-4+deb12u1+b1
set -u
grep -qw amx_tile /proc/cpuinfo || { echo "this processor has no AMX" >&2; exit 3; }
command -v cpio >/dev/null || { echo "cpio is needed" >&2; exit 3; }
work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT
trap 'exit 3' INT TERM
chmod 755 "$work"
cd "$work" || exit 3

# The host's own mirror, with a state of its own: nothing of the host's apt changes
# shellcheck disable=SC2016  # apt's own names
mirror=$(apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(LABEL)' | sed -n 's/ Debian Debian$//p' | head -n 1)
[ "$mirror" ] || { echo "the host's apt has no Debian mirror" >&2; exit 3; }
mkdir -p state/lists/partial cache/archives/partial root/bin
keys=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keys] $mirror bookworm main" >sources.list
private() {
	apt-get -qq -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::State::Lists="$work/state/lists" -o Dir::Cache="$work/cache" -o Dir::State::status=/dev/null "$@"
}
if ! private update || ! private download "user-mode-linux=$uml" "busybox-static=$busybox" 2>&1; then
	echo "user-mode-linux $uml cannot be fetched" >&2
	exit 3
fi
for package in *.deb; do
	dpkg-deb -x "$package" tree || exit 3
done
cp tree/bin/busybox root/bin/ || exit 3
cat >root/init <<'END'
#!/bin/busybox sh
/bin/busybox echo "a program runs"
/bin/busybox poweroff -f
END
chmod 755 root/init
(cd root && find . | cpio -o -H newc --quiet) | gzip >initrd.gz
TMPDIR=$work timeout 60 tree/usr/bin/linux.uml mem=128M initrd=initrd.gz rdinit=/init uml_dir="$work" \
	con=null con0=fd:0,fd:1 panic=-1 </dev/null >said 2>&1
grep -E 'a program runs|fp regs|Kernel panic' said
if grep -q 'ptrace set fp regs failed, errno = 14' said && grep -q 'Attempted to kill init' said &&
	! grep -q 'a program runs' said; then
	echo "seen: no program runs"
else
	echo "not seen: it behaves otherwise now" >&2
	exit 1
fi
