#!/bin/sh
# linux-image-7.3.4+deb13-cloud-amd64 7.3.4-1~bpo13+1 of trixie-backports holds no kernel, and no
# package of that kernel has a file in /boot.
#
# Up to 6.12 linux-image-VERSION has /boot/vmlinuz-VERSION, config, System.map and the modules. Now
# it is links and dependencies: the kernel is in linux-binary, the modules in linux-modules, config
# and System.map in linux-base, all below /usr/lib/modules/VERSION. Who unpacks linux-image to boot
# it, or reads boot/config-VERSION in it, gets a tree without a kernel, and no error from dpkg-deb.
#
# Needs: Debian, apt with a Debian mirror; about 40 MB are fetched into a folder in /tmp. Exit
# status: 0 seen as described, 1 it is otherwise now, 3 could not run.
kernel=7.3.4+deb13-cloud-amd64 version=7.3.4-1~bpo13+1
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
		-o Dir::State::Lists="$work/state/lists" -o Dir::Cache="$work/cache" -o Dir::State::status=/dev/null \
		-o APT::Architecture=amd64 -o APT::Architectures=amd64 "$@"
}
private update || exit 3
for part in image binary base modules; do
	if ! private download "linux-$part-$kernel=$version" 2>&1; then
		echo "linux-$part-$kernel $version cannot be fetched" >&2
		exit 3
	fi
	dpkg-deb --fsys-tarfile linux-$part-*.deb | tar -t | sed 's,^[.]/,,' >$part
done
folder=usr/lib/modules/$kernel
holds() {
	echo "linux-$1 has ${2##*/}"
	grep -qxF "$2" "$1"
}
if ! grep -q '^boot/' image binary base modules && ! grep -qE 'vmlinuz|[.]ko|System[.]map' image &&
	holds binary "$folder/vmlinuz" && holds base "$folder/config" && holds base "$folder/System.map" &&
	grep -q '[.]ko[.]xz$' modules; then
	echo "seen: linux-image has $(grep -vc '/$' image) files, none of them a kernel; nothing is in /boot"
else
	echo "not seen: it is otherwise now" >&2
	exit 1
fi
