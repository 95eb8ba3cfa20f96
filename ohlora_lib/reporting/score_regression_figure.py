"""The property CNN beside the segmentation on images it never saw, and how it learned."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ohlora_lib.reporting.theme import (
    BLUE,
    LIGHT_BLUE,
    MUTED,
    ORANGE,
    headline,
    number,
    saved_figure,
)
from ohlora_lib.scores import ALGORITHMS
from ohlora_lib.store.tables import read_json, read_table

NAMES = ALGORITHMS["v1"]  # the seven scores that the network predicts


def plot_property_cnn(
    path: str | Path,
    scores: str | Path,
    found: str | Path,
    validation: str | Path,
    log: str | Path,
    metrics: str | Path,
) -> None:
    """Draw one scatter per property, network against segmentation, and the training curves.

    Args:
        path: the picture to write.
        scores: z-scores of the segmentation, all_scores_v2.csv.
        found: z-scores of the network, all_scores_v2_cnn.csv.
        validation: ids of the images that the network was not trained on.
        log: losses per epoch, train_log.csv.
        metrics: its metrics.json.
    """
    columns = ["id", *[f"{name}_score" for name in NAMES]]
    ids = read_table(validation, ["id"])
    both = ids.merge(read_table(scores, columns), on="id")
    both = both.merge(read_table(found, columns), on="id", suffixes=("", "_cnn"))
    report = read_json(metrics)
    ours, published = report["validation"], report["published"]["validation"]
    reached = [
        name for name in NAMES if _value(ours[name]) >= published[name]["correlation"] - 5e-4
    ]
    with saved_figure(path, 13, 8.5) as figure:
        headline(
            figure,
            f"The property CNN reaches the published correlation in {len(reached)} of {len(NAMES)}"
            " scores",
            f"Each dot is one of {number(len(both))} images that it was not trained on: z-score of"
            " the segmentation, and of the network. The grey line marks equal scores.",
        )
        panels = figure.subplots(2, 4)
        for axes, name in zip(panels.flat, NAMES, strict=False):
            x, y = both[f"{name}_score"].to_numpy(float), both[f"{name}_score_cnn"].to_numpy(float)
            _scatter(axes, x, y)
            axes.set_title(f"{name}\n")
            place = {"transform": axes.transAxes}
            text = f"r = {number(_value(ours[name]), 3)}"
            axes.text(0, 1.025, text, color=BLUE, weight="bold", **place)
            text = f"published {number(published[name]['correlation'], 3)}"
            axes.text(0.34, 1.025, text, color=ORANGE, **place)
        _curves(panels.flat[len(NAMES)], read_table(log), report["best_epoch"])


def _scatter(axes: Axes, x: np.ndarray, y: np.ndarray) -> None:
    reach = np.concatenate([x, y, [-1, 1]])
    low, high = np.nanmin(reach) - 0.3, np.nanmax(reach) + 0.3
    axes.plot([low, high], [low, high], color=MUTED, linewidth=0.8, alpha=0.6)
    size = float(np.clip(6000 / max(1, len(x)), 2, 12))
    axes.scatter(x, y, s=size, color=BLUE, alpha=0.45, linewidth=0)
    axes.set(xlim=(low, high), ylim=(low, high), box_aspect=1)
    axes.set(xlabel="segmentation", ylabel="network")
    axes.locator_params(nbins=6)


def _curves(axes: Axes, log: pd.DataFrame, best_epoch: int) -> None:
    lines = {
        "loss": ("validation, all 7 scores", LIGHT_BLUE),
        "loss_without_background_std": ("validation, without background_std", BLUE),
        "train_loss": ("training, with dropout", MUTED),
    }
    marker = "o" if len(log) < 3 else None
    for name, (label, color) in lines.items():
        axes.plot(log["epoch"], log[name], color=color, label=label, marker=marker, markersize=3.5)
    axes.axvline(best_epoch, color=ORANGE, linewidth=1, linestyle="--", label="kept epoch")
    top = 1.5 * np.nanmax(log[list(lines)].to_numpy(float))  # room for the legend
    axes.set(xlabel="epoch", ylim=(0, top), box_aspect=1)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_title("mean squared error\n")
    axes.legend(loc="upper right", fontsize=8)


def _value(metrics: dict[str, float | None]) -> float:
    """Return the correlation, which JSON keeps as null where it is not defined."""
    value = metrics["correlation"]
    return float("nan") if value is None else float(value)
