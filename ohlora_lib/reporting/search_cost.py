"""What control costs: yield of every method against seconds and samples, and how many suffice."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, LogLocator, NullFormatter, NullLocator

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
from ohlora_lib.store.tables import read_table

STEP = 4.2  # % of yield between the lines of two labels that would else cover each other
FEW = 5  # costs that are ticks themselves
GROUPS = 16  # of the way svm
WAYS = {"svm": f"SVM in {GROUPS} groups", "pooled": "SVM, no groups", "linear": "closed form"}


def plot_search_cost(
    path: str | Path,
    leaderboard: str | Path,
    costs: str | Path,
    saturation: str | Path | None = None,
) -> None:
    """Draw all three.

    Args:
        path: picture to write.
        leaderboard: leaderboard.csv.
        costs: costs.csv, the seconds of every method.
        saturation: table of `methods.directions.saturation`; its panel is left out without it.
    """
    table = read_table(leaderboard, ["method", "judge", "gates_v8", "samples"])
    timed = table.merge(read_table(costs, ["method", "train_seconds"]).dropna(), on="method")
    sampled = table[table["samples"] > 0]
    curves = None if saturation is None else read_table(saturation)
    panels = [("seconds", 3.0)] + [("samples", 2.0)] * (len(sampled) > 0)
    panels += [("curves", 2.0)] * (curves is not None)
    with saved_figure(path, 2.9 * sum(width for _, width in panels), 5.6) as figure:
        headline(
            figure,
            "What obedience costs",
            "Yield: share of random latents whose three correlations all reach the gates of "
            "VectorFind-v8 (.92, .88, .88) on the grid of 50.",
        )
        row = figure.subplots(
            1, len(panels), width_ratios=[width for _, width in panels], squeeze=False
        )[0]
        axes = dict(zip((name for name, _ in panels), row, strict=True))
        plot_yields(axes["seconds"], timed, "train_seconds")
        axes["seconds"].set(xlabel="seconds of all jobs that made it, after its generator")
        axes["seconds"].set_title("Every method")
        if "samples" in axes:
            plot_yields(axes["samples"], sampled, "samples")
            axes["samples"].set(xlabel="pictures drawn for the search")
            axes["samples"].set_title("Methods that sample")
        if curves is not None:
            plot_curves(axes["curves"], curves)


def plot_yields(axes: Axes, table: pd.DataFrame, cost: str) -> None:
    """Draw a point per method and judge, and the names of the methods.

    Args:
        axes: where to.
        table: `method`, `judge`, `gates_v8` (share 0-1) and the cost.
        cost: column on the horizontal axis; logarithmic, values below 1 count as 1.
    """
    wide = table.pivot(index="method", columns="judge", values="gates_v8")
    place = table.groupby("method")[cost].first().clip(lower=1.0)
    for judge, color in zip(sorted(wide), (BLUE, ORANGE), strict=False):
        x, y = place[wide.index], 100 * wide[judge]
        axes.scatter(x, y, s=36, color=color, label=f"judge {judge}", zorder=3)
    placed: list[tuple[float, float]] = []
    for name in wide.max(axis=1).sort_values(ascending=False, kind="stable").index:
        x, top = float(np.log10(place[name])), 100 * float(wide.loc[name].max())
        y = top
        while any(abs(x - a) < 0.45 and abs(y - b) < STEP for a, b in placed):
            y -= STEP
        placed.append((x, y))
        line = {"arrowstyle": "-", "color": MUTED, "linewidth": 0.6, "relpos": (0, 0.5)}
        moved = y != top  # the line then leads from the name to its point
        axes.annotate(
            name,
            (place[name], top),
            xytext=(14 if moved else 7, y),
            textcoords=("offset points", "data"),
            va="center",
            size=8,
            color=INK,
            arrowprops={**line, "shrinkA": 0} if moved else None,
        )
    axes.set(xscale="log", ylim=(min(-4.0, *(y - 4 for _, y in placed)), 106), ylabel="yield, %")
    axes.margins(x=0.25)  # for the names
    few = sorted(set(place)) if place.nunique() <= FEW else None
    axes.xaxis.set_major_locator(FixedLocator(few) if few else LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(lambda value, _: number(value))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2)  # beside the title


def plot_curves(axes: Axes, curves: pd.DataFrame) -> None:
    """Draw the least of the three mean correlations, with its interval, and the yield.

    Hollow points are no searches in groups: more than half of the groups were too small.
    """
    for way, color in zip(WAYS, (ORANGE, FOLDS[3], BLUE), strict=True):
        part = curves[curves["way"] == way].sort_values("samples")
        axes.plot(part["samples"], part["weakest"], color=color, label=WAYS[way])
        axes.fill_between(
            part["samples"],
            part["weakest_low"],
            part["weakest_high"],
            color=color,
            alpha=0.12,
            linewidth=0,
        )
        filled = [color if count <= GROUPS / 2 else "white" for count in part["pooled_groups"]]
        axes.scatter(
            part["samples"], part["weakest"], s=32, facecolor=filled, edgecolor=color, zorder=3
        )
        axes.plot(part["samples"], part["passed"], color=color, linestyle=":", linewidth=1)
    axes.set(xscale="log", ylim=(min(0.0, axes.get_ylim()[0]), 1.02))
    sizes = sorted(set(curves["samples"]))
    axes.set_xticks(sizes, [number(size) for size in sizes], rotation=45)
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set(xlabel="samples", ylabel="weakest of the three mean correlations; dotted: yield")
    axes.legend(loc="lower right", title="property CNN judges", title_fontsize=9)
    axes.set_title("How many samples suffice")
    axes.tick_params(colors=MUTED)
