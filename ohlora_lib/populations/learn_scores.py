"""Learns property scores of a population's faces, and scores all of its kept images."""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ohlora_lib.errors import InputError, rebuild
from ohlora_lib.networks.files import load_network, save_network
from ohlora_lib.networks.property_cnn import OUTPUTS, HairstyleCNN, PropertyCNN, predict
from ohlora_lib.scores.normalize import units
from ohlora_lib.scores.regions import HAIR
from ohlora_lib.seeds import derive_seed
from ohlora_lib.store.shards import iter_images, iter_segments
from ohlora_lib.store.tables import (
    read_json,
    read_table,
    write_json,
    write_table,
)
from ohlora_lib.training import score_regression as property_cnn
from ohlora_lib.training.distributed import Ranks
from ohlora_lib.training.score_regression import TILTED, PropertyOptions, ScoredFaces, agreement
from ohlora_lib.training.state import locked

Network = type[PropertyCNN] | type[HairstyleCNN]


def train_property_cnn(
    image_paths: Sequence[str | Path],
    scores_path: str | Path,
    weights_path: str | Path,
    log_path: str | Path,
    validation_path: str | Path,
    state_directory: str | Path,
    population: str,
    options: dict,
    seed: int,
    kind: Network = PropertyCNN,
    device: str = "cpu",
    segment_paths: Sequence[str | Path] = (),
    statistics_path: str | Path | None = None,
    code: str = "",
    arguments: Mapping[str, Any] | None = None,
) -> None:
    """Train on the faces that have scores; write the best epoch, the log and the held-out ids.

    Args:
        image_paths: image shards.
        scores_path: all_scores_v2.csv: `id` and a z-score per property, empty where missing.
        weights_path: checkpoint to write.
        log_path: table to write: losses and validation correlations per epoch.
        validation_path: table to write: `id` of the images never trained on.
        state_directory: where the state of every epoch goes; kept when the job fails.
        population: whose images these are, for the checkpoint's provenance.
        options: the fields of `PropertyOptions`.
        seed: the run's seed.
        kind: which network.
        device: torch device name.
        segment_paths: segment shards, for a network that learns where hair is.
        statistics_path: all_scores_v2.json, for a network that learns from rotated pictures.
        code: digest of the code that trains; a state made by other code is not resumed.
        arguments: constructor arguments of the network, besides its resolution.

    Raises:
        InputError: a table or shard is missing, damaged, or lacks a column or an image; another
            process trains with the same state.
    """
    ids, scores = read_scores(scores_path, _outputs(kind))
    training = PropertyOptions(**options)
    pose_unit = None
    if statistics_path is not None:
        pose_unit = units(read_json(statistics_path), [TILTED], statistics_path)[TILTED]
    stream = derive_seed(seed, kind.kind, population)
    train_rows, validation_rows = property_cnn.split(len(ids), training.validation_share, stream)
    parts = list(iter_images(image_paths, ids=ids))
    # the shards' order, so that every row of scores stands beside its picture
    rows = np.searchsorted(ids, np.concatenate([part.ids for part in parts]))
    images = np.concatenate([part.images for part in parts])[np.argsort(rows)]
    hair = _hair(segment_paths, ids) if segment_paths else None
    data = ScoredFaces(images, scores, train_rows, validation_rows, hair, pose_unit)
    ranks = Ranks(device)
    with locked(state_directory) if ranks.first else contextlib.nullcontext():
        ranks.agree(None)  # none of the others reads a state before the folder is ours
        trained = property_cnn.train_property_cnn(
            data, training, stream, state_directory, kind, device, code, arguments
        )
        if not ranks.first:
            return
        provenance = {
            "population": population,
            "images": {"train": len(train_rows), "validation": len(validation_rows)},
            "best_epoch": trained.best_epoch,
            "epochs": len(trained.history),
            "seed": seed,
        }
        write_table(log_path, pd.DataFrame(trained.history).round(6))
        write_table(validation_path, pd.DataFrame({"id": ids[validation_rows]}))
        save_network(weights_path, trained.network, provenance)


