#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# nic.sh [ARGUMENT...]: run nic over a network card, with a receiver at the
# other end. The card and the other end are named by the variables of
# drivers/net/README.rst (kernel tree), in the environment or in net.config
# beside this file:
#  NETIF                 the card
#  LOCAL_V4, LOCAL_V6    its addresses; one family is enough
#  REMOTE_V4, REMOTE_V6  addresses of the other end
#  REMOTE_TYPE           netns (default) or ssh
#  REMOTE_ARGS           name of the network namespace, or words for ssh(1)
#  NIC_WITHOUT           offloads that are known to be broken, as ethtool -k names
#                        them: they stay off
# ARGUMENTs go to nic: options of the harness. With "bench" as the first, what
# follows goes to ../bench/bench, a measurement, which is run in place of nic.
#
# MTU, offloads and queueing discipline of the card are changed, and restored at
# the end, also after a failure, Ctrl-C or SIGTERM. Nothing is changed at the
# other end: the receiver is a file in a temporary folder that goes with it.
#
# Needs: root. Exit code: that of nic (0, 1), 2 a variable is wrong, 3 it
# cannot be done now, 4 (skipped) NETIF is not set.

here=$(dirname "$0")
# shellcheck source=/dev/null
[ -f "$here/net.config" ] && . "$here/net.config"
nic=$here/nic${NIC_ABI:+_$NIC_ABI}
program=$nic
if [ "$1" = bench ]; then
	shift
	program=$here/../bench/bench${NIC_ABI:+_$NIC_ABI}
	[ -z "$NETIF" ] && exec "$program" "$@"	# over loopback
fi
export NETIF LOCAL_V4 LOCAL_V6 REMOTE_V4 REMOTE_V6
type=${REMOTE_TYPE:-netns}

die() {
	code=$1
	shift
	echo "nic: $*" >&2
	exit "$code"
}

if [ -z "$NETIF" ]; then
	echo "TAP version 13"
	echo "1..0 # SKIP no card: set NETIF, LOCAL_V4, REMOTE_V4, REMOTE_TYPE and" \
		"REMOTE_ARGS, in the environment or in net.config"
	exit 4
fi
for each in "$nic" "$program"; do
	[ -x "$each" ] || die 3 "$each was not built: see what make said"
done
[ -x "$here/nic_receiver" ] ||
	die 3 "$here/nic_receiver was not built: see what make said"
[ -d "/sys/class/net/$NETIF" ] ||
	die 2 "no interface $NETIF: set NETIF to one of" /sys/class/net/*
[ "$(id -u)" = 0 ] || die 2 "offloads and queues are changed: run it as root"
[ -n "$LOCAL_V4$LOCAL_V6" ] ||
	die 2 "no address: set LOCAL_V4 and REMOTE_V4, or LOCAL_V6 and REMOTE_V6"
[ "$(cat "/sys/class/net/$NETIF/carrier" 2>/dev/null)" = 1 ] ||
	die 2 "$NETIF is down or has no carrier: ip link set $NETIF up, and look at the cable"
NIC_MTU=$(cat "/sys/class/net/$NETIF/mtu")
export NIC_MTU
[ "$NIC_MTU" -ge 1280 ] ||
	die 2 "$NETIF has an MTU of $NIC_MTU: ip link set $NETIF mtu 1280, or more"
[ -n "$REMOTE_ARGS" ] ||
	die 2 "no other end: set REMOTE_ARGS to a namespace, or to a host for ssh"

work=$(mktemp -d) || exit 3
child=
receiver=

# shellcheck disable=SC2317  # called by a trap
# The harness gives each test a process group of its own, so end the session:
# nothing may close the queue after it has been taken away
kill_session() {
	for stat in /proc/[0-9]*/stat; do
		session=$(sed 's/.*) //' "$stat" 2>/dev/null | cut -d ' ' -f 4)
		pid=${stat#/proc/}
		[ "$session" = "$1" ] && kill -9 "${pid%/stat}" 2>/dev/null
	done
	wait "$1" 2>/dev/null
}

# shellcheck disable=SC2317  # called by a trap
finish() {
	code=$?
	trap '' INT TERM HUP
	trap - EXIT
	[ -n "$child" ] && kill_session "$child"
	exec 8>&- 9<&-
	[ -f "$work/state" ] && { "$nic" restore <"$work/state" || code=3; }
	# It ends with its input, unless ssh waits for a wire that is dead
	for _ in 1 2 3 4 5; do
		[ -n "$receiver" ] && kill -0 "$receiver" 2>/dev/null && sleep 1
	done
	[ -n "$receiver" ] && kill "$receiver" 2>/dev/null
	rm -rf "$work"
	exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# BatchMode: a question for a password would hang, or be answered by the tests
remote() {
	# shellcheck disable=SC2086  # words
	ssh -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=15 $REMOTE_ARGS "$@"
}

case $type in
netns)
	[ -e "/run/netns/$REMOTE_ARGS" ] || [ -e "/var/run/netns/$REMOTE_ARGS" ] ||
		die 2 "no network namespace $REMOTE_ARGS: ip netns add" \
			"$REMOTE_ARGS, and move the other port there"
	receive() {
		exec "$here/nic_receiver" "$REMOTE_ARGS"
	}
	;;
ssh)
	# shellcheck disable=SC2016  # for the remote shell
	copy='d=$(mktemp -d) && cat >"$d/nic_receiver" &&
		chmod +x "$d/nic_receiver" && echo "$d"'
	there=$(remote "$copy" <"$here/nic_receiver") ||
		die 3 "cannot copy the receiver to $REMOTE_ARGS by ssh: it has to" \
			"take a key, without a question, and to have room in /tmp"
	receive() {
		remote "$there/nic_receiver; code=\$?; rm -rf $there; exit \$code"
	}
	;;
*)
	die 2 "REMOTE_TYPE=$type: set it to netns or ssh"
	;;
esac

mkfifo "$work/to" "$work/from" || exit 3
receive <"$work/to" >"$work/from" &
receiver=$!
exec 8>"$work/to" 9<"$work/from"
export NIC_TO=8 NIC_FROM=9

"$nic" check || exit "$?"
"$nic" save >"$work/state" || exit 3
# In the background, since a trap waits for what runs in the foreground
setsid "$program" "$@" &
child=$!
wait "$child"
code=$?
child=
exit "$code"
