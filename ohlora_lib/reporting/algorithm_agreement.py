"""Algorithm v1 against v2: do both score the same thing?"""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from ohlora_lib.reporting import published
from ohlora_lib.reporting.correlation import BOTH, correlations
from ohlora_lib.reporting.theme import BLUE, FAINT, MUTED, ORANGE, headline, number, saved_figure
from ohlora_lib.store.tables import read_table


def plot_agreement(
    path: str | Path, scores_v1: str | Path, scores_v2: str | Path, population: str
) -> None:
    """Draw one scatter per property, and all correlations beside the published ones.

    Args:
        path: the picture to write.
        scores_v1: normalised scores of algorithm v1.
        scores_v2: normalised scores of algorithm v2.
        population: its name; published figures are known for "original".
    """
    v1, v2 = read_table(scores_v1), read_table(scores_v2)
    both = v1.merge(v2, on="id", suffixes=("_v1", "_v2"))
    ours, theirs = correlations(v1, v2), published.CORRELATION.get(population, {})
    with saved_figure(path, 13, 8.5) as figure:
        headline(
            figure,
            f"Algorithms v1 and v2 compared on {number(len(both))} images",
            "Each dot is an image, placed by its two z-scores; the grey line marks equal scores."
            " r is Pearson's correlation.",
        )
        panels = figure.subplots(2, 4)
        for axes, name in zip(panels.flat, BOTH, strict=False):
            x, y = (both[f"{name}_score_{algorithm}"].to_numpy(float) for algorithm in ("v1", "v2"))
            reach = np.concatenate([x, y, [-1, 1]])
            low, high = np.nanmin(reach) - 0.3, np.nanmax(reach) + 0.3
            axes.plot([low, high], [low, high], color=MUTED, linewidth=0.8, alpha=0.6)
            size = float(np.clip(6000 / max(1, len(x)), 2, 12))
            axes.scatter(x, y, s=size, color=BLUE, alpha=0.35, linewidth=0)
            axes.set(xlim=(low, high), ylim=(low, high), box_aspect=1)
            axes.set(xlabel="z-score, v1", ylabel="z-score, v2")
            axes.locator_params(nbins=6)
            axes.set_title(f"{name}\n")
            text = f"r = {number(ours[name], 3)}"
            axes.text(0, 1.025, text, transform=axes.transAxes, color=BLUE, weight="bold")
            if name in theirs:
                text = f"published {number(theirs[name], 3)}"
                axes.text(0.34, 1.025, text, transform=axes.transAxes, color=ORANGE)
        _compare(panels.flat[len(BOTH)], ours, theirs)


def _compare(axes: Axes, ours: dict[str, float], theirs: dict[str, float]) -> None:
    """Draw each correlation as a dot, the published one as an open dot on the same line."""
    rows = np.arange(len(BOTH))
    lowest = min([0.0, *(r for r in ours.values() if np.isfinite(r))])
    axes.hlines(rows, lowest, 1, color=FAINT, linewidth=1, zorder=1)
    values = [ours[name] for name in BOTH]
    axes.scatter(values, rows, s=34, color=BLUE, label="here", zorder=3)
    if theirs:
        values = [theirs[name] for name in BOTH]
        style = {"s": 70, "facecolor": "none", "edgecolor": ORANGE, "linewidth": 1.8}
        axes.scatter(values, rows, **style, label="published", zorder=2)
    for row, name in enumerate(BOTH):
        axes.text(lowest, row - 0.1, name, size=8.5, va="bottom")
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set(xlim=(lowest - 0.04, 1.05), ylim=(len(BOTH) - 0.4, -0.9), box_aspect=1)
    axes.set(xlabel="correlation of v1 and v2")
    axes.grid(False)
    axes.set_title("all correlations\n")
    axes.text(0, 1.025, "● here", transform=axes.transAxes, color=BLUE, weight="bold")
    if theirs:
        axes.text(0.34, 1.025, "○ published", transform=axes.transAxes, color=ORANGE)
