"""The share of faces that fit the concept, before and after FineTune-v8, by two readers."""

from pathlib import Path

from ohlora_lib.attributes import attribute
from ohlora_lib.reporting.theme import BLUE, LIGHT_BLUE, MUTED, headline, number, saved_figure
from ohlora_lib.store.tables import read_json

READERS = {
    "annotator": "annotator, which chose nothing",
    "classifiers": "classifiers, which chose the faces",
}


def plot_concept(path: str | Path, document: str | Path) -> None:
    """Draw a panel per attribute: shares and means before and after by reader, published beside.

    Args:
        path: picture to write.
        document: concept.json, see `judging.concept`.
    """
    found = read_json(document)
    published = found["published"]
    readers = [name for name in READERS if name in found["after"]]
    known = found["after"]["classifiers"]
    titles = {name: attribute(name).many for name in known}
    with saved_figure(path, 13, 4.6) as figure:
        headline(
            figure,
            "What fine-tuning on the chosen faces changes",
            f"Share of {number(found['images'])} random faces, in %, in brackets the mean answer;"
            " light before, dark after. Published: mean answer of its own classifiers.",
        )
        panels = figure.subplots(1, len(titles))
        for axes, (name, title) in zip(panels, titles.items(), strict=True):
            for row, reader in enumerate(readers):
                for shift, (stage, color) in enumerate((("before", LIGHT_BLUE), ("after", BLUE))):
                    share, mean = (
                        100 * found[stage][reader][name][which] for which in ("share", "mean")
                    )
                    place = row + 0.36 * shift - 0.18
                    axes.barh(place, share, height=0.32, color=color)
                    text = f" {number(share, 1)} ({number(mean, 1)})"
                    axes.text(share, place, text, va="center", size=9)
            before, after = (100 * published[stage][name] for stage in ("before", "after"))
            axes.set_title(f"{title}\n", pad=4)
            axes.text(
                0,
                1.02,
                f"published {number(before, 1)} → {number(after, 1)}",
                transform=axes.transAxes,
                color=MUTED,
                size=9,
            )
            largest = max(
                found[stage][reader][name]["share"]
                for stage in ("before", "after")
                for reader in readers
            )
            axes.set(xlim=(0, max(150 * largest, 1.0)))  # room for the numbers
            right = min(axes.get_xlim()[1], 100)
            axes.set_xticks([tick for tick in axes.get_xticks() if 0 <= tick <= right])
            axes.set_yticks(range(len(readers)))
            axes.set_yticklabels(
                [READERS[reader].replace(", ", ",\n") for reader in readers]
                if axes is panels[0]
                else []
            )
            axes.invert_yaxis()
            axes.grid(False)
