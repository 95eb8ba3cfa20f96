"""The judges, an entry each; torch-free, as rules and pages read it.

`cnn` is the network that methods are trained against; `segment` has seen none of them: it measures
the segmented picture as the population was measured. A method is good when both say so. Other
judges inform: they measure something else, and change no rank.

A judge is a module of this folder with a function `load`, see `judging.measure`. It is imported
only when it is needed: a job's code digest covers the judge that it runs, so that an edited score
does not ask the network again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ohlora_lib.methods.base import Method
from ohlora_lib.networks.segmenters import segmenter_files
from ohlora_lib.populations.recipes import score_statistics
from ohlora_lib.scores import ALGORITHMS
from ohlora_lib.store.results import Results

Config = dict[str, Any]


@dataclass(frozen=True)
class JudgeEntry:
    """What the workflow and the pages know of a judge.

    Attributes:
        looks_through: what it looks through, in words.
        inputs: the files that it looks through, from the configuration and the map of files.
        options: how it measures a method, besides its inputs: arguments of `load`.
        ranks: whether its figures decide the order of the leaderboard.
        summary: module whose `judge_method` makes the summary of its measurements.
        table: module whose `render` makes its table on the leaderboard's page; of informing judges.
        exists: whether a configuration has it.
    """

    looks_through: str
    inputs: Callable[[Config, Results], dict[str, Any]]
    options: Callable[[Config, Method], dict[str, Any]]
    ranks: bool = True
    summary: str = "ohlora_lib.judging.protocol"
    table: str | None = None
    exists: Callable[[Config], bool] = lambda config: True


def _dropout(config: Config, method: Method) -> dict[str, Any]:
    return {} if method.dropout_seed is None else {"dropout_seed": method.dropout_seed}


def _segment_inputs(config: Config, results: Results) -> dict[str, Any]:
    return {**segmenter_files(config), "statistics": score_statistics(config, results)}


def _segment_options(config: Config, method: Method) -> dict[str, Any]:
    segmenter = config["domain"]["segmenter"]
    return {
        "segmenter": segmenter["kind"],
        "batch_size": segmenter["batch"],
        "options": {name: config["scores"]["v2"][name] for name in ALGORITHMS["v1"]},
    }


JUDGES = {
    "cnn": JudgeEntry(
        looks_through="the property CNN",
        inputs=lambda config, results: {"weights": results("property_cnn")},
        options=_dropout,
    ),
    "segment": JudgeEntry(
        looks_through="segmentation",  # class maps and algorithm v2, which no method has seen
        inputs=_segment_inputs,
        options=_segment_options,
    ),
    "facexformer": JudgeEntry(
        looks_through="FaceXFormer",
        inputs=lambda config, results: segmenter_files(config),
        options=lambda config, method: {"batch_size": config["domain"]["segmenter"]["batch"]},
        ranks=False,
        summary="ohlora_lib.judging.judges.facexformer_summary",
        table="ohlora_lib.reporting.leaderboard_faces",
        exists=lambda config: config["domain"]["segmenter"]["kind"] == "facexformer",
    ),
}
RANKING = tuple(name for name, entry in JUDGES.items() if entry.ranks)


def judge_names(config: Config) -> list[str]:
    """Return the judges that a configuration has, those that rank first."""
    found = [name for name, entry in JUDGES.items() if entry.exists(config)]
    return sorted(found, key=lambda name: not JUDGES[name].ranks)


def judge_words(name: str) -> str:
    """Return what a judge looks through, in words; of an unknown one its name."""
    return JUDGES[name].looks_through if name in JUDGES else name
