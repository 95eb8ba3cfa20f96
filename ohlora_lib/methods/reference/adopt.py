"""Finished models of others, brought into the form that judging opens like any method's."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ohlora_lib.errors import InputError
from ohlora_lib.generators.base import Generator
from ohlora_lib.methods.finetune.autoencoder import encode
from ohlora_lib.methods.finetune.training_faces import read_faces
from ohlora_lib.methods.finetune.versions import version_options
from ohlora_lib.methods.vectorfind.groups import VERSIONS
from ohlora_lib.methods.vectorfind.steps import Stepper, calibrate
from ohlora_lib.methods.vectorfind.vectors import load_vectors, save_vectors
from ohlora_lib.networks.files import load_generator, load_network, save_network
from ohlora_lib.networks.score_encoder import ScoreEncoder
from ohlora_lib.store.checkpoints import read_checkpoint
from ohlora_lib.store.tables import write_table

REMEDY = "correct the entry under references in the configuration"


def adopt_generator(
    source: str | Path, path: str | Path, version: str, resolution: int, style_mixing: float = 0.0
) -> None:
    """Write a fine-tuned generator again with what its weights do not say.

    Args:
        source: checkpoint of the generator.
        path: checkpoint to write; its provenance names the labels and how it is drawn, see
            `methods.finetune.conditional`.
        version: which fine-tune it is, see `methods.finetune.versions`.
        resolution: of the domain, pixels a side.
        style_mixing: probability that a picture is mixed with a second latent's style.

    Raises:
        InputError: it is no generator, of another resolution, or its label is not the version's.
    """
    options = version_options(version, "published", {})
    network = _generator(source, resolution)
    found = [network.label_dim, network.label_embed_dim]
    wanted = [len(options.labels), options.embedding]
    if found != wanted:
        raise InputError(
            f"{source} takes {found[0]} scores embedded in {found[1]} numbers where FineTune-"
            f"{version} takes {wanted[0]} in {wanted[1]}; {REMEDY}"
        )
    provenance = read_checkpoint(source).provenance | {
        "labels": list(options.labels),
        "conditional_truncation": None,
        "style_mixing": style_mixing,
    }
    if options.truncation_psi != 1:
        provenance["conditional_truncation"] = {"psi": options.truncation_psi, "samples": 1000}
    save_network(path, network, provenance)


def adopt_vectors(
    source: str | Path,
    path: str | Path,
    version: str,
    generator: str | Path,
    property_cnn: str | Path,
    resolution: int,
    seed: int,
    unit_steps: bool = False,
    batch_size: int = 16,
    device: str = "cpu",
) -> None:
    """Write directions again with the length of a step that changes a score by one.

    Args:
        source: checkpoint of the directions.
        path: checkpoint to write.
        version: which VectorFind they are of, see `methods.vectorfind.groups`.
        generator: checkpoint that they move in.
        property_cnn: checkpoint that predicts groups and measures steps.
        resolution: of the domain, pixels a side.
        seed: the run's seed, of the latents that steps are measured on.
        unit_steps: leave all steps as long as the directions, as published.
        batch_size: pictures per forward pass.
        device: torch device name.

    Raises:
        InputError: a file is of another kind, another version, or does not fit the others.
    """
    _generator(generator, resolution)
    found = load_vectors(source)
    if found.options != VERSIONS[version]:
        raise InputError(f"{source} holds no directions of VectorFind-{version}; {REMEDY}")
    try:
        model = Stepper.open(source, generator, property_cnn, batch_size, device)
    except ValueError as error:
        raise InputError(f"{source} does not fit {generator} ({error}); {REMEDY}") from error
    slopes = np.ones_like(found.slopes) if unit_steps else calibrate(model, seed)
    provenance = {**found.provenance, "slopes": "1" if unit_steps else "measured"}
    save_vectors(path, found.vectors, found.options, slopes, provenance)


def encode_faces(
    encoder: str | Path,
    images: Sequence[str | Path],
    scores: str | Path,
    path: str | Path,
    version: str,
    resolution: int,
    device: str = "cpu",
) -> None:
    """Write the latent distribution of every face by an encoder that somebody else trained.

    Args:
        encoder: its checkpoint.
        images: image shards of the population.
        scores: table of the faces' scores.
        path: table to write: `id`, `mu`, `log_variance`, see `models.sample_latents`.
        version: the fine-tune that the encoder belongs to.
        resolution: of the domain, pixels a side.
        device: torch device name.

    Raises:
        InputError: it is no encoder, of another resolution, or its label is not the version's.
    """
    labels = version_options(version, "published", {}).labels
    network = load_network(encoder, ScoreEncoder.kind).to(device)
    own = network.config()
    if (own["resolution"], own["label_dim"]) != (resolution, len(labels)):
        raise InputError(
            f"{encoder} reads {own['resolution']} pixels and {own['label_dim']} scores where "
            f"{resolution} pixels and {len(labels)} scores are needed; {REMEDY}"
        )
    write_table(path, encode(network, read_faces(images, scores, labels), device))


def _generator(path: str | Path, resolution: int) -> Generator:
    network = load_generator(path)
    if network.resolution != resolution:
        raise InputError(
            f"{path} draws {network.resolution} pixels a side where the domain has {resolution}; "
            f"{REMEDY}"
        )
    return network
