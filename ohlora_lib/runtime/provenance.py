"""What a run was made with: the commit of the checkout and the versions of the main packages."""

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "matplotlib",
    "numpy",
    "opencv-python-headless",
    "pandas",
    "pillow",
    "pyarrow",
    "safetensors",
    "scikit-learn",
    "snakemake",
    "torch",
    "torchvision",
)
UNKNOWN = "unknown"


def commit(folder: str | Path) -> dict[str, str | bool | None]:
    """Return the commit of a checkout.

    Args:
        folder: the top of the checkout.

    Returns:
        `id`: 40 hexadecimal digits, or "unknown" where git or the repository is missing; `dirty`:
        whether tracked files differ from it, None where unknown.
    """
    top = _git(folder, "rev-parse", "--show-toplevel")
    # a copy inside somebody else's repository has no commit of its own
    if top is None or Path(top).resolve() != Path(folder).resolve():
        return {"id": UNKNOWN, "dirty": None}
    head = _git(folder, "rev-parse", "--verify", "HEAD")
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return {"id": head or UNKNOWN, "dirty": None if changes is None else bool(changes)}


def environment() -> dict[str, str]:
    """Return the version of Python and of each of `PACKAGES`, "unknown" where it is missing."""
    return {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return UNKNOWN


def _git(folder: str | Path, *arguments: str) -> str | None:
    """Return what git prints, or None where it fails."""
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
