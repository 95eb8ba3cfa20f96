"""Rule filter_images: which images go on."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.populations.filter import filter_images

filter_images(
    snakemake.input.attributes,
    path=snakemake.output.kept,
    counts_path=snakemake.output.counts,
    **snakemake.params.recipe,
)
