"""ROC curves and training curves of the networks of one attribute."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from ohlora_lib import attributes
from ohlora_lib.reporting.theme import (
    FOLDS,
    INK,
    MUTED,
    ORANGE,
    RED,
    headline,
    number,
    percent,
    saved_figure,
)
from ohlora_lib.store.tables import read_json


def roc_curve(label: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the ROC curve from (0, 0) to (1, 1); equal scores make one step.

    Args:
        label: 0 or 1, [N].
        score: float [N].

    Returns:
        False and true positive rates, or None when only one label occurs.
    """
    order = np.argsort(-score, kind="stable")
    label, score = label[order].astype(float), score[order]
    yes, no = label.sum(), (1 - label).sum()
    if not yes or not no:
        return None
    last = np.flatnonzero(np.append(np.diff(score), 1) != 0)  # last row of each run of equal scores
    true, false = np.cumsum(label)[last] / yes, np.cumsum(1 - label)[last] / no
    return np.append(0, false), np.append(0, true)


def plot_roc(
    path: str | Path,
    folds: Sequence[str | Path],
    metrics: str | Path,
    attribute: str,
    max_loss: float,
) -> None:
    """Draw the ROC curves of all folds, and their validation loss per epoch.

    Args:
        path: the picture to write.
        folds: the report of each fold, fold-{k}.json.
        metrics: means over the folds and the published ones, metrics.json.
        attribute: its name.
        max_loss: validation loss above which a fold was trained again, nats per image.
    """
    reports = sorted((read_json(fold) for fold in folds), key=lambda report: report["fold"])
    summary = read_json(metrics)
    published = summary.get("published") or {}
    mean = summary["mean"]
    plural = "s reach a mean" if len(reports) > 1 else " reaches an"
    title = f"{attribute}: the {len(reports)} network{plural} AUROC of {number(mean['auroc'], 3)}"
    if published.get("auroc"):
        title += f" (published: {number(published['auroc'], 3)})"
    words = attributes.attribute(attribute)
    note = (
        f"1 means “{words.yes}”, 0 “{words.no}”."
        " Every network is judged on the fold of labelled images it did not learn from."
    )
    agreement = summary.get("agreement")
    if agreement:
        share = percent(agreement["share"])
        note += f"\nOn {number(agreement['images'])} unlabelled images, {share} of the answers"
        note += " agree with the annotator's."
    with saved_figure(path, 12.5, 6.2) as figure:
        headline(figure, title, note)
        left, right = figure.subplots(1, 2)
        _curves(left, reports, mean, published)
        _training(right, reports, published, max_loss)


def _curves(axes: Axes, reports: list[dict], mean: dict, published: dict) -> None:
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=(0, (2, 3)))
    for index, report in enumerate(reports):
        validation = report["validation"]
        curve = roc_curve(np.array(validation["label"]), np.array(validation["score"], float))
        if curve is not None:
            name = f"fold {report['fold']}: {number(_value(report['auroc']), 3)}"
            axes.plot(*curve, color=FOLDS[index % len(FOLDS)], linewidth=1.6, label=name)
        else:
            axes.plot([], [], " ", label=f"fold {report['fold']}: only one answer")
    axes.plot([], [], " ", label=f"mean: {number(_value(mean['auroc']), 3)}")
    if published.get("auroc"):
        axes.plot([], [], " ", label=f"published mean: {number(published['auroc'], 3)}")
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    axes.set(xlabel="false positive rate", ylabel="true positive rate")
    axes.set_title("ROC curves on the validation folds")
    legend = axes.legend(
        loc="lower right", title="area under the curve", fontsize=9.5, labelcolor=INK
    )
    legend._legend_box.align = "left"


def _training(axes: Axes, reports: list[dict], published: dict, max_loss: float) -> None:
    losses, epochs = [], 1
    for index, report in enumerate(reports):
        color = FOLDS[index % len(FOLDS)]
        epoch = [row["epoch"] for row in report["history"]]
        loss = np.array([_value(row["loss"]) for row in report["history"]], float)
        tries = len(report["attempts"])
        name = f"fold {report['fold']}" + (f" (attempt {tries})" if tries > 1 else "")
        axes.plot(
            epoch,
            loss,
            color=color,
            linewidth=1.4,
            label=name,
            marker="." if len(epoch) < 2 else None,
        )
        axes.plot(
            report["best_epoch"],
            _value(report["loss"]),
            "o",
            color=color,
            markersize=6,
            markeredgecolor="white",
        )
        losses += loss[np.isfinite(loss)].tolist()
        epochs = max(epochs, *epoch, 1)
    top = 1.15 * max([*np.quantile(losses, [0.98]), 0.01]) if losses else 1.0
    if max_loss <= 3 * top:  # a far limit would squeeze the curves
        top = max(top, 1.15 * max_loss)
        _mark(axes, max_loss, f"trained again above {max_loss:g}", RED)
    if published.get("loss"):
        _mark(axes, published["loss"], f"published mean {published['loss']:.3f}", ORANGE)
    axes.set(ylim=(0, top), xlabel="epoch", ylabel="cross-entropy, nats per image")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_title("Validation loss while training; dots: the kept epochs")
    axes.legend(loc="upper right")


def _mark(axes: Axes, loss: float, text: str, color: str) -> None:
    """Draw a level, named at the left, where the curves are high above it."""
    axes.axhline(loss, color=color, linewidth=1, linestyle="--")
    frame = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}
    place = {"transform": axes.get_yaxis_transform(), "va": "top"}
    axes.text(0.012, loss * 0.985, text, size=9, color=color, bbox=frame, **place)


def _value(value: float | None) -> float:
    """Return a number read from JSON, where null stands for NaN."""
    return float("nan") if value is None else float(value)
