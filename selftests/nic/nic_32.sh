#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# nic.sh with the 32-bit program: the same arguments and exit codes.
NIC_ABI=32 exec "$(dirname "$0")/nic.sh" "$@"
