"""What refuses io_uring_setup(2) on this host: a sysctl, or a container's seccomp filter."""

import re
from pathlib import Path

_SAID = re.compile(r"(?:io_uring is not allowed here|no ring)(?: \(([^)]*)\))?: ")
SYSCTL = "kernel.io_uring_disabled"


def why(reason: str, proc: Path = Path("/proc")) -> str:
    """A line for why all cases were skipped; `reason` itself where nothing tells more."""
    said = _SAID.match(reason)
    if not said:
        return reason
    error = f" ({said[1]})" if said[1] else ""
    filtered = re.search(r"^Seccomp:\s*2$", _read(proc / "self/status"), re.M)
    disabled = _read(proc / "sys/kernel/io_uring_disabled").strip()
    if disabled == "2" or disabled == "1" and not filtered:
        whom = ("all" if disabled == "2" else
                "who has not CAP_SYS_ADMIN and is not in kernel.io_uring_group")
        return (f"{SYSCTL}={disabled} forbids io_uring to {whom}{error}: sysctl {SYSCTL}=0, "
                "on the host of a container")
    if filtered:
        return (f"a seccomp filter refuses io_uring_setup(2){error}: run outside the container, or "
                "with a profile that allows it (docker run --security-opt seccomp=unconfined)")
    return reason


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
