"""Rule adopt_vectors: directions of somebody else, with the length of their steps."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads, snakemake.resources.gpu)

from ohlora_lib.methods.reference.adopt import adopt_vectors
from ohlora_lib.runtime.device import default_device

adopt_vectors(
    snakemake.input.vectors,
    snakemake.output.vectors,
    generator=snakemake.input.generator,
    property_cnn=snakemake.input.property_cnn,
    seed=snakemake.params.seed,
    batch_size=snakemake.params.batch_size,
    device=default_device(),
    **snakemake.params.options,
)
