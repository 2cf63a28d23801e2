#!/bin/busybox sh
# First process of the guest: loads the modules, sets up the NIC if it has one, runs the installed
# kselftest bundle with the arguments in /request, or the script /job, and reports on the second serial port. dmesg goes to the first.
/bin/busybox --install -s /bin
export PATH=/bin:/usr/bin HOME=/ TMPDIR=/tmp
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev 2>/dev/null || {
	mknod /dev/null c 1 3
	mknod /dev/zero c 1 5
	mknod /dev/urandom c 1 9
	mknod /dev/ttyS1 c 4 65
	mknod /dev/tty1 c 4 1
}
ln -s /proc/self/fd /dev/fd
ln -s fd/1 /dev/stdout
ln -s fd/2 /dev/stderr
mkdir -p /dev/shm
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp
[ -d /sys/kernel/debug ] && mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
# RHEL forbids it until it is asked
[ -e /proc/sys/kernel/io_uring_disabled ] && echo 0 >/proc/sys/kernel/io_uring_disabled
# The kernel's command line may say results=
: "${results:=ttyS1}"
exec >"/dev/$results" 2>&1 </dev/null
stty -F "/dev/$results" -opost 2>/dev/null
echo "# kit: started $(uname -r) $(cut -d ' ' -f 1 /proc/uptime)"
for module in /modules/*.ko; do
	[ -e "$module" ] && { insmod "$module" || echo "# kit: no ${module##*/}"; }
done
# shellcheck disable=SC3045  # busybox has it
ulimit -l unlimited
# shellcheck disable=SC1091,SC2046  # in the guest; words, each an argument
{ [ ! -e /ports ] || . /ports.sh; } && [ -s /request ] && sh /bundle/run_kselftest.sh $(cat /request)
# shellcheck disable=SC1091  # in the guest
[ -e /job ] && (. /job)
echo "# kit: done $(cut -d ' ' -f 1 /proc/uptime)"
# User Mode Linux would start again
"${ending:-reboot}" -f
