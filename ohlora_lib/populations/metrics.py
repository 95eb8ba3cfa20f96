"""Collects the metrics of an attribute's folds; compares answers and labels with the true ones."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ohlora_lib.store.tables import read_json, read_table, write_json

METRICS = ("loss", "accuracy", "precision", "recall", "f1", "auroc")
_PUBLISHED = {  # in the order of METRICS
    "original": {
        "gender": (0.2564, 0.9045, 0.8984, 0.9334, 0.9155, 0.9601),
        "quality": (0.0951, 0.9315, 0.9906, 0.9370, 0.9630, 0.9536),
    },
    "v1": {
        "gender": (0.0957, 0.9620, 0.9742, 0.9839, 0.9790, 0.9815),
        "quality": (0.0424, 0.9675, 0.9973, 0.9689, 0.9829, 0.9861),
        "age": (0.1551, 0.8915, 0.3327, 0.6877, 0.4482, 0.8853),
        "glass": (0.0579, 0.9765, 0.7242, 0.9029, 0.8016, 0.9894),
    },
}
PUBLISHED = {  # mean over the folds of the reference, by population (spec sections 2.3 and 13.2)
    population: {name: dict(zip(METRICS, row, strict=True)) for name, row in rows.items()}
    for population, rows in _PUBLISHED.items()
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

    Folds are measured on labels with mistakes in them; `label_mistakes` counts these: of the
    labelled images, those that are yes but labelled no (`missed`), and the reverse (`mistaken`).

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
    agreement = mistakes = None
    if annotator_path is not None:
        truth = read_table(annotator_path).set_index("id")[attribute] >= 0.5
        answers = read_table(predictions_path).set_index("id")["mean"] >= 0.5
        labels = read_table(labels_path).set_index("id")[attribute] == 1
        mistakes = count_mistakes(labels, truth[labels.index])
        rest = answers.index.difference(labels.index)
        if len(rest):
            same = (answers[rest] == truth[rest]).mean()
            agreement = {"images": len(rest), "share": float(same)}
    document = {
        "folds": folds,
        "mean": mean,
        "published": PUBLISHED.get(population, {}).get(attribute),
        "agreement": agreement,
        "label_mistakes": mistakes,
    }
    write_json(path, document)


def count_mistakes(labels: pd.Series, truth: pd.Series) -> dict[str, int]:
    """Return how many labels are there, are yes in truth, are missed, and are mistaken for yes.

    Args:
        labels: bool, by image.
        truth: bool, the same images.
    """
    return {
        "images": len(labels),
        "yes": int(truth.sum()),
        "missed": int((truth & ~labels).sum()),
        "mistaken": int((labels & ~truth).sum()),
    }


def _mean(values: list[float | None]) -> float:
    """Mean of the folds that have a value (a fold with one answer only has no AUROC), else NaN."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else float("nan")
