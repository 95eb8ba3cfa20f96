"""Rule test_vectors: the published test of VectorFind."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads, snakemake.resources.gpu)

from ohlora_lib.methods.vectorfind.published_test import run_published_test
from ohlora_lib.runtime.device import default_device

run_published_test(
    snakemake.input.vectors,
    snakemake.input.generator,
    snakemake.input.property_cnn,
    snakemake.output.table,
    snakemake.output.summary,
    latents=snakemake.params.latents,
    seed=snakemake.params.seed,
    batch_size=snakemake.params.batch_size,
    device=default_device(),
)
