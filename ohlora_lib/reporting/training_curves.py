"""Curves of a fine-tuning: losses, and how well the generator obeys while it learns."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ohlora_lib.errors import InputError, rebuild
from ohlora_lib.reporting.theme import (
    BLUE,
    GREEN,
    MUTED,
    ORANGE,
    RED,
    headline,
    number,
    saved_figure,
)
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.store.tables import read_table

_COLORS = (BLUE, ORANGE, GREEN, "#7a6aa8", RED, "#5b9bc4", MUTED)
_NAMES = {"g": "generator", "d": "discriminator"}  # of losses
_WIDE = 30  # ratio of the largest to the smallest loss from which the axis is logarithmic


def plot_training_curves(path: str | Path, log: str | Path, version: str) -> None:
    """Draw what a training log holds: columns loss_*, and corr_eyes, corr_mouth, corr_pose.

    Args:
        path: the picture to write.
        log: train_log.csv, a row per step or epoch; values may be missing here and there.
        version: name of the fine-tuning.

    Raises:
        InputError: the log is missing, unreadable, or has nothing to draw.
    """
    table = read_table(log)
    losses = [name for name in table if name == "loss" or name.startswith("loss_")]
    correlations = [name for name in CONTROLLED if f"corr_{name}" in table]
    if not losses and not correlations:
        raise InputError(f"{log} has no column loss_… or corr_…; {rebuild(log)}")
    unit = next((name for name in ("epoch", "step") if name in table), None)
    x = table[unit].to_numpy(float) if unit else np.arange(len(table), dtype=float)
    title = f"Fine-tuning {version}: {len(table)} {unit or 'row'}s"
    best = _best(table, correlations)
    if best is not None:
        reached = ", ".join(
            f"{name} {number(table[f'corr_{name}'][best], 2)}" for name in correlations
        )
        title = f"Fine-tuning {version} reaches correlations of {reached}"
        title += f" ({unit} {x[best]:g})" if unit else ""
    with saved_figure(path, 12, 4.6) as figure:
        headline(
            figure,
            title,
            "Left: losses. Right: correlation of requested and measured; 1 is full obedience."
            if losses and correlations
            else "",
        )
        panels = iter(figure.subplots(1, bool(losses) + bool(correlations), squeeze=False).flat)
        if losses:
            axes = next(panels)
            _losses(axes, x, table[losses])
            axes.set(title="losses", xlabel=unit or "row")
        if correlations:
            axes = next(panels)
            for name in correlations:
                _line(axes, x, table[f"corr_{name}"], name, _COLORS[CONTROLLED.index(name)])
            lowest = np.nanmin([0.0, *table[[f"corr_{name}" for name in correlations]].min()])
            axes.axhline(0, color=MUTED, linewidth=0.8)
            axes.set(title="correlation", xlabel=unit or "row", ylim=(lowest - 0.05, 1.02))
            axes.legend(loc="best")


def loss_name(column: str) -> str:
    """Return what a column loss_* of a training log is called in figures."""
    label = column.removeprefix("loss_")
    return _NAMES.get(label, label.replace("_", " "))


def _losses(axes: Axes, x: np.ndarray, table: pd.DataFrame) -> None:
    values = table.to_numpy(float)
    values = values[np.isfinite(values)]
    for index, name in enumerate(table):
        _line(axes, x, table[name], loss_name(name), _COLORS[index % len(_COLORS)])
    if len(values) and values.min() > 0 and values.max() > _WIDE * values.min():
        axes.set_yscale("log")
    axes.legend(loc="best")


def _line(axes: Axes, x: np.ndarray, column: pd.Series, label: str, color: str) -> None:
    """Draw the values that are there; few ones as dots too, so that a single one is seen."""
    y = pd.to_numeric(column, errors="coerce").to_numpy(float)
    known = np.isfinite(y)
    marker = "o" if known.sum() <= 40 else None
    axes.plot(x[known], y[known], color=color, label=label, marker=marker, markersize=3.5)


def _best(table: pd.DataFrame, names: list[str]) -> int | None:
    """Return the row with the largest smallest correlation; None where none is complete.

    As in training, checks of the warm-up do not count: its generator is the one it began with.
    """
    complete = table[[f"corr_{name}" for name in names]].dropna()
    if "g_steps" in table:  # of the generator per step, mean since the check before
        learnt = pd.to_numeric(table["g_steps"], errors="coerce").fillna(0).cumsum() > 0
        complete = complete[learnt.reindex(complete.index)]
    return int(complete.min(axis=1).idxmax()) if names and len(complete) else None
