"""The funnel of a population: how many of its images pass each stage."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ohlora_lib.reporting import published
from ohlora_lib.reporting.population_images import ids_with_face
from ohlora_lib.reporting.theme import (
    BLUE,
    FAINT,
    LIGHT_BLUE,
    MUTED,
    ORANGE,
    bare,
    headline,
    number,
    percent,
    saved_figure,
)
from ohlora_lib.reporting.wording import condition
from ohlora_lib.store.tables import read_json


@dataclass(frozen=True)
class Stage:
    """One bar of the funnel.

    Attributes:
        name: what the images have passed.
        count: images.
        condition: whether it is one condition of the filter, seen alone.
        published: share 0-1 of the generated images in the reference study, where it has one.
    """

    name: str
    count: int
    condition: bool = False
    published: float | None = None


def funnel_stages(report: dict, faces: int, population: str) -> list[Stage]:
    """Return the bars of the funnel.

    Args:
        report: the filter's filter.json.
        faces: kept images in which a face was found.
        population: its name; published figures are known for "original".
    """
    total = published.IMAGES.get(population)
    passed = published.PASSED.get(population, {})

    def share(count: int | None) -> float | None:
        return count / total if total and count is not None else None

    stages = [Stage("generated", report["total"])]
    if report["candidates"] < report["total"]:
        theirs = share(published.CANDIDATES.get(population))
        stages.append(Stage("not labelled by hand", report["candidates"], False, theirs))
    for each in report["conditions"]:
        name = condition(each["attribute"], each.get("min"), each.get("max"))
        stages.append(Stage(name, each["pass"], True, share(passed.get(each["attribute"]))))
    all_of_them = "kept: all conditions" if len(report["conditions"]) > 1 else "kept"
    stages.append(Stage(all_of_them, report["kept"], False, share(published.KEPT.get(population))))
    stages.append(
        Stage("face found and parsed", faces, False, share(published.FACES.get(population)))
    )
    return stages


def plot_funnel(
    path: str | Path, filter_json: str | Path, segments: Sequence[str | Path], population: str
) -> None:
    """Draw one bar per stage, as wide as its share of the generated images.

    Args:
        path: the picture to write.
        filter_json: counts of the filter.
        segments: all segment shards.
        population: its name.
    """
    report = read_json(filter_json)
    stages = funnel_stages(report, len(ids_with_face(segments)), population)
    total = max(1, report["total"])
    kept = report["kept"]
    of = f"{number(kept)} of {number(report['total'])} images"
    title = f"{of} of “{population}” are kept ({percent(kept / total)})"
    note = "Pale bars: images that pass this condition alone."
    if any(stage.published is not None for stage in stages):
        note += " Orange marks: share in the reference study."
    with saved_figure(path, 11.5, 1.2 + 0.72 * len(stages)) as figure:
        headline(figure, title, note)
        axes = figure.subplots()
        bare(axes)
        for row, stage in enumerate(stages):
            share = stage.count / total
            axes.barh(row, 1, height=0.66, color=FAINT, alpha=0.45)
            axes.barh(row, share, height=0.66, color=LIGHT_BLUE if stage.condition else BLUE)
            if stage.published is not None:
                axes.vlines(stage.published, row - 0.43, row + 0.43, color=ORANGE, linewidth=2.5)
            axes.text(
                1.15, row, number(stage.count), size=13, weight="bold", ha="right", va="center"
            )
            axes.text(1.28, row, percent(share), size=11, ha="right", va="center")
            if stage.published is not None:
                text = f"published {percent(stage.published)}"
                axes.text(1.32, row, text, size=10, color=ORANGE, va="center")
        axes.set_yticks(range(len(stages)), [stage.name for stage in stages], size=12)
        axes.tick_params(length=0)
        axes.set_xlim(0, 1.54)
        axes.set_ylim(len(stages) - 0.4, -0.6)
        if stages[-1].count < kept:
            lost = kept - stages[-1].count
            figure.text(
                0.988, 0.012, f"{number(lost)} kept without a face", size=9, color=MUTED, ha="right"
            )
