"""Rule plot_strips: images with low, median and high scores."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.reporting.strips import plot_strips

plot_strips(
    snakemake.output.page,
    snakemake.input.images,
    snakemake.input.segments,
    snakemake.input.scores,
    algorithm=snakemake.wildcards.algorithm,
    seed=snakemake.params.seed,
)
