"""What the kernel of this host says while something runs on it.

/dev/kmsg has it, as the kernel's Documentation/ABI/testing/dev-kmsg says.
"""

import os
from pathlib import Path

PATH = Path("/dev/kmsg")
_NUMBER = (1, 11)                      # of the device, major and minor
_RECORD = 65536                        # bytes; a record is never longer


class Span:
    """From now on, until read() is called. `unheard` is why not all of it can be read, or ""."""

    def __init__(self, path: Path = PATH, number: tuple[int, int] = _NUMBER) -> None:
        self.unheard = ""
        self._file = -1
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            device = os.fstat(self._file).st_rdev
            if (os.major(device), os.minor(device)) != number:
                self.unheard = f"{path} is not the kernel's log here"
            os.lseek(self._file, 0, os.SEEK_END)
        except OSError as bad:
            self.unheard = f"{path}: {bad.strerror}"

    def read(self) -> str:
        """What the kernel said since, as dmesg prints it, without what programs wrote there."""
        lines: list[str] = []
        try:
            while not self.unheard or lines:
                try:
                    record = os.read(self._file, _RECORD)
                except BlockingIOError:
                    break
                except BrokenPipeError:            # overwritten before it was read
                    self.unheard = "the kernel said more than its log holds"
                    lines.append("[...]")
                    continue
                if not record:
                    break
                lines += [line] if (line := message(record.decode(errors="replace"))) else []
        except OSError as bad:
            self.unheard = f"{PATH}: {bad.strerror}"
        finally:
            if self._file >= 0:
                os.close(self._file)
        return "".join(f"{line}\n" for line in lines)


def message(record: str) -> str:
    """The message of a record with its time before it; "" when it is not the kernel's own."""
    head, _, text = record.partition(";")
    fields = head.split(",")
    if len(fields) < 3 or not fields[0].isdigit() or not fields[2].isdigit() or int(fields[0]) >> 3:
        return ""
    seconds, rest = divmod(int(fields[2]), 1000000)
    return f"[{seconds:5}.{rest:06}] {text.partition(chr(10))[0]}"
