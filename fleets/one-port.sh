#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# First process of a guest that has one serial port (rdinit=/one-port): results go to the console, and
# cases.awk adds a line for each case. The rest is done by /init, which wants a second port.
export PATH=/bin
busybox mount -t devtmpfs devtmpfs /dev
busybox rm -f /dev/ttyS1
busybox ln -s console /dev/ttyS1
busybox mv /bundle/run_kselftest.sh /bundle/run.sh
busybox cat >/bundle/run_kselftest.sh <<'END'
sh /bundle/run.sh "$@" 2>&1 | awk -v echo=1 -f /cases.awk
END
exec busybox sh /init
