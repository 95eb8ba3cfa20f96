"""Collects the metrics of an attribute's folds and compares its answers with the true ones."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ohlora_lib.store.tables import read_json, read_table, write_json

METRICS = ("loss", "accuracy", "precision", "recall", "f1", "auroc")
PUBLISHED = {  # mean over the folds of the reference, by population (spec sections 2.3 and 13.2)
    "original": {
        "gender": {"loss": 0.2564, "accuracy": 0.9045, "f1": 0.9155, "auroc": 0.9601},
        "quality": {"loss": 0.0951, "accuracy": 0.9315, "f1": 0.9630, "auroc": 0.9536},
    },
    "v1": {
        "gender": {"loss": 0.0957, "accuracy": 0.9620, "f1": 0.9790, "auroc": 0.9815},
        "quality": {"loss": 0.0424, "accuracy": 0.9675, "f1": 0.9829, "auroc": 0.9861},
        "age": {"loss": 0.1551, "accuracy": 0.8915, "f1": 0.4482, "auroc": 0.8853},
        "glass": {"loss": 0.0579, "accuracy": 0.9765, "f1": 0.8016, "auroc": 0.9894},
    },
}


def collect_metrics(
    fold_paths: Sequence[str | Path],
    predictions_path: str | Path,
    labels_path: str | Path,
    annotator_path: str | Path | None,
    path: str | Path,
    attribute: str,
    population: str,
) -> None:
    """Write all folds' metrics, their mean, and the agreement with the annotator's true answers.

    Args:
        fold_paths: JSON of each fold.
        predictions_path: answers for every image.
        labels_path: the labels; labelled images do not count for the agreement.
        annotator_path: the annotator's probabilities, without mistakes; None where a person labels.
        path: JSON to write.
        attribute: which.
        population: whose images; decides which published figures stand beside.
    """
    documents = [read_json(fold) for fold in fold_paths]
    names = ("fold", "epochs", "best_epoch", *METRICS)
    folds = [
        {name: item[name] for name in names} | {"attempts": len(item["attempts"])}
        for item in documents
    ]
    mean = {name: _mean([fold[name] for fold in folds]) for name in METRICS}
    agreement = None
    if annotator_path is not None:
        truth = read_table(annotator_path).set_index("id")[attribute] >= 0.5
        answers = read_table(predictions_path).set_index("id")["mean"] >= 0.5
        rest = answers.index.difference(read_table(labels_path)["id"])
        if len(rest):
            same = (answers[rest] == truth[rest]).mean()
            agreement = {"images": len(rest), "share": float(same)}
    document = {
        "folds": folds,
        "mean": mean,
        "published": PUBLISHED.get(population, {}).get(attribute),
        "agreement": agreement,
    }
    write_json(path, document)


def _mean(values: list[float | None]) -> float:
    """Mean of the folds that have a value (a fold with one answer only has no AUROC), else NaN."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else float("nan")
