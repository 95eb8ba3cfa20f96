"""Key figures of a population beside the published ones, as a table and as a picture of it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ohlora_lib import attributes
from ohlora_lib.reporting import published
from ohlora_lib.reporting.correlation import correlations, pearson
from ohlora_lib.reporting.population_images import ids_with_face
from ohlora_lib.reporting.theme import (
    BLUE,
    FAINT,
    MUTED,
    ORANGE,
    headline,
    number,
    percent,
    saved_figure,
)
from ohlora_lib.reporting.wording import condition
from ohlora_lib.scores import ALGORITHMS, CONTROLLED
from ohlora_lib.store.tables import read_json, read_table, write_json, write_table


@dataclass(frozen=True)
class Figure:
    """One key figure.

    Attributes:
        group: what it is about.
        name: what it is.
        unit: "count", "share" (0-1) or "value".
        ours: of this run; NaN where it is not defined.
        published: of the reference study, where it has one.
    """

    group: str
    name: str
    unit: str
    ours: float
    published: float | None = None


def key_figures(
    population: str,
    labels: pd.DataFrame,
    filter_report: dict,
    faces: int,
    metrics: dict[str, dict],
    scores: dict[str, pd.DataFrame],
) -> list[Figure]:
    """Return the key figures of a population.

    Args:
        population: its name; published figures are known for "original".
        labels: hand labels in use: id and one 0/1 column per attribute.
        filter_report: the filter's filter.json.
        faces: kept images in which a face was found.
        metrics: the metrics.json of each attribute.
        scores: normalised scores of each algorithm.
    """
    total = filter_report["candidates"]
    reference = published.CANDIDATES.get(population)
    generated = published.IMAGES.get(population)
    figures = [Figure("images", "generated", "count", filter_report["total"], generated)]
    figures.append(Figure("images", "given to the filter", "count", total, reference))

    def images(name: str, count: int, theirs: int | None) -> None:
        share = theirs / reference if theirs is not None and reference else None
        figures.append(Figure("images", name, "count", count, theirs))
        figures.append(Figure("images", f"{name}, share", "share", count / max(1, total), share))

    for each in filter_report["conditions"]:
        name = f"pass {condition(each['attribute'], each.get('min'), each.get('max'))}"
        images(name, each["pass"], published.PASSED.get(population, {}).get(each["attribute"]))
    images("kept", filter_report["kept"], published.KEPT.get(population))
    figures.append(
        Figure("images", "kept, with a face found", "count", faces, published.FACES.get(population))
    )

    labelled = published.LABELLED.get(population)
    figures.append(Figure("hand labels", "labelled images", "count", len(labels), labelled))
    for attribute in metrics:
        theirs = published.LABELLED_YES.get(population, {}).get(attribute)
        share = theirs / labelled if theirs is not None and labelled else None
        ours, words = float(labels[attribute].mean()), attributes.attribute(attribute)
        figures.append(Figure("hand labels", f"{attribute}: {words.yes}", "share", ours, share))
        mistakes = metrics[attribute].get("label_mistakes")
        if mistakes:
            wrong = mistakes["missed"] + mistakes["mistaken"]
            figures.append(
                Figure("hand labels", f"{attribute}: unlike the annotator's answer", "count", wrong)
            )

    for attribute, report in metrics.items():
        group, theirs = f"{attribute} networks", report.get("published") or {}
        for key, name in (
            ("auroc", "AUROC, mean of the folds"),
            ("loss", "cross-entropy, nats per image"),
            ("accuracy", "accuracy"),
            ("precision", "precision"),
            ("recall", "recall"),
            ("f1", "F1"),
        ):
            figures.append(
                Figure(group, name, "value", _value(report["mean"].get(key)), theirs.get(key))
            )
        if report.get("agreement"):
            share = _value(report["agreement"]["share"])
            figures.append(
                Figure(group, "agreement with the annotator, unlabelled images", "share", share)
            )

    theirs = published.CORRELATION.get(population, {})
    for name, r in correlations(scores["v1"], scores["v2"]).items():
        figures.append(Figure("correlation of v1 and v2", name, "value", r, theirs.get(name)))
    if "v3" in scores:  # of the other properties they are the same
        for name in CONTROLLED:
            r = pearson(*(scores[each][f"{name}_score"].to_numpy(float) for each in ("v2", "v3")))
            figures.append(Figure("correlation of v2 and v3", name, "value", r))
    for algorithm in scores:
        columns = [f"{name}_score" for name in ALGORITHMS[algorithm]]
        missing = int(scores[algorithm][columns].isna().to_numpy().sum())
        reference_missing = 0 if population in published.KEPT else None
        figures.append(
            Figure("missing scores", f"algorithm {algorithm}", "count", missing, reference_missing)
        )
    return figures


def write_summary(
    picture: str | Path,
    csv: str | Path,
    json: str | Path,
    population: str,
    labels: str | Path,
    filter_json: str | Path,
    segments: Sequence[str | Path],
    metrics: dict[str, str | Path],
    scores: Mapping[str, str | Path],
) -> None:
    """Write the key figures as a picture, a CSV table and a JSON document.

    Args:
        picture: .png to write.
        csv: .csv to write.
        json: .json to write.
        population: its name.
        labels: hand labels in use.
        filter_json: counts of the filter.
        segments: all segment shards.
        metrics: metrics.json by attribute.
        scores: normalised scores by algorithm.
    """
    figures = key_figures(
        population,
        read_table(labels),
        read_json(filter_json),
        len(ids_with_face(segments)),
        {name: read_json(path) for name, path in metrics.items()},
        {algorithm: read_table(table) for algorithm, table in scores.items()},
    )
    rows = [asdict(figure) for figure in figures]
    write_table(csv, pd.DataFrame(rows))
    write_json(json, {"population": population, "figures": rows})
    plot_summary(picture, figures, population)


def plot_summary(path: str | Path, figures: Sequence[Figure], population: str) -> None:
    """Draw the key figures as a table, grouped."""
    groups = list(dict.fromkeys(figure.group for figure in figures))
    half = _break(figures, groups)
    columns = [groups[:half], groups[half:]]
    lines = max(sum(1.6 + sum(f.group == g for f in figures) for g in column) for column in columns)
    kept = next(figure.ours for figure in figures if figure.name == "kept")
    compared = any(figure.published is not None for figure in figures)
    note = "Blue: this run." + (
        " Orange: the reference study; its StyleGAN was trained on photographs." if compared else ""
    )
    with saved_figure(path, 13, 1.0 + 0.235 * lines) as figure:
        title = f"Key figures of population “{population}”: {number(kept)} images kept"
        headline(figure, title, note)
        figure.set_layout_engine("none")
        bottom, top = 0.02, 1 - 0.85 / figure.get_figheight()
        for place, column in enumerate(columns):
            axes = figure.add_axes((0.012 + 0.5 * place, bottom, 0.476, top - bottom))
            axes.set(xlim=(0, 1), ylim=(lines, 0))
            axes.axis("off")
            y = 0.4
            for group in column:
                axes.text(0, y, group, weight="bold", size=11, va="center")
                if y < 1:
                    axes.text(0.8, y, "here", ha="right", va="center", size=9, color=MUTED)
                    axes.text(
                        1,
                        y,
                        "published" if compared else "",
                        ha="right",
                        va="center",
                        size=9,
                        color=MUTED,
                    )
                axes.axhline(y + 0.5, color=MUTED, linewidth=0.7)
                y += 1
                for entry in (entry for entry in figures if entry.group == group):
                    axes.text(0.015, y, entry.name, va="center")
                    axes.text(
                        0.8,
                        y,
                        _show(entry.ours, entry.unit),
                        ha="right",
                        va="center",
                        weight="bold",
                        color=BLUE,
                    )
                    if entry.published is not None:
                        axes.text(
                            1,
                            y,
                            _show(entry.published, entry.unit),
                            ha="right",
                            va="center",
                            color=ORANGE,
                        )
                    axes.axhline(y + 0.5, color=FAINT, linewidth=0.6)
                    y += 1
                y += 0.6


def _break(figures: Sequence[Figure], groups: list[str]) -> int:
    """Return how many groups go into the first column, so that both are about equally long."""
    lengths = np.cumsum([1.6 + sum(f.group == g for f in figures) for g in groups])
    return int(np.argmin(np.maximum(lengths, lengths[-1] - lengths))) + 1


def _show(value: float, unit: str) -> str:
    return {"count": number(value), "share": percent(value), "value": number(value, 3)}[unit]


def _value(value: float | None) -> float:
    """Return a number read from JSON, where null stands for NaN."""
    return float("nan") if value is None else float(value)
