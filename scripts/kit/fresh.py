"""A machine that has nothing: a minimal Debian of its own,
in which what README says is typed and nothing else.

debootstrap makes it, with the mirror and settings of this host's apt; its cache is empty. What it
downloads as packages to install is kept for the next one, and checked by apt there.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .base import cache, command, host
from .build import archive
from .base.error import FullDisk, Unusable, Usage
from .base.paths import REPOSITORY

ENTER = Path(__file__).with_name("fresh.sh")
RELEASES = ("bookworm", "trixie")
NAME = "io-uring-reissue"               # what the checkout is called there
# What README tells a newcomer to type; a unit test holds the two together
INSTALL = "apt-get update && apt-get install -y git make python3"
PATHS = ("make qa KERNELS=debian:6.12", "make check")
FREE = 20                              # GiB that both paths fill
# Ends, with all that it has started and mounted, when this process does
ALONE = ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child",
         "--ipc", "--uts")
_DONE = re.compile(r"(\S+) +\d+ s  (ok|SKIP|FAIL|COULD NOT RUN)\b")
_COUNTS = re.compile(r"\d+ passed, \d+ failed, \d+ skipped")
# Of the host's environment; all else is as in a first login
KEPT = ("CI", "TERM", "NO_COLOR", "http_proxy", "https_proxy", "ftp_proxy", "no_proxy",
        "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


@dataclass
class Tally:
    """What became of checks, by name: "ok", "SKIP", "FAIL" or "COULD NOT RUN"."""

    words: dict[str, str] = field(default_factory=dict)
    whys: list[str] = field(default_factory=list)      # of what did not pass, a line each

    def add(self, name: str, word: str, why: str = "") -> None:
        """One more; `why` stands behind its word."""
        self.words[name] = word
        if word not in ("ok", "SKIP"):
            self.whys.append(f"{name}: {word}{why}")

    def told(self) -> str:
        """What failed, once more, and the counts: they stay together where a log is cut."""
        return "\n".join([*self.whys, str(self)])

    @property
    def failed(self) -> int:
        """How many did not pass and were not skipped."""
        return len(self.words) - self._count("ok") - self._count("SKIP")

    def __str__(self) -> str:
        return f"{self._count('ok')} passed, {self.failed} failed, {self._count('SKIP')} skipped"

    def _count(self, word: str) -> int:
        return sum(each == word for each in self.words.values())


@dataclass
class Told:
    """What a line that was typed told: its exit status, None when its time was over,
    and its checks by name."""

    status: int | None = None
    checks: dict[str, str] = field(default_factory=dict)
    whys: dict[str, str] = field(default_factory=dict)

    def hear(self, line: str) -> bool:
        """Takes a line of what it says; False for the counting line,
        which is ours to give, at the end."""
        found = _DONE.match(line)
        if found:
            self.checks[found[1]], self.whys[found[1]] = found[2], line[found.end():].rstrip()
        return not _COUNTS.fullmatch(line.strip())

    def verdict(self) -> tuple[str, str]:
        """Its word in a Tally, and the reason when that is not "ok"."""
        if self.status is None:
            return "SKIP", ": the time was over" + (f" after {list(self.checks)[-1]}"
                                                    if self.checks else "")
        return ("FAIL", f": exit status {self.status}") if self.status else ("ok", "")

    def counted(self, word: str) -> bool:
        """Whether it counts besides its checks: it has none,
        or none of them is behind how it ended."""
        bad = any(each not in ("ok", "SKIP") for each in self.checks.values())
        return not self.checks or word == "SKIP" or (word == "FAIL") != bad


def run(releases: Sequence[str], seconds: float = 0, paths: Sequence[str] = PATHS) -> Tally:
    """Both paths of README on each release, shown as they go;
    `seconds` is what all may take, 0 for no end.

    A release that would not be done in time is skipped, and one that is not done then is ended
    there: both are said. Raises Usage for a release that there is none of, Unusable for who may not
    make a root.
    """
    for release in releases:
        if release not in RELEASES:
            raise Usage(f"{release}: no such release; there are {', '.join(RELEASES)}")
    if os.geteuid() != 0:
        raise Unusable("a fresh root needs root: debootstrap and mount do")
    host.need(("debootstrap", "git", "util-linux", "mount"))
    started, longest, tally = time.monotonic(), 0.0, Tally()
    for release in releases:
        began = time.monotonic()
        left = seconds - (began - started) if seconds else 0.0
        if seconds and left < longest * 1.25:
            say(f"{release}: SKIP: {left / 60:.0f} minutes are left, and the one before took "
                f"{longest / 60:.0f}")
            tally.add(release, "SKIP")
            continue
        try:
            _release(release, left, paths, tally)
        except Unusable as bad:
            say(f"{release}: COULD NOT RUN: {bad}")
            tally.add(release, "COULD NOT RUN", f": {bad}")
        longest = max(longest, time.monotonic() - began)
    return tally


def _release(release: str, seconds: float, paths: Sequence[str], tally: Tally) -> None:
    deadline = time.monotonic() + seconds if seconds else None
    with cache.lock(f"fresh/{release}"), made(release) as home:
        for path in (INSTALL, *paths):
            began = time.monotonic()
            told = _type(home, f"cd {NAME} && {path}", deadline)
            for name, word in told.checks.items():
                tally.add(f"{release} {name}", word, told.whys.get(name, ""))
            word, why = told.verdict()
            say(f"{release}: {path}  {time.monotonic() - began:.0f} s  {word}{why}")
            # What counts its own checks is none besides, unless it ended otherwise than they say
            if told.counted(word) and (path != INSTALL or word != "ok"):
                tally.add(f"{release} {path}", word, why)
            if word == "SKIP" or word == "FAIL" and path == INSTALL:
                return


@contextmanager
def made(release: str) -> Iterator[Path]:
    """The root of a new minimal system with a clone of this repository's last commit;
    gone afterwards.

    The caller has the lock of this release: what else there is of one is what a run
    that was killed has left.
    """
    top = cache.root() / "fresh"
    debs = top / f"debs-{release}"
    (debs / "partial").mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(top).free >> 30 < FREE:
        raise FullDisk(f"{top}: {FREE} GiB are needed there; make room or point XDG_CACHE_HOME "
                       "elsewhere")
    main, security = archive.mirrors(command.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"],
        "apt-get"))
    for left in top.glob(f"root-{release}-*"):         # by one that was killed
        shutil.rmtree(left)
    home = Path(tempfile.mkdtemp(prefix=f"root-{release}-", dir=top))
    home.chmod(0o755)
    try:
        began = time.monotonic()
        say(f"{release}: debootstrap from {main}")
        more = (("--include=ca-certificates",)
                if main.startswith("https") or security.startswith("https") else ())
        # In namespaces as well: it mounts, and would leave that behind where it is killed
        command.run([*ALONE, "debootstrap", "--variant=minbase", f"--keyring={archive.KEYRING}",
                     f"--cache-dir={debs}", *more, release, home, main], f"debootstrap {release}",
                    log=top / f"{release}.log")
        _furnish(home, release, main, security)
        say(f"{release}: debootstrap  {time.monotonic() - began:.0f} s  ok")
        yield home
    finally:
        shutil.rmtree(home)


def _furnish(home: Path, release: str, main: str, security: str) -> None:
    """Gives a new root the host's way to its mirror, and the clone."""
    (home / "etc/apt/sources.list").write_text(
        f"deb {main} {release} main\ndeb {main} {release}-updates main\n"
        f"deb {security} {release}-security main\n")
    settings = [line for line in command.run(["apt-config", "dump"], "apt-config").splitlines()
                if re.match(r"Acquire::(https?|ftp|Check|Max-ValidTime|Retries|Languages)", line,
                            re.I) and '""' not in line]
    (home / "etc/apt/apt.conf.d/90host").write_text(
        "\n".join([*settings, 'APT::Install-Recommends "false";', ""]))
    paths = [Path(each) for line in settings for each in re.findall(r'"(/[^"]+)"', line)]
    for path in (*paths, *map(Path, ("/etc/resolv.conf", "/etc/hosts", "/etc/apt/auth.conf",
                                     "/etc/apt/auth.conf.d",
                                     "/etc/ssl/certs/ca-certificates.crt"))):
        there = home / path.relative_to("/")
        if path.is_dir():
            shutil.copytree(path, there, dirs_exist_ok=True)
        elif path.is_file() and (there.parent.is_dir() or path in paths):
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, there)
    changed = command.run(["git", "-C", REPOSITORY, "status", "--porcelain"],
                          "git status").splitlines()
    if changed:
        say(f"{release}: the last commit is tried; {len(changed)} changes that are not committed "
            "are left out")
    command.run(["git", "clone", "--quiet", "--no-hardlinks", REPOSITORY, home / "root" / NAME],
                "git clone")


