"""The DKMS package of live/cure: its source, built by DKMS for each kernel of the host that it is installed on."""

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
    said = command.run(["git", "-C", REPOSITORY, "log", "-1", "--format=%an <%ae>%n%cs"], "git log").splitlines()
    values = {"VERSION": version, "AUTHOR": said[0], "YEAR": said[1][:4]}
    with tempfile.TemporaryDirectory() as work:
        lay_out(Path(work), values)
        into.mkdir(parents=True, exist_ok=True)
        deb = into / f"{NAME}-dkms_{version}_all.deb"
        command.run(["dpkg-deb", "--root-owner-group", "--build", work, deb], "dpkg-deb", error=BuildFailed)
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
    for path, place, mode in ((PACKAGING / "dkms.conf", source, 0o644), (PACKAGING / "control", top / "DEBIAN", 0o644),
                              (PACKAGING / "postinst", top / "DEBIAN", 0o755), (PACKAGING / "prerm", top / "DEBIAN", 0o755),
                              (REPOSITORY / "packaging/debian/copyright", documents, 0o644)):
        text = path.read_text()
        for name, value in values.items():
            text = text.replace(f"@{name}@", value)
        (place / path.name).write_text(text)
        (place / path.name).chmod(mode)
    for folder in (top, *(path for path in top.rglob("*") if path.is_dir())):
        folder.chmod(0o755)
