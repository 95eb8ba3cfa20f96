"""Training curves of one network in two runs, overlaid."""

from pathlib import Path

import numpy as np
import pandas as pd

from ohlora_lib.reporting.theme import BLUE, MUTED, ORANGE, headline, saved_figure
from ohlora_lib.reporting.training_curves import loss_name
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.store.tables import read_table

COLORS = (BLUE, ORANGE)  # of the first and the second run
_COLUMNS = 4  # panels in a row


def plot_both(path: str | Path, trained: str, logs: dict[str, Path]) -> None:
    """Draw a panel per correlation and per loss, with a curve per run.

    Args:
        path: the picture to write.
        trained: name of the fine-tune, or of the network that reads scores.
        logs: train_log.csv by name of the run, two of them.

    Raises:
        InputError: a log is missing or unreadable.
    """
    tables = {name: read_table(log) for name, log in logs.items()}
    found = {name for table in tables.values() for name in table}
    unit = "epoch" if "epoch" in found and "step" not in found else "step"
    panels = [f"corr_{name}" for name in CONTROLLED if f"corr_{name}" in found]
    panels += sorted(name for name in found if name.startswith("loss"))
    rows = max(1, -(-len(panels) // _COLUMNS))
    with saved_figure(path, 12, 0.9 + 2.1 * rows) as figure:
        headline(figure, f"Training {trained}", "Correlation: of wanted and measured; 1 best.")
        grid = figure.subplots(rows, _COLUMNS, squeeze=False).flat
        for axes in grid[len(panels) :]:
            axes.set_visible(False)
        for axes, name in zip(grid, panels, strict=False):
            for color, (run, table) in zip(COLORS, tables.items(), strict=True):
                x, y = _points(table, name, unit)
                axes.plot(x, y, color=color, label=run, marker="o", markersize=3)
            kind, _, subject = name.partition("_")
            title = f"correlation, {subject}" if kind == "corr" else f"loss, {loss_name(name)}"
            axes.set_title(title, fontsize=10)
            axes.set_xlabel(unit)
            if name.startswith("corr_"):
                axes.axhline(0, color=MUTED, linewidth=0.8)
                axes.set_ylim(top=1.03)
        if panels:
            grid[0].legend(loc="best")


def _points(table: pd.DataFrame, name: str, unit: str) -> tuple[np.ndarray, np.ndarray]:
    """Return steps or epochs (else row numbers) and the known values of a column."""
    if name not in table:
        return np.empty(0), np.empty(0)
    y = pd.to_numeric(table[name], errors="coerce").to_numpy(float)
    x = table[unit].to_numpy(float) if unit in table else np.arange(len(y), dtype=float)
    known = np.isfinite(y)
    return x[known], y[known]
