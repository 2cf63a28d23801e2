"""The patches under the headers that distributions ask for, from the facts of patches/fixes.toml.

suse      kernel-source.git, README of its folder `patches.suse` and scripts/git_sort (Git-commit,
          Patch-mainline)
debian    DEP-3, https://dep-team.pages.debian.net/deps/dep3/, for debian/patches
rhel      CentOS Stream's "Commit rules" (JIRA, Upstream Status, the quoted upstream commit id)
ubuntu    "Kernel team: stable patch format" (BugLink, SAUCE, cherry picked or backported from)
openeuler "mainline inclusion" heads as in its kernel repository's commits
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import fixes
from ..base.error import Unusable, Usage
from .patch import Patch

LINUS = "https://git.kernel.org/linus/"


@dataclass(frozen=True)
class Entry:
    """A patch with what is known of its fix upstream; commit and mainline are None for what
    is not there yet."""

    patch: Patch
    commit: str | None
    mainline: str | None
    bug: str
    sign: str = ""                     # "Name <address>" of whoever takes it

    @property
    def text(self) -> str:
        """The message without the line that names the upstream commit,
        which each header gives in its own way."""
        return re.sub(r"\Acommit [0-9a-f]{40} upstream\.\n+", "", self.patch.message).strip("\n")

    @property
    def signed(self) -> str:
        """The line of whoever takes it, to be the last of the message; nobody signs for others."""
        return f"\nSigned-off-by: {self.sign}" if self.sign else ""

    @property
    def diff(self) -> str:
        """From the first `diff --git` on."""
        return self.patch.text[self.patch.text.index("\ndiff --git ") + 1:]

    def head(self, name: str) -> str:
        """A field of the mail head, unfolded."""
        match = re.search(rf"^{name}: (.*(?:\n[ \t].*)*)", self.patch.text, re.M)
        return " ".join(match[1].split()) if match else ""


def _mail(entry: Entry, subject: str, body: str) -> str:
    return (f"From {'0' * 40} Mon Sep 17 00:00:00 2001\nFrom: {entry.head('From')}\n"
            f"Date: {entry.head('Date')}\nSubject: [PATCH] {subject}\n\n{body}\n---\n\n"
            f"{entry.diff}")


def _suse(entry: Entry) -> str:
    state = (f"Patch-mainline: v{entry.mainline}\nGit-commit: {entry.commit}" if entry.commit
             else "Patch-mainline: Not yet, no upstream fix so far")
    return (f"From: {entry.head('From')}\nDate: {entry.head('Date')}\n"
            f"Subject: {entry.patch.subject}\n{state}\nReferences: {entry.bug}\n\n"
            f"{entry.text}{entry.signed}\n---\n\n{entry.diff}")


def _debian(entry: Entry) -> str:
    said = "\n".join(f" {line}" if line.strip() else " ." for line in entry.text.splitlines())
    link = f"{LINUS}{entry.commit}"
    origin = (f"Origin: backport, {link}\nApplied-Upstream: {entry.mainline}, {link}\n"
              "Forwarded: not-needed" if entry.commit else "Origin: other\nForwarded: no")
    bug = f"Bug-Debian: {entry.bug}\n" if entry.bug else ""
    return (f"Description: {entry.patch.subject}\n{said}\nAuthor: {entry.head('From')}\n{origin}\n"
            f"{bug}---\n\n{entry.diff}")


def _rhel(entry: Entry) -> str:
    state = (f"commit {entry.commit}" if entry.commit
             else "Upstream Status: RHEL-only, no upstream fix so far")
    return _mail(entry, entry.patch.subject, f"JIRA: {entry.bug}\n{state}\n\n"
                                             f"{entry.text}{entry.signed}")


def _ubuntu(entry: Entry) -> str:
    subject = entry.patch.subject if entry.commit else f"UBUNTU: SAUCE: {entry.patch.subject}"
    tail = f"\n\n(backported from commit {entry.commit})" if entry.commit else ""
    return _mail(entry, subject, f"BugLink: {entry.bug}\n\n{entry.text}{tail}{entry.signed}")


def _openeuler(entry: Entry) -> str:
    lines = (["mainline inclusion", f"from mainline-v{entry.mainline}", f"commit {entry.commit}"]
             if entry.commit else ["openEuler inclusion"])
    lines += ["category: bugfix", f"bugzilla: {entry.bug}", "CVE: NA", ""]
    lines += [f"Reference: {LINUS}{entry.commit}", ""] if entry.commit else []
    return _mail(entry, entry.patch.subject, "\n".join([*lines, "-" * 32, "",
                                                       f"{entry.text}{entry.signed}"]))


@dataclass(frozen=True)
class Form:
    """How a distribution wants it: the header, the file that lists the patches,
    and what lies where."""

    write: Callable[[Entry], str]
    folder: str
    listing: str                       # the file with the order
    bug: str                           # what --bug is there, for the user;
                                       # "" when it may be left out


FORMS = {
    "suse": Form(_suse, "patches.suse", "series.conf", "a reference such as bsc#1234567"),
    "debian": Form(_debian, "debian/patches/bugfix/all", "debian/patches/series", ""),
    "rhel": Form(_rhel, "rhel", "rhel/series", "the address of a JIRA issue"),
    "ubuntu": Form(_ubuntu, "ubuntu", "ubuntu/series", "the address of a Launchpad bug"),
    "openeuler": Form(_openeuler, "openeuler", "openeuler/series", "the address of an issue"),
}


def advice(distro: str, patches: list[Patch], sign: str) -> list[str]:
    """What whoever takes the patches still has to add."""
    said = [] if sign or distro == "debian" else [
        "add your Signed-off-by: to each (--sign-off 'Name <address>' does): nobody signs for you"]
    if any("upstream.\n" in one.message for one in patches):
        said.append("of what is a commit upstream the text is ours: git log -1 COMMIT has the "
                    "author's name, and his own words")
    return said


def export(distro: str, patches: list[Patch], bug: str, into: Path, sign: str = "") -> list[Path]:
    """Writes the patches and their list below a folder; gives the files, the list last.

    Raises Usage for an unknown distribution, a missing bug reference,
    or a folder that has some of the files.
    """
    form = FORMS.get(distro)
    if not form:
        raise Usage(f"no distribution {distro}; there are {', '.join(FORMS)}")
    if form.bug and not bug:
        raise Usage(f"{distro} wants --bug, {form.bug}")
    if sign and not re.fullmatch(r"[^<>\n]+ <[^<>@\s]+@[^<>@\s]+>", sign):
        raise Usage(f"--sign-off {sign}: give it as 'Name <address>'")
    known = {cause.slug: cause for defect in fixes.load().values() for cause in defect.causes}
    made: dict[Path, str] = {}
    for number, one in enumerate(patches, 1):
        cause = known.get(one.slug)
        commit = (cause.commit if cause and f"commit {cause.commit} upstream." in one.message
                  else None)
        mainline = str(cause.mainline) if cause and cause.mainline else None
        slug = re.sub(r"[^A-Za-z0-9]+", "-", one.subject).strip("-").lower()[:60].rstrip("-")
        name = f"{slug}.patch" if distro in ("suse", "debian") else f"{number:04}-{slug}.patch"
        if into / form.folder / name in made:
            name = f"{slug}-{number}.patch"
        made[into / form.folder / name] = form.write(Entry(one, commit, mainline, bug, sign))
    start = {"suse": "\t"}.get(distro, "")
    base = {"debian": "bugfix/all/", "suse": "patches.suse/"}.get(distro, "")
    listing = "".join(f"{start}{base}{path.name}\n" for path in made)
    made[into / form.listing] = listing
    there = next((path for path in made if path.exists()), None)
    if there:
        raise Usage(f"{there}: exists; name another folder")
    try:
        for path, text in made.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    except OSError as bad:
        raise Unusable(f"{bad.filename}: {bad.strerror}") from bad
    return list(made)
