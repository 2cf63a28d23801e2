"""Debian's archive through apt, with a state folder of its own:
the host's sources stay as they are.

apt checks the signatures and sizes of all that comes. The mirror's address is the one that
the host's apt uses; suites are added beside the host's. sources.list(5) has the format.
"""

import os
import re
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ..base import cache, command, progress
from ..base.arch import AMD64, Architecture
from ..base.error import FullDisk, Unusable

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
SUITES = ("bullseye", "bookworm", "bookworm-backports", "trixie", "trixie-backports",
          "forky", "sid")
SECURED = ("bullseye", "bookworm", "trixie")      # those that have a <suite>-security
SOURCES = ("sid", "trixie", "bookworm")           # those whose source packages are wanted
MAX_AGE = 12 * 3600                               # seconds until the lists are fetched again

Stanza = Mapping[str, str]


def say(text: str) -> None:
    """One line for the user, on standard error."""
    print(f"qa: {text}", file=sys.stderr, flush=True)


class Archive:
    """What the mirror offers. Made by open_archive()."""

    def __init__(self, state: Path, architecture: str = "amd64") -> None:
        self._state, self._architecture = state, architecture

    def _apt(self, tool: str, *words: str) -> list[str]:
        settings = {
            "Dir::Etc": self._state / "etc", "Dir::State": self._state,
            "Dir::State::status": self._state / "status", "Dir::Cache": self._state,
            "Dir::Cache::pkgcache": "pkgcache.bin", "Dir::Cache::srcpkgcache": "srcpkgcache.bin",
            "APT::Architecture": self._architecture, "APT::Architectures": self._architecture,
            "Acquire::Languages": "none", "APT::Sandbox::User": "root" if os.geteuid() == 0 else "",
            "Acquire::Retries": "2", "Acquire::http::Timeout": "20", "Dpkg::Use-Pty": "false",
        }
        options = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
        return [tool, *options, "-q", *words]

    def packages(self, prefix: str, pattern: str) -> list[Stanza]:
        """Every version of the packages whose name starts with prefix and matches pattern.

        Each comes as the fields of its apt stanza (deb-control(5)), once per version.
        """
        names = command.run(self._apt("apt-cache", "pkgnames", prefix), "apt-cache").split()
        names = [name for name in names if re.fullmatch(pattern, name)]
        return self._stanzas("show", names) if names else []

    def has(self, package: str, version: str) -> bool:
        """Whether the mirror offers just this version of a package."""
        return any(stanza["Version"] == version
                   for stanza in self.packages(package, re.escape(package)))

    def source_versions(self, package: str) -> list[str]:
        """The versions of a source package on offer, newest first."""
        found = {stanza["Version"] for stanza in self._stanzas("showsrc", [package])
                 if stanza.get("Package") == package}
        return sorted(found, key=debian_order, reverse=True)

    def _stanzas(self, verb: str, names: Iterable[str]) -> list[Stanza]:
        text = command.run(self._apt("apt-cache", verb, *names), f"apt-cache {verb}")
        found = {(stanza["Package"], stanza["Version"]): stanza for stanza in stanzas(text)
                 if "Version" in stanza}
        return list(found.values())

    def download(self, package: str, version: str | None, into: Path, suite: str = "") -> Path:
        """Fetches a .deb, of a version or suite, into a folder; apt has checked it.

        Raises Unusable when it cannot.
        """
        progress.step(f"downloading {package}")
        word = f"{package}={version}" if version else f"{package}/{suite}" if suite else package
        with cache.lock("apt"):
            try:
                command.run(self._apt("apt-get", "download", word), f"download of {word}", cwd=into)
            except Unusable as bad:
                if "404" in str(bad):
                    raise Unusable(
                        f"{word}: the mirror lists it and has it no longer (404)") from bad
                raise
        return next(into.glob(f"{package}_*.deb"))

    def source(self, package: str, version: str, into: Path) -> Path:
        """Fetches and unpacks a source package; gives its folder."""
        with cache.lock("apt"):
            command.run(self._apt("apt-get", "source", f"{package}={version}"),
                        f"source of {package} {version}", cwd=into)
        return next(path for path in into.iterdir() if path.is_dir())

    def unpack(self, package: str, version: str | None, into: Path, suite: str = "") -> str:
        """Fetches a package, lays its files out below a folder, and gives its version."""
        into.mkdir(exist_ok=True)
        deb = self.download(package, version, into, suite)
        command.run(["dpkg-deb", "-x", deb, into], f"unpacking {deb.name}")
        found = command.run(["dpkg-deb", "-f", deb, "Version"], deb.name).strip()
        deb.unlink()
        return found

    def suites(self, package: str, version: str) -> list[str]:
        """The suites that have just this version of a package, such as trixie-backports;
        none when there is none."""
        said = command.run(self._apt("apt-cache", "policy", package), "apt-cache policy")
        block = re.search(rf"^ [ *]{{3}} *{re.escape(version)} [0-9]+\n((?: {{8}}.*\n)+)",
                          said + "\n", re.M)
        return re.findall(r" (\S+)/main ", block[1]) if block else []

    def bring(self, packages: Iterable[str], suites: Iterable[str], into: Path) -> list[Path]:
        """Fetches packages ("name" or "name=version") and all that they depend on,
        from these suites alone.

        Gives the .deb files; apt has checked them. What this host has installed does not matter.
        """
        (into / "partial").mkdir(parents=True)
        listed = (self._state / "etc" / "sources.list").read_text().splitlines()
        chosen = into / "sources.list"
        chosen.write_text("".join(f"{line}\n" for line in listed if line.startswith("deb ")
                                  and line.split()[-2] in set(suites)))
        settings = {"Dir::Etc::sourcelist": str(chosen), "Dir::State::status": "/dev/null",
                    "Dir::Cache::archives": str(into), "Dir::Cache::pkgcache": "",
                    "Dir::Cache::srcpkgcache": "", "APT::Install-Recommends": "false",
                    "Debug::NoLocking": "1"}
        more = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
        with cache.lock("apt"):
            command.run([*self._apt("apt-get"), *more, "-y",
                         "--download-only", "install", *packages],
                        f"download of {' '.join(packages)}")
        return sorted(into.glob("*.deb"))

    def refresh(self, force: bool) -> None:
        """Updates the package lists unless they are recent; keeps the old ones when it cannot."""
        stamp = self._state / "updated"
        with cache.lock("apt"):
            if not force and stamp.exists() and time.time() - stamp.stat().st_mtime < MAX_AGE:
                return
            sources = sources_list()
            listed = self._state / "etc" / "sources.list"
            for name in ("etc/preferences.d", "etc/apt.conf.d", "etc/sources.list.d",
                         "lists/partial", "archives/partial"):
                (self._state / name).mkdir(parents=True, exist_ok=True)
            (self._state / "status").touch()
            listed.write_text(sources)
            failure = None
            try:
                # apt-get waits for ever when the disk fills up under it.
                cache.check_space(self._state)
                command.run(self._apt("apt-get", "update", "--error-on=any"), "apt-get update",
                            limit=600)
            except FullDisk:
                raise
            except Unusable as bad:
                failure = bad
            missing = self._missing()
            if len(missing) == len(SUITES) + len(SECURED):
                raise Unusable("no package lists, neither from the mirror nor in the cache "
                               f"({failure}); check the network and the host's apt sources")
            if failure and stamp.exists():
                say(f"no fresh package lists, going on with those of "
                    f"{time.strftime('%F %H:%M', time.localtime(stamp.stat().st_mtime))} "
                    f"({failure})")
                return
            if missing:
                say(f"this mirror has no {', '.join(missing)}; their kernels are not on offer")
            stamp.touch()

    def _missing(self) -> list[str]:
        there = command.run(self._apt("apt-get", "indextargets", "--format",
                                      "$(RELEASE) $(FILENAME)"),
                            "apt-get indextargets")
        have = {line.split()[0] for line in there.splitlines() if Path(line.split()[1]).exists()}
        suites = [*SUITES, *(f"{suite}-security" for suite in SECURED)]
        return [suite for suite in suites if suite not in have]


