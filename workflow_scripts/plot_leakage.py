"""Rule plot_leakage: what else changes when a method is asked for one property."""

from ohlora_lib.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.reporting.leakage import plot_leakage

plot_leakage(
    snakemake.output.picture,
    snakemake.input.summary,
    method=snakemake.wildcards.method,
    judge=snakemake.wildcards.judge,
)
