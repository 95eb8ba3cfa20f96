"""What a method's pictures show besides the requested: attributes, identity, quality, diversity.

Everything is read once, for both judges. In a domain with an annotator, it reads the attributes,
and its last features are the *embedding*: the fixed network's view of a face, less the mean and in
units of the root mean square deviation of the filtered images. In a domain without annotator
the first fold of each of the population's classifiers reads its attribute; those see single crops
and were trained on these very images, so their features are no embedding: drift is NaN, and the
distances that need one are null.

Identity drift is measured with the domain's identity embedding if it has one (`identity_reader`),
less the mean of filtered images, so that it is 0 for the same picture and around 1 for a stranger.
Else it is measured with the annotator's features; as the annotator was never trained to tell people
apart, it then is a change of looks rather than of a person.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from ohlora_lib.attributes import SHARES
from ohlora_lib.errors import InputError
from ohlora_lib.judging.distribution import (
    cosine_distance,
    kernel_distance,
    pairwise_distance,
    precision_recall,
    sliced_wasserstein,
)
from ohlora_lib.judging.grids import zero_rows
from ohlora_lib.judging.identity_reader import IdentityReader
from ohlora_lib.judging.locality import ChangeElsewhere
from ohlora_lib.networks.annotator import ATTRIBUTES, Annotator
from ohlora_lib.networks.answers import log_odds
from ohlora_lib.networks.attribute_cnn import AttributeCNN, predict
from ohlora_lib.networks.batch_norm import fold_batch_norms
from ohlora_lib.networks.files import load_network
from ohlora_lib.networks.property_cnn import Crops
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.seeds import rng
from ohlora_lib.store.gallery import iter_gallery, read_gallery, read_rows
from ohlora_lib.store.picture_tensors import to_float
from ohlora_lib.store.shards import iter_images
from ohlora_lib.store.tables import read_table, write_json, write_table

CHUNK = 256  # pictures read at once
PIXEL_SIDE = 64  # px; larger pictures are averaged to it before their pixels are compared
PROJECTIONS = 256
BLOCK = 1000  # rows of the kernel distance


class Reader(Protocol):
    """Anything that predicts attributes of pictures."""

    names: tuple[str, ...]

    def read(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Return probabilities [N, len(names)] and features [N, D], or None, of uint8 pictures."""
        ...


