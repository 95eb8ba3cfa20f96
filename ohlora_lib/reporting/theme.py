"""One look for all figures: colours, type, number formats, and how a figure reaches its file."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ohlora_lib.store.atomic import atomic_path

INK = "#1f2933"  # text and axes
MUTED = "#66727f"  # notes
FAINT = "#dfe4e8"  # grids and rules
BLUE = "#2f6f9f"  # ours, algorithm v2
LIGHT_BLUE = "#a9c6dc"  # ours, in the second rank
ORANGE = "#d17a22"  # published figures, and algorithm v1
RED = "#b8433f"  # limits, and losses
GREEN = "#3d8b6d"  # gains
FOLDS = ("#12476d", "#2f6f9f", "#5b9bc4", "#3d8b6d", "#86b89f", "#7a6aa8", "#b3a6d3")

DPI = 120  # pixels per inch of charts
QUALITY = 85  # of JPEG, 0-100; faces stay clean and a page stays below a megabyte

_STYLE = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so every machine has it
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


@contextlib.contextmanager
def saved_figure(path: str | Path, width: float, height: float, dpi: int = DPI) -> Iterator[Figure]:
    """Yield an empty figure in the common style and write it when the block succeeds.

    The same figure gives the same bytes: the file carries neither a date nor a version.

    Args:
        path: .png, or .jpg for pages of photographs.
        width: inches.
        height: inches.
        dpi: pixels per inch.
    """
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), dpi=dpi)
        FigureCanvasAgg(figure)
        yield figure
        with atomic_path(path) as part:
            if part.suffix == ".jpg":
                figure.savefig(part, dpi=dpi, pil_kwargs={"quality": QUALITY, "optimize": True})
            else:
                figure.savefig(part, dpi=dpi, metadata={"Software": None})


def headline(figure: Figure, title: str, note: str = "") -> None:
    """Write what the figure says at its top left, and in smaller type how to read it.

    Space for both is taken from a constrained layout, in inches, so that it fits any figure.
    """
    height = figure.get_figheight()
    lines = title.count("\n") + 1
    figure.text(0.012, 1 - 0.12 / height, title, size=14, weight="bold", va="top")
    top = 0.2 + 0.24 * lines
    if note:
        figure.text(0.012, 1 - top / height, note, size=9.5, color=MUTED, va="top", linespacing=1.4)
        top += 0.08 + 0.19 * (note.count("\n") + 1)
    figure.set_layout_engine("constrained", rect=(0.01, 0.01, 0.98, 0.98 - top / height))


def bare(axes: Axes) -> None:
    """Take ticks, frame and grid away."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def number(value: float, decimals: int = 0) -> str:
    """Return a number with thousands separators and a true minus sign; a dash if undefined."""
    if value is None or not np.isfinite(value):
        return "–"
    text = f"{value:,.{decimals}f}"
    if not text.strip("-0.,"):  # -0.0
        text = text.lstrip("-")
    return text.replace("-", "−")


def percent(share: float, decimals: int = 1) -> str:
    """Return a share 0-1 as a percentage; a dash when there is none."""
    return f"{number(None if share is None else 100 * share, decimals)} %"
