"""Rule fetch_weights: one published file, downloaded."""

from ohlora_lib.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.weights.fetch import fetch_registered

fetch_registered(snakemake.wildcards.download)