class AnnotatorReader:
    """The annotator: four attributes, and the features that it predicts them from.

    Args:
        network: the trained annotator.
        device: torch device name.
    """

    names = ATTRIBUTES

    def __init__(self, network: Annotator, device: str = "cpu") -> None:
        self.network = fold_batch_norms(network).to(device, memory_format=torch.channels_last)
        self.device = device

    @torch.inference_mode()
    def read(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Reader`; float64 [N, 4], float32 [N, D]."""
        features = self.network.features(to_float(images, self.device))
        answers = torch.sigmoid(self.network.head(features).double())
        return answers.cpu().numpy(), features.cpu().numpy()


class ClassifierReader:
    """One trained fold per attribute, where there is no annotator.

    Args:
        networks: by attribute.
        device: torch device name.
    """

    def __init__(self, networks: dict[str, AttributeCNN], device: str = "cpu") -> None:
        self.names = tuple(networks)
        self.networks = [network.to(device) for network in networks.values()]

    def read(self, images: np.ndarray) -> tuple[np.ndarray, None]:
        """See `Reader`; float64 [N, attributes], and no features."""
        answers = [predict(network, images) for network in self.networks]
        return np.stack(answers, axis=1).astype(np.float64), None


def load_reader(
    annotator: str | Path | None, classifiers: Sequence[str | Path] = (), device: str = "cpu"
) -> Reader:
    """Build the reader of a domain.

    Args:
        annotator: checkpoint, or None in a domain without one.
        classifiers: without an annotator, a checkpoint for each attribute.
        device: torch device name.

    Raises:
        InputError: a checkpoint of another kind.
    """
    if annotator is not None:
        return AnnotatorReader(load_network(annotator, Annotator.kind), device)
    networks = [load_network(path, AttributeCNN.kind) for path in classifiers]
    return ClassifierReader({network.attribute: network for network in networks}, device)


def read_attributes(
    reader: Reader,
    requests_path: str | Path,
    pictures_path: str | Path,
    image_paths: Sequence[str | Path],
    filtered_path: str | Path,
    table_path: str | Path,
    quality_path: str | Path,
    seed: int,
    crops: Crops | None = None,
    identity: IdentityReader | None = None,
) -> None:
    """Read a method's pictures, and as many filtered images as it has random ones, twice.

    The quality JSON holds `log_odds_std` (per attribute, over those filtered images: the unit of
    the leakage's attribute columns) and `random`, all of it judged against the filtered images:

    - `filtered`: their own shares; `compared`: how many images each of the distances is over.
    - `sliced_wasserstein` of pixels (0..1) and `kernel_distance` of embeddings, between random
      pictures and filtered images, each with its `_floor`: filtered images against other ones.
    - `diversity`, `filtered_diversity`: mean distance of two pictures of the set, as the root mean
      square difference of an embedding's number: 1.4 for numbers that are independent of each
      other, 0 for a set of equal pictures.
    - `precision`, `recall` of the embeddings of random pictures, and `filtered_precision`,
      `filtered_recall` of other filtered images; see `distribution.precision_recall`.

    Args:
        reader: see `load_reader`.
        requests_path: see `draw.draw_pictures`.
        pictures_path: the same.
        image_paths: image shards of the population.
        filtered_path: table of the ids that passed its filter.
        table_path: table to write: `row`, a probability per attribute, `drift` (1 - cosine of the
            embedding to that of the latent's all-zero request; NaN where there is none, or no face
            in one of the two),
            `elsewhere` (see `locality.ChangeElsewhere`).
        quality_path: JSON to write.
        seed: of the choice of filtered images.
        crops: what a property's change may touch, see `networks.property_cnn.crop`.
        identity: measures the drift; None for the reader's features, if it has any.

    Raises:
        InputError: damaged input, fewer than four filtered images, or no face in them.
    """
    requests = read_table(requests_path, ("row", "latent", "grid", *CONTROLLED))
    if not np.array_equal(requests["row"], read_rows(pictures_path)):
        raise InputError(
            f"{pictures_path} holds other pictures than {requests_path}; delete the evaluation's "
            "folder and run snakemake again"
        )
    is_random = (requests["grid"] == "random").to_numpy()
    first, second = _filtered(image_paths, filtered_path, int(is_random.sum()), seed)
    answers, features = zip(*(_read(reader, images) for images in (first, second)), strict=True)
    filtered = np.concatenate(answers)
    embed = None if features[0] is None else _Embedding(np.concatenate(features))

    answers, drift = [], np.full(len(requests), np.nan)
    compare, elsewhere = (
        ChangeElsewhere(requests, pictures_path, crops),
        np.full(len(requests), np.nan),
    )
    drawn, points = [], []  # pixels and embeddings of the random pictures
    view = _view(reader, embed, identity, first, filtered_path)
    anchors = None if view is None else _anchors(view, requests, pictures_path)
    latents = requests["latent"].to_numpy()
    with tqdm(total=len(requests), desc="attributes", unit="img", mininterval=5) as progress:
        for rows, images in iter_gallery(pictures_path):
            probabilities, found = reader.read(images)
            answers.append(probabilities)
            drawn.append(_pixels(images[is_random[rows]]))
            elsewhere[rows] = compare(rows, images)
            if embed is not None:
                found = embed(found)
                points.append(found[is_random[rows]])
            if identity is not None:
                rows, images = rows[~is_random[rows]], images[~is_random[rows]]
                found = view(images)
            if view is not None:
                drift[rows] = cosine_distance(found, anchors[latents[rows]])
            progress.update(len(probabilities))
    table = pd.DataFrame(np.concatenate(answers), columns=list(reader.names))
    table.insert(0, "row", requests["row"])
    table["drift"], table["elsewhere"] = drift, elsewhere
    shares = dict.fromkeys(SHARES.values())
    shares |= {SHARES[name]: (filtered[:, i] >= 0.5).mean() for i, name in enumerate(reader.names)}
    quality = {
        "log_odds_std": dict(zip(reader.names, log_odds(filtered).std(axis=0), strict=True)),
        "random": {
            "filtered": shares,
            "compared": len(first),
            **_pixel_distances(np.concatenate(drawn), _pixels(first), _pixels(second), seed),
            **_embedding_distances(points, features, embed),
        },
    }
    write_table(table_path, table)
    write_json(quality_path, quality)


def _view(
    reader: Reader,
    embed: "_Embedding | None",
    identity: IdentityReader | None,
    filtered: np.ndarray,
    path: str | Path,
) -> Callable[[np.ndarray], np.ndarray] | None:
    """Return what embeds pictures for the drift, [N, H, W, 3] -> [N, D], or None."""
    if identity is None:
        return None if embed is None else lambda images: embed(_read(reader, images)[1])
    faces = identity.read(filtered)
    faces = faces[np.isfinite(faces).all(axis=1)]
    if not len(faces):
        raise InputError(
            f"the face mesh finds no face in {len(filtered)} images of {path}; correct "
            "domain.segmenter.box, or set domain.identity to null"
        )
    centred = _Embedding(faces)
    return lambda images: centred(identity.read(images))


def _anchors(
    view: Callable[[np.ndarray], np.ndarray], requests: pd.DataFrame, pictures_path: str | Path
) -> np.ndarray:
    """Embed the all-zero request of every latent: [latents, D], NaN for those without one."""
    zeros = zero_rows(requests)
    found = view(read_gallery(pictures_path, zeros.to_numpy()))
    anchors = np.full((requests["latent"].max() + 1, found.shape[1]), np.nan, np.float32)
    anchors[zeros.index] = found
    return anchors


class _Embedding:
    """Features less the mean of some, in units of their root mean square deviation."""

    def __init__(self, features: np.ndarray) -> None:
        self.mean = features.mean(axis=0)
        self.scale = max(float(np.sqrt(features.var(axis=0).mean())), 1e-12)

    def __call__(self, features: np.ndarray) -> np.ndarray:
        return (features - self.mean) / self.scale


def _filtered(
    image_paths: Sequence[str | Path], filtered_path: str | Path, count: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return two different random sets of filtered images, each of `count` or half of all."""
    ids = read_table(filtered_path, ["id"])["id"].to_numpy()
    count = min(count, len(ids) // 2)
    if count < 2:
        raise InputError(
            f"{filtered_path} keeps {len(ids)} images, and judging needs at least 4; widen the "
            "population's filter in the configuration"
        )
    order = rng(seed, "judging", "filtered").permutation(ids)
    sets = order[:count], order[count : 2 * count]
    return tuple(
        np.concatenate([rows.images for rows in iter_images(image_paths, ids=chosen)])
        for chosen in sets
    )


def _read(reader: Reader, images: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Read many pictures in chunks."""
    parts = [reader.read(images[start : start + CHUNK]) for start in range(0, len(images), CHUNK)]
    answers, features = zip(*parts, strict=True)
    return np.concatenate(answers), None if features[0] is None else np.concatenate(features)


def _pixels(images: np.ndarray) -> np.ndarray:
    """Return pictures as float32 0..1, of at most PIXEL_SIDE px a side."""
    side = min(images.shape[1], PIXEL_SIDE)
    if images.shape[1] > side:
        small = [cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA) for image in images]
        images = np.array(small, np.uint8).reshape(len(images), side, side, 3)
    return images.astype(np.float32) / 255


def _pixel_distances(
    drawn: np.ndarray, first: np.ndarray, second: np.ndarray, seed: int
) -> dict[str, float]:
    distances = [
        sliced_wasserstein(first, other, PROJECTIONS, rng(seed, "judging", "directions"))
        for other in (drawn[: len(first)], second)
    ]
    return {"sliced_wasserstein": distances[0], "sliced_wasserstein_floor": distances[1]}


def _embedding_distances(
    points: list[np.ndarray], features: Sequence[np.ndarray | None], embed: _Embedding | None
) -> dict[str, Any]:
    names = ("kernel_distance", "kernel_distance_floor", "diversity", "filtered_diversity")
    names += ("precision", "recall", "filtered_precision", "filtered_recall")
    if embed is None:
        return dict.fromkeys(names)
    first, second = (embed(part) for part in features)
    drawn = np.concatenate(points)[: len(first)]
    block = min(BLOCK, len(first))
    distances = [kernel_distance(first, other, block) for other in (drawn, second)]
    spreads = [pairwise_distance(part) for part in (drawn, first)]
    covered = [*precision_recall(drawn, first), *precision_recall(second, first)]
    return dict(zip(names, (*distances, *spreads, *covered), strict=True))
