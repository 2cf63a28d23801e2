"""The module live/cure loaded and taken out over and over: while sends wait, are cancelled and die
(selftests/harm/race), and while sends block inside of the function that it probes (blocked).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import live_root
from ..base import splat
from ..base.error import BuildFailed
from ..build import bundle, static
from ..guest import guest, initramfs, vm
from ..kernel.kernel import Kernel

PROGRAMS = ("race", "race_32")
BLOCKED = ("blocked", "blocked_32")
# busybox's sleep takes fractions; each round is another length,
# so that the ends meet all moments of a send
JOB = """
for program in race race_32; do
	(
		/$program --seconds SECONDS >/tmp/$program 2>&1
		echo "# live: exit $program $?"
		echo >/tmp/$program.done
	) &
done
round=0
while ! [ -e /tmp/race.done ] || ! [ -e /tmp/race_32.done ]; do
	insmod /uring_msg_cure.ko || break
	sleep 0.$((round % 7))5
	grep . /sys/module/uring_msg_cure/counters/* | sed 's,.*/,# live: count ,'
	rmmod uring_msg_cure || break
	round=$((round + 1))
done
wait
echo "# live: rounds $round"
# Out, in and out again while workers sleep inside of the probed function
for program in blocked blocked_32; do
	insmod /uring_msg_cure.ko
	/$program "rmmod uring_msg_cure && insmod /uring_msg_cure.ko && rmmod uring_msg_cure"
	echo "# live: exit $program $?"
done
# Fewer places than sends that block: the others are counted
insmod /uring_msg_cure.ko maxactive=4
/blocked "cat /sys/module/uring_msg_cure/counters/missed >/tmp/missed"
echo "# live: missed $(cat /tmp/missed)"
rmmod uring_msg_cure
tail -n 1 /tmp/race /tmp/race_32
"""


@dataclass(frozen=True)
class Came:
    """What came of it."""

    rounds: int
    exits: dict[str, int]
    sums: dict[str, int]               # of the counters, over all rounds
    complaints: list[str]
    missed: int = 0                    # of eight sends that block, with four places

    @property
    def well(self) -> bool:
        """Whether each program ended well, the kernel said nothing,
        and messages were put back in it."""
        return (set(self.exits) == {*PROGRAMS, *BLOCKED} and not any(self.exits.values())
                and not self.complaints
                and self.missed > 0 and self.rounds > 1
                and self.sums.get("lost_pointer", 0) + self.sums.get("wrong_length", 0) > 0)

    def __str__(self) -> str:
        ended = ", ".join(f"{name} {code}" for name, code in self.exits.items())
        counts = "\n".join(f"  {name:19}{number:6}" for name, number in self.sums.items())
        return (f"loaded and unloaded {self.rounds} times\n"
                f"  exit statuses: {ended}\n{counts}\n"
                f"  missed, with 4 places for 8 sends that block: {self.missed}"
                + "".join(f"\n  {line}" for line in self.complaints))


def read(lines: Sequence[str], console: str) -> Came:
    """Takes what a guest said."""
    sums: dict[str, int] = {}
    for line in lines:
        if found := re.fullmatch(r"# live: count (\w+):(\d+)", line):
            sums[found[1]] = sums.get(found[1], 0) + int(found[2])
    exits = {found[1]: int(found[2]) for line in lines
             if (found := re.fullmatch(r"# live: exit (\w+) (\d+)", line))}
    rounds = next((int(line.split()[-1]) for line in lines if line.startswith("# live: rounds ")),
                  0)
    missed = next(
        (int(line.split()[-1]) for line in lines if re.fullmatch(r"# live: missed \d+", line)), 0)
    return Came(rounds, exits, sums, splat.lines(console), missed)


def script(seconds: int) -> str:
    """Shell for a guest."""
    return JOB.replace("SECONDS", str(seconds))


def run(kernel: Kernel, seconds: int, home: Path) -> Came:
    """Runs it in a guest.

    Raises Unusable where that does not come to its end, BuildFailed where it was not well.
    """
    files, module = kernel.obtain(), live_root.build(kernel)
    base = initramfs.base(bundle.build())
    programs = static.build("harm")
    machine = vm.Machine(memory="1024", cpus=2, overall=900.0 + 10 * seconds, silence=600.0)
    boot = vm.Boot(vm.accelerator(files, base), files, base, home, machine=machine)
    done = guest.job(boot, script(seconds),
                     {"uring_msg_cure.ko": module,
                      **{name: programs / name for name in (*PROGRAMS, *BLOCKED)}})
    (home / "said.log").write_text("".join(f"{line}\n" for _, line in done.lines))
    came = read(guest.whole(done, kernel.label, home), done.console)
    if not came.well:
        raise BuildFailed(f"{kernel.label}: {came}")
    return came
