#!/bin/busybox sh
# Sourced by init.sh where the guest has a NIC; finds its ports by their MACs. /ports says which there are:
#   way=netns   both: the remote one moves into the network namespace "remote"
#   way=ssh     the local one: the remote one is the peer's, which is waited for
#   way=peer    the remote one: this is the peer, it answers ssh until the host ends it
# Returns 1, with the reason on a line "# kit: no NIC: ...", where the tests cannot run.
# shellcheck source=/dev/null
. /ports
: "${way:?}" "${model:?}" "${local_mac:?}" "${remote_mac:?}" "${mtu:?}" "${broken?}"
into=					# what runs a program where the port is

# port MAC: the name of the port, as soon as there is one
port() {
	for _ in $(seq 50); do
		for each in /sys/class/net/*; do
			[ "$(cat "$each/address")" = "$1" ] && echo "${each##*/}" && return
		done
		usleep 100000
	done
	echo "# kit: no NIC: the kernel finds no $model" >&2
	return 1
}

# up PORT MTU ADDRESS...: brings a port up, with addresses that can be used at once, and waits until it carries
up() {
	up=$1
	$into ip link set lo up
	$into sysctl -q -w "net.ipv6.conf.$up.accept_dad=0"
	$into ip link set "$up" mtu "$2" || echo "# kit: $up takes no MTU of $2"
	shift 2
	for each; do
		$into ip addr add "$each" dev "$up"
	done
	$into ip link set "$up" up
	for _ in $(seq 150); do
		$into ip link show "$up" | grep LOWER_UP | grep -qv NO-CARRIER && return
		usleep 100000
	done
	echo "# kit: no NIC: $model has no carrier"
	return 1
}

# leave PORT: moves it into the namespace "remote"
leave() {
	mkdir -p /run/netns
	: >/run/netns/remote
	unshare --net=/run/netns/remote true
	$into sleep 60 &
	for _ in $(seq 100); do
		ip link set "$1" netns $!
		[ -e "/sys/class/net/$1" ] || break
		usleep 50000
	done
	kill $!
	[ -e "/sys/class/net/$1" ] || return 0
	echo "# kit: no NIC: $model cannot leave its namespace"
	return 1
}

# answers ADDRESS: waits for the ssh server there
answers() {
	until nc -w 1 "$1" 22 </dev/null 2>/dev/null | grep -q SSH; do
		[ "$(cut -d . -f 1 /proc/uptime)" -ge 120 ] && echo "# kit: no peer: nobody answers ssh at $1" && return 1
		usleep 100000
	done
}

if [ "$way" != peer ]; then
	near=$(port "$local_mac") || return 1
	up "$near" 1500 192.0.2.1/24 192.0.2.3/24 2001:db8:1::1/64 2001:db8:1::3/64 || return 1
fi
if [ "$way" != ssh ]; then
	far=$(port "$remote_mac") || return 1
	[ "$way" = peer ] || into="nsenter --net=/run/netns/remote"
	[ "$way" = peer ] || leave "$far" || return 1
	up "$far" "$mtu" 192.0.2.2/24 2001:db8:1::2/64 || return 1
fi
export NETIF="$near" LOCAL_V4=192.0.2.1 LOCAL_V6=2001:db8:1::1 REMOTE_V4=192.0.2.2 REMOTE_V6=2001:db8:1::2
export REMOTE_TYPE="$way" REMOTE_ARGS=remote NIC_WITHOUT="$broken"
if [ "$way" = ssh ]; then
	chmod -R go= /root
	answers "$REMOTE_V4" || return 1
	export REMOTE_ARGS="root@$REMOTE_V4"
elif [ "$way" = peer ]; then
	mkdir -p /dev/pts
	mount -t devpts devpts /dev/pts
	chmod -R go= /root /etc/dropbear
	echo "# kit: answers ssh"
	dropbear -F -E -s -r /etc/dropbear/key
	return 1
fi
