"""The leaderboard: every method by every judge, ranked, beside what the reference published."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ohlora_lib.errors import InputError, rebuild
from ohlora_lib.reporting import published
from ohlora_lib.reporting.leaderboard_columns import COLUMNS, read_figures, read_intervals
from ohlora_lib.reporting.leaderboard_informing import render_table
from ohlora_lib.reporting.leaderboard_page import Judge, render
from ohlora_lib.reporting.theme import number
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.store.atomic import atomic_path
from ohlora_lib.store.tables import read_json, read_table, write_table

GOOD_ENOUGH = 0.9  # share of good pictures, of the filtered set's, that a method must keep
VARIED = 0.01  # recall of the filtered set below which a method draws the same few faces
PUBLISHED = tuple(
    column.name
    for column in COLUMNS
    if any(column.name in figures for figures in published.CONTROL.values())
)


@dataclass(frozen=True)
class Method:
    """Where a method's figures come from.

    Attributes:
        recipe: "corrected", "published" or whatever distinguishes it; may be empty.
        benchmarks: Snakemake's benchmark files of all jobs that made it, from its generator on, and
            the share 0-1 of each that counts: what several methods use is charged by use.
        earlier: files in which trainings among these jobs note how long earlier jobs took, where
            they were killed and went on (see `training.state`); missing ones count nothing.
        samples: pictures that its directions were fitted on, 0 where there are none.
        curves: picture of its training, if there is one.
        log: table of its training, if there is one: `step`, a row per check.
        steps: most steps that the training may take.
        patience: checks without a better one that end it before; 0: none do.
        note: a sentence about it for the page.
        published_as: family and version, such as finetune_v3, whose published figures stand beside.
    """

    recipe: str = ""
    benchmarks: Mapping[str | Path, float] = field(default_factory=dict)
    earlier: Sequence[str | Path] = ()
    samples: int = 0
    curves: str | Path | None = None
    log: str | Path | None = None
    steps: int = 0
    patience: int = 0
    note: str = ""
    published_as: str = ""


def write_leaderboard(
    csv: str | Path,
    costs: str | Path,
    html: str | Path,
    evaluation: str | Path,
    methods: Mapping[str, Method],
    judges: Mapping[str, Judge],
    informing: Mapping[str, Mapping[str, Any]] | None = None,
    selected: str | None = None,
) -> None:
    """Write the leaderboard as a table and as a page.

    Args:
        csv: table to write, see `leaderboard`; without the seconds, so that runs can be compared
            byte for byte.
        costs: table to write: method and train_seconds.
        html: page to write; it opens without a network, and links to the pictures by paths
            relative to it.
        evaluation: folder with {method}/{judge}/summary.json and the pictures beside it.
        methods: by name.
        judges: those that rank, by name, in the order of the rows.
        informing: tables of the other judges by name, see `leaderboard_informing.render_table`.
        selected: the method whose faces are ranked and whose model is shipped, if any. Where
            another is better, the page says so, and so does what is printed.

    Raises:
        InputError: a summary is missing, damaged or lacks the correlations.
    """
    evaluation = Path(evaluation)
    summaries = {}
    for method in methods:
        for judge in judges:
            path = evaluation / method / judge / "summary.json"
            summaries[method, judge] = read_json(path)
            _check(summaries[method, judge], path)
    table = leaderboard(summaries, methods, judges)
    write_table(csv, table.drop(columns="train_seconds"))
    write_table(costs, table[["method", "train_seconds"]].drop_duplicates("method"))
    intervals = {key: read_intervals(summary) for key, summary in summaries.items()}
    curves = {name: method.curves for name, method in methods.items() if method.curves}
    notes = {
        name: " ".join(filter(None, (training_end(method), method.note)))
        for name, method in methods.items()
    }
    warning = better_than(table, selected)
    if warning:
        print(warning, flush=True)
    tables = [
        render_table(
            judge,
            shown,
            {
                name: read_json(evaluation / name / judge / "summary.json")
                for name in table["method"].unique()
            },
        )
        for judge, shown in (informing or {}).items()
    ]
    folder = Path(html).parent
    page = render(table, judges, intervals, evaluation, curves, tables, notes, folder, warning)
    with atomic_path(html) as part:
        part.write_text(page, encoding="utf-8")


def leaderboard(
    summaries: Mapping[tuple[str, str], dict],
    methods: Mapping[str, Method],
    judges: Mapping[str, Judge],
) -> pd.DataFrame:
    """Rank methods.

    A method's score is the smallest of its three correlations on the grid of 50, averaged over the
    judges: it must obey all three, and both judges must say so. Methods whose share of good
    pictures is below 90 % of the filtered set's, or whose random pictures have a recall below 1 %
    (none looks like these faces any more, or all look alike), come after all others: a broken
    picture is no success.

    Args:
        summaries: summary.json by (method, judge).
        methods: by name.
        judges: by name.

    Returns:
        One row per method and judge, best method first: rank, method, recipe, judge, score, broken
        (whether its pictures put it last), latents, every column of `COLUMNS`, each followed by
        published_<column> where the reference published it, samples, and published_protocol. The
        reference knew one judge: what it published stands beside that one only, or beside all if it
        depends on none.
    """
    rows = []
    for (name, judge), summary in summaries.items():
        theirs = published.control(methods[name].published_as)
        row = {
            "method": name,
            "recipe": methods[name].recipe,
            "judge": judge,
            "latents": summary.get("latents"),
            **read_figures(summary),
            "samples": methods[name].samples,
            "train_seconds": training_seconds(methods[name].benchmarks, methods[name].earlier),
        }
        for column in COLUMNS:
            if column.name in PUBLISHED and (judges[judge].as_published or column.shared):
                row[f"published_{column.name}"] = theirs.get(column.name, np.nan)
        row["published_protocol"] = theirs.get("protocol", "")
        row["weakest"] = np.min([row[f"corr_{p}"] for p in CONTROLLED])  # NaN if one is
        rows.append(row)
    order = ["rank", "method", "recipe", "judge", "score", "broken", "latents"]
    for column in COLUMNS:
        order += [column.name, *[f"published_{column.name}"] * (column.name in PUBLISHED)]
    order += ["samples", "published_protocol"]
    table = pd.DataFrame(rows, columns=[*order, "weakest"])
    judged = table.groupby("method", sort=False)
    table["score"] = judged["weakest"].transform(lambda values: values.mean(skipna=False))
    table["broken"] = (judged["good_relative"].transform("min") < GOOD_ENOUGH) | (
        judged["recall"].transform("min") < VARIED
    )
    ranked = table.drop_duplicates("method").sort_values(
        ["broken", "score", "method"], ascending=[True, False, True], na_position="last"
    )
    ranks = {name: index + 1 for index, name in enumerate(ranked["method"])}
    table["rank"] = table["method"].map(ranks)
    return table[order].sort_values("rank", kind="stable", ignore_index=True).round(4)


def better_than(table: pd.DataFrame, selected: str | None) -> str:
    """Say which method is better than the selected one; empty where none is selected or better."""
    ranks = table.drop_duplicates("method").set_index("method")["rank"]
    if selected is None or ranks[selected] == 1:
        return ""
    return (
        f"The faces to choose from and the model that is shipped are of {selected}, rank "
        f"{ranks[selected]} of {len(ranks)}; the first is {ranks.idxmin()} (selection.method in "
        "the configuration)."
    )


def training_end(method: Method) -> str:
    """Return a sentence about what ended a method's training; none without a log.

    Raises:
        InputError: the log is missing or damaged.
    """
    if method.log is None:
        return ""
    done = int(read_table(method.log, ["step"])["step"].max())
    if done < method.steps:
        return (
            f"Training stopped itself after {number(done)} of {number(method.steps)} steps:"
            f" {method.patience} checks in a row were not better."
        )
    if method.patience:
        return f"Training took all of its {number(done)} steps and did not stop itself before."
    return f"Training took all of its {number(done)} steps."


def training_seconds(
    benchmarks: Mapping[str | Path, float], earlier: Sequence[str | Path] = ()
) -> float:
    """Return the wall-clock time of jobs; NaN where a benchmark file is missing.

    Args:
        benchmarks: Snakemake's, of the last run of every job, and the share of each that counts.
        earlier: see `Method`.

    Raises:
        InputError: a file is no benchmark file.
    """
    seconds = 0.0 if benchmarks else float("nan")
    for benchmark, share in benchmarks.items():
        if not Path(benchmark).is_file():
            return float("nan")
        try:
            seconds += share * float(pd.read_csv(benchmark, sep="\t")["s"].mean())
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{benchmark} is not a benchmark file of Snakemake; delete it and run its rule "
                "again"
            ) from error
    return seconds + sum(read_json(path)["seconds"] for path in earlier if Path(path).is_file())


def _check(summary: dict, path: Path) -> None:
    try:
        for name in CONTROLLED:
            summary["grid50"]["correlation"][name]["mean"]
    except (KeyError, TypeError):
        raise InputError(f"{path} lacks the correlations of grid50; {rebuild(path)}") from None
