"""Collects the metrics of an attribute's folds; compares answers and labels with the true ones."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ohlora_lib.store.tables import read_json, read_table, write_json

METRICS = ("loss", "accuracy", "precision", "recall", "f1", "auroc")


def collect_metrics(
    fold_paths: Sequence[str | Path],
    predictions_path: str | Path,
    labels_path: str | Path,
    annotator_path: str | Path | None,
    path: str | Path,
    attribute: str,
    published: Mapping[str, float] | None = None,
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
        published: what the reference published of the metrics, if anything; noted beside.
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
        "published": published,
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