def open_archive(refresh: bool = False, arch: Architecture = AMD64) -> Archive:
    """An architecture's archive, its lists at most MAX_AGE old unless the network is down.

    Raises Unusable without lists, or on a host whose apt knows no Debian mirror.
    """
    if not shutil.which("apt-get"):
        raise Unusable("no apt-get here: packages of Debian kernels need a Debian or Ubuntu host "
                       "(KERNELS=path/to/bzImage works anywhere)")
    try:
        state = cache.root() / ("apt" if arch.native else f"apt-{arch.name}")
        state.mkdir(exist_ok=True)
        archive = Archive(state, arch.name)
        archive.refresh(refresh)
    except OSError as bad:
        raise cache.unusable(cache.root(), bad) from bad
    return archive


def lists_at_hand() -> bool:
    """Whether there are young package lists, so that nothing has to be fetched to have some."""
    stamp = cache.root() / "apt/updated"
    return stamp.exists() and time.time() - stamp.stat().st_mtime < MAX_AGE


def codename() -> str:
    """What the release of this host is called, such as "bookworm"; "" where it says nothing."""
    try:
        said = Path("/etc/os-release").read_text()
    except OSError:
        return ""
    found = re.search(r'^VERSION_CODENAME="?(\w+)', said, re.M)
    return found[1] if found else ""


