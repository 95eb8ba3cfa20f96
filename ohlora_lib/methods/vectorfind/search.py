"""VectorFind: directions in a latent space along which one property changes, per group of faces.

After StyleGAN-VectorFind-v6, v7 and v8, which follow arXiv
1911.09267: a linear SVM between the samples that score highest and lowest on a property. Faces are
grouped first by properties that are not controlled, and every group gets directions of its own.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC

from ohlora_lib.errors import InputError
from ohlora_lib.methods.moments import moments
from ohlora_lib.methods.network_digests import origin
from ohlora_lib.methods.vectorfind.groups import (
    extreme_count,
    extremes,
    group_codes,
    version_options,
)
from ohlora_lib.methods.vectorfind.steps import LEAST_SLOPE, Stepper, calibrate
from ohlora_lib.methods.vectorfind.vectors import Vectors, save_vectors
from ohlora_lib.networks.files import load_generator, load_network
from ohlora_lib.networks.property_cnn import PropertyCNN, predict
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.seeds import derive_seed, rng
from ohlora_lib.store.samples import read_samples
from ohlora_lib.store.tables import write_json

TRAINED = 0.8  # share of each class that an SVM learns from; the rest validates it
FEWEST = 10  # samples per class below which a group takes the pooled directions


def search(
    version: str,
    *,
    samples: str | Path,
    generator: str | Path,
    property_cnn: str | Path,
    path: str | Path,
    metrics_path: str | Path,
    seed: int,
    rows: int | None = None,
    groups: Sequence[str] | None = None,
    share: float | None = None,
    batch_size: int = 16,
    device: str = "cpu",
) -> None:
    """Find a version's directions in samples and write them, with what is known of the search.

    Groups are parted by the medians of the samples themselves, as v8 has it; v6 and v7 took those
    of other faces, which leaves groups of very different sizes.

    Args:
        version: one of `vectors.VERSIONS`.
        samples: see `methods.sampling.draw_samples`.
        generator: checkpoint that they were drawn with.
        property_cnn: checkpoint that read them; it must predict the grouping properties.
        path: checkpoint to write, see `methods.vectorfind.vectors`.
        metrics_path: JSON to write.
        seed: the run's seed.
        rows: use only so many samples; all when None.
        groups: properties that group faces, [] for one direction for all; the version's when None.
        share: of a group, in each of the two classes; the version's when None.
        batch_size: pictures per forward pass, where the length of a step is measured.
        device: torch device name.

    Raises:
        InputError: a file is missing, damaged, lacks a column, or there are too few samples.
    """
    options = version_options(version, groups, share)
    column = "w" if options.space == "w" else "latent"
    found = read_samples(samples, [column, *CONTROLLED, *options.groups], rows)
    scores = np.stack([found[name] for name in CONTROLLED], axis=1)
    grouping = np.stack([found[name] for name in options.groups], axis=1)
    medians = np.median(grouping, axis=0)
    codes = group_codes(grouping, medians)
    stream = derive_seed(seed, "vectorfind", version)
    vectors = find_vectors(found[column], scores, codes, medians, options.share, stream)
    halves = split_half(found[column], scores, codes, len(vectors.counts), options.share, stream)
    network = load_generator(generator)
    reader = load_network(property_cnn, PropertyCNN.kind).to(device)
    scorer = partial(predict, reader)
    model = Stepper(network, scorer, reader.outputs, vectors, options, batch_size, device)
    slopes = calibrate(model, stream)
    # latents are N(0, 1); w is not
    covariance = np.eye(found[column].shape[1])
    if options.space == "w":
        covariance = moments(samples, CONTROLLED, rows).covariance
    provenance = {
        "version": version,
        "seed": seed,
        "samples": len(codes),
        **origin({"generator": network, "property_cnn": reader}),
    }
    save_vectors(path, vectors, options, slopes, provenance)
    metrics = {
        "version": version,
        "samples": len(codes),
        "mahalanobis": unit_lengths(vectors, slopes, covariance),
        "slopes": dict(zip(CONTROLLED, slopes[0].tolist(), strict=True)),
        "split_half": halves,
        **vectors.metrics(),
    }
    write_json(metrics_path, metrics)


def unit_lengths(vectors: Vectors, slopes: np.ndarray, covariance: np.ndarray) -> dict[str, float]:
    """Return the Mahalanobis norm of the step that changes a property by one, mean over groups.

    Args:
        vectors: unit vectors.
        slopes: [groups, 3], score units per unit vector.
        covariance: [D, D], of the space that they move in.
    """
    units = vectors.directions / np.maximum(slopes, LEAST_SLOPE)[:, :, None]
    squares = np.einsum("gpd,de,gpe->gp", units, np.linalg.inv(covariance), units)
    return dict(zip(CONTROLLED, np.sqrt(squares).mean(axis=0).tolist(), strict=True))


def find_vectors(
    latents: np.ndarray,
    scores: np.ndarray,
    codes: np.ndarray,
    medians: np.ndarray,
    share: float,
    seed: int,
) -> Vectors:
    """Find the directions of eyes, mouth and pose in every group.

    One LinearSVC (scikit-learn's defaults, features unscaled) per group and property, between the
    highest and the lowest samples. The direction is its normal, oriented so that adding it raises
    the property: the published code names its classes so that adding the vector lowers it, which is
    why all published correlations are negative.

    Args:
        latents: float32 [N, D], of the space searched.
        scores: float32 [N, 3] of `CONTROLLED`.
        codes: int [N], see `group_codes`.
        medians: [G] that the codes come from.
        share: see `VectorOptions`.
        seed: of the splits; published is 2025.

    Returns:
        The directions; a group with fewer than `FEWEST` samples per class has the pooled ones.

    Raises:
        InputError: there are too few samples even for pooled directions.
    """
    groups = 2 ** len(medians)
    counts = np.bincount(codes, minlength=groups)
    k = np.array([extreme_count(count, share) for count in counts])
    pooled = k < FEWEST
    together: list[_Fit] = []
    if pooled.any():
        k[pooled] = extreme_count(len(codes), share)
        if extreme_count(len(codes), share) < 2:
            raise InputError(
                f"{len(codes)} samples are too few to find directions between the highest and the "
                f"lowest share of {share:g} of them; raise the number of samples"
            )
        together = _fit_all(latents, scores, share, derive_seed(seed, "vectorfind", "pooled"))
    fits = []
    for code in range(groups):
        if pooled[code]:
            fits.append(together)
        else:
            rows = codes == code
            stream = derive_seed(seed, "vectorfind", code)
            fits.append(_fit_all(latents[rows], scores[rows], share, stream))
    return Vectors(
        directions=np.array([[fit.direction for fit in row] for row in fits], np.float32),
        medians=np.asarray(medians, np.float32),
        accuracy=np.array([[fit.accuracy for fit in row] for row in fits], np.float32),
        counts=counts,
        k=k,
        pooled=pooled,
        converged=np.array([[fit.converged for fit in row] for row in fits]),
    )


def split_half(
    latents: np.ndarray,
    scores: np.ndarray,
    codes: np.ndarray,
    group_count: int,
    share: float,
    seed: int,
) -> dict[str, dict[str, float]]:
    """Measure whether groups differ in their directions, or whether the difference is noise.

    Every group is split into random halves and directions are found in each half. Both cosines
    below are between directions from halves, so they suffer from the same noise.

    Args:
        latents: as of `find_vectors`, and so are `scores`, `codes`, `share`.
        scores: see there.
        codes: see there.
        group_count: number of groups.
        share: see there.
        seed: of the halves.

    Returns:
        Per property: `within`, the mean cosine between the two halves of a group; `between`, that
        between halves of different groups; `corrected` = between / within, an estimate of the
        cosine without noise: 1 says that groups share one direction; `groups`, how many are large
        enough to be compared. NaN where there is nothing to compare.
    """
    found: list[list[list[np.ndarray]]] = []  # groups that are large enough, halves, properties
    for code in range(group_count):
        stream = derive_seed(seed, "split half", code)
        rows = rng(stream, "halves").permutation(np.flatnonzero(codes == code))
        halves = (rows[: len(rows) // 2], rows[len(rows) // 2 :])
        if extreme_count(len(halves[0]), share) >= FEWEST:
            fits = [_fit_all(latents[half], scores[half], share, stream) for half in halves]
            found.append([[fit.direction for fit in half] for half in fits])
    result = {}
    for i, name in enumerate(CONTROLLED):
        own = np.array([[half[i] for half in group] for group in found])  # [groups, 2, D]
        within = between = float("nan")
        if len(own):
            within = float((own[:, 0] * own[:, 1]).sum(axis=-1).mean())
        if len(own) > 1:
            cosines = np.einsum("ahd,bkd->abhk", own, own)
            between = float(cosines[~np.eye(len(own), dtype=bool)].mean())
        result[name] = {
            "within": within,
            "between": between,
            "corrected": between / within if within > 0 else float("nan"),
            "groups": len(own),
        }
    return result


@dataclass(frozen=True)
class _Fit:
    direction: np.ndarray  # float64 [D], unit length
    accuracy: float
    converged: bool


def _fit_all(latents: np.ndarray, scores: np.ndarray, share: float, seed: int) -> list[_Fit]:
    """Fit each property of samples [n, D] with scores [n, 3]."""
    return [
        _fit(latents, scores[:, i], share, derive_seed(seed, name))
        for i, name in enumerate(CONTROLLED)
    ]


def _fit(latents: np.ndarray, scores: np.ndarray, share: float, seed: int) -> _Fit:
    """Separate the highest from the lowest of samples [n, D] with scores [n]."""
    highest, lowest = extremes(scores, share)
    draw = rng(seed, "split")
    cut = int(TRAINED * len(highest))
    classes = [draw.permutation(rows) for rows in (lowest, highest)]
    train = np.concatenate([rows[:cut] for rows in classes])
    test = np.concatenate([rows[cut:] for rows in classes])
    # 1, the positive side, is the higher class: the normal points to where the property rises
    svm = LinearSVC(random_state=seed % 2**32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it is counted instead
        svm.fit(latents[train], np.repeat([0, 1], cut))
    accuracy = svm.score(latents[test], np.repeat([0, 1], len(highest) - cut))
    normal = svm.coef_[0]
    return _Fit(normal / np.linalg.norm(normal), float(accuracy), bool(svm.n_iter_ < svm.max_iter))
