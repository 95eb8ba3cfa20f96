"""Leakage of a method: what else changes when one property is requested."""

from pathlib import Path

import matplotlib
import numpy as np

from ohlora_lib.errors import InputError, rebuild
from ohlora_lib.reporting.leaderboard_columns import mean_of
from ohlora_lib.reporting.theme import FAINT, INK, MUTED, headline, number, saved_figure
from ohlora_lib.scores import CONTROLLED, PROPERTIES
from ohlora_lib.store.tables import read_json

_COLORS = matplotlib.colormaps["RdBu_r"]
_DARK = 0.6  # magnitude from which the cell needs white figures


def plot_leakage(
    path: str | Path, summary: str | Path, method: str, judge: str, looks_through: str
) -> None:
    """Draw the leakage matrix as a heat map with its values.

    Args:
        path: the picture to write.
        summary: summary.json of the method and judge.
        method: its name.
        judge: its name.
        looks_through: what the judge looks through, in words.

    Raises:
        InputError: the summary is missing or has no leakage.
    """
    document = read_json(summary)
    try:
        rows = {name: document["levels"]["leakage"][name] for name in CONTROLLED}
    except (KeyError, TypeError):
        raise InputError(f"{summary} lacks levels.leakage; {rebuild(summary)}") from None
    found = list(dict.fromkeys(column for row in rows.values() for column in row))
    columns = [name for name in PROPERTIES if name in found]
    attributes = [name for name in found if name not in PROPERTIES]
    columns += attributes
    values = np.array(
        [[mean_of(rows[row].get(column)) for column in columns] for row in CONTROLLED]
    )  # [3, columns]
    mean = number(mean_of(document["levels"].get("leakage_mean")), 2)
    note = (
        "Row: the property whose request rises by one standard deviation. Column: by how many"
        f" standard deviations each property follows,\nas measured by {looks_through}"
        f"{', and each attribute (its log odds)' if attributes else ''}."
        " Framed cells should be 1, all others 0."
    )
    with saved_figure(path, max(11.0, 1.6 + 0.95 * len(columns)), 3.9) as figure:
        title = f"{method}, judge “{judge}”: other properties follow by {mean} on average"
        headline(figure, title, note)
        axes = figure.subplots()
        axes.imshow(values, cmap=_COLORS, vmin=-1, vmax=1, aspect="auto")
        for y, row in enumerate(CONTROLLED):
            for x, column in enumerate(columns):
                value, own = values[y, x], row == column
                axes.text(
                    x,
                    y,
                    number(value, 2),
                    size=12,
                    weight="bold" if own else "normal",
                    color="white" if abs(value) > _DARK else INK if np.isfinite(value) else MUTED,
                    ha="center",
                    va="center",
                )
                if own:
                    box = {"fill": False, "edgecolor": INK, "linewidth": 2, "zorder": 3}
                    axes.add_patch(
                        matplotlib.patches.Rectangle((x - 0.48, y - 0.47), 0.96, 0.94, **box)
                    )
        if attributes:
            axes.axvline(len(columns) - len(attributes) - 0.5, color="white", linewidth=8)
        labels = [name.replace("_", "\n") for name in columns]
        axes.set_xticks(range(len(columns)), labels, size=11)
        axes.set_yticks(range(len(CONTROLLED)), CONTROLLED, size=12, weight="bold")
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        axes.grid(False)
        for spine in axes.spines.values():
            spine.set(visible=True, color=FAINT)