def sources_list() -> str:
    """The text of our sources.list, one line per suite, mirror addresses
    as the host's apt has them."""
    if not KEYRING.exists():
        raise Unusable(f"{KEYRING} is missing: apt-get install debian-archive-keyring")
    main, security = mirrors(command.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"],
        "apt-get indextargets"))
    sign = f"[signed-by={KEYRING}]"
    lines = [f"deb {sign} {main} {suite} main" for suite in SUITES]
    lines += [f"deb {sign} {security} {suite}-security main" for suite in SECURED]
    lines += [f"deb-src {sign} {main} {suite} main" for suite in SOURCES]
    return "\n".join(lines) + "\n"


def mirrors(targets: str) -> tuple[str, str]:
    """The main and the security site in lines of "<uri> <release>".

    Without a security site of its own the main one's sibling is taken.
    Raises Unusable when there is no Debian.
    """
    main = security = ""
    for uri, release in (line.split()[:2] for line in targets.splitlines() if " " in line):
        base = re.sub(r"-(security|updates|backports)$", "", release)
        if release.endswith("-security") and base in SECURED:
            security = security or uri
        elif base in SUITES or base in ("stable", "testing", "unstable", "oldstable"):
            main = main or uri
    if not main:
        raise Unusable("the host's apt has no Debian mirror among its sources; add one, "
                       "or give kernels as files: KERNELS=path/to/bzImage")
    if not security:
        security = main.rstrip("/") + "-security/"
        say(f"the host's apt has no security site: taking {security}")
    return main, security


def stanzas(text: str) -> Iterator[dict[str, str]]:
    """Splits apt's output into stanzas, their fields as a dictionary (deb-control(5) syntax)."""
    for block in text.split("\n\n"):
        fields: dict[str, str] = {}
        key = ""
        for line in block.splitlines():
            if line[:1].isspace() and key:
                fields[key] += "\n" + line.strip()
            elif ":" in line:
                key, _, value = line.partition(":")
                fields[key] = value.strip()
        if "Package" in fields:
            yield fields


Order = tuple[int, list[tuple[int, int, str]], list[tuple[int, int, str]]]


def debian_order(version: str) -> Order:
    """A key that sorts package versions as deb-version(7) does."""
    epoch, colon, rest = version.partition(":")
    upstream, _, revision = (rest if colon else version).rpartition("-")
    return (int(epoch) if colon else 0, _order(upstream or revision),
            _order(revision if upstream else ""))


def _order(part: str) -> list[tuple[int, int, str]]:
    key = []
    for number, other in re.findall(r"(\d+)|(\D)", part):
        rank = 1 if number else -1 if other == "~" else 2 if other.isalpha() else 3
        key.append((rank, int(number or 0), other))
    return [*key, (0, 0, "")]
