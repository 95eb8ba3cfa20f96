"""Rule measure_saturation: how many samples a search needs."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads, snakemake.resources.gpu)

from ohlora_lib.methods.directions.saturation import measure_saturation
from ohlora_lib.runtime.device import default_device

measure_saturation(
    samples=snakemake.input.samples,
    generator=snakemake.input.generator,
    property_cnn=snakemake.input.property_cnn,
    classifiers=snakemake.input.classifiers,
    path=snakemake.output.table,
    sizes=snakemake.params.sizes,
    latents=snakemake.params.latents,
    seed=snakemake.params.seed,
    batch_size=snakemake.params.batch_size,
    device=default_device(),
)
