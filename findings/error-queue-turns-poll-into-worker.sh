#!/bin/sh
# A SEND of io_uring to a full TCP socket waits by poll, without a thread. If the error queue of the
# socket holds anything that nobody has read, as the id of a send with MSG_ZEROCOPY or a transmit
# timestamp, it waits in a worker thread of its own instead (Linux 7.2, user-mode-linux 7.2um1 of forky).
#
# io_uring polls for EPOLLERR as well, which is there as long as the queue is not empty: the request is
# issued 128 times for nothing and then given to io-wq, which blocks in it. The result is right. A
# program with thousands of connections gets thousands of threads, or, with
# IORING_REGISTER_IOWQ_MAX_WORKERS, sends that wait for each other. Reading the error queue first
# avoids it.
#
# Needs: Debian amd64, apt with a Debian mirror, gcc, libc6-dev, cpio; about 40 MB are fetched into a
# folder in /tmp. Exit status: 0 seen as described, 1 it behaves otherwise now, 3 could not run.
uml=7.2um1 libc=2.43-7 liburing=2.3-3
set -u
for tool in gcc cpio; do
	command -v "$tool" >/dev/null || { echo "$tool is needed" >&2; exit 3; }
done
work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT
trap 'exit 3' INT TERM
chmod 755 "$work"
cd "$work" || exit 3

# The host's own mirror, with a state of its own: nothing of the host's apt changes
# shellcheck disable=SC2016  # apt's own names
mirror=$(apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(LABEL)' | sed -n 's/ Debian Debian$//p' | head -n 1)
[ "$mirror" ] || { echo "the host's apt has no Debian mirror" >&2; exit 3; }
mkdir -p state/lists/partial cache/archives/partial root
keys=/usr/share/keyrings/debian-archive-keyring.gpg
for suite in bookworm forky; do
	echo "deb [signed-by=$keys] $mirror $suite main"
done >sources.list
private() {
	apt-get -qq -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::State::Lists="$work/state/lists" -o Dir::Cache="$work/cache" -o Dir::State::status=/dev/null "$@"
}
if ! private update || ! private download "user-mode-linux=$uml" "libc6=$libc" \
	"liburing-dev=$liburing" 2>/dev/null; then
	echo "user-mode-linux $uml, libc6 $libc or liburing-dev $liburing cannot be fetched" >&2
	exit 3
fi
for package in *.deb; do
	dpkg-deb -x "$package" tree || exit 3
done
cat >root/init.c <<'END'
#include <arpa/inet.h>
#include <dirent.h>
#include <liburing.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static char data[4096];

static int workers(void)
{
	DIR *tasks = opendir("/proc/self/task");
	char path[300], name[32];
	struct dirent *one;
	int found = 0;

	while (tasks && (one = readdir(tasks))) {
		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", one->d_name);
		FILE *comm = fopen(path, "r");

		if (comm && fgets(name, sizeof(name), comm))
			found += !strncmp(name, "iou-wrk", 7);
		if (comm)
			fclose(comm);
	}
	return found;
}

static void send_to_full(int leave_id)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int listener = socket(AF_INET, SOCK_STREAM, 0), tx = socket(AF_INET, SOCK_STREAM, 0);
	struct pollfd ready = { .fd = tx };
	socklen_t len = sizeof(to);
	struct io_uring_cqe *cqe;
	struct io_uring ring;
	int rx, i, there, one = 1;

	listen(listener, 1);
	getsockname(listener, (void *)&to, &len);
	if (connect(tx, (void *)&to, sizeof(to)) || io_uring_queue_init(8, &ring, 0)) {
		printf("no connection, or no io_uring\n");
		return;
	}
	rx = accept(listener, NULL, NULL);
	setsockopt(tx, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one));
	if (leave_id && (send(tx, data, 1, MSG_ZEROCOPY) != 1 || recv(rx, data, 1, 0) != 1 ||
			 poll(&ready, 1, 5000) != 1))
		printf("no id\n");
	while (send(tx, data, sizeof(data), MSG_DONTWAIT) > 0)
		;
	io_uring_prep_send(io_uring_get_sqe(&ring), tx, data, 100, 0);
	io_uring_submit(&ring);
	for (i = 0; i < 100; i++) {
		io_uring_get_events(&ring);
		usleep(1000);
	}
	there = workers();
	while (io_uring_peek_cqe(&ring, &cqe))
		recv(rx, data, sizeof(data), MSG_DONTWAIT);
	printf("error queue %s: workers %d, result %d\n", leave_id ? "with an id" : "empty",
	       there, cqe->res);
	io_uring_queue_exit(&ring);
}

int main(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };

	mkdir("/proc", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCSIFFLAGS, &lo);
	send_to_full(0);
	send_to_full(1);
	fflush(stdout);
	return reboot(RB_POWER_OFF);
}
END
gcc -O2 -static -Itree/usr/include root/init.c tree/usr/lib/x86_64-linux-gnu/liburing.a -o root/init || exit 3
(cd root && find . | cpio -o -H newc --quiet) | gzip >initrd.gz
# It starts itself anew, so it needs its own C library by name
loader=ld-linux-x86-64.so.2
sed "s,/lib64/$loader,./$loader\\x00\\x00\\x00\\x00\\x00," tree/usr/bin/linux.uml >linux.uml
chmod 755 linux.uml
cp tree/usr/lib64/$loader . || exit 3
timeout 120 env LD_LIBRARY_PATH=tree/usr/lib/x86_64-linux-gnu TMPDIR="$work" ./linux.uml mem=256M initrd=initrd.gz rdinit=/init uml_dir="$work" \
	con=null con0=fd:0,fd:1 panic=-1 </dev/null >said 2>&1
tr -d '\r' <said | grep '^error queue'
if tr -d '\r' <said | grep -q '^error queue empty: workers 0, result 100$' &&
	tr -d '\r' <said | grep -q '^error queue with an id: workers 1, result 100$'; then
	echo "seen: it waits in a worker"
else
	echo "not seen: it behaves otherwise now" >&2
	exit 1
fi
