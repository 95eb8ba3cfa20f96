"""Rule generate_images: draws a population into shards."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads, snakemake.resources.gpu)

from ohlora_lib.populations.generate import generate
from ohlora_lib.runtime.device import default_device

generate(
    snakemake.input.weights,
    snakemake.output.shards,
    population=snakemake.wildcards.population,
    batch_size=snakemake.params.batch_size,
    shards=snakemake.params.shards,
    device=default_device(),
    **snakemake.params.recipe,
)
