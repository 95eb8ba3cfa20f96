"""Model checkpoints: safetensors files whose metadata say how to build the model."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from ohlora_lib.errors import InputError, rebuild
from ohlora_lib.store.atomic import atomic_path

SIGNATURES = {  # how files that are not checkpoints begin
    b"PK\x03\x04": "a PyTorch pickle or another ZIP file, which is not opened as it can run code",
    b"\x80\x02": "a Python pickle, which is not opened as it can run code",
    b"\x80\x04": "a Python pickle, which is not opened as it can run code",
    b"\x80\x05": "a Python pickle, which is not opened as it can run code",
    b"\x89HDF": "an HDF5 file",
    b"version https://git-lfs": "a Git LFS pointer, not the weights (fetch them with git lfs pull)",
}


@dataclass(frozen=True)
class Checkpoint:
    """The contents of one checkpoint file."""

    kind: str  # the network's name in the registry
    config: dict[str, Any]  # the network's constructor arguments
    provenance: dict[str, Any]  # where the weights come from: parent, seed, data digest …
    tensors: dict[str, torch.Tensor]  # on the CPU


def save_checkpoint(
    path: str | Path,
    tensors: dict[str, torch.Tensor],
    kind: str,
    config: dict[str, Any],
    provenance: dict[str, Any] | None = None,
) -> None:
    """Write a checkpoint atomically, with a checksum; the same contents give the same bytes.

    Args:
        path: a .safetensors file.
        tensors: parameters and buffers by name, on any device; shared storage is stored twice.
        kind: the network's name in the registry.
        config: the network's constructor arguments, as JSON types.
        provenance: where the weights come from, as JSON types; never a time or a host name.
    """
    copies = {
        name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()
    }
    texts = {"config": config, "provenance": provenance or {}}
    metadata = {"kind": kind} | {
        key: json.dumps(value, sort_keys=True) for key, value in texts.items()
    }
    raw = safetensors.torch.save(copies, metadata)
    length = int.from_bytes(raw[:8], "little")
    described, data = json.loads(raw[8 : 8 + length]), memoryview(raw)[8 + length :]
    digest = hashlib.sha256(_header(described))
    digest.update(data)
    described["__metadata__"]["sha256"] = digest.hexdigest()
    header = _header(described)
    header += b" " * (-len(header) % 8)
    with atomic_path(path) as part, part.open("wb") as file:
        file.write(len(header).to_bytes(8, "little"))
        file.write(header)
        file.write(data)


def read_checkpoint(path: str | Path, kind: str | None = None) -> Checkpoint:
    """Read a checkpoint written by `save_checkpoint`; its checksum is compared where it has one.

    Args:
        path: the file.
        kind: what it must be; anything when None.

    Raises:
        InputError: the file is missing, damaged, of another format (pickle, HTML …) or kind.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist; run snakemake to make it or correct the path")
    with path.open("rb") as file:
        start = file.read(64)
    remedy = f"supply the right file, or {rebuild(path)}"
    # safetensors begin with the length of a JSON object, whose bytes can look like a signature
    signatures = {} if start[8:9] == b"{" else SIGNATURES
    for signature, meaning in signatures.items():
        if start.startswith(signature):
            raise InputError(f"{path} is {meaning}; supply a .safetensors file")
    if start.lstrip().startswith(b"<"):
        raise InputError(f"{path} is a web page (HTML), not weights; download the file itself")
    try:
        with safetensors.safe_open(path, framework="pt", device="cpu") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise InputError(
            f"{path} is truncated or not a safetensors file ({reason}); {remedy}"
        ) from error
    if "sha256" in metadata and metadata["sha256"] != _digest(path):
        raise InputError(f"{path} is damaged: its checksum is not that of its contents; {remedy}")
    try:
        found = metadata["kind"]
        config = json.loads(metadata["config"])
        provenance = json.loads(metadata.get("provenance", "{}"))
    except (KeyError, json.JSONDecodeError) as error:
        raise InputError(
            f"{path} has no kind and config in its metadata, so no network fits it; {remedy}"
        ) from error
    if kind is not None and found != kind:
        raise InputError(
            f"{path} holds a {found} network where a {kind} network is needed; {remedy}"
        )
    return Checkpoint(found, config, provenance, tensors)


def _header(described: dict[str, Any]) -> bytes:
    """Return a header in one order: the library writes metadata in the random one of a hash map."""
    return json.dumps(described, sort_keys=True, separators=(",", ":")).encode()


def _digest(path: Path) -> str:
    """Return the SHA-256 of a checkpoint's header, but for the checksum in it, and its data."""
    with path.open("rb") as file:
        described = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        del described["__metadata__"]["sha256"]
        start = hashlib.sha256(_header(described))
        return hashlib.file_digest(file, lambda: start).hexdigest()
