"""Rule draw_samples: random latents of a generator, and what networks read from their pictures."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads, snakemake.resources.gpu)

from ohlora_lib.methods.sampling import draw_samples
from ohlora_lib.runtime.device import default_device
from ohlora_lib.seeds import derive_seed

draw_samples(
    snakemake.input.generator,
    snakemake.input.property_cnn,
    snakemake.input.classifiers,
    snakemake.output.samples,
    count=snakemake.params.samples,
    seed=derive_seed(snakemake.params.seed, "samples", snakemake.wildcards.source),
    batch_size=snakemake.params.batch_size,
    part=snakemake.params.part,
    device=default_device(),
)
