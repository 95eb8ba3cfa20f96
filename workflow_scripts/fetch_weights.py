"""Rule fetch_weights: one published file, downloaded."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.weights.fetch import fetch

fetch(path=snakemake.output.file, **snakemake.params.source)