def score_property_cnn(
    image_paths: Sequence[str | Path],
    kept_path: str | Path,
    scores_path: str | Path,
    weights_path: str | Path,
    log_path: str | Path,
    validation_path: str | Path,
    csv_path: str | Path,
    metrics_path: str | Path,
    kind: Network = PropertyCNN,
    published: Mapping[str, Any] | None = None,
    batch_size: int = 256,
    device: str = "cpu",
) -> None:
    """Score all kept images and compare with the scores of the segmentation.

    Args:
        image_paths: image shards.
        kept_path: table with the `id` of the kept images.
        scores_path: all_scores_v2.csv.
        weights_path: the trained network.
        log_path: its training log.
        validation_path: ids it was not trained on.
        csv_path: table to write: `id` and a z-score per property, 4 decimals.
        metrics_path: JSON to write.
        kind: which network.
        published: what the reference published of the metrics; noted beside.
        batch_size: images held at once.
        device: torch device name.

    Raises:
        InputError: a table, shard or checkpoint is missing, damaged or does not fit.
    """
    table = score_kept(image_paths, kept_path, weights_path, kind, batch_size, device)
    names = _outputs(kind)
    held_out = read_table(validation_path, ["id"])["id"]
    log = read_table(log_path, ["epoch", "loss_without_background_std"])
    known, scores = read_scores(scores_path, names)
    absent = np.setdiff1d(known, table["id"])
    if len(absent):
        raise InputError(
            f"{scores_path} scores image {absent[0]}, which {kept_path} does not keep; "
            f"{rebuild(scores_path)}"
        )
    answers = table.set_index("id").loc[known].to_numpy()
    validation = np.isin(known, held_out)
    metrics = {
        "validation": _compare(names, scores[validation], answers[validation]),
        "all": _compare(names, scores, answers),
        "images": {"train": int((~validation).sum()), "validation": int(validation.sum())},
        "best_epoch": int(log["epoch"][log["loss_without_background_std"].idxmin()]),
        "epochs": len(log),
        "published": published,
    }
    write_json(metrics_path, metrics)
    write_table(csv_path, table)


def score_kept(
    image_paths: Sequence[str | Path],
    kept_path: str | Path,
    weights_path: str | Path,
    kind: Network = PropertyCNN,
    batch_size: int = 256,
    device: str = "cpu",
) -> pd.DataFrame:
    """Score all kept images of a population.

    Returns:
        `id`, ascending, and a z-score per output of the network, 4 decimals.

    Raises:
        InputError: a table, shard or checkpoint is missing or damaged.
    """
    network = load_network(weights_path, kind.kind).to(device)
    kept = read_table(kept_path, ["id"])["id"].to_numpy()
    ids, found = [], []
    for rows in iter_images(image_paths, ids=kept, batch=batch_size):
        ids.append(rows.ids)
        found.append(predict(network, rows.images))
    scores = np.concatenate(found).astype(np.float64).round(4)
    table = pd.DataFrame(scores, columns=_columns(network.outputs))
    table.insert(0, "id", np.concatenate(ids))
    return table.sort_values("id")


def merge_networks(property_cnn: str | Path, hairstyle_cnn: str | Path, path: str | Path) -> None:
    """Join two trained networks into one that predicts eight scores; weights are only copied.

    Args:
        property_cnn: checkpoint of the seven scores.
        hairstyle_cnn: checkpoint of the eighth.
        path: checkpoint to write.

    Raises:
        InputError: a checkpoint is missing or damaged, or they see different resolutions.
    """
    parts = [load_network(property_cnn, PropertyCNN.kind)]
    parts.append(load_network(hairstyle_cnn, HairstyleCNN.kind))
    sides = [part.config()["resolution"] for part in parts]
    if sides[0] != sides[1]:
        raise InputError(
            f"{property_cnn} sees {sides[0]} pixels and {hairstyle_cnn} {sides[1]}; "
            f"{rebuild(property_cnn)}"
        )
    merged = PropertyCNN(**{**parts[0].config(), "hairstyle": True})
    merged.load_state_dict(
        {
            **parts[0].state_dict(),
            **{f"hairstyle_score_cnn.{key}": v for key, v in parts[1].state_dict().items()},
        }
    )
    save_network(path, merged)


def read_scores(path: str | Path, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return ids [N], ascending, and z-scores [N, len(names)] of a table, NaN where missing.

    Raises:
        InputError: the table is missing, lacks a column, has an id twice or a score that is no
            number.
    """
    columns = _columns(names)
    table = read_table(path, ["id", *columns]).sort_values("id")
    twice = table["id"][table["id"].duplicated()]
    if len(twice):
        raise InputError(f"{path} has the id {twice.iloc[0]} twice; {rebuild(path)}")
    for column in table:
        if not pd.api.types.is_numeric_dtype(table[column]):
            raise InputError(f"{path} has text in the column {column}; {rebuild(path)}")
    return table["id"].to_numpy(), table[columns].to_numpy(np.float64)


def _hair(segment_paths: Sequence[str | Path], ids: np.ndarray) -> np.ndarray:
    """Return maps of hair, their rows packed into bits: uint8 [N, 224, 28], in the order of ids."""
    parts = list(iter_segments(segment_paths, ids=ids))
    maps = np.concatenate([np.packbits(part.class_maps == HAIR, axis=-1) for part in parts])
    return maps[np.argsort(np.searchsorted(ids, np.concatenate([part.ids for part in parts])))]


def _outputs(kind: Network) -> tuple[str, ...]:
    return OUTPUTS if kind is PropertyCNN else HairstyleCNN.outputs


def _columns(names: Sequence[str]) -> list[str]:
    return [f"{name}_score" for name in names]


def _compare(
    outputs: Sequence[str], scores: np.ndarray, found: np.ndarray
) -> dict[str, dict[str, float]]:
    return {
        name: agreement(scores[:, column], found[:, column]) for column, name in enumerate(outputs)
    }
