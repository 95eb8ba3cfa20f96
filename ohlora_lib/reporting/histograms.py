"""Histograms of the normalised property scores of a population."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ohlora_lib.reporting.theme import (
    BLUE,
    INK,
    LIGHT_BLUE,
    MUTED,
    ORANGE,
    headline,
    number,
    saved_figure,
)
from ohlora_lib.scores import ALGORITHMS, PROPERTIES
from ohlora_lib.scores.words import meaning
from ohlora_lib.store.tables import read_table

OUTLINES = {"v1": ORANGE, "v2": INK}
COLORS = {"v1": "orange", "v2": "black"}  # the same in words
_LIMIT = 4  # standard deviations; what lies beyond counts in the outermost bins
_BINS = np.linspace(-_LIMIT, _LIMIT, 49)


def plot_histograms(path: str | Path, scores: Mapping[str, str | Path]) -> None:
    """Draw one panel per property: the last algorithm filled, others as outlines, missing counted.

    Args:
        path: the picture to write.
        scores: normalised scores by algorithm; methods learn the last ones.
    """
    tables = {algorithm: read_table(table) for algorithm, table in scores.items()}
    *others, learnt = tables
    lines = "; ".join(f"{COLORS[name]} line: {name}" for name in others)
    with saved_figure(path, 13, 7) as figure:
        headline(
            figure,
            f"How the property scores of {number(len(tables[learnt]))} kept images are distributed",
            f"Normalised to mean 0 and standard deviation 1. Blue: algorithm {learnt}; {lines}."
            f" Scores beyond ±{_LIMIT} count in the outermost bins.",
        )
        panels = figure.subplots(2, 4, sharex=True)
        for axes, name in zip(panels.flat, PROPERTIES, strict=True):
            missing = []
            for algorithm in (learnt, *reversed(others)):
                if name not in ALGORITHMS[algorithm]:
                    continue
                values = tables[algorithm][f"{name}_score"].to_numpy(float)
                finite = np.clip(values[np.isfinite(values)], -_LIMIT, _LIMIT)
                missing.append(f"{algorithm} {number(len(values) - len(finite))}")
                if algorithm == learnt:
                    axes.hist(finite, _BINS, color=LIGHT_BLUE, edgecolor=BLUE, linewidth=0.4)
                else:
                    axes.hist(
                        finite, _BINS, histtype="step", color=OUTLINES[algorithm], linewidth=1.3
                    )
            axes.set_title(f"{name}\n", pad=4)
            axes.text(0, 1.02, meaning(name), transform=axes.transAxes, size=9, color=MUTED)
            text = f"missing: {', '.join(reversed(missing))}"
            axes.text(
                0.985,
                0.97,
                text,
                transform=axes.transAxes,
                size=8,
                color=MUTED,
                ha="right",
                va="top",
            )
            axes.margins(y=0.16)
            axes.set_xlim(-_LIMIT, _LIMIT)
            axes.grid(False, axis="x")
        for axes in panels[1]:
            axes.set_xlabel("z-score, standard deviations")
        for axes in panels[:, 0]:
            axes.set_ylabel("images")
