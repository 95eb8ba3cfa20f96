"""What the leaderboard says of a method: its columns, read from the summary of one judge."""

import math
from dataclasses import dataclass
from typing import Any

from ohlora_lib.scores import CONTROLLED


@dataclass(frozen=True)
class Column:
    """One figure.

    Attributes:
        name: in the CSV.
        place: keys that lead to it in summary.json; empty if it is computed.
        group: heading over neighbouring columns of the page.
        label: heading of the column.
        better: "high", "low", or "one" (the closer to 1, the better).
        unit: "value", "share" (0-1) or "seconds".
        decimals: on the page.
        shared: the same for all judges, as it is read off the pictures by something else.
        shown: on the page; the CSV holds all.
    """

    name: str
    place: tuple[str, ...]
    group: str
    label: str
    better: str
    unit: str = "value"
    decimals: int = 2
    shared: bool = False
    shown: bool = True


def _three(
    name: str, place: tuple[str, ...], group: str, better: str, decimals: int, shown: bool = True
) -> list[Column]:
    return [
        Column(f"{name}_{p}", (*place, p), group, p, better, decimals=decimals, shown=shown)
        for p in CONTROLLED
    ]


_PASS, _SIDE, _RANDOM = "latents that pass", "side effects", "random pictures"

COLUMNS = (
    *_three("corr", ("grid50", "correlation"), "grid of 50: correlation", "high", 3),
    *_three("mae", ("grid50", "mae"), "grid of 50: mean error", "low", 2),
    *_three("best_corr", ("grid50", "best", "correlation"), "best latent: correlation", "high", 3),
    *_three("best_mae", ("grid50", "best", "mae"), "best latent: mean error", "low", 2, False),
    Column("gates_v3", ("grid50", "gates_v3"), _PASS, "v3 gates", "high", "share", 0),
    Column("gates_v8", ("grid50", "gates_v8"), _PASS, "v8 gates", "high", "share", 0),
    *_three("grid8_corr", ("grid8", "correlation"), "grid of 8: correlation", "high", 3),
    *_three("grid8_mae", ("grid8", "mae"), "grid of 8: mean error", "low", 2, False),
    *_three("joint_corr", ("joint", "correlation"), "five levels of all: correlation", "high", 3),
    *_three("joint_mae", ("joint", "mae"), "five levels of all: mean error", "low", 2, False),
    *_three("joint_slope", ("joint", "slope"), "five levels of all: slope", "one", 2, False),
    *_three("slope", ("levels", "slope"), "nine levels: slope", "one", 2),
    *_three("levels_mae", ("levels", "mae"), "within ±1.5: mean error", "low", 2),
    Column("leakage_mean", ("levels", "leakage_mean"), _SIDE, "leakage", "low"),
    Column(
        "leakage_matched_mean",
        ("levels", "leakage_matched_mean"),
        _SIDE,
        "leakage at slope 1",
        "low",
    ),
    Column("flips_any", ("levels", "flips", "any"), _SIDE, "flips", "low", "share", 0, True),
    Column(
        "drift_2", ("levels", "identity_drift_ends"), _SIDE, "identity drift", "low", shared=True
    ),
    *(
        Column(
            f"elsewhere_{p}",
            ("levels", "elsewhere", p),
            _SIDE,
            f"change elsewhere, {p}",
            "low",
            decimals=1,
            shared=True,
            shown=p != "pose",
        )
        for p in CONTROLLED
    ),
    Column("women", ("random", "women"), _RANDOM, "women", "high", "share", 1, True),
    Column("good", ("random", "good"), _RANDOM, "good", "high", "share", 1, True),
    Column("good_relative", (), _RANDOM, "good, of filtered", "high", "share", 0, True),
    Column(
        "diversity", ("random", "diversity"), _RANDOM, "diversity", "high", shared=True, shown=False
    ),
    Column(
        "diversity_relative", (), _RANDOM, "diversity, of filtered", "high", "share", 0, shared=True
    ),
    Column("precision", ("random", "precision"), _RANDOM, "precision", "high", "share", 0, True),
    Column("recall", ("random", "recall"), _RANDOM, "recall", "high", "share", 0, True),
    Column("kernel_ratio", (), _RANDOM, "distance, of floor", "low", decimals=1, shared=True),
    Column("train_seconds", (), "training", "seconds", "low", "seconds", 0, True),
)


def read_figures(summary: dict) -> dict[str, float]:
    """Return every column but train_seconds; NaN where the summary does not say."""
    figures = {c.name: mean_of(entry(summary, *c.place)) for c in COLUMNS if c.place}
    figures["good_relative"] = _ratio(summary, ("good",), ("filtered", "good"))
    figures["diversity_relative"] = _ratio(summary, ("diversity",), ("filtered_diversity",))
    figures["kernel_ratio"] = _ratio(summary, ("kernel_distance",), ("kernel_distance_floor",))
    return figures


def read_intervals(summary: dict) -> dict[str, tuple[float, float]]:
    """Return the 95 % intervals of the columns that have one."""
    found = {}
    for column in COLUMNS:
        value = entry(summary, *column.place) if column.place else None
        if isinstance(value, dict) and None not in (value.get("low"), value.get("high")):
            found[column.name] = value["low"], value["high"]
    return found


def entry(document: Any, *keys: str) -> Any:
    """Return what stands at a place of a document; None where there is nothing."""
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    return document


def mean_of(value: Any) -> float:
    """Return a plain number, or the mean of one with an interval; NaN for null."""
    value = value.get("mean") if isinstance(value, dict) else value
    return math.nan if value is None else float(value)


def _ratio(summary: dict, top: tuple[str, ...], bottom: tuple[str, ...]) -> float:
    above, below = (mean_of(entry(summary, "random", *keys)) for keys in (top, bottom))
    return above / below if below > 0 else math.nan
