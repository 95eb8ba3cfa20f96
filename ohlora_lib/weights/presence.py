"""Which files of an entry are here, without reading them."""

from pathlib import Path

from ohlora_lib.weights.entries import FOLDER, Entry


def state_of(entry: Entry, folder: str | Path = FOLDER) -> str:
    """Return missing (with a count where some files are here), downloaded, imported or wrong.

    Wrong: a file has another size than the published one; `verify` looks closer.
    """
    here = [file for file in entry.files if entry.download(file, folder).exists()]
    if any(file.bytes not in (None, entry.download(file, folder).stat().st_size) for file in here):
        return "wrong"
    parts = [part for file in entry.files for part in file.parts]
    if all(entry.product(part, folder).exists() for part in parts):
        return "imported"
    if len(here) == len(entry.files):
        return "downloaded"
    return f"missing ({len(here)} of {len(entry.files)} files are here)" if here else "missing"
