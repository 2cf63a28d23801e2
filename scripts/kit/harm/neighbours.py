"""The kernel's own tests of the code around the fixes, in kernels as they are and with the series.

They are those of tools/testing/selftests/net that pass control messages or send without a copy;
each tree's own, static, for 64 and for 32 bit. Their scripts call programs of the host, which go
into the guest with their libraries.
"""

import argparse
from pathlib import Path

from ..base import cache, command, host
from ..build import cross, source
from ..guest import program
from . import suite
from ..base.arch import AMD64
from .suite import FLAVOUR, Plan, Suite, Test
from ..guest.program import Files as Content
from ..base.progress import Progress
from ..variant import PLAIN
from ..series.tree import Tree

HELP = ("the kernel's own tests of control messages and zero-copy give the same results without "
        "and with the series")
NET = "tools/testing/selftests/net"
PROGRAMS = ("cmsg_sender", "io_uring_zerocopy_tx", "msg_zerocopy", "txtimestamp", "udpgso")
# Script -> how many seconds it may take; not each tree has each
SCRIPTS = {"cmsg_ip.sh": 300, "cmsg_ipv6.sh": 200, "cmsg_so_mark.sh": 60, "cmsg_time.sh": 60,
           "io_uring_zerocopy_tx.sh": 200, "msg_zerocopy.sh": 200, "txtimestamp.sh": 200,
           "udpgso.sh": 200}
# What --quick runs instead: a kernel without FLAVOUR has nothing but lo
QUICK = {"udpgso-4": "./in_netns.sh ./udpgso.sh test_dev_mtu -- ./udpgso -4 -C",
         "udpgso-6": "./in_netns.sh ./udpgso.sh test_dev_mtu -- ./udpgso -6 -C",
         "txtimestamp-4": "./in_netns.sh ./txtimestamp -4 -L 127.0.0.1 -u -C",
         "txtimestamp-6": "./in_netns.sh ./txtimestamp -6 -L ::1 -C",
         "io_uring_zerocopy_tx": "./msg_zerocopy -4 -t 4 -S 127.0.0.1 -D 127.0.0.1 -r udp & sleep "
         "0.5; ./io_uring_zerocopy_tx -4 -t 1 -D 127.0.0.1 -m 1 -n 32 udp; rc=$?; wait; exit $rc"}
SHARED = ("lib.sh", "lib/sh/defer.sh", "net_helper.sh", "in_netns.sh")
# What they call that busybox does not have, or not with all options
TOOLS = {"bash": "bash", "date": "coreutils", "ethtool": "ethtool", "ip": "iproute2",
         "mktemp": "coreutils", "nohup": "coreutils", "readlink": "coreutils", "tc": "iproute2",
         "tcpdump": "tcpdump"}
SKIP = 4                               # kselftest's
RUNS = 2
MUTANT = "neighbour-control"    # scripts/kit/harm/mutants has it: what these tests have to show
CONTROL = ("cmsg_so_mark.sh", "cmsg_time.sh", "udpgso.sh")      # those of them that are quick


def options(parser: argparse.ArgumentParser) -> None:
    """The options of this part."""
    suite.options(parser, RUNS)


def run(options: argparse.Namespace, home: Path) -> bool:
    """Runs the tests in the kernels of each tree; True when none is worse with the series,
    and the control is.

    With --quick it is a few commands, once, in two kernels that `scripts/series prove` has, too.
    """
    suite.check(options, SCRIPTS)
    host.need(tuple(sorted(set(TOOLS.values()))))
    called = _called()

    def plan(tree: Tree, abi: str, progress: Progress) -> Plan:
        net = tree.home / NET
        progress.phase(f"selftests, {abi} bit", "building")
        folder = programs(tree, abi)
        progress.done(f"selftests, {abi} bit", "built")
        files = [name for name in (*SCRIPTS, *SHARED) if (net / name).exists()]
        content: Content = {f"{suite.HOME}/{name}": net / name for name in files}
        content |= {f"{suite.HOME}/{name}": folder / name for name in PROGRAMS}
        commands = QUICK if options.quick else {name: f"./{name}" for name in files
                                                if name in SCRIPTS and
                                                (name in options.tests or not options.tests)}
        tests = [Test(name, f"PATH=/usr/bin:/bin; {command}", SCRIPTS.get(name, suite.LIMIT), SKIP)
                 for name, command in commands.items()]
        names = list(commands)
        return Plan(Suite(tests, called | content, progress),
                    names * (1 if options.quick else options.runs),
                    [] if options.quick else [name for name in names if name in CONTROL])

    trees, abis, flavour = ((options.trees[:1], ("64",), PLAIN) if options.quick else
                            (options.trees, options.abi, FLAVOUR))
    pairs, controls = suite.compare_all(trees, flavour, abis, MUTANT, home, plan)
    return suite.finish("neighbours", "net selftests: without -> with", home, pairs, controls,
                        options.record)


def programs(tree: Tree, abi: str) -> Path:
    """A folder with the programs of a tree's tests for an ABI, static;
    built when it is not there."""
    compiler = cross.compiler(AMD64, abi).split()
    selftests = (tree.home / NET).parent

    headers = source.frame() / "usr/include"

    def make(into: Path) -> None:
        for name in PROGRAMS:
            command.run([*compiler, "-static", "-s", "-O2", "-w", "-isystem", headers, "-I",
                         selftests, "-I", tree.home / "tools/include", "-o", into / name,
                         tree.home / NET / f"{name}.c"],
                        f"building {name} of {tree.release} for {abi} bit")

    key = cache.digest(*(tree.home / NET / f"{name}.c" for name in PROGRAMS), *PROGRAMS)
    return cache.folder(f"neighbours/{tree.release}-{abi}-{key}", make)


def _called() -> Content:
    """The programs that the scripts call, as files. There are no modules, so modprobe does nothing.

    tcpdump changes to a user of that name.
    """
    found: Content = {"usr/bin/modprobe": b"#!/bin/sh\n",
                      "run/README": b"ip keeps its namespaces here\n",
                      "etc/passwd": b"root:x:0:0:root:/root:/bin/sh\ntcpdump:x:0:0::/tmp:/bin/sh\n",
                      "etc/group": b"root:x:0:\n"}
    for name in TOOLS:
        found |= program.files(name)
    # As sh, too: busybox's own takes its ip before any other
    found["bin/bash"] = found["bin/sh"] = found["usr/bin/bash"]
    return found
