"""Where things lie in this repository, and where runs leave their results."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
SCRIPTS = REPOSITORY / "scripts"
SELFTESTS = REPOSITORY / "selftests"
PATCHES = REPOSITORY / "patches"
DOCUMENTATION = REPOSITORY / "Documentation"
FRAGMENT = REPOSITORY / "Kconfig.fragment"
# unless a run is told otherwise
RESULTS = Path(os.environ.get("RESULTS") or REPOSITORY / "results")
