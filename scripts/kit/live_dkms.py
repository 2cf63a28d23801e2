"""The DKMS package of live/cure: its source, which DKMS builds for each kernel of a host."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from .base import command
from .base.error import BuildFailed
from .base.paths import REPOSITORY
from .live_root import SOURCE

PACKAGING = REPOSITORY / "packaging/dkms"
NAME = "uring-msg-cure"


def package(into: Path) -> Path:
    """Builds the .deb into a folder and gives its path."""
    version = (REPOSITORY / "packaging/VERSION").read_text().strip()
    log: list[str | Path] = ["git", "-C", REPOSITORY, "log", "-1", "--format=%an <%ae>%n%cs"]
    said = command.run(log, "git log").splitlines()
    values = {"VERSION": version, "AUTHOR": said[0], "YEAR": said[1][:4]}
    with tempfile.TemporaryDirectory() as work:
        lay_out(Path(work), values)
        into.mkdir(parents=True, exist_ok=True)
        deb = into / f"{NAME}-dkms_{version}_all.deb"
        command.run(["dpkg-deb", "--root-owner-group", "--build", work, deb], "dpkg-deb",
                    error=BuildFailed)
    return deb


def lay_out(top: Path, values: Mapping[str, str]) -> None:
    """Lays the files of the package out below a folder, with values in the place of their names."""
    source = top / "usr/src" / f"{NAME}-{values['VERSION']}"
    documents = top / "usr/share/doc" / f"{NAME}-dkms"
    for folder in (source, documents, top / "DEBIAN"):
        folder.mkdir(parents=True)
    for path in (SOURCE / "uring_msg_cure.c", SOURCE / "Makefile"):
        shutil.copy(path, source)
    shutil.copy(REPOSITORY / "Documentation/live.rst", documents)
    control = top / "DEBIAN"
    for path, place, mode in ((PACKAGING / "dkms.conf", source, 0o644),
                              (PACKAGING / "control", control, 0o644),
                              (PACKAGING / "postinst", control, 0o755),
                              (PACKAGING / "prerm", control, 0o755),
                              (REPOSITORY / "packaging/debian/copyright", documents, 0o644)):
        text = path.read_text()
        for name, value in values.items():
            text = text.replace(f"@{name}@", value)
        (place / path.name).write_text(text)
        (place / path.name).chmod(mode)
    for folder in (top, *(path for path in top.rglob("*") if path.is_dir())):
        folder.chmod(0o755)
