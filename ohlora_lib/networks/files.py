"""From a checkpoint to a network and back, for every kind of network."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ohlora_lib.errors import InputError, rebuild
from ohlora_lib.generators.base import Discriminator, Generator
from ohlora_lib.generators.registry import discriminator_networks, generator_networks
from ohlora_lib.store.checkpoints import read_checkpoint, save_checkpoint

# Kind (as in a checkpoint's metadata) -> module and class. A network class has `kind` and
# `config()`, its constructor arguments. Modules are imported only when needed, so that a job's code
# digest covers the networks it uses and not all of them.
NETWORKS = {
    "annotator": "ohlora_lib.networks.annotator.Annotator",
    "attribute_cnn": "ohlora_lib.networks.attribute_cnn.AttributeCNN",
    "crop_discriminator": "ohlora_lib.networks.crop_discriminator.CropDiscriminator",
    "hairstyle_cnn": "ohlora_lib.networks.property_cnn.HairstyleCNN",
    "face_parser": "ohlora_lib.networks.face_parser.FaceParser",
    "facexformer": "ohlora_lib.networks.facexformer.FaceXFormer",
    "face_mesh": "ohlora_lib.networks.face_mesh.FaceMesh",
    "identity_embedding": "ohlora_lib.networks.identity_embedding.IdentityEmbedding",
    "mtcnn": "ohlora_lib.networks.mtcnn.MTCNN",
    "property_cnn": "ohlora_lib.networks.property_cnn.PropertyCNN",
    "score_encoder": "ohlora_lib.networks.score_encoder.ScoreEncoder",
}


def networks() -> dict[str, str]:
    """Return module and class of every kind of network, those of generator families included."""
    return {**NETWORKS, **generator_networks(), **discriminator_networks()}


def network_class(kind: str) -> type[nn.Module]:
    """Return the class of a kind in `networks`."""
    module, _, name = networks()[kind].rpartition(".")
    return getattr(importlib.import_module(module), name)


def save_network(
    path: str | Path, module: nn.Module, provenance: dict[str, Any] | None = None
) -> None:
    """Write a network's weights with all that is needed to build it again.

    Args:
        path: a .safetensors file.
        module: an instance of a class in `networks`.
        provenance: where the weights come from, as JSON types.
    """
    save_checkpoint(path, module.state_dict(), module.kind, module.config(), provenance)


def load_network(path: str | Path, kind: str | None = None) -> nn.Module:
    """Build the network that a checkpoint holds, on the CPU and in eval mode.

    Args:
        path: a file written by `save_network`.
        kind: what it must be; anything when None.

    Raises:
        InputError: the file is not a checkpoint, of another kind, or its weights do not fit.
    """
    checkpoint = read_checkpoint(path, kind)
    if checkpoint.kind not in networks():
        raise InputError(
            f"{path} holds a network of the unknown kind {checkpoint.kind!r}; "
            f"known are {', '.join(sorted(networks()))}"
        )
    try:
        module = network_class(checkpoint.kind)(**checkpoint.config)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{path} has a configuration that builds no {checkpoint.kind} ({error}); "
            f"supply the right file, or {rebuild(path)}"
        ) from error
    found = misfit(module, checkpoint.tensors)
    if found is not None:
        raise InputError(
            f"{path} does not fit its configuration at {found}; supply the right file, or delete "
            "it and run snakemake again"
        )
    module.load_state_dict(checkpoint.tensors)
    return module.eval()


def load_generator(path: str | Path) -> Generator:
    """Build the generator, of any family, that a checkpoint holds, on the CPU and in eval mode.

    Raises:
        InputError: the file is not a checkpoint, holds no generator, or its weights do not fit.
    """
    return _load_one_of(generator_networks(), "generator", path)


def load_discriminator(path: str | Path) -> Discriminator:
    """Build the discriminator that a checkpoint holds; see `load_generator`."""
    return _load_one_of(discriminator_networks(), "discriminator", path)


def _load_one_of(kinds: Mapping[str, str], what: str, path: str | Path) -> nn.Module:
    network = load_network(path)
    if network.kind not in kinds:
        raise InputError(
            f"{path} holds a {network.kind} network where a {what} is needed "
            f"({' or '.join(kinds)}); supply the right file, or {rebuild(path)}"
        )
    return network


def misfit(module: nn.Module, tensors: Mapping[str, Tensor]) -> str | None:
    """Return the first key at which tensors differ from a network's, with both shapes, or None."""
    ours = module.state_dict()
    for name in [*ours, *tensors]:
        expected, found = (
            list(each[name].shape) if name in each else "absent" for each in (ours, tensors)
        )
        if expected != found:
            return f"{name}: expected {expected}, found {found}"
    return None
