"""Rule draw_control_grids: what one method draws on request, with one judge's measurements."""

from pathlib import Path

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.reporting.control_grids import draw_control_grids
from ohlora_lib.reporting.leakage import plot_leakage

draw_control_grids(
    Path(snakemake.input.requests).parent,
    method=snakemake.wildcards.method,
    judge=snakemake.wildcards.judge,
    best=snakemake.output.best,
    median=snakemake.output.median,
    worst=snakemake.output.worst,
    levels=snakemake.output.levels,
    looks_through=snakemake.params.looks_through,
)
plot_leakage(
    snakemake.output.leakage,
    snakemake.input.summary,
    method=snakemake.wildcards.method,
    judge=snakemake.wildcards.judge,
    looks_through=snakemake.params.looks_through,
)
