"""t-SNE of the samples that score highest and lowest, as VectorFind plots them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from sklearn.manifold import TSNE

from ohlora_lib.methods.vectorfind.groups import extremes, group_codes, group_name, version_options
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
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.seeds import derive_seed, rng
from ohlora_lib.store.samples import read_samples

_ROWS = 8  # groups below each other; more stand side by side
_FEWEST = 4  # points below which a panel stays empty


def draw_tsne(
    path: str | Path,
    samples: str | Path,
    version: str,
    rows: int,
    points: int,
    seed: int,
    groups: Sequence[str] | None = None,
    share: float | None = None,
) -> None:
    """Draw the samples of a VectorFind version.

    Args:
        path: picture to write.
        samples: see `methods.sampling.draw_samples`.
        version: one of `methods.vectorfind.groups.VERSIONS`.
        rows: how many samples the version uses.
        points: see `plot_tsne`.
        seed: the run's seed.
        groups: see `methods.vectorfind.vectors.version_options`, and so is `share`.
        share: see there.
    """
    options = version_options(version, groups, share)
    column = "w" if options.space == "w" else "latent"
    found = read_samples(samples, [column, *CONTROLLED, *options.groups], rows)
    scores = np.stack([found[name] for name in CONTROLLED], axis=1)
    grouping = np.stack([found[name] for name in options.groups], axis=1)
    codes = group_codes(grouping, np.median(grouping, axis=0))
    names = [group_name(code, len(options.groups)) for code in range(2 ** len(options.groups))]
    plot_tsne(path, found[column], scores, codes, names, options.share, seed, points)


def plot_tsne(
    path: str | Path,
    latents: np.ndarray,
    scores: np.ndarray,
    codes: np.ndarray,
    group_names: Sequence[str],
    share: float,
    seed: int,
    points: int,
) -> None:
    """Draw a panel per group (rows) and property (columns), each a t-SNE of its own.

    Published settings: 2 components, perplexity min(50, count - 1), learning rate 100, 1,000
    iterations; unlike them at most `points` samples per panel, chosen at random.

    Args:
        path: the picture to write.
        latents: float32 [N, D].
        scores: float32 [N, 3] of `CONTROLLED`.
        codes: int [N], group of each sample.
        group_names: by code.
        share: of a group, in each of the two classes.
        seed: of t-SNE and of the choice; published is 2025.
        points: the most per panel, half of each class.
    """
    blocks = -(-len(group_names) // _ROWS)
    height = -(-len(group_names) // blocks)
    per_row = len(CONTROLLED)
    with saved_figure(path, max(2.2 * per_row * blocks, 7.5), 1.9 * height + 1.4) as figure:
        headline(
            figure,
            "Samples that score highest and lowest, by t-SNE",
            f"Blue: the highest {percent(share, 0)} of a group; orange: the lowest.\n"
            f"At most {number(points)} points a panel, at random (published plots show all).\n"
            "Who is near whom has a meaning, places and axes have none.",
        )
        panels = figure.subplots(height, per_row * blocks, squeeze=False)
        for axes in panels.flat:
            axes.set_visible(False)
        for code, group in enumerate(group_names):
            block, row = divmod(code, height)
            members = np.flatnonzero(codes == code)
            for i, name in enumerate(CONTROLLED):
                axes = panels[row, block * per_row + i]
                axes.set_visible(True)
                axes.set_title(f"{group} · {name}" if group else name, fontsize=9)
                stream = derive_seed(seed, "t-sne", code, name)
                _panel(axes, latents[members], scores[members, i], share, stream, points)


def _panel(
    axes: Axes, latents: np.ndarray, scores: np.ndarray, share: float, seed: int, points: int
) -> None:
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(visible=True, color=FAINT)
    draw = rng(seed, "points")
    classes = [draw.permutation(rows)[: points // 2] for rows in extremes(scores, share)]
    rows = np.concatenate(classes)
    if len(rows) < _FEWEST:
        axes.text(
            0.5, 0.5, "too few samples", transform=axes.transAxes, color=MUTED, ha="center", size=8
        )
        return
    places = TSNE(
        n_components=2,
        perplexity=min(50, len(rows) - 1),
        learning_rate=100,
        max_iter=1000,
        random_state=seed % 2**32,
    ).fit_transform(latents[rows])
    high = np.arange(len(rows)) < len(classes[0])
    order = draw.permutation(len(rows))  # so that neither class covers the other
    colors = np.where(high, BLUE, ORANGE)[order]
    axes.scatter(*places[order].T, c=colors, s=5, linewidths=0, alpha=0.8)
