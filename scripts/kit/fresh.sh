#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# fresh.sh ROOT DEBS COMMAND...: runs a command in another system's root, as its first process and nothing else of it.
#
# It has to be started in mount, PID, IPC and UTS namespaces of its own: all that it mounts ends with them, and all
# that it starts. The root is made the root by pivot_root, since the kernel refuses user namespaces in a chroot.
set -e
root=$1 debs=$2
shift 2

mount --make-rprivate /
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount -t sysfs sysfs sys
if [ -d /sys/fs/cgroup ]; then
	mount --rbind /sys/fs/cgroup sys/fs/cgroup
fi
mount --bind "$debs" var/cache/apt/archives
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty kvm net/tun; do
	if [ -e "/dev/$device" ]; then
		mkdir -p "dev/${device%"${device##*/}"}"
		: >"dev/$device"
		mount --bind "/dev/$device" "dev/$device"
	fi
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr
hostname fresh

mkdir -p .host
pivot_root . .host
cd /
umount -l /.host
rmdir /.host
# The first process has to wait for orphans; a shell that execs would leave that to the command
"$@"
