"""Time and memory of each rule, from Snakemake's benchmark files."""

from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pandas as pd

from ohlora_lib.errors import InputError
from ohlora_lib.reporting.theme import BLUE, MUTED, headline, number, saved_figure
from ohlora_lib.store.tables import write_table

COLUMNS = ("rule", "jobs", "total_s", "mean_s", "max_s", "cpu_s", "max_rss_mb")


def read_benchmarks(folder: str | Path, leave_out: Sequence[str] = ()) -> pd.DataFrame:
    """Add up the benchmark files below a folder.

    Args:
        folder: holds <rule>/<wildcards>.tsv, or <rule>.tsv for rules without wildcards.
        leave_out: patterns of rule names, for instance "plot_*".

    Returns:
        One row per rule with the columns of `COLUMNS`, the longest first. Memory and CPU time
        are NaN where all jobs were too short to be measured.

    Raises:
        InputError: a file is not a benchmark file.
    """
    folder = Path(folder)
    rows = []
    for path in sorted(folder.rglob("*.tsv")):
        rule = path.relative_to(folder).with_suffix("").parts[0]
        if not any(fnmatch(rule, pattern) for pattern in leave_out):
            rows.append((rule, *_measured(path)))
    jobs = pd.DataFrame(rows, columns=["rule", "s", "cpu", "rss"])
    grouped = jobs.groupby("rule")
    table = pd.DataFrame(
        {
            "jobs": grouped["s"].size(),
            "total_s": grouped["s"].sum().round(2),
            "mean_s": grouped["s"].mean().round(2),
            "max_s": grouped["s"].max().round(2),
            "cpu_s": grouped["cpu"].sum(min_count=1).round(2),
            "max_rss_mb": grouped["rss"].max().round(1),
        }
    ).reset_index()
    table = table.sort_values(["total_s", "rule"], ascending=[False, True], ignore_index=True)
    return table[list(COLUMNS)]


def _measured(path: Path) -> tuple[float, float, float]:
    """Return seconds, CPU seconds and peak memory (MB) of a job; NaN where nothing was measured."""
    try:
        table = pd.read_csv(path, sep="\t", na_values=["-", "NA"])
        values = [pd.to_numeric(table[name]) for name in ("s", "cpu_time", "max_rss")]
    except (KeyError, ValueError) as error:
        raise InputError(
            f"{path} is not a benchmark file of Snakemake; delete it and run its rule again."
        ) from error
    return values[0].mean(), values[1].mean(), values[2].max()


def plot_runtimes(
    path: str | Path, csv: str | Path, folder: str | Path, leave_out: Sequence[str] = ()
) -> None:
    """Draw one bar per rule and write the same figures as a table.

    Args:
        path: the picture to write.
        csv: the table to write.
        folder: the benchmark folder, see `read_benchmarks`.
        leave_out: patterns of rule names.
    """
    table = read_benchmarks(folder, leave_out)
    write_table(csv, table)
    total = float(table["total_s"].sum())
    title = "No run times were recorded"
    if len(table):
        first = table.iloc[0]
        share = 100 * first["total_s"] / total if total else 0
        title = f"{first['rule']} takes {share:.0f} % of {duration(total)} of work"
    note = (
        "Wall-clock time of the latest run of every job, added up per rule; jobs may have run"
        " side by side.\nBeside each bar: its time, the number of jobs, and the peak memory of"
        " the largest one."
    )
    with saved_figure(path, 11.5, 1.6 + 0.36 * max(2, len(table))) as figure:
        headline(figure, title, note)
        axes = figure.subplots()
        rows = np.arange(len(table))
        axes.barh(rows, table["total_s"], color=BLUE, height=0.62)
        reach = max(1e-3, float(table["total_s"].max())) if len(table) else 1.0
        for row, entry in enumerate(table.itertuples()):
            memory = "too short to measure memory"
            if np.isfinite(entry.max_rss_mb):
                memory = f"{number(entry.max_rss_mb)} MB"
            facts = f"{entry.jobs} job{'s' if entry.jobs > 1 else ''}, {memory}"
            place = {"xy": (entry.total_s, row), "textcoords": "offset points", "va": "center"}
            axes.annotate(duration(entry.total_s), xytext=(6, 0), weight="bold", **place)
            axes.annotate(facts, xytext=(84, 0), size=9, color=MUTED, **place)
        axes.set_yticks(rows, table["rule"])
        axes.tick_params(axis="y", length=0)
        axes.set(
            xlim=(0, 1.45 * reach),
            ylim=(max(1, len(table)) - 0.4, -0.6),
            xlabel="seconds",
        )
        axes.grid(False, axis="y")


def duration(seconds: float) -> str:
    """Return a time as text: "0.8 s", "42 s", "3 min 05 s" or "1 h 02 min"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
