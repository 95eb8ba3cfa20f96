"""Turns published weights into our checkpoints: recognised by layout, loaded strictly."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ohlora_lib.errors import InputError
from ohlora_lib.networks.files import misfit, network_class, save_network
from ohlora_lib.weights.entries import Part
from ohlora_lib.weights.fetch import check
from ohlora_lib.weights.layouts import LAYOUTS, Layout
from ohlora_lib.weights.pickles import read_state_dict
from ohlora_lib.weights.signatures import sha256_of
from ohlora_lib.weights.vectors import LAYOUT as VECTORS
from ohlora_lib.weights.vectors import convert_vectors

W_AVG = "truncation.w_avg"


def convert(source: str | Path, part: Part, path: str | Path, sha256: str | None = None) -> None:
    """Convert one part of a published file.

    Args:
        source: the file (for directions the folder) as published.
        part: what to take from it, and what that must be.
        path: checkpoint to write; provenance is the source's name, its SHA-256 and the layout.
        sha256: checksum that the source must have, where it is known.

    Raises:
        InputError: the file is not what it should be; the first differing key is named.
    """
    if sha256 is not None:
        check(source, sha256=sha256)
    if part.layout == VECTORS:
        convert_vectors(source, path, **part.config)
        return
    tensors = read_state_dict(source, part.key)
    where = str(source) if part.key is None else f"{source}, {part.key!r},"
    network, dropped = build(where, tensors, part.layout, part.config)
    provenance = {
        "source": Path(source).name,
        "sha256": sha256_of(source),
        "layout": part.layout,
        "key": part.key,
        "dropped": dropped,
    }
    save_network(path, network, provenance)


def build(
    where: str, tensors: dict[str, Tensor], layout: str, wanted: dict[str, Any]
) -> tuple[nn.Module, list[str]]:
    """Build the network that published weights are of.

    Args:
        where: what messages call them.
        tensors: by published name.
        layout: one of `LAYOUTS`.
        wanted: constructor arguments that are known; the others follow from the shapes.

    Returns:
        The network with the weights, and the names of tensors that were left out.

    Raises:
        InputError: the weights are of another network.
    """
    if layout not in LAYOUTS:
        raise InputError(
            f"there is no layout {layout!r}, known are {', '.join([*LAYOUTS, VECTORS])}; correct "
            "resources/weights.yaml"
        )
    form = LAYOUTS[layout]
    tensors = {form.rename(name): tensor for name, tensor in tensors.items()}
    _refuse_other(where, tensors, layout)
    dropped = []
    average = tensors.get(W_AVG)
    if average is not None and average.ndim > 1:
        # FineTune-v5 overwrote the running average with a batch's own: it stays 0
        tensors[W_AVG] = torch.zeros(average.shape[-1])
        dropped.append(W_AVG)
    found_config = _recognise(form, tensors, wanted)
    config = {**found_config, **wanted}
    other = [
        f"{key} {value}, not {config[key]}"
        for key, value in found_config.items()
        if value != config[key]
    ]
    try:
        with torch.device("meta"):
            expected = network_class(form.kind)(**config)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{where} does not have the layout {layout} ({error}); supply the right file"
        ) from error
    found = misfit(expected, tensors)
    if found is not None:
        key, _, difference = found.partition(":")
        seen = f", it has {' and '.join(other)}" if other else ""
        raise InputError(
            f"{where} does not have the layout {layout}{seen}; the first difference is at "
            f"{form.restore(key)}:{difference}; supply the right file"
        )
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise InputError(
                f"{where} is damaged, as {form.restore(name)} is not finite; download it again"
            )
    network = network_class(form.kind)(**config)
    network.load_state_dict(tensors)
    return network.eval(), dropped


def _recognise(form: Layout, tensors: dict[str, Tensor], wanted: dict[str, Any]) -> dict[str, Any]:
    """Return what follows from the shapes; nothing where a needed key is missing."""
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    try:
        return form.recognise(shapes, wanted)
    except (KeyError, IndexError, ValueError):
        return {}


def _refuse_other(where: str, tensors: dict[str, Tensor], layout: str) -> None:
    """Refuse weights that have the mark of another layout and not their own."""
    if LAYOUTS[layout].mark in tensors:
        return
    for name, other in LAYOUTS.items():
        if other.mark in tensors:
            raise InputError(
                f"{where} holds a {name} where a {layout} is needed; the first difference is at "
                f"{LAYOUTS[layout].mark}, which is absent: supply the right file, or put swapped "
                "files in each other's place"
            )
