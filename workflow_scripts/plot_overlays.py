"""Rule plot_overlays: kept images beside their class maps."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.reporting.overlays import plot_overlays

plot_overlays(
    snakemake.output.page,
    snakemake.input.images,
    snakemake.input.segments,
    seed=snakemake.params.seed,
)
