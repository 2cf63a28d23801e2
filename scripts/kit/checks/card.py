"""The check of nic.sh over a veth pair on this host."""

import os
import signal
import subprocess
import time
from pathlib import Path

from ..base import command, host, ktap
from ..series import fixes
from ..build import bundle
from ..guest import wire
from .. import verdict
from ..base.error import BuildFailed, Unusable
from ..kernel.kernel import Kernels
from .base import Skip, alone

# What nic.sh is told wrongly, its exit status, and a part of the line that it says then
WRONG = (
    ({"NETIF": ""}, 4, "SKIP no card: set NETIF"),
    ({"NETIF": "nosuch"}, 2, "no interface nosuch: set NETIF to one of"),
    ({"NETIF": "lo"}, 2, "lo does not have the address 192.0.2.1: set"),
    ({"LOCAL_V4": "", "LOCAL_V6": ""}, 2, "no address: set"),
    ({"LOCAL_V4": "192.0.2.77"}, 2, "does not have the address 192.0.2.77: set"),
    ({"LOCAL_V4": "one"}, 2, "no address of that family"),
    ({"REMOTE_V4": "192.0.2.99"}, 3, "set REMOTE_V4 and REMOTE_V6 to its addresses"),
    ({"REMOTE_TYPE": "tape"}, 2, "set it to netns or ssh"),
    ({"REMOTE_ARGS": ""}, 2, "no other end: set REMOTE_ARGS"),
    ({"REMOTE_ARGS": "nosuch"}, 2, "no network namespace nosuch"),
    ({"REMOTE_TYPE": "ssh", "REMOTE_ARGS": "root@192.0.2.2"}, 3,
     "cannot copy the receiver to root@192.0.2.2"),
)


def card() -> str:
    """nic.sh over a veth pair: as predicted, one line on what is wrong,
    and all restored, also when it is ended."""
    program = bundle.build() / "nic/nic.sh"
    kernel = Kernels().resolve(["running"])[0]
    names = ("nic.sh", "nic_32.sh") if host.runs_32_bit() else ("nic.sh",)
    try:
        with wire.laid() as laid:
            before = laid.state()
            told = {**os.environ, **laid.environment}
            run = ["sh", str(program.parents[1] / "run_kselftest.sh"),
                   *bundle.request(names).split()]
            said = command.run(["sh", "-c", '"$@" 2>&1 || :', "sh", *laid.here(*run)], "nic.sh",
                               env=laid.environment)
            cases = [verdict.judge(case, kernel, fixes.load(), "") for case in
                     ktap.parse(said.splitlines(), names)]
            odd = [case for case in cases if case.verdict not in ("pass", "known", "skip")]
            if odd or not any(case.outcome == "pass" for case in cases):
                raise BuildFailed(f"nic.sh: {odd[0].test}, {odd[0].abi} bit: {odd[0].reason}"
                                  if odd else "nothing ran")
            for change, status, line in WRONG:
                done = subprocess.run(laid.here("sh", program), env={**told, **change},
                                      capture_output=True, text=True, timeout=60, check=False)
                if done.returncode != status or line not in done.stdout + done.stderr:
                    raise BuildFailed(f"nic.sh with {change}: {done.returncode} and "
                                      f"{done.stderr.strip()!r}, not {status} and {line!r}")
            for number in (signal.SIGINT, signal.SIGTERM):
                end_half_way(laid, program, told, number)
            if laid.state() != before:
                raise BuildFailed("nic.sh: the interface is not as it was")
    except Unusable as bad:
        raise Skip(f"no veth pair: {bad}") from bad
    return alone()


def end_half_way(laid: wire.Wire, program: Path, told: dict[str, str],
                 number: signal.Signals) -> None:
    """Starts nic.sh, and ends it by a signal while its queue holds packets;
    it has to be gone then, and the queue."""
    queue = laid.here("tc", "qdisc", "show", "dev", wire.PORT)
    # A shell cannot trap what was ignored when it began, as SIGINT is in all that runs
    # in the background of another
    shell = laid.here("env", "--default-signal=INT,TERM", "sh", program)
    for _ in range(3):                 # on a busy host a run may be over before the signal comes
        process = subprocess.Popen(shell, env=told, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, start_new_session=True)
        deadline = time.monotonic() + 30
        while ("10c0:" not in command.run(queue, "tc") and process.poll() is None
               and time.monotonic() < deadline):
            time.sleep(0.02)
        process.send_signal(number)
        if process.wait(30) == 128 + number:
            break
    else:
        raise BuildFailed(f"nic.sh: ended with {process.returncode} after {number.name}")
    if "10c0:" in command.run(queue, "tc"):
        raise BuildFailed(f"nic.sh: its queue is still there after {number.name}")
