"""Rule import_images: a folder of pictures becomes a population."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.populations.import_images import import_images

import_images(paths=snakemake.output.shards, **snakemake.params.recipe)