def _type(home: Path, line: str, deadline: float | None = None) -> Told:
    """Types a line of shell there, shows what it says as it comes, and gives what it told."""
    kept = [f"{name}={os.environ[name]}" for name in KEPT if name in os.environ]
    inner = ["env", "-i", "HOME=/root", "USER=root", "LANG=C.UTF-8",
             "PATH=/usr/sbin:/usr/bin:/sbin:/bin", *kept, "sh", "-c", f"cd && {line}"]
    debs = home.parent / f"debs-{home.name.split('-')[1]}"
    # In a session of its own, so that Ctrl-C reaches this process alone, which then ends all of it
    process = subprocess.Popen([*ALONE, ENTER, home, debs, *inner], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               errors="replace", start_new_session=True)
    over = threading.Event()

    def end() -> None:
        over.set()
        process.kill()

    timer = threading.Timer(max(0.0, deadline - time.monotonic()), end) if deadline else None
    told = Told()
    try:
        if timer:
            timer.start()
        assert process.stdout
        for said in process.stdout:
            if told.hear(said):
                sys.stdout.write(said)
                sys.stdout.flush()
        told.status = process.wait()
    finally:
        if timer:
            timer.cancel()
        # With it ends the first process of the root, and so all in there
        process.kill()
        process.wait()
    if over.is_set():
        told.status = None
    return told


def say(text: str) -> None:
    """One line for the user, in its place among what the root says."""
    print(f"fresh {text}", flush=True)
