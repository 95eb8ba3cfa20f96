"""What control costs: yield of every method against seconds, and against the number of samples."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from ohlora_lib.reporting.theme import (
    BLUE,
    FOLDS,
    INK,
    MUTED,
    ORANGE,
    headline,
    number,
    saved_figure,
)
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.store.tables import read_table

WAYS = {"svm": "SVM in 16 groups", "pooled": "SVM, no groups", "linear": "closed form"}


def plot_search_cost(
    path: str | Path,
    leaderboard: str | Path,
    costs: str | Path,
    saturation: str | Path | None = None,
) -> None:
    """Draw both.

    Args:
        path: picture to write.
        leaderboard: leaderboard.csv.
        costs: costs.csv, the seconds of every method.
        saturation: table of `control.saturation`; that half is left out without it.
    """
    table = read_table(leaderboard, ["method", "judge", "gates_v8", "samples"])
    seconds = read_table(costs, ["method", "train_seconds"]).dropna()
    table = table.merge(seconds, on="method")
    curves = None if saturation is None else read_table(saturation)
    with saved_figure(path, 13 if curves is not None else 8, 5.6) as figure:
        headline(
            figure,
            "What obedience costs",
            "Yield: share of random latents whose three correlations all reach the gates of "
            "VectorFind-v8 (.92, .88, .88) on the grid of 50.",
        )
        if curves is None:
            _yields(figure.subplots(), table)
        else:
            left, right = figure.subplots(1, 2, width_ratios=[3, 2])
            _yields(left, table)
            _curves(right, curves)


def _yields(axes: Axes, table: pd.DataFrame) -> None:
    wide = table.pivot(index="method", columns="judge", values="gates_v8")
    seconds = table.groupby("method")["train_seconds"].first()
    for judge, color in zip(sorted(wide), (BLUE, ORANGE), strict=False):
        x, y = seconds[wide.index], 100 * wide[judge]
        axes.scatter(x, y, s=36, color=color, label=f"judge {judge}", zorder=3)
    order = wide.max(axis=1).sort_values().index
    placed: list[tuple[float, float]] = []
    for name in order:
        x, y = float(np.log10(max(seconds[name], 1.0))), 100 * float(wide.loc[name].max())
        while any(abs(x - a) < 0.45 and abs(y - b) < 4.2 for a, b in placed):
            y -= 4.2
        placed.append((x, y))
        axes.annotate(
            name,
            (seconds[name], y),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            size=8,
            color=INK,
        )
    axes.set(xscale="log", ylim=(-4, 106))
    axes.set(xlabel="seconds of all jobs that made it, after its generator", ylabel="yield, %")
    axes.xaxis.set_major_formatter(lambda value, _: number(value))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.legend(loc="lower right")
    axes.set_title("Every method")


def _curves(axes: Axes, curves: pd.DataFrame) -> None:
    for way, color in zip(WAYS, (ORANGE, FOLDS[3], BLUE), strict=True):
        part = curves[curves["way"] == way].sort_values("samples")
        weakest = part[[f"corr_{name}" for name in CONTROLLED]].min(axis=1)
        axes.plot(part["samples"], weakest, marker="o", color=color, label=WAYS[way])
        axes.plot(part["samples"], part["passed"], color=color, linestyle=":", linewidth=1)
    axes.set(xscale="log", ylim=(min(0.0, axes.get_ylim()[0]), 1.02))
    sizes = sorted(set(curves["samples"]))
    axes.set_xticks(sizes, [number(size) for size in sizes], rotation=45)
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set(xlabel="samples", ylabel="weakest of the three mean correlations; dotted: yield")
    axes.legend(loc="lower right", title="property CNN judges", title_fontsize=9)
    axes.set_title("How many samples suffice")
    axes.tick_params(colors=MUTED)
