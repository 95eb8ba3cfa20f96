"""Learns an attribute from the labelled images of a population and predicts it for all others."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ohlora_lib.errors import InputError
from ohlora_lib.networks.attribute_cnn import AttributeCNN, predict
from ohlora_lib.networks.files import load_network, save_network
from ohlora_lib.seeds import derive_seed
from ohlora_lib.store.shards import iter_images
from ohlora_lib.store.tables import read_table, write_json, write_table
from ohlora_lib.training.classifier import (
    ClassifierOptions,
    Fold,
    FoldData,
    check_answers,
    fold_metrics,
    split,
    train_fold,
)

# Published tables have 4. A network can be equally unsure of thousands of images, which then tie: a
# share of them looked like the rest.
DECIMALS = 6


def train_classifier(
    image_paths: Sequence[str | Path],
    labels_path: str | Path,
    weights_path: str | Path,
    metrics_path: str | Path,
    attribute: str,
    fold: int,
    options: dict,
    seed: int,
    state_directory: str | Path,
    start: str | Path | None = None,
    finished: bool = False,
    device: str = "cpu",
    code: str = "",
) -> None:
    """Train one fold, or take a finished network; write its best epoch and what it reached.

    Args:
        image_paths: image shards.
        labels_path: `id` and a 0/1 column of that attribute.
        weights_path: checkpoint to write.
        metrics_path: JSON to write: metrics, history per epoch, the validation answers.
        attribute: which.
        fold: 0-based.
        options: `folds`, `stratified` and the fields of `ClassifierOptions`.
        seed: the run's seed.
        state_directory: where the training's states go; kept when the job fails.
        start: checkpoint whose weights the training starts from; new ones when None.
        finished: take `start` as it is, and only judge it on the fold's validation images.
        device: torch device name.
        code: digest of the code that trains; a state made by other code is not resumed.

    Raises:
        InputError: all labels the same, a training that fails, a damaged file, or a start
            that predicts another attribute or sees another resolution.
    """
    labels = read_table(labels_path).sort_values("id")
    ids = labels["id"].to_numpy()
    answers = labels[attribute].to_numpy().astype(np.int64)
    images = np.concatenate([rows.images for rows in iter_images(image_paths, ids)])
    options = dict(options)
    folds, stratified = options.pop("folds"), options.pop("stratified")
    training = ClassifierOptions(**options)
    check_answers(answers, folds, attribute, trained_before=start is not None)
    rows = split(answers, folds, stratified, derive_seed(seed, "folds", attribute))
    train_rows, validation_rows = rows[fold]
    stream = derive_seed(seed, "classifier", attribute, fold)
    data = FoldData(images, answers, train_rows, validation_rows)
    network = None if start is None else _start(start, attribute, images.shape[1])
    truth = answers[validation_rows]
    if finished:
        scores = predict(network.to(device), images[validation_rows])
        trained = Fold(network, fold_metrics(truth, scores, training.cut)["loss"], scores, 0)
    else:
        trained = train_fold(
            attribute, data, training, stream, state_directory, network, device, code
        )
    document = {
        "attribute": attribute,
        "fold": fold,
        "epochs": len(trained.history),
        "best_epoch": trained.best_epoch,
        "attempts": trained.attempts,
        "history": trained.history,
        **fold_metrics(truth, trained.scores, training.cut),
        "validation": {
            "id": ids[validation_rows].tolist(),
            "label": truth.tolist(),
            "score": [round(float(score), 6) for score in trained.scores],
        },
    }
    provenance = {"attribute": attribute, "fold": fold, "folds": folds, "seed": seed}
    if finished:
        provenance |= {"made_of": Path(start).name}
    save_network(weights_path, trained.network, provenance)
    write_json(metrics_path, document)


def _start(path: str | Path, attribute: str, resolution: int) -> AttributeCNN:
    network = load_network(path, AttributeCNN.kind)
    if (network.attribute, network.resolution) != (attribute, resolution):
        raise InputError(
            f"{path} predicts {network.attribute} at {network.resolution} pixels, so {attribute} "
            f"at {resolution} cannot start from it; correct "
            f"populations.*.training.{attribute}.start or populations.*.classifiers.{attribute}"
        )
    return network


def predict_attribute(
    weight_paths: Sequence[str | Path],
    image_paths: Sequence[str | Path],
    path: str | Path,
    batch_size: int = 512,
    device: str = "cpu",
) -> None:
    """Write every fold's answer for every image, and their mean, rounded to `DECIMALS`."""
    networks = [load_network(path, AttributeCNN.kind).to(device) for path in weight_paths]
    ids, scores = [], []
    for rows in iter_images(image_paths, batch=batch_size):
        ids.append(rows.ids)
        answers = [predict(network, rows.images) for network in networks]
        scores.append(np.stack(answers, axis=1).astype(np.float64).round(DECIMALS))
    table = pd.DataFrame(
        np.concatenate(scores), columns=[f"fold_{k}" for k in range(len(networks))]
    )
    table["mean"] = table.mean(axis=1).round(DECIMALS)
    table.insert(0, "id", np.concatenate(ids))
    write_table(path, table)
